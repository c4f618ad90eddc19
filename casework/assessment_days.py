"""Keeps the tallies of what devices said each day, so that an assessment need not read a row a minute of every camera.

A day is counted once it is over. A word that comes later for a day that is over takes its tallies away (``forget``), in the
transaction that stores the word; here they are counted again. So a tally that is there is right, whenever one looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from casework.indicators_days import status_day
from domain.observations import Kind, Observation
from domain.parties import Merchant
from domain.time import local_day, midnight
from store.assessments import DeviceDay, StatusWord
from store.ports import Store, UnitOfWork

MERCHANTS_AT_ONCE: Final = 10
SETTLED: Final = timedelta(minutes=10)
"""How long after midnight a day is counted: what is on its way then need not be counted twice."""


class DayCounter:
    """Counts the days that are over, a bounded piece at a time.

    Args:
        store: the system of record.
        silence: after which a device that says nothing is offline.
    """

    def __init__(self, store: Store, silence: timedelta) -> None:
        self._store, self._silence = store, silence
        self._after = ""
        self._counted_on: date | None = None

    def piece(self, now: datetime) -> bool:
        """Count the earliest day that lacks tallies, for the next few merchants; False once all are counted for today."""
        today = local_day(now - SETTLED)
        if self._counted_on == today:
            return False
        first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
        with self._store.reading() as uow:
            some = uow.assessments.merchants_after(self._after, limit=MERCHANTS_AT_ONCE)
            lacking = self._lacking(uow, some, first, today)
        if not some:
            self._after, self._counted_on = "", today
            return False
        if lacking is None:
            self._after = some[-1].uscc
            return True
        day, devices = lacking
        with self._store.writing() as uow:
            for uscc in sorted({uscc for uscc, _ in devices}):
                uow.lock(lock_of(uscc))
            uow.assessments.put_device_days(self._count(uow, day, devices))
            uow.commit()
        return True

    def _lacking(
        self, uow: UnitOfWork, merchants: Sequence[Merchant], first: date, today: date
    ) -> tuple[date, list[tuple[str, str]]] | None:
        """The earliest day of which a device of theirs has no tally, and every device that has none."""
        usccs = [merchant.uscc for merchant in merchants]
        devices = [(device.uscc, device.id) for device in uow.assessments.devices(usccs)]
        known = uow.assessments.device_days(
            usccs,
            Kind.CAM_STATUS,
            since=first.isoformat(),
            until=today.isoformat(),
            within=self._silence,
            received_before=midnight(today + timedelta(days=2)),
        )
        there = {(day.uscc, day.device_id, day.day) for day in known}
        for number in range((today - first).days):
            day = first + timedelta(days=number)
            missing = [each for each in devices if (*each, day.isoformat()) not in there]
            if missing:
                return day, missing
        return None

    def _count(self, uow: UnitOfWork, day: date, devices: Sequence[tuple[str, str]]) -> list[DeviceDay]:
        said: dict[tuple[str, str], list[StatusWord]] = {each: [] for each in devices}
        since, until = midnight(day) - self._silence, midnight(day + timedelta(days=1))
        for uscc, device_id, word in uow.assessments.words([uscc for uscc, _ in devices], since=since, until=until):
            if (uscc, device_id) in said:
                said[uscc, device_id].append(word)
        return [status_day(uscc, device_id, day, words, self._silence) for (uscc, device_id), words in said.items()]


def forget(uow: UnitOfWork, observations: Iterable[Observation], now: datetime) -> None:
    """Take away the tallies of days that are over and of which more is known now; a word reaches into the next day."""
    today = local_day(now)
    late: dict[tuple[str, str], set[str]] = {}
    for item in observations:
        day = local_day(item.event_time)
        if item.kind is Kind.CAM_STATUS and day < today:
            days = late.setdefault((item.uscc, item.device_id), set())
            days |= {day.isoformat(), (day + timedelta(days=1)).isoformat()}
    for uscc in sorted({uscc for uscc, _ in late}):
        uow.lock(lock_of(uscc))
    for (uscc, device_id), days in sorted(late.items()):
        uow.assessments.drop_device_days(uscc, device_id, Kind.CAM_STATUS, days=sorted(days))


def lock_of(uscc: str) -> str:
    """What whoever counts, and whoever takes away, holds."""
    return f"device-days:{uscc}"
