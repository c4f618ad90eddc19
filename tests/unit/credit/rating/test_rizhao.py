"""Rizhao's A to D, worked by hand (domain.md C.6.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import BadInput
from tests.unit.credit.rating.merchants import points, rated, scheme

D = Decimal
GROUPS = {
    "qualification": 8, "environment": 10, "purchase_check": 10, "process_control": 16, "product_inspection": 10,
    "storage_delivery": 6, "nonconforming_recall": 8, "label_instructions": 6, "self_check": 6, "staff_management": 6,
    "records_traceability": 8, "accident_handling": 6,
}  # fmt: skip
"""The twelve check groups of Order 49 art. 15 with their points, from the specification."""


def items(key: tuple[int, int] = (2, 0), general: tuple[int, int] = (4, 0)) -> dict[str, Any]:
    """Checked and failed items of a group."""
    return {name: {"checked": of, "failed": bad} for name, (of, bad) in (("key", key), ("general", general))}


DYNAMIC = {"ordinary_penalties": 0, "heavier_penalties": 0, "failed_samplings": 0, "upheld_complaints": 0, "false_commitments": 0}
CHARACTERISTIC = {"haccp": False, "brand": False, "consumption_top_tenth": False, "self_declaration": False}


def detailed(
    groups: dict[str, Any] | None = None, dynamic: dict[str, Any] | None = None, characteristic: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Facts of a producer of class A whose professional score is worked out."""
    professional = {
        "groups": {name: items() for name in GROUPS} | (groups or {}),
        "dynamic": DYNAMIC | (dynamic or {}),
        "characteristic": CHARACTERISTIC | (characteristic or {}),
    }
    return {"generic": {"class": "A"}, "professional": professional}


def simple(u: dict[str, Any], s: Any, **more: Any) -> dict[str, Any]:
    return {"generic": u, "professional": {"score": s}, **more}


GENERIC = [
    ({"class": "A"}, "100"), ({"class": "B"}, "80"), ({"class": "C"}, "60"), ({"class": "D"}, "30"),
    ({"risk_index": "350"}, "65"), ({"risk_index": 0}, "100"), ({"risk_index": "1000"}, "0"), ({"risk_index": "12.5"}, "98.75"),
]  # fmt: skip


@pytest.mark.parametrize(("generic", "u"), GENERIC)
def test_the_generic_score_comes_from_the_class_or_the_risk_index(generic: dict[str, Any], u: str) -> None:
    rating = rated("rizhao", simple(generic, "50"))
    assert points(rating, "U") == D(u)
    assert rating.score == D("0.2") * D(u) + 40


@pytest.mark.parametrize("generic", [{"class": "unknown"}, {"class": None}, {"risk_index": None}, None])
def test_an_unknown_generic_class_is_never_guessed(generic: Any) -> None:
    rating = rated("rizhao", simple(generic, "92.5"))
    wire = rating.to_wire()
    assert (wire["score"], wire["band"], wire["grade"]) == (None, None, "unrated")
    assert wire["reasons"] == ["unrated: 缺少通用信用"]
    assert rating.to_wire("en")["reasons"] == ["unrated: lacking: Generic credit"]


def test_without_a_professional_score_nothing_is_guessed_either() -> None:
    assert rated("rizhao", simple({"class": "A"}, None)).grade == "unrated"
    assert rated("rizhao", {"generic": {"class": "A"}, "professional": None}).grade == "unrated"


BANDS = [
    # class A: R = 20 + 0.8 S
    ("87.5", "90.00", "A"), ("87.49375", "90.00", "A"), ("87.49374", "89.99", "B"),  # 89.995 and 89.994992
    ("68.75", "75.00", "B"), ("68.74", "74.99", "C"), ("50", "60.00", "C"), ("49.99", "59.99", "D"), ("0", "20.00", "D"),
]  # fmt: skip


@pytest.mark.parametrize(("s", "score", "grade"), BANDS)
def test_a_fifth_generic_and_four_fifths_professional(s: str, score: str, grade: str) -> None:
    rating = rated("rizhao", simple({"class": "A"}, s))
    assert (str(rating.score), rating.band, rating.grade) == (score, grade, grade)


def test_the_groups_have_the_points_of_the_specification() -> None:
    root = scheme("rizhao").rating.root
    professional = next(part for part in root.parts if part.id == "S")
    assert {leaf.id: leaf.max for leaf in professional.parts} == GROUPS
    assert points(rated("rizhao", detailed()), "S") == 100


PROFESSIONAL = [
    # process_control 16: 2 key (weight 3) and 4 general (weight 1) items = 10
    ({"groups": {"process_control": items(key=(2, 1))}}, "95.2", "16 × (1 - 3/10) = 11.2"),
    ({"groups": {"process_control": items(general=(4, 1))}}, "98.4", "16 × (1 - 1/10) = 14.4"),
    ({"groups": {"process_control": items(key=(2, 2), general=(4, 4))}}, "84", "everything failed"),
    ({"groups": {"process_control": items(key=(0, 0), general=(4, 1))}}, "96", "no key item checked: 16 × 3/4"),
    ({"groups": {"process_control": None, "environment": items(key=(2, 2), general=(4, 4))}}, None, "100 × 74/84"),
    ({"groups": {"process_control": items(key=(0, 0), general=(0, 0))}}, "100", "nothing checked is not applicable"),
    ({"dynamic": {"ordinary_penalties": 2}}, "90", "5 each"),
    ({"dynamic": {"heavier_penalties": 1}}, "90", ""),
    ({"dynamic": {"failed_samplings": 2}}, "84", "8 each"),
    ({"dynamic": {"upheld_complaints": 1}}, "98", ""),
    ({"dynamic": {"upheld_complaints": 5}}, "90", "2 each"),
    ({"dynamic": {"upheld_complaints": 6}}, "90", "at most 10 for complaints"),
    ({"dynamic": {"false_commitments": 1}}, "90", ""),
    ({"dynamic": {"heavier_penalties": 11}}, "0", "never below 0"),
    ({"characteristic": {"haccp": True, "brand": True}}, "100", "never above 100"),
    ({"dynamic": {"heavier_penalties": 1}, "characteristic": {"haccp": True}}, "92", "+2"),
    ({"dynamic": {"heavier_penalties": 1}, "characteristic": {"brand": True}}, "91", "+1"),
    ({"dynamic": {"heavier_penalties": 1}, "characteristic": {"consumption_top_tenth": True}}, "91", "+1"),
    ({"dynamic": {"heavier_penalties": 1}, "characteristic": {"self_declaration": True}}, "91", "+1"),
    ({"dynamic": {"heavier_penalties": 1}, "characteristic": dict.fromkeys(CHARACTERISTIC, True)}, "95", "+5 in all"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "s", "why"), PROFESSIONAL)
def test_the_professional_score_is_worked_out(changes: dict[str, Any], s: str | None, why: str) -> None:
    rating = rated("rizhao", detailed(**changes))
    expected = D(s) if s is not None else D(7400) / 84
    assert abs(points(rating, "S") - expected) < D("1e-20"), why


def test_the_caps_hold_apart_from_the_raw_points() -> None:
    rating = rated("rizhao", detailed(dynamic={"upheld_complaints": 6}))
    line = next(line for line in rating.lines if line.id == "upheld_complaints")
    assert (line.points, line.told("en")) == (D(-10), "Upheld complaints: 6 × 2")


def direct(cause: str, at: str = "2026-03-05", ended_at: str | None = None, **facts: Any) -> dict[str, Any]:
    entry = {"cause": cause, "at": at} | ({} if ended_at is None else {"ended_at": ended_at})
    return simple({"class": "A"}, "100", direct_d=[entry], **facts)


CAUSES = (
    "serious_dishonesty_list",
    "accident",
    "licence_revoked",
    "illegal_substance",
    "refusal_by_force",
    "forged_records",
    "stop_production",
)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_proposes_d_whatever_the_score(cause: str) -> None:
    wire = rated("rizhao", direct(cause)).to_wire()
    assert (wire["band"], wire["grade"], wire["proposed"]) == ("A", "D", True)
    assert wire["reasons"][0].startswith("direct_d: ")


DURATION = [
    # cause, at, ended_at, as_of, grade, reason code, why
    ("accident", "2026-03-05", None, "2026-12-31", "D", ["direct_d"], "to the end of the evaluation year"),
    ("accident", "2026-03-05", None, "2027-01-01", "C", ["after_direct_d"], "then at best C"),
    ("accident", "2026-03-05", None, "2026-12-31T15:59:59Z", "D", ["direct_d"], "the last second of the year in Shanghai"),
    ("accident", "2026-03-05", None, "2026-12-31T16:00:00Z", "C", ["after_direct_d"], "a second later"),
    ("accident", "2026-03-05", None, "2027-12-31", "C", ["after_direct_d"], "for the next evaluation"),
    ("accident", "2026-03-05", None, "2028-01-01", "A", [], "and no longer"),
    ("accident", "2026-03-05", "2027-02-10", "2027-02-10", "D", ["direct_d"], "the cause ended later than the year"),
    ("accident", "2026-03-05", "2027-02-10", "2027-02-11", "C", ["after_direct_d"], ""),
    ("accident", "2026-03-05", "2026-04-01", "2026-12-31", "D", ["direct_d"], "the year ends later than the cause"),
    ("serious_dishonesty_list", "2024-03-05", None, "2026-11-30", "D", ["direct_d"], "still listed"),
    ("serious_dishonesty_list", "2024-03-05", "2026-03-05", "2026-11-30", "C", ["after_direct_d"], "removed this year"),
    ("stop_production", "2025-12-30", None, "2026-01-02", "D", ["direct_d"], "the order still holds"),
]


@pytest.mark.parametrize(("cause", "at", "ended_at", "as_of", "grade", "codes", "why"), DURATION)
def test_direct_d_lasts_to_the_end_of_the_year_and_of_its_cause(
    cause: str, at: str, ended_at: str | None, as_of: str, grade: str, codes: list[str], why: str
) -> None:
    rating = rated("rizhao", direct(cause, at, ended_at, as_of=as_of))
    assert (rating.grade, [reason.code for reason in rating.reasons]) == (grade, codes), why
    assert rating.proposed == (grade == "D")


def test_direct_d_says_until_when() -> None:
    assert "至 2026-12-31" in rated("rizhao", direct("accident")).to_wire()["reasons"][0]
    assert "直至情形消除" in rated("rizhao", direct("serious_dishonesty_list")).to_wire()["reasons"][0]


def test_direct_d_needs_no_score() -> None:
    facts = direct("accident") | {"generic": {"class": None}}
    assert (rated("rizhao", facts).grade, rated("rizhao", facts).score) == ("D", None)


PREVIOUS = [("D", "100", "C"), ("D", "60", "C"), ("D", "0", "D"), ("C", "100", "A"), ("A", "0", "D"), (None, "100", "A")]


@pytest.mark.parametrize(("previous", "s", "grade"), PREVIOUS)
def test_after_d_at_best_c(previous: str | None, s: str, grade: str) -> None:
    assert rated("rizhao", simple({"class": "A"}, s, previous=previous)).grade == grade


WRONG = [
    (simple({}, "50"), "generic.class", "one of several keys is missing"),
    (simple({"class": "A", "risk_index": "1"}, "50"), "generic.risk_index", "they exclude each other"),
    (simple({"class": "E"}, "50"), "generic.class", "no answer known here"),
    (simple({"risk_index": "1000.5"}, "50"), "generic.risk_index", "out of range"),
    (simple({"class": "A"}, "100.01"), "professional.score", "out of range"),
    ({"professional": {"score": "1"}}, "generic", "the key is missing"),
    ({"generic": {"class": "A"}, "professional": {"groups": {}}}, "professional.dynamic", "the key is missing"),
    (detailed({"self_check": items(key=(1, 2))}), "professional.groups.self_check.key.failed", "more than all"),
    (direct("weather"), "direct_d[0].cause", "no cause"),
    (direct("accident", "2026-13-01"), "direct_d[0].at", "no date"),
    (direct("accident", "2026-03-05", as_of="2026-03-04"), "direct_d[0].at", "later than as_of"),
    (direct("accident", "2026-03-05", "2026-03-04"), "direct_d[0].ended_at", "is before"),
    (simple({"class": "A"}, "50", previous="E"), "previous", "no grade"),
    (simple({"class": "A"}, "50", caps=["C1"]), "caps", "not known"),
]


@pytest.mark.parametrize(("facts", "where", "what"), WRONG)
def test_a_wrong_fact_is_named_with_its_path(facts: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(BadInput) as refused:
        rated("rizhao", facts)
    assert refused.value.where == where
    assert what in refused.value.what


FREQUENCIES = {"A": (5, 1), "B": (20, 1), "C": (50, 1), "D": (100, 2)}


@pytest.mark.parametrize(("grade", "s"), [("A", "100"), ("B", "75"), ("C", "60"), ("D", "10")])
def test_the_ratios_of_the_year_follow_from_the_grade(grade: str, s: str) -> None:
    rating = rated("rizhao", simple({"class": "A"}, s))
    visits = rating.measures["visits"]
    assert (rating.grade, (visits["percent"], visits["each"]), visits["period"]) == (grade, FREQUENCIES[grade], "year")
