"""The deduction a warning leads to, people's decisions about it, and the live score (domain.md section 0.3, C.4, D.9).

The system only ever proposes: what it does here by itself is proposing and taking proposals back. Final and reversed are people's
words, and each of them stands in the audit trail. Locks are taken in one order: the warning, its merchant's ledger, the entries;
whoever holds a ledger only looks at warnings. Several ledgers are taken in the order of their merchants.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import structlog

from alerts import deadlines
from casework.desk import Work, merchant_of
from casework.outbound import tell_deduction
from casework.views import plain_number
from credit import decisions, ledger
from credit.calendar import add_working_days
from credit.points import Circumstances
from credit.recount import recompute
from credit.score import STANDING
from credit.score import score as score_of
from domain.deductions import Deduction, DeductionState, Score
from domain.errors import IllegalTransition, NotFound
from domain.events import Event, EventName
from domain.findings import ReasonCode
from domain.parties import SYSTEM, Actor, Merchant
from domain.records import SEGREGATED
from domain.registers import Sample, SampleState
from domain.time import midnight
from domain.warnings import OPEN_STATES, State, Warning
from store.ports import AuditStep, UnitOfWork

log = structlog.get_logger(__name__)

ENTITY = "deduction"
RECOMPUTED = "recomputed"
SELF_REPORT_WITHIN = timedelta(hours=1)
UNDECIDED = frozenset({DeductionState.PROPOSED, DeductionState.OBJECTED})
_ENDED = frozenset(State) - OPEN_STATES
EVENTS = {
    DeductionState.PROPOSED: EventName.DEDUCTION_PROPOSED,
    DeductionState.OBJECTED: EventName.DEDUCTION_OBJECTED,
    DeductionState.FINAL: EventName.DEDUCTION_FINAL,
    DeductionState.WITHDRAWN: EventName.DEDUCTION_WITHDRAWN,
    DeductionState.REVERSED: EventName.DEDUCTION_REVERSED,
}

Decision = Callable[[Deduction, Merchant, Collection[str]], Deduction]
"""A person's decision: the entry, its merchant, and the ids of those who took part in the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What became of a deduction, and what happened."""

    deduction: Deduction
    events: tuple[Event, ...]


def propose_if_due(work: Work, warning: Warning, now: datetime) -> Ruling | None:
    """Propose the deduction of a warning if its time has come and it is not charged yet.

    Ask after every change of a warning: closing as confirmed proposes it, and so do both deadlines passed without a submission.

    Returns:
        The entry, or None if nothing is to be charged (again). One fact is charged once: an entry may come out ``withdrawn``
        because a graver one of its incident stands.
    """
    if not deadlines.charge_due(warning, now) or overturned(work.uow, warning):
        return None
    work.uow.lock(f"ledger:{warning.uscc}")  # the ordinal and the caps depend on the merchant's other entries
    if not work.uow.evidence.of(warning.id):
        log.warning("deduction.without_evidence", warning=warning.id)
        return None
    merchant = work.merchant(warning.uscc)
    if not work.desk.scheme_of(merchant).costs(warning.violation_code):
        return None
    entry, others = _entry(work, warning, merchant, now)
    key = _free_key(work.uow, entry.key, warning)
    if key is None or _lost_before(work.uow, entry):
        return None
    entry = replace(entry, key=key)
    work.uow.deductions.add(entry)
    events = [_tell(work, entry, warning, SYSTEM, now)]
    for loser in ledger.superseded(entry, others, now):
        events += _replace_loser(work, loser, now)
    return Ruling(deduction=entry, events=tuple(events))


def _entry(work: Work, warning: Warning, merchant: Merchant, now: datetime) -> tuple[Deduction, list[Deduction]]:
    """The entry as the ledger's rules compute it, and the merchant's other entries of the same incident."""
    scheme = work.desk.scheme_of(merchant)
    history = work.uow.deductions.of_merchant(warning.uscc)
    incident = [entry for entry in history if entry.incident_id == warning.incident_id]
    entry = ledger.propose(
        warning,
        scheme,
        history=history,
        incident=incident,
        now=now,
        objection_until=add_working_days(now, work.desk.rules.objection_working_days, work.desk.working_day),
        on_time=deadlines.rectified_on_time(warning, now),
        deduction_id=work.desk.new_id(now),
        circumstances=Circumstances(lapsed=_lapsed(warning), self_reported=_self_reported(work.uow, warning)),
    )
    return entry, incident


def _lapsed(warning: Warning) -> timedelta | None:
    """How long a certificate had expired when its holder was on duty (XV05)."""
    if warning.why.code is not ReasonCode.CERTIFICATE_EXPIRED:
        return None
    return warning.event_time - midnight(date.fromisoformat(warning.why.params["valid_until"]) + timedelta(days=1))


def _sample_of(uow: UnitOfWork, warning: Warning) -> Sample | None:
    if warning.why.code is not ReasonCode.SAMPLING_FAILED:
        return None
    return uow.records.sample(warning.uscc, warning.why.params["report_no"])


def overturned(uow: UnitOfWork, warning: Warning) -> bool:
    """Whether a retest took back what a warning rests on: then nothing is charged (F.18)."""
    sample = _sample_of(uow, warning)
    return sample is not None and sample.state is SampleState.OVERTURNED


def _retest_open(uow: UnitOfWork, warning: Warning, now: datetime) -> bool:
    """Whether a failed sample may still be tested again: what it costs stays proposed so long (F.18)."""
    sample = _sample_of(uow, warning)
    if sample is None or sample.state is not SampleState.RETEST_OPEN or sample.retest_until is None:
        return False
    return now <= sample.retest_until


def _self_reported(uow: UnitOfWork, warning: Warning) -> bool:
    """Whether the merchant set expired goods apart within an hour of their expiry and before being warned (F.4).

    Setting apart after the warning is rectifying, and what an officer verified is booked after it too.
    """
    if warning.camera is not None:
        return False
    batch = uow.batches.look(warning.uscc, warning.subject)  # whoever judges lots holds them before their warnings
    if batch is None or batch.state not in SEGREGATED:
        return False
    return batch.event_time <= batch.expires_at + SELF_REPORT_WITHIN and batch.event_time < warning.raised_at


def _free_key(uow: UnitOfWork, key: str, warning: Warning) -> str | None:
    """The key to book under; None if the same subject is charged in the month already (F.1), or a person took the charge back.

    An entry that was withdrawn or reversed keeps its key, so that the ledger shows it; what is charged after it gets a number.
    """
    candidate, number = key, 1
    while (taken := uow.deductions.by_key(candidate)) is not None:
        if taken.state in STANDING or _settled_by_a_person(uow, taken, warning):
            return None
        number += 1
        candidate = f"{key}|{number}"
    return candidate


def _settled_by_a_person(uow: UnitOfWork, ended: Deduction, warning: Warning) -> bool:
    """Whether a person ended the warning's entry, and nobody reopened the warning since: their word stands (section 0.3, F.5)."""
    if ended.warning_id != warning.id:
        return False
    last = uow.audit.of(ENTITY, ended.id)[-1]
    if last.actor == SYSTEM.id:
        return False
    steps = uow.audit.of("warning", warning.id)
    return not any(step.seq > last.seq and step.from_state in _ENDED and step.to_state not in _ENDED for step in steps)


def _lost_before(uow: UnitOfWork, entry: Deduction) -> bool:
    """Whether the ledger shows already that this warning lost to the same sibling."""
    winner = entry.components.get("lost_to")
    own = uow.deductions.of_warning(entry.warning_id)
    return winner is not None and any(known.components.get("lost_to") == winner for known in own)


def _replace_loser(work: Work, loser: Deduction, now: datetime) -> list[Event]:
    before = work.uow.deductions.get(loser.id)
    warning = work.uow.warnings.look(loser.warning_id)
    if before is None or warning is None:
        return []
    work.uow.deductions.save(loser, expected_version=before.version)
    return [_tell(work, loser, warning, SYSTEM, now, before=before.state.value)]


def withdraw_proposed(work: Work, warning: Warning, now: datetime, *, note: str, after: datetime | None = None) -> Ruling | None:
    """Take back what a warning had proposed, because it was dismissed or reopened. A final entry waits for a person.

    Args:
        after: only what was proposed later than this.
    """
    work.uow.lock(f"ledger:{warning.uscc}")
    ruling = None
    for before in work.uow.deductions.of_warning(warning.id):
        if before.state not in UNDECIDED or (after is not None and before.proposed_at <= after):
            continue
        ended_at = max(now, before.proposed_at)
        ended = replace(before, state=DeductionState.WITHDRAWN, decided_at=ended_at, note=note, version=before.version + 1)
        work.uow.deductions.save(ended, expected_version=before.version)
        ruling = Ruling(deduction=ended, events=(_tell(work, ended, warning, SYSTEM, now, before=before.state.value),))
    if ruling is None:
        return None
    return replace(ruling, events=(*ruling.events, *_recompute(work, work.merchant(warning.uscc), now)))


def decide(work: Work, deduction_id: str, actor: Actor, now: datetime, decision: Decision) -> Ruling:
    """Carry out a person's decision about an entry.

    Raises:
        NotFound: if there is none the actor may know of.
        IllegalTransition: if its state, or the objection window, does not allow it.
        Forbidden: if the actor may not decide it.
    """
    seen = work.uow.deductions.look(deduction_id)
    uscc = _seen_by(work.uow, seen, deduction_id, actor).uscc
    merchant = work.merchant(uscc)
    work.uow.lock(f"ledger:{uscc}")
    events = _recompute(work, merchant, now)  # what is confirmed is the n-th of those that stand now
    before = find(work.uow, deduction_id, actor)
    warning = work.uow.warnings.look(before.warning_id)
    if warning is None:
        raise NotFound(f"no warning {before.warning_id}")
    involved = {step.actor for step in work.uow.audit.of("warning", warning.id)} - {SYSTEM.id}
    after = decision(before, merchant, involved)
    if after.state is DeductionState.FINAL and _retest_open(work.uow, warning, now):
        raise IllegalTransition(ENTITY, before.id, before.state.value, "confirm before the retest window has passed")
    work.uow.deductions.save(after, expected_version=before.version)
    events.append(_tell(work, after, warning, actor, now, before=before.state.value))
    if after.state not in STANDING:
        events += _recompute(work, merchant, now)
    return Ruling(deduction=after, events=tuple(events))


def _recompute(work: Work, merchant: Merchant, now: datetime) -> list[Event]:
    """Bring what is undecided up to date with what still stands (C.4: the n-th confirmed occurrence). Hold the ledger's lock."""
    entries = {entry.id: entry for entry in work.uow.deductions.of_merchant(merchant.uscc)}
    changed = recompute(
        [entry for entry in entries.values() if "lost_to" not in entry.components or _may_revive(work, entry, now)],
        work.desk.scheme_of(merchant),
        objection_until=add_working_days(now, work.desk.rules.objection_working_days, work.desk.working_day),
    )
    events = []
    for after in changed:
        before, warning = entries[after.id], work.uow.warnings.look(after.warning_id)
        if warning is None:
            continue
        work.uow.deductions.save(after, expected_version=before.version)
        events.append(_tell(work, after, warning, SYSTEM, now, before=before.state.value, reason=RECOMPUTED))
    return events


def _may_revive(work: Work, entry: Deduction, now: datetime) -> bool:
    """Whether the warning of an entry that had lost to a sibling is still one to charge."""
    warning = work.uow.warnings.look(entry.warning_id)
    return warning is not None and deadlines.charge_due(warning, now)


def objection(actor: Actor, note: str, now: datetime) -> Decision:
    """The merchant objects within the window."""
    return lambda entry, merchant, _: decisions.object_to(entry, actor=actor, region=merchant.region, note=note, now=now)


def confirmation(actor: Actor, note: str, now: datetime) -> Decision:
    """A person makes the entry final after the window."""
    return lambda entry, merchant, involved: decisions.confirm(
        entry, actor=actor, region=merchant.region, note=note, involved=involved, now=now
    )


def withdrawal(actor: Actor, note: str, now: datetime) -> Decision:
    """A person takes the proposal back."""
    return lambda entry, merchant, involved: decisions.withdraw(
        entry, actor=actor, region=merchant.region, note=note, involved=involved, now=now
    )


def reversal(actor: Actor, note: str, now: datetime) -> Decision:
    """A supervisor reverses a final entry on appeal."""
    return lambda entry, merchant, involved: decisions.reverse(
        entry, actor=actor, region=merchant.region, note=note, involved=involved, now=now
    )


def find(uow: UnitOfWork, deduction_id: str, actor: Actor) -> Deduction:
    """The entry, if there is one that the actor may know of.

    Raises:
        NotFound: otherwise.
    """
    return _seen_by(uow, uow.deductions.get(deduction_id), deduction_id, actor)


def _seen_by(uow: UnitOfWork, entry: Deduction | None, deduction_id: str, actor: Actor) -> Deduction:
    if entry is None or not actor.may_see(uscc=entry.uscc, region=merchant_of(uow, entry.uscc).region):
        raise NotFound(f"no deduction {deduction_id}")
    return entry


def live_score(work: Work, uscc: str, month: str) -> Score:
    """A merchant's live score in a month.

    Raises:
        NotFound: if there is no such merchant.
    """
    merchant = work.uow.merchants.get(uscc)
    if merchant is None:
        raise NotFound(f"no merchant {uscc}")
    return score_of(work.desk.scheme_of(merchant), uscc, month, work.uow.deductions.of_merchant(uscc, month=month))


def _tell(
    work: Work, entry: Deduction, warning: Warning, actor: Actor, now: datetime, *, before: str = "", reason: str = ""
) -> Event:
    """The audit step, the event and the outbox entries of a change of an entry. Counting again is told as a proposal anew."""
    step = AuditStep(
        entity=ENTITY,
        entity_id=entry.id,
        from_state=before,
        to_state=entry.state.value,
        at=now,
        actor=actor.id,
        actor_role=actor.role.value,
        reason=reason or entry.note,
    )
    work.uow.audit.append(step)
    event = Event(
        name=EventName.DEDUCTION_PROPOSED if reason == RECOMPUTED else EVENTS[entry.state],
        entity_id=entry.id,
        uscc=entry.uscc,
        region=warning.region,
        at=now,
        data={
            "warning": warning.id,
            "violation_code": entry.violation_code,
            "points": plain_number(entry.points),
            "state": entry.state.value,
            "level": warning.level.value,
            "class": warning.class_,
            "by": actor.id,
        },
    )
    tell_deduction(work, event, entry, warning)
    return event
