"""The JSON Schema of the facts says what the engine takes, and describes every raw value."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from tests.unit.credit.rating.merchants import engine, indicators, levels, rated
from tests.unit.credit.rating.test_properties import SCHEMES, facts_of

VALIDATORS = {
    name: jsonschema.Draft202012Validator(engine(name).facts_schema()) for name in dict.fromkeys((*SCHEMES, "xiangshan"))
}


def as_json(value: Any) -> Any:
    """The facts as a JSON document has them: decimals as texts."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return {key: as_json(inner) for key, inner in value.items()}
        case list():
            return [as_json(inner) for inner in value]
        case _:
            return value


def violation(**changes: Any) -> dict[str, Any]:
    """Facts with one violation."""
    keys = ("notified_at", "rectified_at", "rectify_by", "incident_id", "subject")
    told = {"code": "XV04", "at": "2026-11-05", **dict.fromkeys(keys), **changes}
    return {"as_of": "2026-11-30", "violations": [told], "history": [], "ledger": None}


@pytest.mark.parametrize("name", SCHEMES)
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_what_is_rated_is_valid_by_the_schema(name: str, data: st.DataObject) -> None:
    facts = as_json(data.draw(facts_of(name)))
    assert rated(name, facts).grade
    VALIDATORS[name].validate(facts)


ACCEPTED = [
    ("xiangshan", violation(code="XV14", coverage="94.9")),
    ("xiangshan", violation(coverage=None, severity=None)),
    ("zhenhai", levels("92", 88, None)),
    ("zhenhai", levels("92", "88", "1", previous="red", caps=["C1"], vetoes=[], days_of_data=30, provincial_score="873")),
    ("zhenhai", {"levels": {"I": "1", "G": "1"}, "provincial_score": 900}),
    (
        "zhenhai",
        {"indicators": {id: raw for id, raw in indicators()["indicators"].items() if id[0] != "P"}, "provincial_score": "9"},
    ),
    ("rizhao", {"generic": None, "professional": {"score": "1"}}),
    (
        "rizhao",
        {"generic": {"class": "B"}, "professional": {"score": None}, "direct_d": [{"cause": "accident", "at": "2026-03-05"}]},
    ),
]


@pytest.mark.parametrize(("name", "facts"), ACCEPTED)
def test_both_accept(name: str, facts: dict[str, Any]) -> None:
    VALIDATORS[name].validate(facts)
    assert rated(name, facts).grade


REFUSED = [
    ("xiangshan", violation(at=None), "when is not known"),
    ("xiangshan", violation(code="XV05", days_lapsed="1.5"), "no whole days"),
    ("xiangshan", violation(code="XV14", coverage=None), "nothing was measured"),
    ("xiangshan", violation(code="XV14", coverage=101), "more than all"),
    ("xiangshan", violation(code="XV16", severity=None), "as grave as what?"),
    ("xiangshan", violation() | {"ledger": {"carried": "-1"}}, "less than nothing"),
    ("xiangshan", violation() | {"ledger": {"carried": "1", "suspensions": "many"}}, "no number"),
    ("zhenhai", indicators(I07={"on_time": 2.5, "due": 3}), "half a warning"),
    ("zhenhai", {"as_of": "2026-11-30"}, "neither levels nor indicators"),
    ("zhenhai", levels("92", "88", None) | indicators(), "both"),
    ("zhenhai", {"levels": {"P": "92", "I": "88"}}, "G is missing"),
    ("zhenhai", {"levels": {"I": "1", "G": "1"}}, "P is missing"),
    ("zhenhai", {"levels": {"I": "1", "G": "1"}, "provincial_score": None}, "and null is no score"),
    ("zhenhai", levels("92", "88", None, colour="red"), "an unknown key"),
    ("zhenhai", levels(101, "88", None), "out of range"),
    ("zhenhai", levels("ninety", "88", None), "no number"),
    ("zhenhai", levels("92", "88", None, caps=["C9"]), "an unknown cap"),
    ("zhenhai", levels("92", "88", None, caps="C1"), "no list"),
    ("zhenhai", levels("92", "88", None, vetoes={}), "no list either"),
    ("rizhao", {"generic": {"class": "B"}, "professional": {"score": 1}, "direct_d": {}}, "no list"),
    ("zhenhai", levels("92", "88", None, previous="purple"), "no colour"),
    ("zhenhai", indicators(I99=1), "an unknown indicator"),
    ("zhenhai", {"indicators": {id: raw for id, raw in indicators()["indicators"].items() if id != "I05"}}, "one missing"),
    ("zhenhai", indicators(P02="never"), "no answer"),
    ("zhenhai", indicators(I02="1.5"), "no whole number"),
    ("zhenhai", indicators(I02="-1"), "below 0"),
    ("zhenhai", indicators(I07={"on_time": 1}), "due is missing"),
    ("zhenhai", indicators(I06=[]), "no object"),
    ("rizhao", {"generic": {"class": "B", "risk_index": 1}, "professional": {"score": 1}}, "both sides"),
    ("rizhao", {"generic": {"class": "B"}, "professional": {"score": 1, "groups": None}}, "both sides"),
    ("rizhao", {"generic": {"class": "B"}, "professional": {"score": 1}, "direct_d": [{"cause": "accident"}]}, "no date"),
    ("fhrs", {"hygiene": 5, "structure": 5, "confidence": 15}, "no value it may have"),
    ("nyc", {}, "nothing"),
]


@pytest.mark.parametrize(("name", "facts", "why"), REFUSED)
def test_both_refuse(name: str, facts: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput):
        rated(name, facts)
    assert not VALIDATORS[name].is_valid(facts), why


def leaves(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every value an object of the schema has."""
    for key, form in schema.get("properties", {}).items():
        yield f"{path}{key}", form
        yield from leaves(form, f"{path}{key}.")
        for inner in (form.get("items", {}), form.get("items", {}).get("items", {})):
            yield from leaves(inner, f"{path}{key}[].")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_raw_value_is_described_in_both_languages(name: str, language: str) -> None:
    found = list(leaves(engine(name).facts_schema(language)))
    for path, form in found:
        inner_object = "properties" in form and not form.get("title")
        assert inner_object or form.get("description"), path
        if language == "en":
            assert not any("\u4e00" <= letter <= "\u9fff" for letter in form.get("description", "") + form.get("title", "")), path
    described = [form for path, form in found if path.startswith("indicators.") and path.count(".") == 1]
    assert len(described) == (48 if name == "zhenhai" else 0)
    assert all(form["x-source"] in form["description"] for form in described)


def test_unit_and_range_are_told() -> None:
    form = engine("zhenhai").facts_schema("en")["properties"]["indicators"]["properties"]["I05"]
    assert form["description"].endswith("unit: percent; from 0 to 100; source: DEV")
    assert (form["minimum"], form["maximum"], form["x-unit"]) == (0, 100, "percent")
