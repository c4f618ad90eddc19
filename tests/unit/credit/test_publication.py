"""When ratings are published and repairs decided (domain.md C.2 calendar, C.6.4, D.8), by a calendar made up here."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.calendar import Basis, Calendar, repair_deadline
from credit.publication import publication
from domain.errors import BadInput
from domain.time import SHANGHAI

HOLIDAYS = {date(2026, 10, day) for day in range(1, 8)} | {date(2027, 1, 1)}
MAKE_UP = {date(2026, 10, 10), date(2026, 9, 20)}
CALENDAR = Calendar(
    works=lambda day: day in MAKE_UP or (day.weekday() < 5 and day not in HOLIDAYS), covers=lambda day: day.year == 2026
)


def at(year, month, day, hour=0, minute=0, second=0):
    return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("month", "objection_until", "published_at", "calendar", "why"),
    [
        ("2026-11", at(2026, 12, 5), at(2026, 12, 7, 10), "legal", "run on Tuesday 1; Wed, Thu, Fri; then the Monday"),
        ("2026-10", at(2026, 11, 5), at(2026, 11, 5, 10), "legal", "run on a Sunday: Mon, Tue, Wed; Thursday 5 is the next"),
        ("2026-09", at(2026, 10, 11), at(2026, 10, 12, 10), "legal", "National Day; 8, 9 and Saturday 10 are worked; Monday 12"),
        ("2026-08", at(2026, 9, 5), at(2026, 9, 7, 10), "legal", "run on Tuesday 1; Wed, Thu, Fri; Monday 7"),
        ("2026-12", at(2027, 1, 7), at(2027, 1, 7, 10), "provisional", "1 January off; Mon 4, Tue 5, Wed 6; no data for 2027"),
    ],
)
def test_a_month_is_published_after_three_working_days_for_objections(month, objection_until, published_at, calendar, why):
    dates = publication(month, CALENDAR)
    assert dates.objection_until == objection_until, why
    assert dates.published_at == published_at, why
    assert dates.calendar == calendar, why
    assert dates.provisional_at - dates.frozen_at == timedelta(hours=2)


def test_the_window_is_longer_by_what_the_platform_was_down():
    dates = publication("2026-11", CALENDAR, outage=timedelta(hours=30))
    assert dates.objection_until == at(2026, 12, 6, 6)
    assert dates.published_at == at(2026, 12, 7, 10)
    # Into Monday 7: publication must wait for a whole working day after the window, Tuesday 8.
    assert publication("2026-11", CALENDAR, outage=timedelta(hours=49)).published_at == at(2026, 12, 8, 10)


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "202611", "", "2026-11-01", "0000-01"])
def test_what_is_no_month_is_refused(month):
    with pytest.raises(BadInput, match="E003"):
        publication(month, CALENDAR)


@pytest.mark.parametrize(
    ("received", "by", "why"),
    [
        (at(2026, 11, 18, 15, 59, 59), at(2026, 11, 19), "a Wednesday before 16:00: by 24:00 that day"),
        (at(2026, 11, 18, 16), at(2026, 11, 20), "at 16:00 it is too late: by 24:00 of Thursday"),
        (at(2026, 11, 18, 0), at(2026, 11, 19), "just after midnight is that day"),
        (at(2026, 11, 20, 16, 0, 1), at(2026, 11, 24), "Friday afternoon: Monday"),
        (at(2026, 11, 21, 9), at(2026, 11, 24), "Saturday morning: Monday"),
        (at(2026, 9, 20, 9), at(2026, 9, 21), "a Sunday that is worked"),
        (at(2026, 9, 30, 17), at(2026, 10, 9), "before the National Day week: Thursday 8"),
    ],
)
def test_a_repair_is_decided_the_same_day(received, by, why):
    deadline = repair_deadline(received, CALENDAR)
    assert deadline.by == by, why
    assert deadline.calendar is Basis.LEGAL


def test_a_year_without_data_is_said_to_be_provisional():
    assert repair_deadline(at(2026, 12, 31, 17), CALENDAR).calendar is Basis.PROVISIONAL
    assert repair_deadline(at(2026, 12, 31, 15), CALENDAR).calendar is Basis.LEGAL


@given(st.integers(0, 353 * 86_400))
def test_a_repair_is_never_decided_before_it_is_asked_for_nor_on_a_day_off(second):
    received_at = at(2026, 1, 1) + timedelta(seconds=second)
    by = repair_deadline(received_at, CALENDAR).by
    assert by > received_at
    last_day = (by - timedelta(microseconds=1)).astimezone(SHANGHAI).date()
    assert CALENDAR.works(last_day)
