"""Which days are working days in China (statutory holidays and the weekends worked in their lieu).

The calendar package knows the State Council's notices up to a certain year only; beyond its data Monday to Friday count.
That errs towards shorter objection windows near a holiday not yet announced, so ``calendar_covers`` lets a caller say so.
"""

from __future__ import annotations

from datetime import date

import chinese_calendar

_SATURDAY = 5


def calendar_covers(day: date) -> bool:
    """Whether the holiday calendar has data for that day."""
    years = {known.year for known in chinese_calendar.holidays} | {known.year for known in chinese_calendar.workdays}
    return day.year in years


def working_day(day: date) -> bool:
    """Whether a Shanghai calendar day is a working day; Monday to Friday where the calendar has no data yet."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < _SATURDAY
