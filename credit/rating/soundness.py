"""Whether a rating scheme contradicts itself: sums, ranges, grades nobody can reach, names that name nothing (F.14).

Every finding has the key a person looks for in the file, below its ``rating``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from credit.rating.plan import Condition, Grade, Leaf, Node, Path, Plan, leaves_of
from credit.rating.value import PROVISIONAL, UNRATED, plain

Found = Iterator[tuple[str, str]]
RESERVED = ("as_of", "previous", "caps", "vetoes")


def findings(plan: Plan) -> Found:
    """What is wrong with a plan: key and what, in the order of the file."""
    yield from _node(plan.root, "score")
    yield from _names(plan)
    yield from _facts(plan)
    yield from _grades(plan)
    yield from _overrides(plan)


def _node(node: Node, key: str) -> Found:
    at = f"{key} ({node.id})"
    if not node.parts and not node.given:
        yield at, "it has neither parts nor a given fact"
    if node.parts:
        yield from _sum(node, at)
    ids = {part.id for part in node.parts}
    for name in node.needs:
        if name not in ids:
            yield f"{at}.needs", f"no part is named {name}"
    yield from _adjusted(node, at)
    for group, leaves in (("given", [given.leaf for given in node.given]), ("minus", node.minus), ("plus", node.plus)):
        for index, leaf in enumerate(leaves):
            yield from _leaf(leaf, f"{key}.{group}[{index}]")
    for index, part in enumerate(node.parts):
        inner = f"{key}.parts[{index}]"
        yield from _node(part, inner) if isinstance(part, Node) else _leaf(part, inner)


def _adjusted(node: Node, at: str) -> Found:
    if node.plus_cap is not None and not node.plus:
        yield f"{at}.plus_cap", "nothing is added that it could limit"
    if node.plus_cap is not None and node.plus_cap <= 0:
        yield f"{at}.plus_cap", "nothing could ever be added"
    if (node.minus or node.plus) and node.max is None:
        yield f"{at}.max", "what is adjusted needs a maximum"


def _sum(node: Node, at: str) -> Found:
    if node.sums:
        open_end = any(part.max is None for part in node.parts)
        total = None if open_end else sum((part.max or Decimal(0) for part in node.parts), Decimal(0))
        if total != node.max:
            yield at, f"the maxima of the parts sum to {_told(total)}, not to max {_told(node.max)}"
        return
    total = sum((part.weight for part in node.parts), Decimal(0))
    if node.max is None:
        yield at, "max is required where parts are weighed"
    elif total != node.max:
        yield at, f"the weights of the parts sum to {plain(total)}, not to max {plain(node.max)}"
    for part in node.parts:
        if part.weight <= 0:
            yield at, f"part {part.id} weighs nothing"
        if not part.max:
            yield at, f"part {part.id} has no maximum to be weighed by"


def _told(number: Decimal | None) -> str:
    return "no limit" if number is None else plain(number)


def _leaf(leaf: Leaf, key: str) -> Found:
    for inner, what in leaf.rule.findings(leaf.max):
        yield ".".join(part for part in (f"{key} ({leaf.id}).rule", inner) if part), what


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        if isinstance(part, Node):
            yield from _nodes(part)


def _names(plan: Plan) -> Found:
    ids = [node.id for node in _nodes(plan.root)]
    given = {id(g.leaf) for node in _nodes(plan.root) for g in node.given}
    ids += [leaf.id for leaf in leaves_of(plan.root) if id(leaf) not in given]
    for name, count in Counter(ids).items():
        if count > 1:
            yield "score", f"{count} parts have the id {name}"
    paths = Counter(leaf.fact for leaf in leaves_of(plan.root))
    for path, count in paths.items():
        if count > 1:
            yield "score", f"{count} indicators read the fact {'.'.join(path)}"


def _facts(plan: Plan) -> Found:
    paths = {leaf.fact for leaf in leaves_of(plan.root)}
    sections = {path[:end] for path in paths for end in range(len(path))}
    for path in sorted(paths & sections):
        yield "score", f"the fact {'.'.join(path)} is both a value and an object"
    taken = {*RESERVED, *([plan.direct.fact] if plan.direct else ())}
    tops = {path[0] for path in paths}
    for name in sorted((taken & (tops | plan.also.keys())) | (tops & plan.also.keys())):
        yield "score", f"the key {name} of the facts is used twice"
    for section, groups in plan.either.items():
        key = f"either.{'.'.join(section)}".rstrip(".")
        known = {path[len(section)] for path in [*paths] if path[: len(section)] == section and len(path) > len(section)}
        named = [name for group in groups for name in group]
        for name in named:
            if name not in known:
                yield key, f"no indicator reads {'.'.join((*section, name))}"
        if len(groups) < 2 or len(set(named)) != len(named):
            yield key, "two groups or more are needed, and a key in one of them only"


def _grades(plan: Plan) -> Found:
    names = [grade.name for grade in plan.grades]
    for name, count in Counter(names).items():
        if count > 1:
            yield "bands", f"{count} bands are named {name}"
        if name in {UNRATED, PROVISIONAL}:
            yield "bands", f"the name {name} is the product's own"
    for at, grade in enumerate(plan.grades):
        key = f"bands[{at}] ({grade.name})"
        yield from _limits(grade, plan.root.max, key)
        if grade.largest_at_most is not None and not plan.root.sums:
            yield key, "largest_at_most needs a score that sums its parts"
        if grade.at_least is not None and grade.at_most is not None and grade.at_least > grade.at_most:
            yield key, "no score is at least the one and at most the other"
        before = next((other for other in plan.grades[:at] if _covers(other, grade)), None)
        if before is not None:
            yield key, f"it is never reached: {before.name} fits whenever it does"
    if not _unconditional(plan.grades[-1]):
        yield f"bands[{len(names) - 1}] ({names[-1]})", "the last band must take every score: no limits, or at_least 0"


def _limits(grade: Grade, highest: Decimal | None, key: str) -> Found:
    for limit in (grade.at_least, grade.at_most, grade.largest_at_most):
        if limit is not None and (limit < 0 or (highest is not None and limit > highest)):
            yield key, f"{plain(limit)} is out of the scores 0 to {_told(highest)}"


def _covers(one: Grade, other: Grade) -> bool:
    """Whether a band fits whenever another one does."""
    low = one.at_least is None or (other.at_least or Decimal(0)) >= one.at_least
    high = one.at_most is None or (other.at_most is not None and other.at_most <= one.at_most)
    limit = other.largest_at_most if other.largest_at_most is not None else other.at_most
    part = one.largest_at_most is None or (limit is not None and limit <= one.largest_at_most)
    return low and high and part


def _unconditional(grade: Grade) -> bool:
    return not grade.at_least and grade.at_most is None and grade.largest_at_most is None


def _overrides(plan: Plan) -> Found:
    names = {grade.name for grade in plan.grades}
    cited = [(f"caps.{code}.best", cap.best) for code, cap in plan.caps.items()]
    cited += [(f"vetoes.{code}.grade", veto.grade) for code, veto in plan.vetoes.items()]
    cited += [(f"after.{one}", name) for one, other in plan.after.items() for name in (one, other)]
    if plan.direct is not None:
        cited += [("direct.grade", plan.direct.grade), ("direct.afterwards", plan.direct.afterwards or plan.direct.grade)]
    for key, name in cited:
        if name not in names:
            yield key, f"no band is named {name}"
    for code, cap in plan.caps.items():
        if cap.best == plan.grades[0].name and not cap.provisional:
            yield f"caps.{code}.best", f"{cap.best} is the best band: it caps nothing"
        yield from _condition(cap.when, plan, f"caps.{code}.when")
    for code, veto in plan.vetoes.items():
        yield from _condition(veto.when, plan, f"vetoes.{code}.when")
    if plan.steps_up is not None and not 0 < plan.steps_up < len(names):
        yield "steps_up", f"it must be 1 to {len(names) - 1}"


def _condition(condition: Condition | None, plan: Plan, key: str) -> Found:
    if condition is None:
        return
    if sum(part is not None for part in (condition.below, condition.at_least, condition.is_in or None)) != 1:
        yield key, "exactly one of below, at_least and is is needed"
    known: set[Path] = {leaf.fact for leaf in leaves_of(plan.root)} | {(name,) for name in plan.also}
    if condition.fact not in known:
        yield f"{key}.fact", f"no indicator reads {'.'.join(condition.fact)}"
        return
    rule = next((leaf.rule for leaf in leaves_of(plan.root) if leaf.fact == condition.fact), None)
    rule = rule or plan.also[condition.fact[0]].rule
    form = rule.schema("en")
    for word in condition.is_in:
        if word not in form.get("enum", ()):
            yield f"{key}.is", f"{word!r} is no answer of {'.'.join(condition.fact)}"
    if not condition.is_in and "pattern" not in form and "enum" not in form:
        yield f"{key}.fact", f"{'.'.join(condition.fact)} is no bare number"
    limit = condition.below if condition.below is not None else condition.at_least
    if limit is not None and not Decimal(form.get("minimum", limit)) <= limit <= Decimal(form.get("maximum", limit)):
        yield key, f"{plain(limit)} is out of the range of {'.'.join(condition.fact)}: it is always so, or never"
