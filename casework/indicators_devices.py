"""Indicators from devices: cameras online, cold chain, the in-shop board, days with data (domain.md C.1 I05, I08, I09, C5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from casework.indicators_breaches import offline_violation
from casework.indicators_record import Counted, Record, Span, clipped, common, length, percent, without
from domain.ids import DeviceKind
from domain.observations import Kind
from domain.time import local_day, midnight
from store.assessments import Seen

SCENE_OFFLINE = timedelta(hours=2)
RANGES = {"cold": (0, 8), "frozen": (-60, -12)}
"""Degrees Celsius in which cold and frozen goods are in range (C.9)."""


def camera_online(record: Record) -> Counted:
    """I05: the share of the opening hours in which the cameras were online."""
    cameras = record.devices_of(DeviceKind.CAMERA)
    wanted = record.open_spans
    if not wanted:
        return Counted(value=None, reason="closed_all_month")
    if not cameras:
        return Counted(value=None, reason="no_camera")
    due, there = timedelta(0), timedelta(0)
    for camera in cameras:
        bound = clipped(wanted, camera.bound_from or wanted[0][0], camera.bound_until or wanted[-1][1])
        due += length(bound)
        there += common(bound, record.online.get(camera.id, []))
    if not due:
        return Counted(value=None, reason="no_camera")
    told = {"cameras": str(len(cameras)), "due_minutes": _minutes(due), "online_minutes": _minutes(there)}
    return Counted(value=percent(there, due), evidence=tuple(sorted(camera.id for camera in cameras)), told=told)


def scene_offline_days(record: Record) -> list[dict[str, Any]]:
    """XV13: each production day on which a scene was offline for more than two hours."""
    cameras = record.devices_of(DeviceKind.CAMERA)
    found = []
    for day in sorted(record.open_days):
        wanted = clipped(record.open_spans, midnight(day), midnight(day + timedelta(days=1)))
        for camera in cameras:
            if length(wanted) - common(wanted, record.online.get(camera.id, [])) > SCENE_OFFLINE:
                found.append(offline_violation(day, camera.id))
                break
    return found


def cold_chain(record: Record) -> Counted:
    """I08: the share of readings of cold and frozen storage that are in range."""
    readings = [item for item in record.of_month(Kind.SENSOR_TEMP) if item.body.get("zone") in RANGES]
    readings = [item for item in readings if not _within(item.event_time, record.excused)]
    if not readings:
        return Counted(value=None, reason="no_cold_storage")
    good = sum(1 for item in readings if _in_range(item))
    told = {"readings": str(len(readings)), "in_range": str(good)}
    return Counted(value=percent(good, len(readings)), evidence=_devices(readings), told=told)


def _in_range(item: Seen) -> bool:
    low, high = RANGES[str(item.body["zone"])]
    return bool(low <= item.body["celsius"] <= high)


def kanban_days(record: Record) -> Counted:
    """I09: the share of open days on which the in-shop board was heard of."""
    boards = {device.id for device in record.devices_of(DeviceKind.KANBAN)}
    if not record.open_days:
        return Counted(value=None, reason="closed_all_month")
    if not boards:
        return Counted(value=None, reason="no_board")
    days = len({day for board in boards for day in record.heard.get(board, ())} & record.open_days)
    told = {"open_days": str(len(record.open_days)), "days": str(days)}
    return Counted(value=percent(days, len(record.open_days)), evidence=tuple(sorted(boards)), told=told)


def days_of_data(record: Record) -> Counted:
    """C5: the days of the month on which anything was recorded; days excused count as well."""
    begins, ends = record.span
    days = {day for known in record.heard.values() for day in known}
    excused = {day for day in _days(begins, ends) if not without([_whole(day)], record.excused)}
    return Counted(value=len(days | excused), told={"days": str(len(days)), "excused": str(len(excused - days))})


def _days(begins: datetime, ends: datetime) -> list[date]:
    first, last = local_day(begins), local_day(ends - timedelta(microseconds=1))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _whole(day: date) -> Span:
    return midnight(day), midnight(day + timedelta(days=1))


def _within(at: datetime, spans: list[Span]) -> bool:
    return any(begins <= at < ends for begins, ends in spans)


def _minutes(span: timedelta) -> str:
    return str(span // timedelta(minutes=1))


def _devices(items: list[Seen]) -> tuple[str, ...]:
    found: Mapping[str, None] = dict.fromkeys(item.device_id for item in items)
    return tuple(sorted(found))
