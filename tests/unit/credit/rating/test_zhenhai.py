"""Zhenhai's three levels and four colours, worked by hand (domain.md C.0 to C.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from credit.rating.plan import Leaf, Node
from domain.errors import BadInput
from tests.unit.credit.rating.merchants import BEST, engine, indicators, levels, points, rated, scheme

D = Decimal


LOCAL = ["local_fallback"]
"""Z-06: "if absent use local catalogue, flagged `provisional`"; so is every rating from indicators without a provincial score."""


def codes(rating: Any) -> list[str]:
    return [reason.code for reason in rating.reasons]


def test_the_catalogue_has_three_levels_eleven_dimensions_and_forty_eight_indicators() -> None:
    root = scheme("zhenhai").rating.root
    dimensions = [node for level in root.parts for node in level.parts]
    leaves = [leaf for node in dimensions for leaf in node.parts]
    assert [(level.id, level.weight) for level in root.parts] == [("P", 30), ("I", 60), ("G", 10)]
    assert [(node.id, node.max) for node in dimensions] == [
        ("D1", 15), ("D2", 20), ("D3", 15), ("D4", 40), ("D5", 10),
        ("D6", 15), ("D7", 35), ("D8", 25), ("D9", 15), ("D10", 10),
        ("D11", 100),
    ]  # fmt: skip
    assert [leaf.id for leaf in leaves] == list(BEST)
    assert all(leaf.source and leaf.title.zh and leaf.title.en and leaf.raw.zh and leaf.raw.en for leaf in leaves)
    assert all(isinstance(node, Node) for node in dimensions)
    assert all(isinstance(leaf, Leaf) for leaf in leaves)


def days(*events: tuple[str, str, str, int]) -> dict[str, Any]:
    """Days with one event each: camera, class, severity, count."""
    return {"days": [[dict(zip(("camera", "class", "severity", "count"), event, strict=True))] for event in events]}


POINTS = [
    # P: public credit
    ("P01", True, "3", "valid"), ("P01", "no", "0", "invalid, as a word"),
    ("P02", "on_time", "3", ""), ("P02", "late_30d", "1.5", ""), ("P02", "missing", "0", ""),
    ("P03", "none", "4", ""), ("P03", "removed", "2", ""), ("P03", "marked", "0", ""),
    ("P04", False, "3", "no non-normal household"), ("P04", True, "0", ""),
    ("P05", "3", "2", "three years exactly"), ("P05", "2.99", "1", ""), ("P05", 1, "1", ""), ("P05", "0.99", "0.5", ""),
    ("P06", 0, "6", ""), ("P06", "1", "4", ""), ("P06", 3, "0", ""), ("P06", 9, "0", "never below 0"),
    ("P07", "paid", "4", ""), ("P07", "arrears", "0", ""),
    ("P08", False, "6", ""), ("P08", True, "0", ""), ("P09", False, "4", ""), ("P09", True, "0", ""),
    ("P10", 1, "2.5", ""), ("P10", 2, "0", ""), ("P10", 3, "0", ""),
    ("P11", 1, "2", ""), ("P11", 3, "0", ""), ("P12", 1, "1.5", ""), ("P12", 3, "0", ""), ("P13", False, "0", ""),
    ("P14", {"low_fine": 1, "ordinary": 0, "heavy": 0}, "12", "15 - 3"),
    ("P14", {"low_fine": 0, "ordinary": 1, "heavy": 0}, "10", "15 - 5"),
    ("P14", {"low_fine": 0, "ordinary": 0, "heavy": 1}, "5", "15 - 10"),
    ("P14", {"low_fine": 1, "ordinary": 1, "heavy": 1}, "0", "15 - 18 is not below 0"),
    ("P15", False, "10", ""), ("P15", True, "0", "and a veto"), ("P16", False, "8", ""), ("P16", True, "0", ""),
    ("P17", "kept", "4", ""), ("P17", "one_breach", "2", ""), ("P17", "broken", "0", ""), ("P17", "unsigned", "0", ""),
    ("P18", "none", "3", ""), ("P18", "refused", "0", ""), ("P18", "by_force", "0", "and a veto"),
    ("P19", "city", "4", ""), ("P19", "district", "3", ""), ("P19", "none", "2", ""),
    ("P20", 0, "1.5", ""), ("P20", 1, "3", ""), ("P20", 5, "3", ""), ("P21", 1, "1.5", ""), ("P21", 2, "0", ""),
    # I: industry supervision
    ("I01", True, "3", ""), ("I01", False, "0", ""), ("I02", 1, "3", ""), ("I02", 4, "0", ""), ("I02", 5, "0", ""),
    ("I03", "online", "5", ""), ("I03", "offline", "2.5", ""), ("I03", "none", "0", "no alarm"), ("I04", False, "0", ""),
    ("I05", "95", "10", ""), ("I05", "94.99", "8", ""), ("I05", 90, "8", ""), ("I05", "89.99", "5", ""), ("I05", "80", "5", ""),
    ("I05", "79.99", "2", "and cap C4"), ("I05", "60", "2", ""), ("I05", "59.99", "0", ""), ("I05", 100, "10", ""),
    ("I06", {"days": []}, "10", ""),
    ("I06", days(("c1", "no_mask", "general", 6)), "7", "six of a class on a camera in a day: three count"),
    ("I06", days(("c1", "no_mask", "general", 3), ("c1", "no_mask", "general", 3)), "4", "the limit is per day"),
    ("I06", days(("c1", "no_workwear", "minor", 1)), "9.5", ""), ("I06", days(("c1", "smoking", "serious", 1)), "7", ""),
    ("I06", days(("c1", "smoking", "serious", 3), ("c1", "rodent", "serious", 1)), "0", "10 - 12 is not below 0"),
    ("I07", {"on_time": 3, "due": 4}, "5.25", "7 × 3/4"), ("I07", {"on_time": 0, "due": 1}, "0", ""),
    ("I08", "98", "4", ""), ("I08", "97.99", "3", ""), ("I08", "95", "3", ""), ("I08", "94.99", "2", ""), ("I08", "90", "2", ""),
    ("I08", "89.99", "1", ""), ("I08", "80", "1", ""), ("I08", "79.99", "0", ""),
    ("I09", "90", "2", ""), ("I09", "89.99", "1", ""), ("I09", "60", "1", ""), ("I09", "59.99", "0", ""), ("I10", False, "0", ""),
    ("I11", "ok", "5", ""), ("I11", "expiring", "4", ""), ("I11", "out_of_scope", "0", ""), ("I11", "expired", "0", "and a veto"),
    ("I12", {"valid": "4.5", "staff": "5"}, "5.4", "6 × 4.5/5, a daily mean"),
    ("I13", {"recorded": 20, "open_days": 30}, "2", ""), ("I14", {"with_voucher": 45, "batches": 60}, "3", ""),
    ("I15", {"recorded": 10, "open_days": 30}, "1", ""), ("I16", {"done": 7, "required": 28}, "1", ""),
    ("I17", 0, "5", ""), ("I17", 1, "3", ""), ("I17", 2, "1", ""), ("I17", 3, "0", ""), ("I17", 9, "0", ""),
    ("I18", {"on_time": 1, "due": 2}, "2", ""), ("I19", "applied", "1.5", ""), ("I19", "none", "0", ""),
    ("I20", {"mean": "1", "n": 10}, "0", ""), ("I20", {"mean": "4.2", "n": 10}, "2.4", "3 × 3.2/4"),
    ("I21", "B", "3", ""), ("I21", "C", "1", ""), ("I21", "none", "0", ""),
    ("I22", "city", "2.5", ""), ("I22", "district", "2", ""), ("I22", "none", "0", ""),
    ("I23", "in_progress", "1.5", ""), ("I23", "none", "0", ""),
    # G: social governance
    ("G01", {"pass": 3, "total": 4}, "30", ""), ("G02", "87.5", "35", ""), ("G03", {"pass": 0, "total": 2}, "0", ""),
    ("G04", 1, "8", ""), ("G04", 5, "0", ""), ("G04", 6, "0", ""),
]  # fmt: skip


@pytest.mark.parametrize(("id", "raw", "expected", "why"), POINTS)
def test_an_indicator_gives_the_points_of_the_catalogue(id: str, raw: Any, expected: str, why: str) -> None:
    assert points(rated("zhenhai", indicators(**{id: raw})), id) == D(expected), why


def test_a_class_of_findings_is_one_of_the_vocabulary() -> None:
    facts = {"days": [[], [{"camera": "c1", "class": "no_mask", "severity": "general"}, {"camera": "c1", "class": "nomask",
             "severity": "general"}]]}  # fmt: skip
    with pytest.raises(BadInput, match=r"no class at indicators.I06.days\[1\]\[1\].class; one of no_hat, no_mask"):
        rated("zhenhai", indicators(I06=facts))
    listed = engine("zhenhai").facts_schema()["properties"]["indicators"]["properties"]["I06"]
    assert len(listed["properties"]["days"]["items"]["items"]["properties"]["class"]["enum"]) == 16


def test_a_faultless_merchant_has_the_maximum_everywhere_and_is_green() -> None:
    rating = rated("zhenhai", indicators())
    assert (rating.score, rating.band, rating.grade, codes(rating)) == (D("100.00"), "green", "green", LOCAL)
    assert all(line.points == line.max for line in rating.lines)
    assert sum(line.max for line in rating.lines if line.id in BEST) == 300


NOT_APPLICABLE = [
    ("I07", {"on_time": 0, "due": 0}, "no warning was due"),
    ("I12", {"valid": 0, "staff": 0}, "nobody in direct contact"),
    ("I13", {"recorded": 0, "open_days": 0}, "closed the whole month"),
    ("I18", {"on_time": 0, "due": 0}, "no complaint was due"),
    ("I20", {"mean": "5", "n": 9}, "nine ratings are too few"),
    ("I20", {"mean": None, "n": 0}, "no rating at all"),
    ("G01", {"pass": 0, "total": 0}, "no patrol"),
    ("I08", None, "no cold storage"),
]


@pytest.mark.parametrize(("id", "raw", "why"), NOT_APPLICABLE)
def test_what_is_not_applicable_costs_nothing(id: str, raw: Any, why: str) -> None:
    rating = rated("zhenhai", indicators(**{id: raw}))
    assert points(rating, id) is None, why
    assert rating.score == D("100.00")


def test_an_indicator_not_applicable_is_removed_from_its_dimension() -> None:
    # D7 without I08 (4 of 35): 35 × (8 + 10 + 7 + 2 + 2) / 31 = 35 × 29 / 31 = 32.741935…
    # level I = 65 + 32.741935… = 97.741935…; S = 30 + 0.6 × 97.741935… + 10 = 98.645161…
    rating = rated("zhenhai", indicators(I08=None, I05="94.99"))
    assert points(rating, "D7").quantize(D("0.000001")) == D("32.741935")
    assert rating.to_wire()["unrounded"] == "98.645161"
    assert rating.score == D("98.65")


def test_a_dimension_without_an_applicable_indicator_shares_its_weight_over_the_level() -> None:
    # D10 (10 of 100) removed; in D6 I02 loses 1: D6 = 14; level I = 100 × (14 + 35 + 25 + 15) / 90 = 98.888…
    # S = 30 + 0.6 × 98.888… + 10 = 99.333…
    rating = rated("zhenhai", indicators(I21=None, I22=None, I23=None, I02=1))
    assert points(rating, "D10") is None
    assert points(rating, "I").quantize(D("0.000001")) == D("98.888889")
    assert rating.score == D("99.33")


def test_level_g_needs_a_patrol_or_a_spot_check() -> None:
    # with G02 only: 100 × (20 + 10 + 10) / 60 = 66.666…; S = 90 + 6.666… = 96.67
    assert rated("zhenhai", indicators(G01=None, G02="50")).score == D("96.67")
    # without both the level is not applicable, though G03 and G04 are there: S = (0.3 × 100 + 0.6 × 97) / 0.9 = 98.00
    alone = rated("zhenhai", indicators(G01=None, G02=None, G04=5, I01=False))
    assert points(alone, "G") is None
    assert alone.score == D("98.00")


LEVELS = [
    ("92", "88", None, "89.33", "89.333333", "(0.3 × 92 + 0.6 × 88) / 0.9 = 80.4 / 0.9"),
    ("92", "88", "100", "90.40", "90.400000", "27.6 + 52.8 + 10"),
    (None, "88", "70", "85.43", "85.428571", "(52.8 + 7) / 0.7"),
    ("0", "0", "0", "0.00", "0.000000", ""),
    (100, 100, 100, "100.00", "100.000000", ""),
]


@pytest.mark.parametrize(("p", "i", "g", "score", "unrounded", "why"), LEVELS)
def test_the_total_weighs_the_levels_that_are_applicable(p: Any, i: Any, g: Any, score: str, unrounded: str, why: str) -> None:
    wire = rated("zhenhai", levels(p, i, g)).to_wire()
    assert (wire["score"], wire["unrounded"]) == (score, unrounded), why
    assert [line["id"] for line in wire["lines"]] == ["P", "I", "G"]


BANDS = [
    # with all levels equal to x the total is x
    ("90", "90.00", "green"), ("89.995", "90.00", "green"), ("89.9949", "89.99", "blue"), ("89.992", "89.99", "blue"),
    ("75", "75.00", "blue"), ("74.995", "75.00", "blue"), ("74.994", "74.99", "yellow"),
    ("60", "60.00", "yellow"), ("59.995", "60.00", "yellow"), ("59.994", "59.99", "red"), ("0", "0.00", "red"),
    ("100", "100.00", "green"),
]  # fmt: skip


@pytest.mark.parametrize(("x", "score", "band"), BANDS)
def test_bands_compare_the_total_rounded_half_up(x: str, score: str, band: str) -> None:
    rating = rated("zhenhai", levels(x, x, x))
    assert (str(rating.score), rating.band, rating.grade) == (score, band, band)


def test_a_tie_made_of_thirds_is_rounded_up_too() -> None:
    # I07 = 7 × 2/3 and I18 = 4 × 1/3 lose 7/3 + 8/3 = 5; I06 loses 10, I11 1, I12 = 6 × 5.325/6 loses 0.675: I = 83.325
    # S = 30 + 0.6 × 83.325 + 10 = 89.995, of which neither 14/3 nor 4/3 is a decimal
    rating = rated(
        "zhenhai",
        indicators(
            I06=days(("c1", "rodent", "serious", 3), ("c1", "rodent", "serious", 3)),
            I07={"on_time": 2, "due": 3},
            I11="expiring",
            I12={"valid": "5.325", "staff": "6"},
            I18={"on_time": 1, "due": 3},
        ),
    )
    assert (rating.to_wire()["unrounded"], str(rating.score), rating.band) == ("89.995000", "90.00", "green")


OVERRIDES = [
    ({"caps": ["C1"]}, "yellow", ["C1"]),
    ({"caps": ["C2"]}, "yellow", ["C2"]),
    ({"caps": ["C3"]}, "yellow", ["C3"]),
    ({"caps": ["C4"]}, "blue", ["C4"]),
    ({"caps": ["C4", "C1"]}, "yellow", ["C1", "C4"]),  # the worst wins, whatever the order
    ({"caps": ["C1"], "vetoes": ["V2"]}, "red", ["C1", "V2"]),  # a veto beats caps
    *(({"vetoes": [code]}, "red", [code]) for code in ("V1", "V2", "V3", "V4", "V5", "V6")),
    ({"previous": "red"}, "yellow", ["step"]),  # at most one colour better
    ({"previous": "yellow"}, "blue", ["step"]),
    ({"previous": "blue"}, "green", []),
    ({"previous": None}, "green", []),  # the first grade ever has no step rule
    ({"previous": "provisional"}, "green", []),
    ({"previous": "unrated"}, "green", []),
    ({"previous": "red", "caps": ["C4"]}, "yellow", ["C4", "step"]),  # the step rule comes after the caps
    ({"previous": "blue", "caps": ["C4"]}, "blue", ["C4"]),
    ({"previous": "green", "vetoes": ["V5"]}, "red", ["V5"]),  # it falls without limit
    ({"days_of_data": 15}, "green", []),
    ({"days_of_data": 14}, "provisional", ["C5"]),
    ({"days_of_data": 0, "previous": "red"}, "provisional", ["C5"]),
    ({"days_of_data": 14, "vetoes": ["V1"]}, "red", ["C5", "V1"]),  # unless a veto applies
    ({"days_of_data": 14, "caps": ["C1"]}, "provisional", ["C1", "C5"]),
    ({"caps": ["C5"]}, "provisional", ["C5"]),
]


@pytest.mark.parametrize(("more", "grade", "reasons"), OVERRIDES)
def test_what_overrides_a_green_score(more: dict[str, Any], grade: str, reasons: list[str]) -> None:
    rating = rated("zhenhai", levels("95", "95", "95", **more))
    assert (rating.score, rating.band, rating.grade) == (D("95.00"), "green", grade)
    assert codes(rating) == reasons
    assert [told.split()[0].rstrip(":") for told in rating.to_wire()["reasons"]] == reasons


def test_a_cap_never_improves_a_grade() -> None:
    assert rated("zhenhai", levels("50", "50", "50", caps=["C4"])).grade == "red"


def test_three_months_after_red_lead_back_to_green_one_colour_at_a_time() -> None:
    grade, seen = "red", []
    for _ in range(4):
        grade = rated("zhenhai", levels("95", "95", "95", previous=grade)).grade
        seen.append(grade)
    assert seen == ["yellow", "blue", "green", "green"]


DERIVED = [
    ({"I05": "79.99"}, "blue", ["C4"], "cameras below 80 %"),
    ({"I05": "80"}, "green", [], "80 % is not below"),
    ({"I05": None}, "green", [], "no cameras"),
    ({"I11": "expired"}, "red", ["V1"], "the licence has expired"),
    ({"I11": "out_of_scope"}, "green", [], "costs points only"),
    ({"P15": True}, "red", ["V3"], "on the serious-dishonesty list"),
    ({"P15": "yes"}, "red", ["V3"], "the same as a word"),
    ({"P18": "by_force"}, "red", ["V4"], ""),
    ({"P18": "refused"}, "green", [], "not by force"),
]


@pytest.mark.parametrize(("changes", "grade", "reasons", "why"), DERIVED)
def test_caps_and_vetoes_follow_from_raw_facts(changes: dict[str, Any], grade: str, reasons: list[str], why: str) -> None:
    rating = rated("zhenhai", indicators(**changes))
    assert (rating.grade, codes(rating)) == (grade, [*reasons, *LOCAL]), why


def test_given_codes_add_to_those_that_follow() -> None:
    rating = rated("zhenhai", indicators(I05="70") | {"caps": ["C4", "C1"], "vetoes": ["V6"]})
    assert (rating.grade, codes(rating)) == ("red", ["C1", "C4", "V6", *LOCAL])


PROVINCIAL = [
    ("873", "87.3", "96.19", "0.3 × 87.3 + 60 + 10"),
    ("1000", "100", "100.00", ""),
    (0, "0", "70.00", ""),
]


@pytest.mark.parametrize(("given", "p", "score", "why"), PROVINCIAL)
def test_the_provincial_score_stands_for_the_first_level(given: Any, p: str, score: str, why: str) -> None:
    rating = rated("zhenhai", indicators(P06=3) | {"provincial_score": given})
    assert (points(rating, "P"), rating.score) == (D(p), D(score)), why
    assert not any(line.id == "P06" for line in rating.lines)


def test_with_a_provincial_score_the_local_indicators_may_be_left_out() -> None:
    facts = indicators() | {"provincial_score": "900"}
    facts["indicators"] = {id: raw for id, raw in facts["indicators"].items() if not id.startswith("P")}
    assert rated("zhenhai", facts).score == D("97.00")
    assert rated("zhenhai", {"levels": {"I": "100", "G": "100"}, "provincial_score": "900"}).score == D("97.00")


def test_without_it_the_local_indicators_count_and_that_is_said() -> None:
    # P06 lost wholly: D2 = 14, P = 94; S = 28.2 + 70
    for facts in (indicators(P06=3) | {"provincial_score": None}, indicators(P06=3)):  # null or absent: there is none
        rating = rated("zhenhai", facts)
        assert (rating.score, codes(rating)) == (D("98.20"), LOCAL)
        assert "（暂定）" in rating.to_wire()["reasons"][0]
        assert "(provisional)" in rating.to_wire("en")["reasons"][0]
    assert rated("zhenhai", levels("94", "100", "100")).reasons == (), "a level that was told is no fallback"
    assert rated("zhenhai", indicators() | {"provincial_score": "940"}).reasons == ()


def test_a_level_told_beside_the_provincial_score_is_overruled_and_that_is_said() -> None:
    # C.1: "Preferred: P = provincial_score / 10" = 87.3; S = 0.3 × 87.3 + 0.6 × 88 + 0.1 × 70 = 85.99
    rating = rated("zhenhai", levels("92", "88", "70", provincial_score="873"))
    assert (rating.score, codes(rating)) == (D("85.99"), ["overruled"])
    assert rating.to_wire("en")["reasons"] == [
        "overruled: Public credit: the outside score counts (87.3), not the 92 told beside it"
    ]
    assert rating.to_wire()["reasons"] == ["overruled: 公共信用以外部评分（87.3 分）为准，另报的 92 分不计"]
    for p in ("87.3", "87.30", None):  # the same, or nothing
        assert codes(rated("zhenhai", levels(p, "88", "70", provincial_score="873"))) == []
    assert codes(rated("zhenhai", levels("92", "88", "70", provincial_score=None))) == []


def test_local_facts_are_checked_even_where_the_provincial_score_stands_for_them() -> None:
    with pytest.raises(BadInput, match=r"indicators\.P02"):
        rated("zhenhai", indicators(P02="tomorrow") | {"provincial_score": "900"})


def test_a_merchant_without_anything_applicable_is_unrated() -> None:
    rating = rated("zhenhai", levels(None, None, None))
    wire = rating.to_wire()
    assert (wire["score"], wire["unrounded"], wire["band"], wire["grade"], wire["grade_zh"]) == (
        None,
        None,
        None,
        "unrated",
        "未评级",
    )
    assert rated("zhenhai", levels(None, None, None, vetoes=["V1"])).grade == "red"


MEASURES = [
    ("green", "95", 0, 1, "red_list", 500_000, 240, "full", 100),
    ("blue", "80", 20, 1, "standard_unit", 300_000, 160, "partial", 60),
    ("yellow", "65", 50, 1, "warning_unit", 0, 80, "none", 20),
    ("red", "10", 100, 2, "black_list", 0, 0, "none", 0),
]


@pytest.mark.parametrize(("grade", "x", "percent", "each", "list", "loan", "subsidy", "fee", "vouchers"), MEASURES)
def test_measures_follow_from_the_colour(
    grade: str, x: str, percent: int, each: int, list: str, loan: int, subsidy: int, fee: str, vouchers: int
) -> None:
    rating = rated("zhenhai", levels(x, x, x))
    found = rating.measures
    assert rating.grade == grade
    assert (found["visits"]["percent"], found["visits"]["each"], found["visits"]["period"]) == (percent, each, "month")
    assert found.get("list") == list
    assert (found["loan_ceiling_fen"], found["subsidy_ceiling_fen"]) == (loan * 100, subsidy * 100)
    assert (found["fee_reduction"], found["vouchers_per_month"], found["online_patrol"]) == (fee, vouchers, True)
    assert rating.to_wire()["measures"]["visits"]["percent"] == str(percent)


def test_a_provisional_merchant_is_on_no_list() -> None:
    measures = rated("zhenhai", levels("20", "20", "20", days_of_data=3)).measures
    assert "list" not in measures
    assert "exposed" not in measures
