"""Working days (domain.md C.2, C.6.4, D.9, F.5). Which day is one is the caller's knowledge: holidays change each year.

A period of n working days does not count the day it starts on, and "by 24:00" is the midnight that ends the day. A result that
leaned on a year without published data says so: its ``calendar`` is ``provisional``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from domain.errors import ConfigurationError
from domain.time import SHANGHAI, local, local_day, midnight

LONGEST_HOLIDAY = timedelta(days=60)
SAME_DAY_UNTIL = time(16)
"""A complete application that comes later than this on a working day is due the next one (C.6.4)."""


class Basis(StrEnum):
    """What a computed date rests on."""

    LEGAL = "legal"
    PROVISIONAL = "provisional"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which Shanghai days are worked, and for which of them that is known.

    Attributes:
        works: whether people work on a day; where nothing is known Monday to Friday.
        covers: whether the legal calendar has data for a day.
    """

    works: Callable[[date], bool]
    covers: Callable[[date], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The last instant, and what its date rests on."""

    by: datetime
    calendar: Basis


def add_working_days(start: datetime, n: int, is_working_day: Callable[[date], bool]) -> datetime:
    """The end of the n-th working day after the day of ``start``, which is not counted itself.

    Args:
        start: when the period is set running.
        n: how many working days, ≥ 1.
        is_working_day: whether people work on a Shanghai day.

    Returns:
        The Shanghai midnight that ends that day.

    Raises:
        ConfigurationError: if 60 days in a row are no working days: the calendar is wrong.
    """
    if n < 1:
        raise ValueError(f"{n} working days is no period")
    day = last = local_day(start)
    while n:
        day += timedelta(days=1)
        if is_working_day(day):
            n, last = n - 1, day
        elif day - last > LONGEST_HOLIDAY:
            raise ConfigurationError(f"the calendar knows no working day after {last.isoformat()}")
    return midnight(day + timedelta(days=1))


def within_working_days(start: datetime, n: int, calendar: Calendar) -> Deadline:
    """``add_working_days`` with what the date rests on.

    Args:
        start: when the period is set running; its day is not counted.
        n: how many working days, ≥ 1.
        calendar: of working days.
    """
    by = add_working_days(start, n, calendar.works)
    return Deadline(by=by, calendar=basis(local_day(start), local_day(by) - timedelta(days=1), calendar))


def repair_deadline(received_at: datetime, calendar: Calendar) -> Deadline:
    """Until when a complete application for credit repair is decided: the same day (C.6.4, R-14).

    Args:
        received_at: when the complete application came, or the supplement that completed it.
        calendar: of working days.

    Returns:
        24:00 of that day if it is a working day and not yet 16:00, else 24:00 of the next working day.
    """
    day = local_day(received_at)
    if calendar.works(day) and local(received_at).time() < SAME_DAY_UNTIL:
        return Deadline(by=midnight(day + timedelta(days=1)), calendar=basis(day, day, calendar))
    return within_working_days(received_at, 1, calendar)


def first_working_day(after: date, calendar: Calendar) -> date:
    """The first working day later than ``after``."""
    ended_at = add_working_days(midnight(after), 1, calendar.works)
    return local_day(ended_at) - timedelta(days=1)


def basis(first: date, last: date, calendar: Calendar) -> Basis:
    """Legal only if the calendar has data for every day from ``first`` to ``last``."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return Basis.LEGAL if all(calendar.covers(day) for day in days) else Basis.PROVISIONAL


def at_clock(day: date, clock: time) -> datetime:
    """A time of a Shanghai day."""
    return datetime.combine(day, clock, SHANGHAI)
