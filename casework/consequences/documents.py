"""The supporting rules as they came into force (domain.md X-10): every version that ever held stays readable, with its hash.

The files a site edits say what holds today; here each version is kept the first time it is seen, and takes the place of the one
before. A version whose text changed without a new number is refused: citations would mean something else than they did.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from casework.consequences import plain
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, begin, by_clock, entry, terms_of
from casework.desk import Work
from credit.documents import Document
from credit.transitions import Lifecycle
from domain.errors import ConfigurationError
from domain.ids import derived_id
from store.registers import Book, Wanted


class DocumentState(StrEnum):
    """States of a version."""

    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVersion:
    """One version of one document, with the hash of its text."""

    id: str
    document: Document
    sha256: str
    state: DocumentState = DocumentState.IN_FORCE
    version: int = 1


LIFE = Lifecycle(entity="document", steps={}, who={})
CABINET = Cabinet(Book.DOCUMENTS, DocumentVersion)
MACHINE: Machine[DocumentVersion] = Machine(
    name="documents", life=LIFE, cabinet=CABINET, handlers={}, visible=lambda _filed, _actor: True
)


def content_hash(document: Document) -> str:
    """SHA-256 of everything a version says."""
    text = json.dumps(plain.dump(document), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def adopt(work: Work, now: datetime) -> int:
    """Keep what holds today; how many versions are new.

    Raises:
        ConfigurationError: a version is known with another text.
    """
    known = {one.case.id: one for one in CABINET.find(work.uow, Wanted(limit=None))}
    new = 0
    for document in terms_of(work).rulebook.documents:
        case_id = derived_id("document", document.id, document.version)
        sha256 = content_hash(document)
        if case_id in known:
            if known[case_id].case.sha256 != sha256:
                raise ConfigurationError(
                    f"version {document.version} says something else than before", key=document.id, hint="give it a new version"
                )
            continue
        for older in known.values():
            if older.case.document.id == document.id and older.case.state is DocumentState.IN_FORCE:
                _supersede(work, older, document, now)
        case = DocumentVersion(id=case_id, document=document, sha256=sha256)
        begin(work, MACHINE, Filed(case=case, filed_at=now, topic=document.id), by_clock(now, sha256))
        new += 1
    return new


def _supersede(work: Work, older: Filed[DocumentVersion], by: Document, now: datetime) -> None:
    case = replace(older.case, state=DocumentState.SUPERSEDED, version=older.case.version + 1)
    CABINET.save(work.uow, replace(older, case=case), expected_version=older.case.version)
    states = (DocumentState.IN_FORCE.value, DocumentState.SUPERSEDED.value)
    entry(work, LIFE.entity, case.id, states, by_clock(now, f"superseded by version {by.version}"))
