"""``departments.yaml``: the liaison departments and their duty list (R-01); ``documents.yaml``: the supporting rules (X-10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.consequence_files import LongWords
from configs.notification_files import Variable
from configs.quantities import WordsEntry
from configs.words import Code, Strict, Word
from credit.departments import Department
from credit.documents import Document, DocumentClause, Gravity, Rulebook

Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,20}$")]


class DepartmentEntry(Strict):
    """One department; with ``url`` or ``url_env`` its own system is told, signed with the secret in ``secret_env``."""

    id: Word
    name: WordsEntry
    duty: LongWords
    submits: tuple[Word, ...] = ()
    within_working_days: Annotated[int, Field(ge=1, le=60)] = 7
    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    url_env: Variable | None = None
    secret_env: Variable | None = None

    @model_validator(mode="after")
    def _signs_what_it_sends(self) -> Self:
        if self.url and self.url_env:
            raise ValueError("a department has either url or url_env")
        if bool(self.url or self.url_env) != bool(self.secret_env):
            raise ValueError("url and secret_env come together: what a department is told is signed")
        return self

    def value(self) -> Department:
        """The domain value."""
        return Department(
            id=self.id,
            name=_words(self.name),
            duty=_words(self.duty),
            submits=self.submits,
            within_working_days=self.within_working_days,
            url=self.url,
            url_env=self.url_env or "",
            secret_env=self.secret_env or "",
        )


class DepartmentsFile(Strict):
    """``departments.yaml``."""

    departments: tuple[DepartmentEntry, ...]

    @model_validator(mode="after")
    def _has_nobody_twice(self) -> Self:
        _once([entry.id for entry in self.departments], "department")
        return self

    def value(self) -> tuple[Department, ...]:
        """The domain values."""
        return tuple(entry.value() for entry in self.departments)


class DocumentClauseEntry(Strict):
    """One clause of a document."""

    id: Word
    text: LongWords
    codes: tuple[Code, ...] = ()
    check: Gravity | None = None


class DocumentEntry(Strict):
    """One version of one document; a changed text needs a new version."""

    id: Word
    version: Version
    title: WordsEntry
    effective_on: date
    clauses: Annotated[tuple[DocumentClauseEntry, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_no_clause_twice(self) -> Self:
        _once([clause.id for clause in self.clauses], "clause")
        return self

    def value(self) -> Document:
        """The domain value."""
        return Document(
            id=self.id,
            version=self.version,
            title=_words(self.title),
            effective_on=self.effective_on,
            clauses=tuple(
                DocumentClause(id=one.id, text=_words(one.text), codes=one.codes, check=one.check) for one in self.clauses
            ),
        )


class DocumentsFile(Strict):
    """``documents.yaml``."""

    documents: Annotated[tuple[DocumentEntry, ...], Field(min_length=4)]

    @model_validator(mode="after")
    def _has_nothing_twice(self) -> Self:
        _once([entry.id for entry in self.documents], "document")
        return self

    def value(self) -> Rulebook:
        """The domain value."""
        return Rulebook(documents=tuple(entry.value() for entry in self.documents))


def _once(ids: Sequence[str], what: str) -> None:
    twice = {item for item in ids if ids.count(item) > 1}
    if twice:
        raise ValueError(f"a {what} stands there twice: {', '.join(sorted(twice))}")


def _words(entry: WordsEntry | LongWords) -> MappingProxyType[str, str]:
    return MappingProxyType({"zh": entry.zh, "en": entry.en})
