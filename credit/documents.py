"""The supporting rules 配套制度 as versioned documents that checklist items and violation codes cite (domain.md X-10).

A citation names the document, its version and the clause, so that a later version changes nothing that was decided by an earlier
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.errors import BadInput, Code


class Gravity(StrEnum):
    """How much a failed item of the weekly evaluation weighs (XV16)."""

    MINOR = "minor"
    GENERAL = "general"
    MAJOR = "major"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentClause:
    """One clause; ``codes`` are the violation codes that break it, and a ``check`` says that evaluations ask for it."""

    id: str
    text: Mapping[str, str]
    codes: tuple[str, ...] = ()
    check: Gravity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One version of one document."""

    id: str
    version: str
    title: Mapping[str, str]
    effective_on: date
    clauses: tuple[DocumentClause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a rule stands."""

    document: str
    version: str
    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """The documents in force."""

    documents: tuple[Document, ...] = ()

    def of_code(self, code: str) -> tuple[Citation, ...]:
        """The clauses a violation breaks."""
        return tuple(cited for document, clause, cited in self._clauses() if code in clause.codes)

    def checklist(self) -> dict[str, tuple[DocumentClause, Citation]]:
        """What a weekly evaluation asks for, by the item's key ``document.clause``."""
        return {
            f"{document.id}.{clause.id}": (clause, cited)
            for document, clause, cited in self._clauses()
            if clause.check is not None
        }

    def cite(self, key: str) -> tuple[DocumentClause, Citation]:
        """A checklist item by its key.

        Raises:
            BadInput: E003 if no document has such an item.
        """
        found = self.checklist().get(key)
        if found is None:
            raise BadInput(Code.FIELD, f"no document has an item {key[:60]!r}", where="items", hint="see the checklist")
        return found

    def uncited(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Violation codes that no document mentions: they may not be charged by a rule nobody can read."""
        cited = {code for document in self.documents for clause in document.clauses for code in clause.codes}
        return tuple(code for code in codes if code not in cited)

    def _clauses(self) -> Iterable[tuple[Document, DocumentClause, Citation]]:
        for document in self.documents:
            for clause in document.clauses:
                yield document, clause, Citation(document=document.id, version=document.version, clause=clause.id)
