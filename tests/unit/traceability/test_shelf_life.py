"""When goods stop being good (domain.md C.9)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.time import SHANGHAI
from traceability.shelf_life import ShelfLife, add_months, expires_at


def at(*parts):
    return datetime(*parts, tzinfo=SHANGHAI)


MADE = at(2026, 11, 20, 9, 30)


@pytest.mark.parametrize(
    ("shelf_life", "expires", "why"),
    [
        (ShelfLife(days=1), at(2026, 11, 22), "good through the 21st: the day of production is not counted"),
        (ShelfLife(days=30), at(2026, 12, 21), "over the month's end"),
        (ShelfLife(months=1), at(2026, 12, 21), "good through 20 December"),
        (ShelfLife(months=3), at(2027, 2, 21), "over the year's end"),
        (ShelfLife(hours=24), at(2026, 11, 21, 9, 30), "hours run from the hour"),
    ],
)
def test_shelf_life_by_arithmetic(shelf_life, expires, why):
    assert expires_at(MADE, shelf_life) == expires, why


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 10, 31), 1, date(2026, 11, 30)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
    ],
)
def test_months_keep_the_day_or_take_the_months_last(day, months, expected):
    assert add_months(day, months) == expected


def test_the_day_of_production_is_shanghais():
    evening_in_utc = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)  # half past midnight on the 21st in Shanghai
    assert expires_at(evening_in_utc, ShelfLife(days=1)) == at(2026, 11, 23)


def test_a_printed_date_wins():
    assert expires_at(MADE, ShelfLife(days=30), printed=date(2026, 11, 25)) == at(2026, 11, 26)


@pytest.mark.parametrize(
    ("opened", "expires", "why"),
    [
        (None, at(2026, 12, 21), "never opened"),
        (at(2026, 11, 25, 8), at(2026, 11, 27, 8), "48 h after opening"),
        (at(2026, 12, 20, 23), at(2026, 12, 21), "the closed package would not have lasted longer"),
    ],
)
def test_opening_only_shortens(opened, expires, why):
    shelf_life = ShelfLife(days=30, after_open=timedelta(hours=48))
    assert expires_at(MADE, shelf_life, opened_at=opened) == expires, why


@pytest.mark.parametrize("spans", [{}, {"days": 1, "hours": 2}, {"days": 0}, {"months": -1}])
def test_a_shelf_life_says_one_positive_thing(spans):
    with pytest.raises(BadInput):
        ShelfLife(**spans)


@given(st.integers(0, 25_000_000).map(lambda n: at(2020, 1, 1) + timedelta(minutes=n)), st.integers(1, 60))
def test_a_longer_shelf_life_never_ends_earlier(made, n):
    for unit in ("days", "months", "hours"):
        shorter, longer = (expires_at(made, ShelfLife(**{unit: k})) for k in (n, n + 1))
        assert made < shorter < longer or (unit == "months" and made < shorter <= longer)
