"""Working days (domain.md D.9)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from credit.calendar import add_working_days
from domain.errors import ConfigurationError
from domain.time import SHANGHAI, local_day

HOLIDAYS = {date(2026, 10, day) for day in range(1, 9)}
MAKE_UP = {date(2026, 10, 10)}


def is_working_day(day):
    return day in MAKE_UP or (day.weekday() < 5 and day not in HOLIDAYS)


def at(month, day, hour=12):
    return datetime(2026, month, day, hour, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "n", "last_day", "why"),
    [
        (at(11, 16), 3, (11, 19), "Monday: Tuesday, Wednesday, Thursday"),
        (at(11, 20), 3, (11, 25), "Friday: the weekend does not count"),
        (at(11, 21), 1, (11, 23), "Saturday: Monday is the first"),
        (at(9, 30), 3, (10, 12), "the National Day week, and a Saturday that is worked"),
        (at(11, 16, 0), 1, (11, 17), "just after midnight belongs to the day that began"),
        (at(11, 16, 23), 1, (11, 17), "so does the evening"),
        (datetime(2026, 11, 15, 16, 30, tzinfo=UTC), 1, (11, 17), "UTC Sunday evening is Monday in Shanghai"),
    ],
)
def test_a_period_ends_with_its_last_working_day(start, n, last_day, why):
    month, day = last_day
    assert add_working_days(start, n, is_working_day) == at(month, day + 1, 0), why


def test_a_calendar_without_working_days_is_refused():
    with pytest.raises(ConfigurationError):
        add_working_days(at(11, 16), 3, lambda _: False)


def test_no_days_are_no_period():
    with pytest.raises(ValueError, match="0 working days"):
        add_working_days(at(11, 16), 0, is_working_day)


def test_many_days_pass_many_holidays():
    start = at(1, 1)
    end = local_day(add_working_days(start, 250, is_working_day)) - timedelta(days=1)
    passed = [local_day(start) + timedelta(days=n) for n in range(1, (end - local_day(start)).days + 1)]
    assert sum(is_working_day(day) for day in passed) == 250
    assert is_working_day(end)
