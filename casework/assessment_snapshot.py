"""Reads what merchants are rated from, a bounded batch at a time, as it was at the data cut (domain.md D.8, F.6).

Everything read is append-only or carries the instant of its change, so that a snapshot taken late, or taken up again after a
kill, is the snapshot of the cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Final

from casework.assessment_rating import CLOSED, inputs_hash
from casework.assessment_registers import absences, failed_items
from casework.indicators import PROVINCIAL, PROVINCIAL_CONNECTOR, VIOLATIONS, Gathered, Told, gather, name_of
from casework.indicators_breaches import LEAD
from casework.indicators_record import Record
from configs.assessment_files import Assessing, Breach
from credit.publication import first_of
from credit.rating.plan import Plan, leaves_of
from credit.rating.value import RatedScheme
from credit.sampling import months_after
from domain.observations import Kind
from domain.parties import Device, Merchant
from domain.rules import Rules
from domain.time import local_day, midnight
from store.assessments import DeviceDay, Inputs, Seen, Sold, Standing, Try
from store.ports import UnitOfWork

MONTHLY: Final = (
    Kind.SENSOR_TEMP,
    Kind.STAFF_SHIFT,
    Kind.BATCH_UPSERT,
    Kind.BATCH_MOVE,
    Kind.SAMPLING_RESULT,
    Kind.RATING_NEW,
    Kind.TRACE_RECORD,
    Kind.ADDITIVE_USE,
    Kind.COMPLAINT_NEW,
)
HALF_YEARLY: Final = (Kind.INSPECTION_RESULT,)
LASTING: Final = (Kind.STAFF_CERTIFICATE, Kind.CREDIT_RECORD)
HISTORY_MONTHS: Final = 13
TRACE_MONTHS: Final = 6
"""How far before a month the trace records of what it sold are looked for."""
EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """What a snapshot is looked at through: the scheme, the rules, what is counted from what."""

    scheme: RatedScheme
    rules: Rules
    assessing: Assessing

    @property
    def name(self) -> str:
        """The scheme's name."""
        return self.scheme.name


def take(
    uow: UnitOfWork,
    lens: Lens,
    merchants: Sequence[Merchant],
    month: str,
    *,
    cut_at: datetime,
    told_before: datetime | None = None,
    outages_at: datetime | None = None,
) -> dict[str, Gathered]:
    """What several merchants are rated from.

    Args:
        uow: a unit of work that sees one snapshot.
        lens: scheme and rules.
        merchants: at most a few hundred.
        month: ``YYYY-MM``.
        cut_at: what the system recorded later is not read.
        told_before: what was told later is not read; the cut unless merchants may still supply what is missing.
        outages_at: interruptions as they stood then; by default at the cut. A correction knows those that were told since.
    """
    told = _told(uow, lens, [merchant.uscc for merchant in merchants], month, told_before or cut_at)
    found = {}
    for record in _records(uow, lens, merchants, month, cut_at, outages_at or cut_at):
        uscc = record.merchant.uscc
        record = replace(record, charged=_charged(uow, lens, record, told[uscc].before))  # noqa: PLW2901 - the same with its history
        gathered = gather(
            record,
            told[uscc],
            lens.scheme,
            lens.assessing.of(lens.name),
            provincial_age=lens.assessing.provincial_age,
        )
        if record.span[1] > record.span[0] and not record.open_spans:
            gathered = Gathered(facts=gathered.facts, origins={**gathered.origins, CLOSED: {"how": "closed_all_month"}})
        found[uscc] = gathered
    return found


def frozen(run_id: str, uscc: str, gathered: Gathered, now: datetime, *, revision: int = 1, why: str = "") -> Inputs:
    """What was gathered, as it is kept."""
    return Inputs(
        run_id=run_id,
        uscc=uscc,
        revision=revision,
        facts=gathered.facts,
        origins=gathered.origins,
        hash=inputs_hash(gathered.facts, gathered.origins),
        taken_at=now,
        why=why,
    )


def _records(  # noqa: PLR0917 - private
    uow: UnitOfWork, lens: Lens, merchants: Sequence[Merchant], month: str, cut_at: datetime, outages_at: datetime
) -> list[Record]:
    usccs = [merchant.uscc for merchant in merchants]
    store, first = uow.assessments, first_of(month)
    begins, ends = midnight(first), midnight((first + timedelta(days=31)).replace(day=1))
    year_ago = midnight(months_after(first, -HISTORY_MONTHS))
    spans = (
        (MONTHLY, begins - LEAD),
        (HALF_YEARLY, midnight(months_after(first, -6))),
        (LASTING, EARLIEST),
    )
    seen: dict[str, list[Seen]] = {uscc: [] for uscc in usccs}
    for kinds, since in spans:
        for item in store.seen(usccs, kinds, since=since, until=ends, received_before=cut_at):
            seen[item.uscc].append(item)
    devices = _grouped(store.devices(usccs), usccs)
    days = status_days(uow, devices, seen, lens.assessing.silence, begins, min(ends, cut_at), cut_at)
    warnings = _grouped(store.warnings(usccs, since=year_ago, until=min(ends, cut_at)), usccs)
    deductions = _grouped(store.deductions(usccs, since_month=f"{months_after(first, -HISTORY_MONTHS):%Y-%m}"), usccs)
    interruptions = store.interruptions(begins, ends, known_at=outages_at)
    breaches = frozenset(lens.assessing.of(lens.name).violations.values())
    sold, traced = _sales(uow, usccs, begins, ends, cut_at) if Breach.TRACE_COVERAGE in breaches else ({}, frozenset())
    until_cut = {"since": begins, "before": min(ends, cut_at)}
    return [
        Record(
            merchant=merchant,
            month=month,
            cut_at=cut_at,
            rules=lens.rules,
            silence=lens.assessing.silence,
            seen=seen[merchant.uscc],
            devices=devices[merchant.uscc],
            warnings=warnings[merchant.uscc],
            deductions=deductions[merchant.uscc],
            interruptions=[item for item in interruptions if item.concerns(merchant.uscc, merchant.region)],
            days=days[merchant.uscc],
            sold=sold.get(merchant.uscc, ()),
            traced=traced,
            evaluated=failed_items(uow, merchant.uscc, **until_cut) if Breach.EVALUATION_ITEMS in breaches else (),
            absences=absences(uow, merchant.uscc, **until_cut) if Breach.MISSED_TRAININGS in breaches else (),
        )
        for merchant in merchants
    ]


def _charged(uow: UnitOfWork, lens: Lens, record: Record, before: Sequence[Standing]) -> list[tuple[str, str]]:
    """What earlier months were charged with from records alone, of the codes whose waiver depends on it."""
    ledger, violations = lens.scheme.ledger, lens.assessing.of(lens.name).violations
    codes = {code for code in violations if ledger is not None and code in ledger.rules and ledger.rules[code].waivable}
    if not codes or not record.of_month(Kind.SENSOR_TEMP):
        return []
    found = []
    for standing in before:
        inputs = uow.assessments.inputs(standing.run.id, standing.result.uscc, standing.result.revision)
        if inputs is not None:
            mine = [each for each in inputs.facts.get("violations", ()) if each["code"] in codes]
            counted = [each for each in mine if inputs.origins.get(name_of(each), {}).get("how") == "counted"]
            found += [(str(each["code"]), str(each["at"])) for each in counted]
    return sorted(set(found))


def status_days(  # noqa: PLR0917 - private to the snapshot, in the order of the story
    uow: UnitOfWork,
    devices: Mapping[str, Sequence[Device]],
    seen: dict[str, list[Seen]],
    silence: timedelta,
    begins: datetime,
    ends: datetime,
    cut_at: datetime,
) -> dict[str, list[DeviceDay]]:
    """Tallies of what devices said; of days that have none the raw words are put among what was ``seen``."""
    first, last = local_day(begins), local_day(max(begins, ends - timedelta(microseconds=1)))
    whole = {(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)}
    known: dict[str, list[DeviceDay]] = {uscc: [] for uscc in devices}
    until = (last + timedelta(days=1)).isoformat()
    tallies = uow.assessments.device_days(
        list(devices), Kind.CAM_STATUS, since=first.isoformat(), until=until, within=silence, received_before=cut_at
    )
    for day in tallies:
        known[day.uscc].append(day)
    raw: dict[tuple[str, str], list[str]] = {}
    for uscc, own in devices.items():
        lacking = sorted(
            {day for device in own for day in whole - {one.day for one in known[uscc] if one.device_id == device.id}}
        )
        if lacking or not own:
            raw.setdefault((lacking[0], lacking[-1]) if lacking else (min(whole), max(whole)), []).append(uscc)
    for (one, other), usccs in raw.items():
        since, end = midnight(date.fromisoformat(one)) - silence, midnight(date.fromisoformat(other) + timedelta(days=1))
        for item in uow.assessments.seen(usccs, [Kind.CAM_STATUS], since=since, until=end, received_before=cut_at):
            seen[item.uscc].append(item)
    return known


def _sales(
    uow: UnitOfWork, usccs: Sequence[str], begins: datetime, ends: datetime, cut_at: datetime
) -> tuple[dict[str, list[Sold]], frozenset[tuple[str, str]]]:
    """The month's sales by lot, and the lots with a trace record of the merchants or of their suppliers."""
    found: dict[str, list[Sold]] = {}
    for item in uow.assessments.sold(usccs, since=begins, until=ends, received_before=cut_at):
        found.setdefault(item.uscc, []).append(item)
    told_by = sorted({*found, *(item.supplier for items in found.values() for item in items if item.supplier)})
    since = midnight(months_after(local_day(begins), -TRACE_MONTHS))
    records = uow.assessments.seen(told_by, [Kind.TRACE_RECORD], since=since, until=ends, received_before=cut_at)
    return found, frozenset((item.uscc, str(item.body["lot"])) for item in records)


def _told(uow: UnitOfWork, lens: Lens, usccs: list[str], month: str, told_before: datetime) -> dict[str, Told]:
    store, first = uow.assessments, first_of(month)
    since = f"{months_after(first, -HISTORY_MONTHS):%Y-%m}"
    facts = _grouped(store.facts_of(usccs, lens.name, month=month, recorded_before=told_before), usccs)
    late = _grouped(
        store.late_facts(usccs, lens.name, before=month, recorded_from=midnight(first), recorded_before=told_before), usccs
    )
    past = _grouped(
        store.past_facts(usccs, lens.name, VIOLATIONS, since=since, before=month, recorded_before=midnight(first)), usccs
    )
    before = store.standings(usccs, lens.name, before=month, since=since)
    tried = _tried(uow, lens, usccs, told_before)
    return {
        uscc: Told(
            facts=facts[uscc],
            late=late[uscc],
            past=past[uscc],
            before=before[uscc],
            previous=previous_of(before[uscc], lens.scheme),
            tried=tried.get(uscc),
        )
        for uscc in usccs
    }


def _tried(uow: UnitOfWork, lens: Lens, usccs: Sequence[str], before: datetime) -> dict[str, Try]:
    """Of each merchant the last attempt to fetch its provincial score; what concerned every merchant counts for each."""
    plan = lens.scheme.rating
    if not isinstance(plan, Plan) or not any(leaf.fact == (PROVINCIAL,) for leaf in leaves_of(plan.root)):
        return {}
    found = uow.assessments.tries(PROVINCIAL_CONNECTOR, [*usccs, ""], before=before)
    whole = found.pop("", None)
    if whole is not None:
        found |= {uscc: whole for uscc in usccs if uscc not in found or found[uscc].at < whole.at}
    return found


def previous_of(before: Sequence[Standing], scheme: RatedScheme) -> str | None:
    """The last published grade that is one of the scheme's own: unrated and provisional months are passed over."""
    return next((each.result.grade for each in before if each.result.grade in scheme.grade_titles), None)


def _grouped(items: Sequence[object], usccs: Sequence[str]) -> Mapping[str, list]:  # type: ignore[type-arg]
    found: dict[str, list] = {uscc: [] for uscc in usccs}  # type: ignore[type-arg]
    for uscc, some in groupby(items, key=lambda item: item.uscc):  # type: ignore[attr-defined]
        found[uscc] += some
    return found
