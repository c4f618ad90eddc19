"""Reads what merchants are rated from, a bounded batch at a time, as it was at the data cut (domain.md D.8, F.6).

Everything read is append-only or carries the instant of its change, so that a snapshot taken late, or taken up again after a
kill, is the snapshot of the cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from casework.assessment_rating import CLOSED, inputs_hash
from casework.indicators import VIOLATIONS, Gathered, Told, gather
from casework.indicators_record import Record
from configs.assessment_files import Assessing
from credit.publication import first_of
from credit.rating.value import RatedScheme
from credit.sampling import months_after
from domain.observations import Kind
from domain.parties import Merchant
from domain.rules import Rules
from domain.time import midnight
from store.assessments import Inputs, Seen, Standing
from store.ports import UnitOfWork

MONTHLY: Final = (
    Kind.CAM_STATUS,
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
) -> dict[str, Gathered]:
    """What several merchants are rated from.

    Args:
        uow: a unit of work that sees one snapshot.
        lens: scheme and rules.
        merchants: at most a few hundred.
        month: ``YYYY-MM``.
        cut_at: what the system recorded later is not read.
        told_before: what was told later is not read; the cut unless merchants may still supply what is missing.
    """
    told = _told(uow, lens, [merchant.uscc for merchant in merchants], month, told_before or cut_at)
    found = {}
    for record in _records(uow, lens, merchants, month, cut_at):
        uscc = record.merchant.uscc
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


def _records(uow: UnitOfWork, lens: Lens, merchants: Sequence[Merchant], month: str, cut_at: datetime) -> list[Record]:
    usccs = [merchant.uscc for merchant in merchants]
    store, first = uow.assessments, first_of(month)
    begins, ends = midnight(first), midnight((first + timedelta(days=31)).replace(day=1))
    year_ago = midnight(months_after(first, -HISTORY_MONTHS))
    spans = (
        (MONTHLY, begins - lens.assessing.silence),
        (HALF_YEARLY, midnight(months_after(first, -6))),
        (LASTING, EARLIEST),
    )
    seen: dict[str, list[Seen]] = {uscc: [] for uscc in usccs}
    for kinds, since in spans:
        for item in store.seen(usccs, kinds, since=since, until=ends, received_before=cut_at):
            seen[item.uscc].append(item)
    devices = _grouped(store.devices(usccs), usccs)
    warnings = _grouped(store.warnings(usccs, since=year_ago, until=min(ends, cut_at)), usccs)
    deductions = _grouped(store.deductions(usccs, since_month=f"{months_after(first, -HISTORY_MONTHS):%Y-%m}"), usccs)
    interruptions = store.interruptions(begins, ends)
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
        )
        for merchant in merchants
    ]


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
    return {
        uscc: Told(
            facts=facts[uscc],
            late=late[uscc],
            past=past[uscc],
            before=before[uscc],
            previous=previous_of(before[uscc], lens.scheme),
        )
        for uscc in usccs
    }


def previous_of(before: Sequence[Standing], scheme: RatedScheme) -> str | None:
    """The last published grade that is one of the scheme's own: unrated and provisional months are passed over."""
    return next((each.result.grade for each in before if each.result.grade in scheme.grade_titles), None)


def _grouped(items: Sequence[object], usccs: Sequence[str]) -> Mapping[str, list]:  # type: ignore[type-arg]
    found: dict[str, list] = {uscc: [] for uscc in usccs}  # type: ignore[type-arg]
    for uscc, some in groupby(items, key=lambda item: item.uscc):  # type: ignore[attr-defined]
        found[uscc] += some
    return found
