"""How many are inspected, which, and by whom (domain.md C.2, C.3, C.6.2, F.10, F.15)."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.sampling import (
    Excluded,
    RedChecks,
    Unit,
    Visits,
    draw,
    draw_officers,
    far_enough,
    items_to_check,
    months_after,
    plan,
    red_checks,
    select,
)
from domain.errors import BadInput

ZHENHAI = {
    "green": Visits(percent=0),
    "blue": Visits(percent=20),
    "yellow": Visits(percent=50),
    "red": Visits(percent=100, each=2),
}


def test_the_plan_of_the_reference_street():
    # 85 * 20 / 100 = 17; 20 * 50 / 100 = 10; 2 red ones twice each.
    told = plan({"green": 40, "blue": 85, "yellow": 20, "red": 2}, ZHENHAI)
    assert told.visits == {"green": 0, "blue": 17, "yellow": 10, "red": 4}
    assert told.total == 31


@pytest.mark.parametrize(
    ("units", "percent", "share", "why"),
    [
        (0, 20, 0, "nobody"),
        (1, 20, 1, "one unit is drawn: 0.2 rounds up"),
        (5, 20, 1, "exactly one"),
        (6, 20, 2, "1.2 rounds up"),
        (100, 7, 7, "in binary fractions 100 * 0.07 is more than 7"),
        (3, 100, 3, "all"),
        (9, 0, 0, "none"),
    ],
)
def test_shares_round_up_in_integers(units, percent, share, why):
    assert Visits(percent=percent).of(units) == share, why


@pytest.mark.parametrize(("units", "visits"), [(0, 0), (1, 1), (3, 1), (4, 2), (91, 31)])
def test_a_quarterly_visit_is_spread_over_three_months(units, visits):
    assert Visits(percent=100, over=3).of(units) == visits


@pytest.mark.parametrize("counts", [{"orange": 1}, {"blue": -1}])
def test_a_plan_for_no_such_grade_is_refused(counts):
    with pytest.raises(BadInput, match="E003"):
        plan(counts, ZHENHAI)


def test_the_draw_is_the_order_of_the_hashes():
    # sha256("2026-11-A|u1") and so on, recomputed here with the formula of the regulation.
    units = [f"u{n}" for n in range(1, 8)]
    expected = sorted(units, key=lambda unit: hashlib.sha256(f"2026-11-A|{unit}".encode()).hexdigest())
    told = draw(units, seed="2026-11-A", percent=20)
    assert list(told.order) == expected
    assert list(told.drawn) == expected[:2], "7 * 20 / 100 = 1.4 rounds up to 2"


@given(st.sets(st.text(min_size=1, max_size=8)), st.integers(0, 100), st.text(max_size=5), st.randoms())
def test_the_order_of_the_file_does_not_matter(units, percent, seed, random):
    shuffled = sorted(units)
    random.shuffle(shuffled)
    told = draw(shuffled, seed=seed, percent=percent)
    assert told == draw(sorted(units), seed=seed, percent=percent)
    assert set(told.order) == units
    assert len(told.drawn) * 100 >= len(units) * percent > (len(told.drawn) - 1) * 100 or not told.drawn


@pytest.mark.parametrize(("units", "percent"), [(["a", "b", "a"], 20), (["a"], 101), (["a"], -1)])
def test_an_impossible_draw_is_refused(units, percent):
    with pytest.raises(BadInput, match="E003"):
        draw(units, seed="s", percent=percent)


def test_officers_are_drawn_without_those_in_conflict():
    officers = ["o1", "o2", "o3", "o4"]
    expected = sorted(officers, key=lambda officer: hashlib.sha256(f"s|t9|{officer}".encode()).hexdigest())
    assert list(draw_officers(officers, seed="s", task_id="t9")) == expected[:2]
    assert list(draw_officers(officers, seed="s", task_id="t9", conflicts=[expected[0]])) == expected[1:3]
    with pytest.raises(BadInput, match="1 officers are left"):
        draw_officers(officers, seed="s", task_id="t9", conflicts=expected[1:])


TODAY = date(2026, 11, 20)
BEGAN = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("unit", "excluded", "added", "why"),
    [
        ({}, None, False, "in the pool"),
        ({"stopped": True}, Excluded.LEGAL_STOP, False, "closed by law"),
        ({"open_case": True}, Excluded.OPEN_CASE, False, "a case runs"),
        ({"drawn_on": date(2026, 1, 1)}, Excluded.DRAWN_THIS_PERIOD, False, "drawn on the first day of the period"),
        ({"drawn_on": date(2025, 12, 31)}, Excluded.DRAWN_RECENTLY, False, "an A unit within 12 months"),
        ({"drawn_on": date(2025, 11, 20)}, None, False, "12 months ago to the day"),
        ({"inspected_on": date(2024, 11, 20)}, None, True, "24 months ago to the day: on top"),
        ({"inspected_on": date(2024, 11, 21)}, None, False, "one day less"),
        ({"inspected_on": date(2024, 1, 1), "stopped": True}, Excluded.LEGAL_STOP, False, "who is closed is not visited"),
        ({"inspected_on": date(2024, 1, 1), "drawn_on": date(2025, 12, 31)}, Excluded.DRAWN_RECENTLY, True, "two years win"),
        ({"known_since": date(2024, 1, 1)}, None, True, "never inspected, known for two years"),
    ],
)
def test_who_is_in_the_pool_and_who_is_added(unit, excluded, added, why):
    # Nothing is drawn at 0 %, so that what is added is seen alone.
    asked = Unit(**{"id": "u", "known_since": date(2026, 1, 1), **unit})
    told = select([asked], seed="s", visits=Visits(percent=0, not_twice_in_months=12), period_began=BEGAN, today=TODAY)
    assert told.excluded.get("u") is excluded, why
    assert told.added == (("u",) if added else ()), why


def test_who_is_drawn_is_not_added_too():
    unit = Unit(id="u", known_since=date(2020, 1, 1))
    told = select([unit], seed="s", visits=Visits(percent=20), period_began=BEGAN, today=TODAY)
    assert told.draw.drawn == ("u",)
    assert told.added == ()


def test_what_a_superior_authority_has_checked_is_not_checked_again_for_three_months_without_a_clue():
    superior = {"cold_chain": date(2026, 8, 20), "records": date(2026, 8, 21), "labels": date(2026, 11, 1)}
    left = items_to_check(("cold_chain", "records", "labels", "water"), superior, clues=["labels"], today=TODAY)
    assert left == ("cold_chain", "labels", "water")


@pytest.mark.parametrize(
    ("effective_on", "told", "why"),
    [
        (date(2026, 12, 7), RedChecks(in_month=2, carried=0), "25 days left"),
        (date(2026, 12, 18), RedChecks(in_month=2, carried=0), "14 days left, the first included"),
        (date(2026, 12, 19), RedChecks(in_month=1, carried=1), "13 days left"),
        (date(2026, 12, 31), RedChecks(in_month=1, carried=1), "one day left"),
        (date(2027, 1, 1), RedChecks(in_month=0, carried=2), "not in this month at all"),
    ],
)
def test_a_merchant_red_late_in_the_month_gets_its_checks_pro_rata(effective_on, told, why):
    assert red_checks(effective_on, date(2026, 12, 31)) == told, why


@pytest.mark.parametrize(("second", "fits"), [(date(2026, 11, 1), False), (date(2026, 11, 7), False), (date(2026, 11, 8), True)])
def test_the_two_checks_of_a_red_one_are_a_week_apart(second, fits):
    assert far_enough(date(2026, 11, 1), second, Visits(percent=100, each=2, apart_days=7)) is fits


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 8, 31), 3, date(2026, 11, 30)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2025, 12, 15), 1, date(2026, 1, 15)),
    ],
)
def test_months_are_clamped_to_the_end_of_the_month(day, months, later):
    assert months_after(day, months) == later
