"""The national risk grade, worked by hand (domain.md C.7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from credit.rating.national import DRAFT_2022, REVIEW_FROM, disagreement, national_risk_grade
from domain.errors import BadInput

D = Decimal
COLOURS = ("green", "blue", "yellow", "red")

GRADES = [
    ("0", "0", "A", ("1", "1")), ("10", "20", "A", ("1", "1")), ("10", "20.01", "B", ("1", "2")), ("20", "25", "B", ("1", "2")),
    ("20", "25.5", "C", ("2", "3")), ("20", "40", "C", ("2", "3")), ("20", "40.1", "D", ("3", "4")),
    ("40", "60", "D", ("3", "4")),
]  # fmt: skip


@pytest.mark.parametrize(("static", "dynamic", "grade", "visits"), GRADES)
def test_higher_is_riskier(static: str, dynamic: str, grade: str, visits: tuple[str, str]) -> None:
    found = national_risk_grade(D(static), D(dynamic))
    assert (found.score, found.grade) == (D(static) + D(dynamic), grade)
    assert found.visits_per_year == tuple(map(D, visits))


def test_it_is_shifted_by_what_happened() -> None:
    assert [national_risk_grade(D(20), D(20), shift=by).grade for by in (-1, 0, 1, 2)] == ["A", "B", "C", "D"]
    assert national_risk_grade(D(40), D(60), shift=2).grade == "D"
    assert national_risk_grade(D(0), D(0), shift=-1).grade == "A"
    assert national_risk_grade(D(20), D(20), shift=1).reasons[0].render("en") == "shifted from B to C"
    assert national_risk_grade(D(0), D(0), shift=-1).reasons == ()


def test_the_draft_has_a_third_part() -> None:
    found = national_risk_grade(D(10), D(10), generic=D(10), profile=DRAFT_2022)
    assert (found.grade, found.visits_per_year) == ("A", (D("0.5"), D("0.5")))
    assert national_risk_grade(D(10), D(10), generic=D("10.5"), profile=DRAFT_2022).grade == "B"


@pytest.mark.parametrize(
    "arguments",
    [
        {"static": D("40.01"), "dynamic": D(0)},
        {"static": D(-1), "dynamic": D(0)},
        {"static": D(0), "dynamic": D(61)},
        {"static": D(0), "dynamic": D(0), "generic": D(1)},
        {"static": D(0), "dynamic": D(0), "profile": DRAFT_2022},
        {"static": D(0), "dynamic": D(0), "shift": 3},
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        national_risk_grade(**arguments)


def test_two_levels_apart_is_for_somebody_to_look_at() -> None:
    risky = national_risk_grade(D(40), D(60))
    assert disagreement("green", COLOURS, risky) == 3
    assert disagreement("yellow", COLOURS, risky) == 1 < REVIEW_FROM
    assert disagreement("A", ("A", "B", "C", "D"), national_risk_grade(D(0), D(0))) == 0
    assert disagreement("unrated", COLOURS, risky) is None
    assert disagreement("A", ("A", "B", "C"), risky) is None
