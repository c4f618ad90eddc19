"""Facts from outside: what is no number, no day or no text is refused with its place, and nothing is repeated at length."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from credit.rating.facts import date_of, number_of, read_facts
from domain.errors import BadInput
from tests.unit.credit.rating.merchants import engine, indicators, rated

UNREADABLE = [
    ('{"points": 1e99999999999999999999}', "an exponent no decimal can have"),
    ('{"points": 0e-99999999999999999999}', "nor a zero with one"),
    (r'{"subject": "\ud800"}', "half a surrogate pair: nobody could print it"),
    (r'{"\udfff": 13}', "as a key neither"),
    (r'{"violations": [{"subject": "a\ud83d"}]}', "nor further in"),
    ('{"points": NaN}', "no number"),
    ('{"a": 1, "a": 1}', "a key twice"),
]


@pytest.mark.parametrize(("text", "why"), UNREADABLE)
def test_what_is_no_json_for_us_is_refused_and_not_stumbled_over(text: str, why: str) -> None:
    with pytest.raises(BadInput, match="E001"):
        read_facts(text)


def test_characters_beyond_the_basic_plane_are_characters() -> None:
    assert read_facts(r'{"subject": "\ud83d\ude00批次"}') == {"subject": "😀批次"}


@pytest.mark.parametrize("raw", ["2026-W48-1", "2026W481--", "20261130  ", "2026-11-31", "２０２６-11-30", None, 20261130])
def test_only_year_month_and_day_are_a_date(raw: Any) -> None:
    with pytest.raises(BadInput, match="no date at as_of"):
        date_of(raw, "as_of")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (Decimal("1E+400"), "1E+400"),
        (None, "null is no"),
        (True, "true is no"),
        ("九十", '"九十" is no'),
        (["x" * 1_000_000], "…"),
    ],
)
def test_a_refusal_repeats_the_value_as_json_and_not_all_of_a_long_one(raw: Any, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        number_of(raw, "points")
    assert told in str(refused.value)
    assert len(str(refused.value)) < 200


COUNTED = ["I07", "I13", "I14", "I15", "I16", "I18", "G01", "G03"]


@pytest.mark.parametrize("id", COUNTED)
def test_what_is_counted_is_counted_in_whole_numbers(id: str) -> None:
    part, whole = engine("zhenhai").facts_schema()["properties"]["indicators"]["properties"][id]["properties"]
    assert rated("zhenhai", indicators(**{id: {part: 2, whole: "3.0"}})).score is not None
    with pytest.raises(BadInput, match=f"2.5 is no whole number at indicators.{id}.{part}"):
        rated("zhenhai", indicators(**{id: {part: "2.5", whole: 3}}))


def test_a_daily_mean_of_staff_may_be_a_fraction() -> None:
    lines = {line.id: line.points for line in rated("zhenhai", indicators(I12={"valid": "4.5", "staff": 6})).lines}
    assert lines["I12"] == Decimal("4.5"), "6 × 4.5 / 6"


def test_a_merchant_of_whom_nothing_is_known_is_told_so() -> None:
    rating = rated("zhenhai", {"levels": {"P": None, "I": None, "G": None}})
    assert rating.to_wire("en")["reasons"] == ["unrated: nothing that could be rated is known"]
    assert rating.to_wire("zh")["reasons"] == ["unrated: 没有可用于评分的数据"]


def test_a_cause_told_twice_is_one_and_may_be_open_once_and_ended_once() -> None:
    listed = {"cause": "serious_dishonesty_list", "at": "2024-03-05"}
    facts = {"generic": {"class": "A"}, "professional": {"score": "95"}}
    both = rated("rizhao", {**facts, "direct_d": [listed, listed, {**listed, "ended_at": "2026-05-01"}]})
    assert (both.grade, len(both.reasons)) == ("D", 2)
    assert json.dumps(both.to_wire("en")["reasons"]).count("until the cause ends") == 1


def test_days_of_data_are_described_with_unit_range_and_source() -> None:
    told = engine("zhenhai").facts_schema("en")["properties"]["days_of_data"]
    assert told["description"] == "Days of the month with data; unit: days; from 0 to 31; source: SYS"
