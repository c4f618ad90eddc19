"""What holds of every rating: bounds, no better grade for worse facts, no order, no float (domain.md C.0, F.14)."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from decimal import Decimal, localcontext
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import credit.rating
from credit.rating.counts import Checks, Costs, Events, Ratio
from credit.rating.facts import read_facts
from credit.rating.plan import Leaf, leaves_of
from credit.rating.rules import Choice, Linear, Rule, Steps, Value, YesNo
from credit.rating.value import Rating
from domain.errors import BadInput
from tests.unit.credit.rating.merchants import BEST, engine, indicators, levels, rated, scheme

D = Decimal
SCHEMES = ("zhenhai", "rizhao", "fhrs", "nyc")
COUNT = st.integers(0, 12)
RATING = Path(credit.rating.__file__).parent
ORDER = {name: [*scheme(name).grade_titles] for name in SCHEMES}


def numbers(least: Decimal, most: Decimal) -> st.SearchStrategy[str]:
    """Decimals as people write them, the ends among them."""
    return st.decimals(least, most, places=2).map(str)


def share(of: str, among: str) -> st.SearchStrategy[Any]:
    return st.tuples(COUNT, COUNT).map(lambda pair: {of: min(pair), among: max(pair)})


EVENT = st.fixed_dictionaries(
    {"camera": st.sampled_from(["c1", "c2"]), "class": st.sampled_from(["no_mask", "rodent"]),
     "severity": st.sampled_from(["minor", "general", "serious"]), "count": st.integers(0, 5)}
)  # fmt: skip
CHECKED = st.tuples(COUNT, COUNT).map(lambda pair: {"checked": max(pair), "failed": min(pair)})


def raw_values(rule: Rule) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one kind of rule after the other
    """Values a rule accepts."""
    match rule:
        case Choice():
            return st.sampled_from(list(rule.options))
        case YesNo():
            return st.booleans()
        case Steps():
            least, most = rule.number.least or D(0), rule.number.most or D(20)
            return COUNT if rule.number.whole else numbers(least, most)
        case Linear():
            bare = numbers(min(rule.start, rule.end), max(rule.start, rule.end))
            return st.fixed_dictionaries({rule.of: bare, rule.count: st.integers(0, 30)}) if rule.of else bare
        case Costs():
            return COUNT if tuple(rule.each) == ("",) else st.fixed_dictionaries(dict.fromkeys(rule.each, COUNT))
        case Ratio():
            return share(rule.part, rule.whole)
        case Events():
            return st.fixed_dictionaries({"days": st.lists(st.lists(EVENT, max_size=3), max_size=4)})
        case Checks():
            return st.fixed_dictionaries(dict.fromkeys(rule.weights, CHECKED))
        case Value():
            return st.sampled_from(rule.number.allowed) if rule.number.allowed else st.integers(0, 60)
    raise AssertionError(f"no values for {rule}")


@cache
def facts_of(name: str, *, with_null: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Facts of a scheme, drawn from its leaves; of an either-or the longest side."""
    plan = scheme(name).rating
    longest = {path: max(groups, key=len) for path, groups in plan.either.items()}
    skipped = {
        (*path, key)
        for path, groups in plan.either.items()
        for group in groups
        for key in group
        if group != longest[path] and not (name == "zhenhai" and key == "indicators")
    } | ({("levels",)} if name == "zhenhai" else set())
    leaves = [
        leaf
        for leaf in leaves_of(plan.root)
        if not any(leaf.fact[: len(path)] == path for path in skipped) and leaf.fact != ("provincial_score",)
    ]

    def nested(values: tuple[Any, ...]) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for leaf, value in zip(leaves, values, strict=True):
            place = facts
            for key in leaf.fact[:-1]:
                place = place.setdefault(key, {})
            place[leaf.fact[-1]] = value
        return facts

    drawn = [st.one_of(raw_values(leaf.rule), st.none()) if with_null else raw_values(leaf.rule) for leaf in leaves]
    return st.tuples(*drawn).map(nested)


@pytest.mark.parametrize("name", SCHEMES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_every_score_is_within_its_bounds_and_every_line_too(name: str, data: st.DataObject) -> None:
    rating = rated(name, data.draw(facts_of(name)))
    most = scheme(name).rating.root.max
    assert rating.score is None or (rating.score >= 0 and (most is None or rating.score <= most))
    assert (rating.score is None) == (rating.grade == "unrated")
    for line in (*rating.lines, *rating.subtotals):
        if line.points is not None and line.max is not None and line.max > 0:
            assert 0 <= line.points <= line.max, line


def values_in(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for inner in value.values():
                yield from values_in(inner)
        case list() | tuple():
            for inner in value:
                yield from values_in(inner)
        case _:
            yield value


@pytest.mark.parametrize("name", SCHEMES)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_no_number_of_the_wire_form_is_a_json_number(name: str, data: st.DataObject) -> None:
    for language in ("zh", "en"):
        wire = rated(name, data.draw(facts_of(name))).to_wire(language)
        assert all(value is None or isinstance(value, (str, bool)) for value in values_in(wire))
        assert list(wire)[:10] == [
            "scheme", "version", "score", "unrounded", "band", "grade", "grade_zh", "reasons", "lines", "measures",
        ]  # fmt: skip
        if wire["score"] is not None:
            assert len(wire["score"].partition(".")[2]) == 2
            assert len(wire["unrounded"].partition(".")[2]) == 6


def shuffled(value: Any, data: st.DataObject) -> Any:
    """The same facts with the keys of every object, and the events of a day, in another order."""
    match value:
        case dict():
            keys = data.draw(st.permutations(list(value)))
            return {key: shuffled(value[key], data) for key in keys}
        case list() if value and isinstance(value[0], dict):
            return data.draw(st.permutations(value))
        case list():
            return [shuffled(inner, data) for inner in value]
        case _:
            return value


@pytest.mark.parametrize("name", ["zhenhai", "rizhao"])
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_the_order_of_facts_says_nothing(name: str, data: st.DataObject) -> None:
    facts = data.draw(facts_of(name))
    assert rated(name, shuffled(facts, data)).to_wire() == rated(name, facts).to_wire()


def test_numbers_and_texts_of_digits_are_the_same() -> None:
    facts = indicators(I05="94.99", I02="1", I12={"valid": "4.5", "staff": "5"})
    written = json.dumps(facts).replace('"94.99"', "94.99").replace('"4.5"', "4.5")
    assert engine("zhenhai").rate(read_facts(written)).to_wire() == rated("zhenhai", facts).to_wire()


# What is worse than what: for each kind of rule, raw values from the best to the worst.
LADDERS: dict[str, list[Any]] = {
    "P14": [dict(zip(("low_fine", "ordinary", "heavy"), n, strict=True)) for n in ((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1))],
    "I06": [{"days": [[{"camera": "c", "class": "rodent", "severity": "serious", "count": n}]] * 2} for n in (0, 1, 2, 3, 4)],
    "I12": [{"valid": n, "staff": 5} for n in (5, 4, 2, 0)],
    "I20": [{"mean": mean, "n": 12} for mean in ("5", "4.4", "3", "1")],
}  # fmt: skip


def ladder(leaf: Leaf) -> list[Any]:  # noqa: PLR0911 - one kind of rule after the other
    """Raw values of an indicator from the best to the worst."""
    rule = leaf.rule
    if leaf.id in LADDERS:
        return LADDERS[leaf.id]
    match rule:
        case Choice():
            ranked = sorted(
                ((option.points, word) for word, option in rule.options.items() if option.points is not None), reverse=True
            )
            vetoed = {"expired", "by_force"}
            return [word for _, word in sorted(ranked, key=lambda pair: (-pair[0], pair[1] in vetoed))]
        case YesNo():
            return [rule.yes > rule.no, rule.yes < rule.no]
        case Steps():
            limits = [limit for limit, _ in rule.rows]
            return [*limits, limits[-1] - 1] if rule.upward else [*limits, limits[-1] + 1]
        case Linear():
            return [rule.end, (rule.start + rule.end) / 2, rule.start]
        case Costs():
            return [0, 1, 2, 9]
        case Ratio():
            return [{rule.part: n, rule.whole: 7} for n in (7, 4, 1, 0)]
    raise AssertionError(f"no ladder for {leaf.id}")


def place_of(rating: Rating, name: str) -> int:
    return ORDER[name].index(rating.grade)


ZHENHAI = {leaf.id: leaf for leaf in leaves_of(scheme("zhenhai").rating.root) if leaf.fact[0] == "indicators"}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_worse_fact_never_improves_a_colour(data: st.DataObject) -> None:
    steps = {id: data.draw(st.integers(0, len(ladder(leaf)) - 1), label=id) for id, leaf in ZHENHAI.items()}
    worse = data.draw(st.sampled_from([id for id, leaf in ZHENHAI.items() if steps[id] < len(ladder(leaf)) - 1] or ["I02"]))
    before = {id: ladder(leaf)[steps[id]] for id, leaf in ZHENHAI.items()}
    after = before | {worse: ladder(ZHENHAI[worse])[min(steps[worse] + 1, len(ladder(ZHENHAI[worse])) - 1)]}
    one, other = (rated("zhenhai", {"indicators": facts}) for facts in (before, after))
    assert (other.score or 0) <= (one.score or 0)
    assert place_of(other, "zhenhai") >= place_of(one, "zhenhai")


@pytest.mark.parametrize("id", BEST)
def test_the_ladder_of_every_indicator_runs_downwards(id: str) -> None:
    found = [rated("zhenhai", indicators(**{id: raw})).score or D(0) for raw in ladder(ZHENHAI[id])]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) > 1


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_more_points_never_improve_a_grade_in_new_york(points: int, more: int) -> None:
    assert place_of(rated("nyc", {"points": points + more}), "nyc") >= place_of(rated("nyc", {"points": points}), "nyc")


UK = {"hygiene": (0, 5, 10, 15, 20, 25), "structure": (0, 5, 10, 15, 20, 25), "confidence": (0, 5, 10, 20, 30)}


def test_a_worse_part_never_improves_a_rating_in_the_uk_whatever_the_others_are() -> None:
    places = {values: place_of(rated("fhrs", dict(zip(UK, values, strict=True))), "fhrs") for values in product(*UK.values())}
    assert len(places) == 180
    for values, place in places.items():
        for at, steps in enumerate(UK.values()):
            worse = [step for step in steps if step > values[at]][:1]
            assert all(places[(*values[:at], step, *values[at + 1 :])] >= place for step in worse), values


EVENTS = st.fixed_dictionaries({"days": st.lists(st.lists(EVENT, max_size=4), min_size=1, max_size=3)})


@given(EVENTS, EVENT, st.integers(0, 2))
@settings(max_examples=40, deadline=None)
def test_a_camera_finding_more_never_gains_a_point_whatever_day_it_was(found: dict[str, Any], more: Any, day: int) -> None:
    days = [*found["days"]]
    days[day % len(days)] = [more, *days[day % len(days)]]
    one, other = rated("zhenhai", indicators(I06=found)), rated("zhenhai", indicators(I06={"days": days}))
    assert (other.score or 0) <= (one.score or 0)
    assert place_of(other, "zhenhai") >= place_of(one, "zhenhai")


CODES = st.lists(st.sampled_from(["C1", "C2", "C3", "C4", "V1", "V2", "V6"]), unique=True, max_size=4)


@given(
    st.sampled_from(["95", "89.99", "70", "10"]),
    st.sampled_from([None, *ORDER["zhenhai"]]),
    CODES,
    st.sampled_from(["C1", "C4", "V5"]),
)
@settings(max_examples=60, deadline=None)
def test_a_cap_or_veto_more_never_improves_a_colour(x: str, previous: str | None, codes: list[str], more: str) -> None:
    def grade(held: list[str]) -> int:
        told = {"caps": [code for code in held if code[0] == "C"], "vetoes": [code for code in held if code[0] == "V"]}
        return place_of(rated("zhenhai", levels(x, x, x, previous=previous, **told)), "zhenhai")

    assert grade(sorted({*codes, more})) >= grade(codes)


CAUSE = st.builds(
    lambda cause, at, ended: {"cause": cause, "at": at, "ended_at": ended},
    st.sampled_from(["accident", "serious_dishonesty_list", "stop_production"]),
    st.sampled_from(["2024-05-01", "2025-11-30", "2026-03-05"]),
    st.sampled_from([None, "2026-03-05", "2026-06-30"]),
)


@given(st.sampled_from(["95", "80", "40"]), st.sampled_from([None, "A", "D"]), st.lists(CAUSE, max_size=3), CAUSE)
@settings(max_examples=60, deadline=None)
def test_a_cause_of_direct_d_more_never_improves_a_grade(score: str, previous: str | None, causes: list[Any], more: Any) -> None:
    facts = {"as_of": "2026-11-30", "generic": {"class": "A"}, "professional": {"score": score}, "previous": previous}
    one, other = rated("rizhao", facts | {"direct_d": causes}), rated("rizhao", facts | {"direct_d": [*causes, more]})
    assert place_of(other, "rizhao") >= place_of(one, "rizhao")


GROUPS = tuple(leaf.id for leaf in leaves_of(scheme("rizhao").rating.root) if isinstance(leaf.rule, Checks))


@given(facts=facts_of("rizhao", with_null=False), group=st.sampled_from(GROUPS), kind=st.sampled_from(["key", "general"]))
@settings(max_examples=25, deadline=None)
def test_one_more_failed_item_never_improves_a_grade_in_rizhao(facts: dict[str, Any], group: str, kind: str) -> None:
    facts = facts | {"generic": {"class": "B"}}
    groups = facts["professional"]["groups"]
    counts = groups[group][kind]
    failed = {"checked": counts["checked"] + 1, "failed": counts["failed"] + 1}
    worse = facts["professional"] | {"groups": {**groups, group: {**groups[group], kind: failed}}}
    one, other = rated("rizhao", facts), rated("rizhao", facts | {"professional": worse})
    if one.grade != "unrated":
        assert (other.score or 0) <= (one.score or 0)
        assert place_of(other, "rizhao") >= place_of(one, "rizhao")


DYNAMIC = ("ordinary_penalties", "heavier_penalties", "failed_samplings", "upheld_complaints", "false_commitments")


@given(facts=facts_of("rizhao", with_null=False), which=st.sampled_from(DYNAMIC))
@settings(max_examples=25, deadline=None)
def test_one_more_penalty_never_improves_a_grade_in_rizhao(facts: dict[str, Any], which: str) -> None:
    if facts["generic"].get("class") == "unknown":
        facts = facts | {"generic": {"class": "B"}}
    professional = facts["professional"]
    dynamic = professional["dynamic"] | {which: professional["dynamic"][which] + 1}
    worse = facts | {"professional": professional | {"dynamic": dynamic}}
    one, other = rated("rizhao", facts), rated("rizhao", worse)
    assert (other.score or 0) <= (one.score or 0)
    if "unrated" not in {one.grade, other.grade}:
        assert place_of(other, "rizhao") >= place_of(one, "rizhao")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=True) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["days", "mean", "n", "cause", "at", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = (
    "indicators",
    "levels",
    "previous",
    "caps",
    "vetoes",
    "days_of_data",
    "provincial_score",
    "as_of",
    "generic",
    "professional",
    "direct_d",
)


@pytest.mark.parametrize("name", SCHEMES)
@given(junk=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4), id=st.sampled_from(list(BEST)), raw=JSON)
@settings(max_examples=25, deadline=None)
def test_whatever_comes_in_is_rated_or_refused_by_name(name: str, junk: dict[str, Any], id: str, raw: Any) -> None:
    whole = indicators(**{id: raw}) if name == "zhenhai" else {"generic": {"class": "A"}, "professional": {"score": 1}}
    for facts in (junk, whole, {**whole, **junk}):
        try:
            assert rated(name, facts).grade
        except BadInput:  # the one way to refuse; anything else fails the test
            continue


FLOATS = [
    ("I05", 94.99),
    ("G02", 87.5),
    ("I12", {"valid": 4.5, "staff": 5}),
    ("P14", {"low_fine": 1.0, "ordinary": 0, "heavy": 0}),
]


@pytest.mark.parametrize(("id", "raw"), FLOATS)
def test_a_binary_float_is_refused(id: str, raw: Any) -> None:
    with pytest.raises(BadInput, match="no decimal number"):
        rated("zhenhai", indicators(**{id: raw}))


def test_facts_are_read_without_floats() -> None:
    assert read_facts('{"a": 0.1, "b": [1e2]}') == {"a": D("0.1"), "b": [D("1E+2")]}
    assert engine("nyc").rate(read_facts('{"points": 13.000000000000000}')).grade == "A"
    # What another program's floats look like: 33.333333333333336 has 15 decimals, and is read as it is written.
    facts = read_facts('{"levels": {"P": 33.333333333333336, "I": "33.333333333333333333", "G": null}}')
    assert engine("zhenhai").rate(facts).to_wire()["unrounded"] == "33.333333"
    for text in ('{"a": NaN}', '{"a": Infinity}', '{"a": 1, "a": 2}', "[]", "{", b"\xff"):
        with pytest.raises(BadInput):
            read_facts(text)


def test_the_arithmetic_does_not_depend_on_the_context_of_the_caller() -> None:
    facts = indicators(I07={"on_time": 2, "due": 3}, I08=None)
    expected = rated("zhenhai", facts).to_wire()
    with localcontext() as context:
        context.prec = 5
        assert rated("zhenhai", facts).to_wire()["score"] == expected["score"]


def test_no_source_on_the_way_of_a_score_has_a_float() -> None:
    files = sorted(RATING.parent.rglob("*.py"))
    assert {"tree.py", "points.py", "ledger.py", "score.py", "sampling.py", "consumption.py"} <= {file.name for file in files}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{file.name}:{node.lineno}"
            assert not (isinstance(node, ast.Name) and node.id in {"float", "eval", "exec"}), f"{file.name}:{node.lineno}"
            assert not (isinstance(node, ast.Attribute) and node.attr in {"eval", "exec"} and isinstance(node.value, ast.Name)), (
                file.name
            )


@pytest.mark.parametrize("name", SCHEMES)
def test_no_loaded_scheme_holds_a_float(name: str) -> None:
    seen: set[int] = set()
    stack: list[Any] = [scheme(name)]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        assert not isinstance(value, float)
        if hasattr(value, "items"):
            stack += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple)):
            stack += value
        elif hasattr(value, "__slots__"):
            stack += [getattr(value, slot) for slot in value.__slots__ if hasattr(value, slot)]
    assert len(seen) > 30
