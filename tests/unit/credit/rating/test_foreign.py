"""Two schemes from elsewhere, as data only (domain.md C.7b)."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from domain.errors import BadInput
from tests.unit.credit.rating.merchants import rated

# The United Kingdom's table, written from its published banding: for each rating the highest total and the highest single score.
UK_TABLE = ((5, 15, 5), (4, 20, 10), (3, 30, 10), (2, 40, 15), (1, 50, 20))
UK_INPUTS = list(product((0, 5, 10, 15, 20, 25), (0, 5, 10, 15, 20, 25), (0, 5, 10, 20, 30)))


def uk_rating(hygiene: int, structure: int, confidence: int) -> str:
    total, worst = hygiene + structure + confidence, max(hygiene, structure, confidence)
    for rating, most_in_all, most_in_one in UK_TABLE:
        if total <= most_in_all and worst <= most_in_one:
            return str(rating)
    return "0"


def test_all_180_inputs_of_the_uk_are_rated_as_its_table_says() -> None:
    assert len(UK_INPUTS) == 180
    for hygiene, structure, confidence in UK_INPUTS:
        rating = rated("fhrs", {"hygiene": hygiene, "structure": structure, "confidence": confidence})
        assert rating.grade == uk_rating(hygiene, structure, confidence), (hygiene, structure, confidence)
        assert rating.score == hygiene + structure + confidence


WORKED = [
    ((0, 0, 0), "5"), ((5, 5, 5), "5"), ((5, 10, 0), "4"), ((10, 0, 5), "4"), ((10, 10, 0), "4"), ((10, 10, 5), "3"),
    ((10, 10, 10), "3"), ((15, 0, 0), "2"), ((15, 15, 10), "2"), ((20, 0, 0), "1"), ((20, 20, 10), "1"), ((15, 15, 20), "1"),
    ((25, 0, 0), "0"), ((20, 20, 20), "0"), ((0, 0, 30), "0"), ((25, 25, 30), "0"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "grade"), WORKED)
def test_uk_examples_by_hand(parts: tuple[int, int, int], grade: str) -> None:
    facts = dict(zip(("hygiene", "structure", "confidence"), parts, strict=True))
    assert rated("fhrs", facts).grade == grade


@pytest.mark.parametrize(("points", "grade"), [(0, "A"), (13, "A"), (14, "B"), (27, "B"), (28, "C"), ("150", "C"), (99999, "C")])
def test_new_york_counts_points_upwards_to_worse(points: object, grade: str) -> None:
    rating = rated("nyc", {"points": points})
    assert (rating.grade, rating.band, rating.score) == (grade, grade, Decimal(str(points)))


def test_a_part_that_is_not_there_leaves_no_rating() -> None:
    assert rated("fhrs", {"hygiene": 5, "structure": 5, "confidence": None}).grade == "unrated"
    assert rated("nyc", {"points": None}).grade == "unrated"


@pytest.mark.parametrize(
    ("scheme", "facts", "where"),
    [
        ("fhrs", {"hygiene": 5, "structure": 5}, "confidence"),
        ("fhrs", {"hygiene": 5, "structure": 5, "confidence": 15}, "confidence"),
        ("fhrs", {"hygiene": 30, "structure": 5, "confidence": 5}, "hygiene"),
        ("fhrs", {"hygiene": 5, "structure": 5, "confidence": 5, "colour": 1}, "colour"),
        ("nyc", {"points": -1}, "points"),
        ("nyc", {"points": "12.5"}, "points"),
        ("nyc", {"points": 12.5}, "points"),
        ("nyc", {"points": True}, "points"),
        ("nyc", {}, "points"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(scheme: str, facts: dict[str, object], where: str) -> None:
    with pytest.raises(BadInput) as refused:
        rated(scheme, facts)
    assert refused.value.where == where
