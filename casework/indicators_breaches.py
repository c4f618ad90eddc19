"""Violations that follow from records alone, without a warning: coverage, temperature, evaluations, trainings (domain.md C.4).

They are counted afresh each month, so that counting twice charges once. No person has confirmed them: the provisional result is
the proposal, the objection window and the publication by a named person make it final (section 0.3). What came to be known after
its own month's cut is charged in the month in which it did (F.6), and never in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from casework.indicators_record import Record, percent
from domain.ids import DeviceKind
from domain.observations import Kind
from domain.time import format_instant, local_day
from store.assessments import Seen

ENOUGH_COVERAGE: Final = Decimal(95)
EXCURSION: Final = timedelta(minutes=30)
CALM: Final = timedelta(minutes=10)
SENSOR_SILENT: Final = timedelta(minutes=15)
LEAD: Final = timedelta(hours=2)
"""How far before a month readings are looked at: an episode over its beginning is one, and belongs to the month before."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a zone is out of range, and where it is surely in range again (C.9: 0.5 degrees of hysteresis)."""

    out: Decimal
    calm: Decimal
    above: bool

    def is_out(self, celsius: Decimal) -> bool:
        """Whether a reading is out of range."""
        return celsius > self.out if self.above else celsius < self.out

    def is_calm(self, celsius: Decimal) -> bool:
        """Whether a reading is in range beyond doubt."""
        return celsius <= self.calm if self.above else celsius >= self.calm


LIMITS: Final[Mapping[str, Limit]] = {
    "cold": Limit(Decimal(8), Decimal("7.5"), above=True),
    "frozen": Limit(Decimal(-12), Decimal("-12.5"), above=True),
    "hot": Limit(Decimal(60), Decimal("60.5"), above=False),
}


def excursions(readings: Iterable[tuple[datetime, Decimal]], limit: Limit) -> list[datetime]:
    """When each episode began (C.9): out of range for 30 minutes without a calm reading or a gap; over after 10 calm minutes.

    Args:
        readings: of one sensor and zone, in order.
        limit: of the zone.
    """
    found: list[datetime] = []
    run: datetime | None = None  # the first reading out of range, with none calm since
    raised = False  # an episode is on
    calm: datetime | None = None
    last: datetime | None = None
    for at, celsius in readings:
        if last is not None and at - last > SENSOR_SILENT:
            run = calm = None
            raised = False
        last = at
        if limit.is_calm(celsius):
            run = None
            calm = calm or at
            raised = raised and at - calm < CALM
            continue
        calm = None
        if run is None and limit.is_out(celsius):
            run = at
        if run is not None and not raised and at - run >= EXCURSION:
            found.append(run)
            raised = True
    return found


def temperature_excursions(record: Record) -> list[dict[str, Any]]:
    """XV15: each episode that began in the month."""
    begins, ends = record.span
    sensors = {device.id for device in record.devices_of(DeviceKind.SENSOR)}
    readings: dict[tuple[str, str], list[Seen]] = {}
    for item in record.of_kind(Kind.SENSOR_TEMP):
        if item.device_id in sensors and item.body.get("zone") in LIMITS and item.event_time < ends:
            readings.setdefault((item.device_id, str(item.body["zone"])), []).append(item)
    found = []
    for (sensor, zone), items in sorted(readings.items()):
        told = [(item.event_time, Decimal(str(item.body["celsius"]))) for item in items]
        episodes = [format_instant(at) for at in excursions(told, LIMITS[zone]) if at >= begins]
        found += [_violation(at, f"{sensor}/{zone}/{at}", (sensor,)) for at in episodes]
    return found


def trace_coverage(record: Record) -> list[dict[str, Any]]:
    """XV14: the share of sales whose lot has a trace record of the merchant or of who supplied it, if it is too small."""
    sales = sum(item.sales for item in record.sold)
    if not sales:
        return []
    own = record.merchant.uscc
    bound = sum(item.sales for item in record.sold if {(own, item.lot), (item.supplier, item.lot)} & record.traced)
    coverage = percent(bound, sales)
    if Decimal(coverage) >= ENOUGH_COVERAGE:
        return []
    untraced = sorted({item.lot for item in record.sold if not {(own, item.lot), (item.supplier, item.lot)} & record.traced})
    last = local_day(max(record.span[0], record.span[1] - timedelta(microseconds=1)))
    told = {"sales": str(sales), "bound": str(bound)}
    return [{**_violation(last.isoformat(), "trace", untraced[:50], told), "coverage": coverage}]


def evaluation_items(record: Record) -> list[dict[str, Any]]:
    """XV16: each item of a weekly evaluation that failed; its subject is the task and the item."""
    found = []
    for item in record.evaluated:
        if not _charged_now(record, item.at, item.published_at):
            continue
        violation = _violation(format_instant(item.at), f"{item.task_id}/{item.key}", (item.task_id, *item.evidence))
        found.append({**violation, "severity": item.gravity})
    return found


def missed_trainings(record: Record) -> list[dict[str, Any]]:
    """XV18: each training that was missed without an excuse."""
    return [
        _violation(format_instant(item.held_at), item.training_id, (item.attendance_id,))
        for item in record.absences
        if _charged_now(record, item.held_at, item.recorded_at)
    ]


def _charged_now(record: Record, at: datetime, known_at: datetime) -> bool:
    """Whether something that happened and came to be known belongs to this month's charges."""
    begins, ends = record.span
    return at < ends and known_at < max(ends, record.cut_at) and (at >= begins or known_at >= begins)


def _violation(at: str, subject: str, evidence: Iterable[str], told: Mapping[str, str] | None = None) -> dict[str, Any]:
    absent = dict.fromkeys(("notified_at", "rectified_at", "rectify_by", "incident_id"))
    return {"code": "", "at": at, **absent, "subject": subject, EVIDENCE: tuple(evidence), TOLD: dict(told or {})}


EVIDENCE: Final = "_evidence"
TOLD: Final = "_told"
"""Keys of a counted violation that go into its origin, not into the facts."""


def offline_violation(day: date, camera: str) -> dict[str, Any]:
    """XV13 of one day."""
    return _violation(day.isoformat(), camera, (camera,))
