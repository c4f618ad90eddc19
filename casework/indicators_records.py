"""Indicators from the merchant's own records and from people: certificates, morning checks, vouchers, ratings, inspections.

``inspection.result`` may say its ``mode``: ``online`` (a patrol), ``recheck``, or ``offline`` where it says nothing.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal

from casework.indicators_record import Counted, Record, named
from credit.sampling import months_after
from domain.observations import Kind
from domain.time import local_day, parse_instant
from store.assessments import Seen

NO_PROBLEM = "未发现问题"
SPOT_CHECK_MONTHS = 6
_FINEST = Decimal("0.000001")


def certified_staff(record: Record) -> Counted:
    """I12: of those who worked in direct contact with food, how many held a valid certificate; days of work are counted."""
    shifts = [item for item in record.of_month(Kind.STAFF_SHIFT) if item.body.get("duty") == "direct"]
    worked = {(local_day(parse_instant(item.body["start"], "start")), str(item.body["person_ref"])) for item in shifts}
    if not worked:
        return Counted(value=None, reason="no_shifts")
    papers: dict[str, list[tuple[date, date]]] = {}
    for item in record.of_kind(Kind.STAFF_CERTIFICATE):
        papers.setdefault(str(item.body["person_ref"]), []).append(validity(item))
    valid = sum(1 for day, person in worked if any(begins <= day <= ends for begins, ends in papers.get(person, [])))
    told = {"person_days": str(len(worked)), "valid": str(valid)}
    return Counted(value={"valid": valid, "staff": len(worked)}, evidence=named(item.event_id for item in shifts), told=told)


def validity(item: Seen) -> tuple[date, date]:
    """From when to when a certificate holds; a year less a day unless it says otherwise (C.9)."""
    begins = date.fromisoformat(item.body["issued_on"])
    until = item.body.get("valid_until")
    if until:
        return begins, date.fromisoformat(until)
    same_day = months_after(begins, 12)
    # the 29th of February has no same day a year later: it is the 1st of March then (C.9)
    return begins, same_day if same_day.day != begins.day else same_day - timedelta(days=1)


def morning_checks(record: Record) -> Counted:
    """I13: open days on which a morning check was recorded."""
    if not record.open_days:
        return Counted(value=None, reason="closed_all_month")
    shifts = [item for item in record.of_month(Kind.STAFF_SHIFT) if item.body.get("morning_check")]
    days = {local_day(parse_instant(item.body["start"], "start")) for item in shifts} & record.open_days
    if not record.of_month(Kind.STAFF_SHIFT):
        return Counted(value=None, reason="no_shifts")
    value = {"recorded": len(days), "open_days": len(record.open_days)}
    told = {key: str(number) for key, number in value.items()}
    return Counted(value=value, evidence=named(item.event_id for item in shifts), told=told)


def vouchered_batches(record: Record) -> Counted:
    """I14: batches received in the month, and those with a purchase voucher."""
    lots: dict[str, bool] = {}
    items = record.of_month(Kind.BATCH_UPSERT)
    for item in items:
        if item.body.get("kind") != "product":
            lots[str(item.body["lot"])] = lots.get(str(item.body["lot"]), False) or bool(item.body.get("voucher_ref"))
    if not lots:
        return Counted(value=None, reason="no_batches")
    value = {"with_voucher": sum(lots.values()), "batches": len(lots)}
    told = {key: str(number) for key, number in value.items()}
    return Counted(value=value, evidence=named(item.event_id for item in items), told=told)


def consumer_rating(record: Record) -> Counted:
    """I20: the mean of consumers' stars, the last of each device and day (Z-11e)."""
    last: dict[tuple[str, date], Seen] = {}
    for item in record.of_month(Kind.RATING_NEW):
        last[str(item.body["device_hash"]), local_day(item.event_time)] = item
    if not last:
        return Counted(value=None, reason="no_ratings")
    stars = [int(item.body["stars"]) for item in last.values()]
    mean = (Decimal(sum(stars)) / len(stars)).quantize(_FINEST, ROUND_FLOOR)
    value = {"mean": f"{mean:f}".rstrip("0").rstrip("."), "n": len(stars)}
    return Counted(value=value, evidence=named(item.event_id for item in last.values()), told={"stars": str(sum(stars))})


def patrols_passed(record: Record) -> Counted:
    """G01: online patrols of the month, and those passed."""
    return _passed(record, "online")


def rechecks_passed(record: Record) -> Counted:
    """G03: re-checks of the month, and those passed."""
    return _passed(record, "recheck")


def spot_check_score(record: Record) -> Counted:
    """G02: the score of the latest offline spot check within six months."""
    since = months_after(record.first, 1 - SPOT_CHECK_MONTHS)
    checks = [
        item
        for item in record.of_kind(Kind.INSPECTION_RESULT)
        if mode(item) == "offline" and item.body.get("score") is not None and local_day(item.event_time) >= since
    ]
    if not checks:
        return Counted(value=None, reason="none_in_six_months")
    latest = checks[-1]
    told = {"on": local_day(latest.event_time).isoformat()}
    return Counted(value=str(Decimal(str(latest.body["score"]))), evidence=(latest.event_id,), told=told)


def mode(item: Seen) -> str:
    """How an inspection was made."""
    return str(item.body.get("mode", "offline"))


def _passed(record: Record, wanted: str) -> Counted:
    checks = [item for item in record.of_month(Kind.INSPECTION_RESULT, late=True) if mode(item) == wanted]
    checks = [item for item in checks if not _before(record, item)]
    if not checks:
        return Counted(value=None, reason="none_done")
    value = {"pass": sum(1 for item in checks if item.body["result"] == NO_PROBLEM), "total": len(checks)}
    told = {key: str(number) for key, number in value.items()}
    return Counted(value=value, evidence=named(item.event_id for item in checks), told=told)


def _before(record: Record, item: Seen) -> bool:
    """Of an earlier month, and known in time for that month."""
    return item.event_time < record.span[0] and not item.came_late(record.span[0])
