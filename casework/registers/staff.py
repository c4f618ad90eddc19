"""Health certificates, rosters and morning checks: RW3 at its instant (domain.md C.4, C.9).

A shift of direct-contact work stands in the expiry index at the instant at which its person's certificates no longer hold.
Whatever is told of the person moves that instant; one that has passed unswept is judged first, as the register stood then, so
that a renewal after an outage hides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from alerts import record_rules
from alerts.register_rules import RECORD_TYPE, canonical, plain
from casework import intake
from casework.desk import Work
from casework.outbound import tell_record
from casework.registers import corrections
from domain.errors import BadInput, Code
from domain.events import Event, EventName
from domain.observations import LATE, Observation
from domain.parties import SYSTEM, Merchant
from domain.registers import Certificate, Due, DueKind, Duty, MorningCheck, Shift, shift_id
from domain.rules import RedWarning
from domain.time import local_day, parse_instant
from store.ports import AuditStep
from traceability import notices, papers

LONGEST_SHIFT = timedelta(hours=36)


def _day(text: object, where: str) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise BadInput(Code.FIELD, f"{str(text)[:20]!r} is no day", where=where, hint="write 2026-11-20") from None


def take_certificate(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """Register a certificate; a renewed one stands beside the old. An older word about the same one changes nothing.

    Raises:
        BadInput: E003 on a day that is none, E054 if it ends before it begins.
    """
    certificate = _certificate(observation)
    uscc, person = certificate.uscc, certificate.person_ref
    work.uow.lock(f"staff:{uscc}")
    known = work.uow.records.certificates(uscc, person)
    same = next((one for one in known if one.issued_on == certificate.issued_on), None)
    if same is not None and observation.event_time < same.event_time:
        return []
    events = _judge_missed(work, uscc, person, merchant, now)
    work.uow.records.put_certificate(certificate)
    _trail(work, certificate, "" if same is None else str(same.valid_until), observation)
    now_known = work.uow.records.certificates(uscc, person)
    for shift in work.uow.records.shifts_of(uscc, person, ending_after=now - LATE):
        _plan(work, shift, now_known, now)
    if papers.expires_at(known) != papers.expires_at(now_known):
        _next_notice(work, Due(kind=DueKind.CERTIFICATE_NOTICE, uscc=uscc, subject=person, due_at=now), now_known, now)
    if papers.covered_until(now_known, local_day(now)) is not None:
        record = canonical({"certificate": plain(certificate)})
        events += corrections.show(work, (RedWarning.CERTIFICATE_EXPIRED, person), record, observation, now)
    return events


def _certificate(observation: Observation) -> Certificate:
    body = observation.body
    issued_on = _day(body["issued_on"], "body.issued_on")
    printed = body.get("valid_until")
    valid_until = papers.last_good_day(issued_on, None if not printed else _day(printed, "body.valid_until"))
    if valid_until < issued_on:
        raise BadInput(Code.EXPIRY_BEFORE_PRODUCTION, "it expires before it is issued", where="body.valid_until")
    return Certificate(
        uscc=observation.uscc,
        person_ref=str(body["person_ref"]),
        issued_on=issued_on,
        valid_until=valid_until,
        duty=Duty(body["duty"]),
        event_time=observation.event_time,
        entry_id=observation.event_id,
        name_masked=str(body.get("name_masked") or ""),
        cert_no_hash=str(body.get("cert_no_hash") or ""),
        issuer=str(body.get("issuer") or ""),
    )


def _trail(work: Work, after: Certificate, before: str, observation: Observation) -> None:
    step = AuditStep(
        entity="certificate",
        entity_id=f"{after.uscc}/{after.person_ref}",
        from_state=before,
        to_state=str(after.valid_until),
        at=observation.received_at,
        actor=observation.device_id,
        actor_role=SYSTEM.role.value,
        reason=f"observation {observation.event_id}",
    )
    work.uow.audit.append(step)


def take_shift(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """Register a shift, or what is new about it: its end, its morning check, that it is called off.

    Raises:
        BadInput: E003 if it ends before it begins, or lasts longer than 36 hours.
    """
    shift = _shift(observation)
    work.uow.lock(f"staff:{shift.uscc}")
    known = work.uow.records.shift(shift.id)
    if known is not None and observation.event_time < known.event_time:
        return []
    events = _judge_missed(work, shift.uscc, shift.person_ref, merchant, now)
    known = work.uow.records.shift(shift.id)
    if known is not None:
        shift = replace(shift, judged_at=known.judged_at, morning_check=shift.morning_check or known.morning_check)
    work.uow.records.put_shift(shift)
    _plan(work, shift, work.uow.records.certificates(shift.uscc, shift.person_ref), now)
    if known is not None and known.is_direct and not shift.is_direct and known.judged_at is not None:
        record = canonical({"shift": plain(shift)})
        events += corrections.show(work, (RedWarning.CERTIFICATE_EXPIRED, shift.person_ref), record, observation, now)
    return events


def _shift(observation: Observation) -> Shift:
    body = observation.body
    start_at, end_at = parse_instant(body["start"], "body.start"), parse_instant(body["end"], "body.end")
    if not start_at < end_at <= start_at + LONGEST_SHIFT:
        raise BadInput(Code.FIELD, "a shift ends after it begins, within 36 hours", where="body.end")
    check = body.get("morning_check")
    return Shift(
        id=shift_id(observation.uscc, str(body["person_ref"]), start_at),
        uscc=observation.uscc,
        person_ref=str(body["person_ref"]),
        start_at=start_at,
        end_at=end_at,
        duty=Duty(body["duty"]),
        event_time=observation.event_time,
        entry_id=observation.event_id,
        morning_check=None if check is None else MorningCheck(check),
        cancelled=bool(body.get("cancelled", False)),
    )


def _plan(work: Work, shift: Shift, known: Sequence[Certificate], now: datetime) -> None:
    """Put a shift into the expiry index, or take it out. One told when it was long over is history, and raises nothing (E042)."""
    at = None
    if shift.is_direct and shift.judged_at is None and shift.end_at > now - LATE:
        at = papers.lapses_at(known, shift.start_at, shift.end_at)
    if at is None:
        work.uow.records.drop_due(DueKind.SHIFT, shift.uscc, shift.id)
    else:
        work.uow.records.put_due(Due(kind=DueKind.SHIFT, uscc=shift.uscc, subject=shift.id, due_at=at))


def _judge_missed(work: Work, uscc: str, person: str, merchant: Merchant, now: datetime) -> list[Event]:
    """Judge what of this person has fallen due and was not swept yet."""
    events: list[Event] = []
    for shift in work.uow.records.shifts_of(uscc, person, ending_after=now - LATE):
        due = work.uow.records.due(DueKind.SHIFT, uscc, shift.id)
        if due is not None and due.due_at <= now:
            events += pass_shift(work, due, merchant, now)
    return events


def pass_shift(work: Work, due: Due, merchant: Merchant, now: datetime) -> list[Event]:
    """A shift's instant has come: RW3 if the certificates really do not hold."""
    del merchant
    shift = work.uow.records.shift(due.subject)
    known = [] if shift is None else work.uow.records.certificates(shift.uscc, shift.person_ref)
    at = None
    if shift is not None and shift.is_direct and shift.judged_at is None:
        at = papers.lapses_at(known, shift.start_at, shift.end_at)
    if shift is None or at is None:
        work.uow.records.drop_due(due.kind, due.uscc, due.subject)
        return []
    if at > now:
        work.uow.records.put_due(replace(due, due_at=at))
        return []
    work.uow.records.drop_due(due.kind, due.uscc, due.subject)
    work.uow.records.put_shift(replace(shift, judged_at=now))
    found = record_rules.judge_shift(shift, known, at, rules=work.desk.rules, now=now)
    if found is None:
        return []
    work.record(record_rules.shift_record(shift, known), RECORD_TYPE)
    return intake.take(work, found, now)


def _next_notice(work: Work, due: Due, known: Sequence[Certificate], now: datetime) -> None:
    rule, expires_at = work.desk.rules.register.get(RedWarning.CERTIFICATE_EXPIRED), papers.expires_at(known)
    at = None
    if rule is not None and rule.enabled and expires_at is not None:
        at = notices.next_notice(expires_at, rule.notices, now)
    if at is None:
        work.uow.records.drop_due(due.kind, due.uscc, due.subject)
    else:
        work.uow.records.put_due(replace(due, due_at=at))


def pass_certificate_notice(work: Work, due: Due, merchant: Merchant, now: datetime) -> list[Event]:
    """Tell the merchant that somebody's certificate will expire."""
    known = work.uow.records.certificates(due.uscc, due.subject)
    expires_at = papers.expires_at(known)
    if expires_at is None or expires_at <= now:
        work.uow.records.drop_due(due.kind, due.uscc, due.subject)
        return []
    _next_notice(work, due, known, now)
    last = max(known, key=lambda one: one.valid_until)
    said = {"person": last.person_ref, "name": last.name_masked or last.person_ref, "valid_until": last.valid_until.isoformat()}
    event = Event(
        name=EventName.CERTIFICATE_EXPIRES_SOON,
        entity_id=f"{due.uscc}/{due.subject}",
        uscc=due.uscc,
        region=merchant.region,
        at=now,
        data=said,
    )
    tell_record(work, event, version=due.due_at.isoformat(), link="/registers/certificates")
    return [event]
