"""Sampling results: RW5 at the moment of the official word, and the retest that may overturn it (domain.md C.4, E.2, F.18).

A failed rapid test raises nothing: it calls for an official sample. A failed official result raises at once, for the food must be
stopped; what it costs stays proposed until the retest window has passed or the retest failed too. Only a result that an official
entered overturns another: a merchant's own device cannot clear its merchant.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from alerts import record_rules
from alerts.register_rules import RECORD_TYPE
from casework import charging, intake
from casework.consequences import tasks
from casework.desk import Work
from casework.outbound import tell_record
from casework.registers import corrections
from casework.registers.senders import by_official
from casework.words import N_
from credit.calendar import add_working_days
from credit.tasks import Origin
from domain.events import Event, EventName
from domain.observations import Observation
from domain.parties import Merchant
from domain.registers import Due, DueKind, Sample, SampleKind, SampleState
from domain.rules import RedWarning
from domain.time import local_day, midnight
from store.ports import AuditStep

PASS, FAIL = "pass", "fail"
SAMPLE_WITHIN = timedelta(days=7)
"""Until when an official sample is to be taken after a failed rapid test."""
TO_BE_SAMPLED = N_("快检不合格，须抽取监督样品")
WINDOW_PASSED = N_("复检期限已过，结论生效")
CONFIRMED = N_("复检维持不合格结论")
OVERTURNED = N_("复检合格，原结论撤销")
REPORTED = N_("设备上报复检合格，请监管人员录入复检报告")
AFTER = timedelta(microseconds=1)


def take(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """Register a result, and do what follows from it."""
    sample = _sample(observation)
    work.uow.lock(f"samples:{sample.uscc}")
    known = work.uow.records.sample(sample.uscc, sample.report_no)
    if known is not None and known.event_time > sample.event_time:
        return []
    original = work.uow.records.sample(sample.uscc, sample.retest_of) if sample.retest_of else known
    if sample.kind is SampleKind.RAPID:
        return _rapid(work, sample, known, merchant, now)
    if original is not None and original.state is SampleState.RETEST_OPEN and (sample.retest_of or sample.conclusion == PASS):
        return _retest(work, original, sample, observation, now)
    if sample.conclusion == PASS or sample.retest_of:
        state = SampleState.RETEST if sample.retest_of else SampleState.PASSED
        _keep(work, replace(sample, state=state), known, now)
        return []
    return _failed(work, sample, known, now)


def _sample(observation: Observation) -> Sample:
    body = observation.body
    items = tuple(item for item in body.get("items") or () if isinstance(item, dict))
    return Sample(
        uscc=observation.uscc,
        report_no=str(body["report_no"]),
        kind=SampleKind(body["kind"]),
        conclusion=str(body["conclusion"]),
        product=str(body["product"]),
        state=SampleState.PASSED,
        event_time=observation.event_time,
        received_at=observation.received_at,
        entry_id=observation.event_id,
        lot=str(body.get("lot") or ""),
        lab=str(body.get("lab") or ""),
        sampled_on=str(body.get("sampled_on") or ""),
        item_kind=str(body.get("item_kind") or "ordinary"),
        items=items,
        retest_of=str(body.get("retest_of") or ""),
    )


def _keep(work: Work, sample: Sample, known: Sample | None, now: datetime) -> None:
    """Write it down, with a step of the trail: a result that changes is somebody's word against another's."""
    work.uow.records.put_sample(sample)
    step = AuditStep(
        entity="sample",
        entity_id=f"{sample.uscc}/{sample.report_no}",
        from_state="" if known is None else known.state.value,
        to_state=sample.state.value,
        at=now,
        actor="system",
        actor_role="system",
        reason=f"observation {sample.entry_id}",
    )
    work.uow.audit.append(step)


def _tell(work: Work, sample: Sample, what: str, now: datetime) -> list[Event]:
    event = Event(
        name=EventName.SAMPLE_CHANGED,
        entity_id=f"{sample.uscc}/{sample.report_no}",
        uscc=sample.uscc,
        region=work.merchant(sample.uscc).region,
        at=now,
        data={"report_no": sample.report_no, "what": what},
    )
    tell_record(work, event, version=f"{sample.state.value}/{sample.entry_id}", link="/registers/samples")
    return [event]


def _rapid(work: Work, sample: Sample, known: Sample | None, merchant: Merchant, now: datetime) -> list[Event]:
    if sample.conclusion == PASS:
        _keep(work, sample, known, now)
        return []
    kept = replace(sample, state=SampleState.TO_BE_SAMPLED)
    _keep(work, kept, known, now)
    if work.desk.terms is not None:
        due_by = midnight(local_day(now) + SAMPLE_WITHIN)
        about = {"reason": "rapid test failed", "report_no": sample.report_no, "product": sample.product, "lot": sample.lot}
        tasks.open_task(work, merchant, Origin.TRIGGERED, due_by, now, of=("rapid", sample.report_no), **about)
    return _tell(work, kept, TO_BE_SAMPLED, now)


def _failed(work: Work, sample: Sample, known: Sample | None, now: datetime) -> list[Event]:
    until = add_working_days(now, work.desk.rules.retest_working_days, work.desk.working_day)
    if known is not None and known.conclusion == FAIL:  # told again: the window is what it was
        kept = replace(sample, state=known.state, retest_until=known.retest_until)
    else:
        kept = replace(sample, state=SampleState.RETEST_OPEN, retest_until=until)
        due = Due(kind=DueKind.RETEST, uscc=sample.uscc, subject=sample.report_no, due_at=until + AFTER)
        work.uow.records.put_due(due)
    _keep(work, kept, known, now)
    found = record_rules.judge_sample(kept, prohibited=_is_prohibited(work, kept), rules=work.desk.rules, now=now)
    if found is None:
        return []
    work.record(record_rules.sample_record(kept), RECORD_TYPE)
    return intake.take(work, found, now)


def _is_prohibited(work: Work, sample: Sample) -> bool:
    """Whether a failing item is no food additive at all."""
    names = (work.desk.additives.named(str(item.get("name", ""))) for item in record_rules.failing(sample))
    return any(one is not None and one.prohibited for one in names)


def _retest(work: Work, original: Sample, sample: Sample, observation: Observation, now: datetime) -> list[Event]:
    """The retest of a failed sample: it confirms, or it takes the failure back."""
    own = replace(sample, state=SampleState.RETEST)
    if sample.conclusion == FAIL:
        _keep_retest(work, own, original, now)
        return _close_window(work, replace(original, state=SampleState.CONFIRMED), CONFIRMED, original, now)
    if not by_official(observation):
        reported = replace(own, state=SampleState.RETEST_REPORTED)
        _keep_retest(work, reported, original, now)
        return _tell(work, reported, REPORTED, now)
    _keep_retest(work, own, original, now)
    events = _close_window(work, replace(original, state=SampleState.OVERTURNED), OVERTURNED, original, now)
    about = (RedWarning.SAMPLING_FAILED, original.subject)
    events += corrections.show(work, about, record_rules.sample_record(own), observation, now)
    latest = work.tray.latest[f"{original.uscc}|{about[0].value}|{about[1]}"]
    if latest is not None:
        ruling = charging.withdraw_proposed(work, latest, now, note=f"retest {sample.report_no} passed")
        events += () if ruling is None else ruling.events
    return events


def _keep_retest(work: Work, own: Sample, original: Sample, now: datetime) -> None:
    if own.report_no != original.report_no:
        _keep(work, own, None, now)


def _close_window(work: Work, after: Sample, what: str, before: Sample, now: datetime) -> list[Event]:
    _keep(work, after, before, now)
    work.uow.records.drop_due(DueKind.RETEST, after.uscc, after.report_no)
    return _tell(work, after, what, now)


def pass_retest(work: Work, due: Due, merchant: Merchant, now: datetime) -> list[Event]:
    """The retest window has passed: the failure stands."""
    del merchant
    sample = work.uow.records.sample(due.uscc, due.subject)
    if sample is None or sample.state is not SampleState.RETEST_OPEN:
        work.uow.records.drop_due(due.kind, due.uscc, due.subject)
        return []
    return _close_window(work, replace(sample, state=SampleState.CONFIRMED), WINDOW_PASSED, sample, now)
