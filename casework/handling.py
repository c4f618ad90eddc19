"""The life of a warning after it was raised: every command of a person, and delivery (domain.md D.1).

What may follow what is judged by ``alerts.lifecycle``; here the judgement becomes one change of state, audit and outbox. An actor
who may not see a warning is told that there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from alerts import deadlines, lifecycle
from alerts.deadlines import Due
from alerts.escalation import overdue_delivery, taken
from alerts.lifecycle import Command
from alerts.register_rules import RECORD_TYPE
from casework import charging
from casework.desk import Desk, Work
from casework.escalating import escalated, settle
from casework.outbound import tell_warning
from casework.photos import Kept
from domain.deductions import Deduction
from domain.errors import BadInput, Code, NotFound
from domain.events import Event, EventName
from domain.findings import EvidenceKind
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Role
from domain.records import ChangeKind, LotChange
from domain.rules import Level, RedWarning
from domain.time import format_instant
from domain.warnings import Evidence, Warning
from store.ports import AuditStep, UnitOfWork
from traceability.batches import verified_apart

ENTITY = "warning"
EVENTS: Mapping[Command, EventName] = MappingProxyType(
    {
        Command.NOTIFY: EventName.WARNING_NOTIFIED,
        Command.ACKNOWLEDGE: EventName.WARNING_ACKNOWLEDGED,
        Command.START: EventName.WARNING_STARTED,
        Command.SUBMIT: EventName.WARNING_SUBMITTED,
        Command.VERIFY_OK: EventName.WARNING_CLOSED,
        Command.VERIFY_FAIL: EventName.WARNING_SENT_BACK,
        Command.DISMISS: EventName.WARNING_DISMISSED,
        Command.FILE_CASE: EventName.WARNING_CLOSED,
        Command.CONTROL: EventName.WARNING_CONTROLLED,
        Command.REOPEN: EventName.WARNING_REOPENED,
        Command.EXTEND: EventName.WARNING_EXTENDED,
    }
)
UNDOING = frozenset({Command.DISMISS, Command.REOPEN})
"""Commands after which a proposed deduction no longer stands."""

IN_TIME = "submitted in time"
ON_SITE = "on_site "
CORRECTION = "correction"
"""Notes of evidence that came from a corrected register."""
_SEGREGATING = frozenset({RedWarning.RAW_EXPIRED.value, RedWarning.PRODUCT_EXPIRED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command led to: the warning as it is now, the deduction if one was touched, and what happened, in order."""

    warning: Warning
    events: tuple[Event, ...] = ()
    deduction: Deduction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a merchant hands in: a note and photos already made clean; ``token`` makes telling twice once."""

    note: str
    photos: Sequence[Kept] = ()
    token: str = ""


def event_of(name: EventName, warning: Warning, actor: Actor, now: datetime, **data: Any) -> Event:
    """An event about a warning, with what routing, words and metrics read of it."""
    known = {
        "level": warning.level.value,
        "class": warning.class_,
        "rule": warning.rule,
        "violation_code": warning.violation_code,
        "by": actor.id,
    }
    return Event(name=name, entity_id=warning.id, uscc=warning.uscc, region=warning.region, at=now, data={**known, **data})


def find(uow: UnitOfWork, warning_id: str, actor: Actor) -> Warning:
    """The warning, if there is one that the actor may know of.

    Raises:
        NotFound: otherwise.
    """
    warning = uow.warnings.get(warning_id)
    if warning is None or not actor.may_see(uscc=warning.uscc, region=warning.region):
        raise NotFound(f"no warning {warning_id}")
    return warning


def change(
    work: Work,
    before: Warning,
    after: Warning,
    event: Event,
    actor: Actor,
    *,
    reason: str = "",
    evidence_ids: Sequence[str] = (),
) -> Warning:
    """Save a changed warning with its audit step and its outbox entries.

    Returns:
        The warning as stored, with its new version and next due instant.

    Raises:
        Conflict: if somebody else changed it since it was read.
    """
    stored = replace(after, version=before.version + 1, next_due_at=deadlines.next_due_at(after, work.desk.rules))
    work.uow.warnings.save(stored, expected_version=before.version)
    work.tray.changed(stored)
    settle(work, before, stored, event.at)
    record(work.uow, stored, before.state.value, event.at, actor, reason=reason, evidence_ids=evidence_ids)
    tell_warning(work, event, stored)
    return stored


def record(
    uow: UnitOfWork,
    warning: Warning,
    from_state: str,
    at: datetime,
    actor: Actor,
    *,
    reason: str = "",
    evidence_ids: Sequence[str] = (),
) -> None:
    """Append a step of a warning to the audit trail."""
    step = AuditStep(
        entity=ENTITY,
        entity_id=warning.id,
        from_state=from_state,
        to_state=warning.state.value,
        at=at,
        actor=actor.id,
        actor_role=actor.role.value,
        reason=reason,
        evidence_ids=tuple(evidence_ids),
    )
    uow.audit.append(step)


def attach(work: Work, evidence: Evidence) -> bool:
    """Attach a piece of evidence; False if its warning has it already."""
    added = work.uow.evidence.add(evidence)
    if added:
        work.tray.attached(evidence)
    return added


def order(
    work: Work,
    warning_id: str,
    command: Command,
    actor: Actor,
    now: datetime,
    *,
    reason: str = "",
    until: datetime | None = None,
    false_evidence: bool = False,
    on_site: bool = False,
    photos: Sequence[Kept] = (),
) -> Outcome:
    """Carry out a command on a warning, with what follows from it for the batch and the ledger.

    Args:
        on_site: the officer verified it on site.
        photos: new evidence of a reopening; the officer's own statement is kept beside it.

    Raises:
        NotFound: if the actor may not know of the warning.
        IllegalTransition: if it is not possible from the warning's state.
        Forbidden: if the actor's role may not do it, or the same person submitted.
        Conflict: if somebody else was first.
    """
    before = find(work.uow, warning_id, actor)
    rules = work.desk.rules
    after = lifecycle.apply(
        before, command, actor=actor, rules=rules, now=now, until=until, false_evidence=false_evidence, on_site=on_site
    )
    event = event_of(EVENTS[command], after, actor, now, note=reason, command=command.value, on_site=on_site)
    kept = _new_evidence(work, after, photos, reason, event) if command is Command.REOPEN else ()
    stored = change(work, before, after, event, actor, reason=f"{ON_SITE}{reason}" if on_site else reason, evidence_ids=kept)
    if command in UNDOING:
        ruling = charging.withdraw_proposed(work, stored, now, note=f"{command.value}: {reason}")
    else:
        ruling = charging.propose_if_due(work, stored, now)
    if command is Command.VERIFY_OK:
        segregate(work, stored, now)
    if ruling is None:
        return Outcome(warning=stored, events=(event,))
    return Outcome(warning=stored, events=(event, *ruling.events), deduction=ruling.deduction)


def _new_evidence(work: Work, warning: Warning, photos: Sequence[Kept], statement: str, event: Event) -> list[str]:
    """What a reopening rests on (D.1): the officer's statement, and photos if there are any."""
    said = {"at": format_instant(event.at), "by": event.data["by"], "statement": statement}
    record = json.dumps(said, ensure_ascii=False, sort_keys=True).encode()
    items = [(work.desk.media.put(record, RECORD_TYPE), RECORD_TYPE, EvidenceKind.RECORD, "")]
    items += [
        (work.desk.media.put(photo.data, photo.media_type), photo.media_type, EvidenceKind.PHOTO, photo.original_sha256)
        for photo in photos
    ]
    kept = []
    for sha256, media_type, kind, original in items:
        evidence = Evidence(
            id=derived_id("reopening", warning.id, format_instant(event.at), sha256),
            warning_id=warning.id,
            kind=kind,
            sha256=sha256,
            media_type=media_type,
            at=event.at,
            by=str(event.data["by"]),
            attempt=warning.attempt,
            note="reopening",
            original_sha256=original,
        )
        if attach(work, evidence):
            kept.append(evidence.id)
    return kept


def segregate(work: Work, warning: Warning, now: datetime) -> None:
    """Book the batch of a verified RW1/RW2 as quarantined: that is what was verified, and the sweep must not raise it again."""
    if warning.rule not in _SEGREGATING:
        return
    batch = work.uow.batches.get(warning.uscc, warning.subject)
    if batch is None or (apart := verified_apart(batch, now)) is batch:
        return
    change_id = derived_id("apart", warning.id, format_instant(now))
    work.uow.lot_changes.add(LotChange(id=change_id, uscc=warning.uscc, lot=warning.subject, at=now, kind=ChangeKind.APART))
    work.uow.batches.put(replace(apart, expiry_judged_at=now))


def deliver(work: Work, warning_id: str, actor: Actor, now: datetime, *, how: str) -> Outcome:
    """Confirm delivery to the merchant (section 0.2): the first one starts ``rectify_by``, later ones change nothing."""
    before = find(work.uow, warning_id, actor)
    if before.notified_at is not None or before.state not in lifecycle.FROM[Command.NOTIFY]:
        return Outcome(warning=before)
    after = lifecycle.apply(before, Command.NOTIFY, actor=SYSTEM, rules=work.desk.rules, now=now)
    event = event_of(EventName.WARNING_NOTIFIED, after, SYSTEM, now, how=how)
    return Outcome(warning=change(work, before, after, event, actor, reason=how), events=(event,))


def unreached(work: Work, warning_id: str, now: datetime) -> Outcome:
    """A way to the merchant failed for good. Where none is left, somebody must go there, and is told at once."""
    before = find(work.uow, warning_id, SYSTEM)
    number = overdue_delivery(before)
    if number is None or work.uow.outbox.ways_left(warning_id):
        return Outcome(warning=before)
    after = taken(before, (number,))
    event = escalated(after, number, now)
    return Outcome(warning=change(work, before, after, event, SYSTEM, reason=Due.ESCALATE.value), events=(event,))


def submit(work: Work, warning_id: str, submission: Submission, actor: Actor, now: datetime) -> Outcome:
    """Take a merchant's rectification with its evidence. The same token again changes nothing and gives the same warning.

    Raises:
        BadInput: E003 if a red warning comes without a photo, or an ordinary one with neither photo nor note.
    """
    before = find(work.uow, warning_id, actor)
    if submission.token and work.uow.evidence.get(_evidence_id(before.id, submission.token, 0)) is not None:
        return Outcome(warning=before)
    shown = before.rule == RedWarning.CERTIFICATE_EXPIRED and _corrected(work, before)
    if not submission.photos and not shown and (before.level is Level.RED or not submission.note.strip()):
        raise BadInput(Code.FIELD, "a photo of what was put right is required", where="photos")
    after = lifecycle.apply(before, Command.SUBMIT, actor=actor, rules=work.desk.rules, now=now)
    evidence = _evidence_of(work.desk, before, submission, actor, now)
    kept = [item.id for item in evidence if attach(work, item)]
    event = event_of(EventName.WARNING_SUBMITTED, after, actor, now, note=submission.note, on_time=after.on_time)
    stored = change(work, before, after, event, actor, reason=submission.note, evidence_ids=kept)
    ruling = None
    if after.on_time:  # while the photos were on their way the sweep may have charged what was put right in time
        ruling = charging.withdraw_proposed(work, stored, now, note=IN_TIME, after=now)
    if ruling is None:
        return Outcome(warning=stored, events=(event,))
    return Outcome(warning=stored, events=(event, *ruling.events), deduction=ruling.deduction)


def _corrected(work: Work, warning: Warning) -> bool:
    """Whether the register was corrected in this attempt: what RW3 asks for is a record, not a photo (C.4)."""
    known = work.tray.evidence[warning.id] or ()
    return any(item.note == CORRECTION and item.attempt == warning.attempt for item in known)


def _evidence_id(warning_id: str, token: str, number: int) -> str:
    return derived_id("submission", warning_id, token, str(number))


def _evidence_of(desk: Desk, warning: Warning, submission: Submission, actor: Actor, now: datetime) -> list[Evidence]:
    token = submission.token or desk.new_id(now)
    found = [
        Evidence(
            id=_evidence_id(warning.id, token, number),
            warning_id=warning.id,
            kind=EvidenceKind.PHOTO,
            sha256=desk.media.put(photo.data, photo.media_type),
            media_type=photo.media_type,
            at=now,
            by=actor.id,
            attempt=warning.attempt,
            note="" if photo.taken_at is None else f"taken_at={format_instant(photo.taken_at)}",
            original_sha256=photo.original_sha256,
        )
        for number, photo in enumerate(submission.photos)
    ]
    if found:
        return found
    data = submission.note.encode()
    sha256 = desk.media.put(data, "text/plain; charset=utf-8")
    return [
        Evidence(
            id=_evidence_id(warning.id, token, 0),
            warning_id=warning.id,
            kind=EvidenceKind.RECORD,
            sha256=sha256,
            media_type="text/plain; charset=utf-8",
            at=now,
            by=actor.id,
            attempt=warning.attempt,
        )
    ]


def opened(work: Work, warning_id: str, actor: Actor, now: datetime) -> Outcome:
    """Somebody looked at a warning: a merchant's own look is delivery, anybody else's is nothing."""
    if actor.role not in (Role.MERCHANT, Role.STAFF):
        return Outcome(warning=find(work.uow, warning_id, actor))
    return deliver(work, warning_id, actor, now, how="opened")
