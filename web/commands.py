"""What people ask for, handed to the office: the same for the API and the pages.

The office judges who may do what. What one may not know of is not found there either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from fastapi import UploadFile

from casework import metrics
from casework.charging import Ruling
from casework.handling import Outcome
from casework.photos import Photo
from domain.deductions import Deduction
from domain.errors import BadInput, Code
from domain.parties import Actor
from domain.warnings import State, Warning
from web.parts import Parts
from web.reading import MERCHANT_SIDE, find_deduction, find_finding, find_warning

Told = TypeVar("Told", Outcome, Ruling)

UNDELIVERED = frozenset({State.RAISED, State.RECTIFYING})


def _counted(told: Told) -> Told:
    """What an office answered, counted: its transaction is over, and what happened has happened."""
    metrics.count(told.events)
    return told


def grounds(note: str) -> str:
    """A reason that says something.

    Raises:
        BadInput: E003 if it is empty.
    """
    if not note.strip():
        raise BadInput(Code.FIELD, "a reason is required", where="note")
    return note.strip()


def opened(parts: Parts, actor: Actor, warning_id: str) -> None:
    """Somebody looks at a warning; its merchant's first look is a delivery. Writes nothing otherwise."""
    with parts.store.reading() as uow:
        warning = find_warning(uow, actor, warning_id)
    if actor.role in MERCHANT_SIDE and warning.notified_at is None and warning.state in UNDELIVERED:
        _counted(parts.office.opened(warning_id, actor, parts.clock()))


def acknowledge(parts: Parts, actor: Actor, warning_id: str) -> Warning:
    """The merchant has taken note."""
    return _counted(parts.office.acknowledge(warning_id, actor, parts.clock())).warning


def start(parts: Parts, actor: Actor, warning_id: str) -> Warning:
    """The merchant begins."""
    return _counted(parts.office.start(warning_id, actor, parts.clock())).warning


def submit(parts: Parts, actor: Actor, warning_id: str, *, note: str, uploads: Sequence[UploadFile], token: str = "") -> Warning:
    """The merchant hands in what was done.

    Raises:
        BadInput: E001 or E003 on photos that cannot be used.
    """
    with parts.store.reading() as uow:
        find_warning(uow, actor, warning_id)  # nobody makes us decode photos for what is not theirs
    photos = _photos(parts, uploads)
    return _counted(parts.office.submit(warning_id, actor, note.strip(), photos, parts.clock(), token=token)).warning


def _photos(parts: Parts, uploads: Sequence[UploadFile]) -> list[Photo]:
    chosen = [upload for upload in uploads if upload.filename or upload.size]
    if len(chosen) > parts.settings.photo_limit:
        raise BadInput(Code.FIELD, f"{len(chosen)} photos, more than {parts.settings.photo_limit}", where="photos")
    return [
        Photo(data=upload.file.read(parts.settings.photo_bytes + 1), media_type=upload.content_type or "") for upload in chosen
    ]


def verify(parts: Parts, actor: Actor, warning_id: str, *, ok: bool, note: str, on_site: bool = False) -> Warning:
    """An official accepts or sends back; some violations are accepted only by who went there."""
    told = parts.office.verify(warning_id, actor, ok=ok, note=note.strip(), now=parts.clock(), on_site=on_site)
    return _counted(told).warning


def dismiss(parts: Parts, actor: Actor, warning_id: str, *, reason: str) -> Warning:
    """An official calls it a false positive."""
    return _counted(parts.office.dismiss(warning_id, actor, reason, parts.clock())).warning


def file_case(parts: Parts, actor: Actor, warning_id: str, *, reason: str) -> Warning:
    """An official files a case."""
    return _counted(parts.office.file_case(warning_id, actor, reason, parts.clock())).warning


def control(parts: Parts, actor: Actor, warning_id: str, *, until: datetime, note: str) -> Warning:
    """An official puts it under long-term control."""
    return _counted(parts.office.control(warning_id, actor, note.strip(), until, parts.clock())).warning


def extend(parts: Parts, actor: Actor, warning_id: str, *, until: datetime | None, reason: str = "") -> Warning:
    """An official gives more time."""
    return _counted(parts.office.extend(warning_id, actor, reason, parts.clock(), until=until)).warning


def reopen(parts: Parts, actor: Actor, warning_id: str, *, reason: str) -> Warning:
    """An official opens it again."""
    return _counted(parts.office.reopen(warning_id, actor, reason, parts.clock())).warning


def confirm_review(parts: Parts, actor: Actor, finding_id: str) -> None:
    """An official confirms a finding."""
    with parts.store.reading() as uow:
        find_finding(uow, actor, finding_id)
    metrics.count(parts.office.confirm_review(finding_id, actor, parts.clock()))


def reject_review(parts: Parts, actor: Actor, finding_id: str, *, reason: str = "") -> None:
    """An official rejects a finding."""
    with parts.store.reading() as uow:
        find_finding(uow, actor, finding_id)
    parts.office.reject_review(finding_id, actor, reason, parts.clock())


def finding_state(parts: Parts, actor: Actor, finding_id: str) -> str:
    """What became of a finding."""
    with parts.store.reading() as uow:
        find_finding(uow, actor, finding_id)
        found = uow.findings.get(finding_id)
    assert found is not None
    return found[1].value


def change_deduction(parts: Parts, actor: Actor, deduction_id: str, verb: str, *, note: str) -> Deduction:
    """Object, confirm, withdraw or reverse.

    Raises:
        NotFound: no such deduction, or none the actor may know of.
        BadInput: E003 on another verb, or on no reason where one is required.
    """
    with parts.store.reading() as uow:
        find_deduction(uow, actor, deduction_id)
    office, now = parts.office, parts.clock()
    match verb:
        case "object":
            _counted(office.object_deduction(deduction_id, actor, grounds(note), now))
        case "confirm":
            _counted(office.confirm_deduction(deduction_id, actor, now, note=note.strip()))
        case "withdraw":
            _counted(office.withdraw_deduction(deduction_id, actor, grounds(note), now))
        case "reverse":
            _counted(office.reverse_deduction(deduction_id, actor, grounds(note), now))
        case _:
            raise BadInput(Code.FIELD, f"no command {verb[:40]!r}", where="verb")
    with parts.store.reading() as uow:
        return find_deduction(uow, actor, deduction_id)
