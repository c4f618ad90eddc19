"""The calendar of working days and an operator's corrections to it."""

from __future__ import annotations

from datetime import date

import pytest

import configs
from domain.errors import ConfigurationError


@pytest.mark.parametrize(
    ("day", "works", "why"),
    [
        (date(2026, 10, 1), False, "National Day"),
        (date(2026, 10, 10), True, "a Saturday worked in its lieu"),
        (date(2026, 11, 21), False, "a Saturday"),
        (date(2026, 11, 20), True, "a Friday"),
        (date(2033, 10, 3), True, "a Monday of a year nobody has published yet"),
        (date(2033, 10, 1), False, "a Saturday of such a year"),
    ],
)
def test_the_calendar_knows_holidays_and_days_worked_in_their_lieu(day, works, why):
    assert configs.calendar().works(day) is works, why
    assert configs.calendar().covers(day) is (day.year == 2026)


def test_an_operators_corrections_are_laid_over_it(tmp_path):
    (tmp_path / "workdays.yaml").write_text("years: [2033]\nholidays: [2033-10-03]\nworkdays: [2033-10-01]\n", "utf-8")
    calendar = configs.calendar(tmp_path)
    assert not calendar.works(date(2033, 10, 3))
    assert calendar.works(date(2033, 10, 1))
    assert calendar.covers(date(2033, 5, 5))
    assert not calendar.covers(date(2034, 5, 5))
    assert calendar.works(date(2026, 10, 10)), "what the file does not say stays"


def test_a_directory_without_the_file_has_the_shipped_calendar(tmp_path):
    assert configs.calendar(tmp_path).works(date(2026, 10, 10))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("holidays: [2033-13-01]\n", "YYYY-MM-DD"),
        ("holidays: [2033-10-03]\nworkdays: [2033-10-03]\n", "both"),
        ("holiday: []\n", "not known"),
        ("years: [33]\n", "years"),
    ],
)
def test_a_wrong_correction_is_refused_with_its_key(tmp_path, text, says):
    (tmp_path / "workdays.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=says):
        configs.calendar(tmp_path)
