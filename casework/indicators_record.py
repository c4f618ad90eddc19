"""Everything the system recorded about one merchant in one month, cut off at one instant: what indicators are counted from.

What came after the cut is not in it, whenever it is looked at: a month frozen late is the month frozen in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property
from typing import Any

from casework.indicators_days import heard, online_spans, spans_of
from credit.publication import first_of
from domain.deductions import Deduction
from domain.ids import DeviceKind
from domain.observations import Kind
from domain.parties import Device, Merchant
from domain.rules import Rules
from domain.time import SHANGHAI, local_day, midnight
from domain.warnings import Warning
from store.assessments import DeviceDay, Interruption, InterruptionKind, Seen, Sold

Span = tuple[datetime, datetime]
MOST_EVIDENCE = 50
"""Most references kept with one value; the number of all is kept beside them."""
_FINEST = Decimal("0.000001")
MAINTENANCE_AHEAD = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A value counted from records.

    Attributes:
        value: as the scheme's rule needs it; None = not applicable, for ``reason``.
        evidence: what it was counted from: ids of observations, warnings or deductions.
        told: how it was counted, for people: numbers as text.
    """

    value: Any
    reason: str = ""
    evidence: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedItem:
    """One item of a weekly evaluation that failed (X-09).

    Attributes:
        key: of the checklist.
        gravity: ``minor``, ``general`` or ``major``.
        at: when the result was entered.
    """

    task_id: str
    key: str
    gravity: str
    at: datetime
    published_at: datetime
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A training that was missed (X-08), and when that was written down."""

    training_id: str
    attendance_id: str
    held_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was recorded.

    Attributes:
        month: ``YYYY-MM``.
        cut_at: what came later is not known here.
        seen: observations that indicators look at: of the month, and as far back as a register reaches, in order.
        warnings: raised in the 13 months before the cut.
        deductions: of the same time, those still undecided at the cut included.
        interruptions: that concern the merchant.
        silence: after which a device that says nothing is offline.
        days: tallies of what devices said; of days that have none the raw rows are among ``seen``.
        evaluated: items of weekly evaluations that failed, as they were published.
        absences: trainings that were missed.
        sold: sales of the month by lot.
        traced: lots with a trace record, each with who told it.
        charged: what this scheme charged earlier months with without a warning: code and instant.
    """

    merchant: Merchant
    month: str
    cut_at: datetime
    rules: Rules
    silence: timedelta
    seen: Sequence[Seen] = ()
    devices: Sequence[Device] = ()
    warnings: Sequence[Warning] = ()
    deductions: Sequence[Deduction] = ()
    interruptions: Sequence[Interruption] = ()
    days: Sequence[DeviceDay] = ()
    evaluated: Sequence[FailedItem] = ()
    absences: Sequence[Absence] = ()
    sold: Sequence[Sold] = ()
    traced: frozenset[tuple[str, str]] = frozenset()
    charged: Sequence[tuple[str, str]] = ()

    @cached_property
    def first(self) -> date:
        """The first day of the month."""
        return first_of(self.month)

    @cached_property
    def span(self) -> Span:
        """The month, up to the cut if that is earlier: a running month is counted as far as it went."""
        end = midnight((self.first + timedelta(days=31)).replace(day=1))
        return midnight(self.first), min(end, self.cut_at)

    @cached_property
    def by_kind(self) -> Mapping[Kind, list[Seen]]:
        """Observations by their kind."""
        found: dict[Kind, list[Seen]] = {}
        for item in self.seen:
            found.setdefault(item.kind, []).append(item)
        return found

    def of_kind(self, kind: Kind) -> list[Seen]:
        """All of one kind, in order."""
        return self.by_kind.get(kind, [])

    def of_month(self, kind: Kind, *, late: bool = False) -> list[Seen]:
        """Those of the month; with ``late`` also earlier ones, which came too late for their own month (F.6)."""
        begins, ends = self.span
        return [item for item in self.of_kind(kind) if item.event_time < ends and (late or item.event_time >= begins)]

    @cached_property
    def online(self) -> Mapping[str, list[Span]]:
        """By device when it was online: of tallied days as they were tallied, of the others from the raw words."""
        found: dict[str, list[Span]] = {}
        tallied: dict[str, list[Span]] = {}
        for day in self.days:
            found.setdefault(day.device_id, []).extend(spans_of(day))
            begins = midnight(date.fromisoformat(day.day))
            tallied.setdefault(day.device_id, []).append((begins, begins + timedelta(days=1)))
        words: dict[str, list[tuple[datetime, bool]]] = {}
        for item in self.of_kind(Kind.CAM_STATUS):
            words.setdefault(item.device_id, []).append((item.event_time, bool(item.body.get("online"))))
        for device_id, said in words.items():
            raw = without(online_spans(said, self.silence), merged(tallied.get(device_id, ())))
            found.setdefault(device_id, []).extend(raw)
        return {device_id: merged(spans) for device_id, spans in found.items()}

    @cached_property
    def heard(self) -> Mapping[str, frozenset[date]]:
        """By device the days of the month on which anything was heard of it."""
        begins, ends = self.span
        found: dict[str, set[date]] = {}
        for item in self.seen:
            if begins <= item.event_time < ends:
                found.setdefault(item.device_id, set()).add(local_day(item.event_time))
        for day in self.days:
            if heard(day.tally):
                found.setdefault(day.device_id, set()).add(date.fromisoformat(day.day))
        return {device_id: frozenset(days) for device_id, days in found.items()}

    def devices_of(self, kind: DeviceKind) -> list[Device]:
        """Registered devices of one kind that were bound at some time in the month."""
        begins, ends = self.span
        return [
            device
            for device in self.devices
            if device.kind is kind
            and not device.revoked
            and (device.bound_from is None or device.bound_from < ends)
            and (device.bound_until is None or device.bound_until > begins)
        ]

    @cached_property
    def excused(self) -> list[Span]:
        """Spans in which nothing is held against the merchant: outages, announced maintenance and closures (F.11, F.12)."""
        return merged((item.began_at, item.ended_at) for item in self.interruptions if counts(item))

    @cached_property
    def open_spans(self) -> list[Span]:
        """The opening hours of the month without what is excused; a shop whose hours are unknown is open all day."""
        begins, ends = self.span
        return without(clipped(self._hours(), begins, ends), self.excused)

    @cached_property
    def open_days(self) -> frozenset[date]:
        """Shanghai days with any opening hour left."""
        return frozenset(local_day(begins) for begins, _ in self.open_spans)

    def _hours(self) -> Iterator[Span]:
        opening = self.merchant.opening
        day, (_, ends) = self.first - timedelta(days=1), self.span
        while midnight(day) < ends:
            following = day + timedelta(days=1)
            if opening is None:
                yield midnight(day), midnight(following)
            else:
                closes_on = day if opening.closes > opening.opens else following
                yield datetime.combine(day, opening.opens, SHANGHAI), datetime.combine(closes_on, opening.closes, SHANGHAI)
            day = following


def counts(item: Interruption) -> bool:
    """Whether it takes time out: maintenance if told a day ahead, a closure if told before it began, an outage always (F.11)."""
    if item.kind is InterruptionKind.MAINTENANCE:
        return item.announced_at <= item.began_at - MAINTENANCE_AHEAD
    return item.kind is not InterruptionKind.CLOSURE or item.announced_at <= item.began_at


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans as few that do not touch, earliest first."""
    found: list[Span] = []
    for begins, ends in sorted(spans):
        if ends <= begins:
            continue
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ends))
        else:
            found.append((begins, ends))
    return found


def clipped(spans: Iterable[Span], begins: datetime, ends: datetime) -> list[Span]:
    """The parts of spans within a span."""
    return merged((max(one, begins), min(other, ends)) for one, other in spans)


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """Spans with others cut out of them."""
    found = []
    for begins, ends in spans:
        at = begins
        for one, other in holes:
            if other <= at or one >= ends:
                continue
            if one > at:
                found.append((at, one))
            at = max(at, other)
        if at < ends:
            found.append((at, ends))
    return found


def length(spans: Iterable[Span]) -> timedelta:
    """How long spans are together."""
    return sum((ends - begins for begins, ends in spans), timedelta(0))


def common(one: Sequence[Span], other: Sequence[Span]) -> timedelta:
    """How long two lists of spans are both there; each is merged and in order."""
    total, at = timedelta(0), 0
    for begins, ends in one:
        while at < len(other) and other[at][1] <= begins:
            at += 1
        place = at
        while place < len(other) and other[place][0] < ends:
            total += min(ends, other[place][1]) - max(begins, other[place][0])
            place += 1
    return total


def percent(part: timedelta | int, whole: timedelta | int) -> str:
    """A share in per cent as text, never rounded up: 94.9999999 is below 95."""
    if isinstance(part, timedelta) and isinstance(whole, timedelta):
        part, whole = part // timedelta(microseconds=1), whole // timedelta(microseconds=1)
    assert isinstance(part, int)
    assert isinstance(whole, int)
    share = (Decimal(part) * 100 / Decimal(whole)).quantize(_FINEST, ROUND_FLOOR)
    return f"{share:f}".rstrip("0").rstrip(".")


def named(items: Iterable[str]) -> tuple[str, ...]:
    """References in one order, as many as are kept."""
    return tuple(sorted(set(items))[:MOST_EVIDENCE])
