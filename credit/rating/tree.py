"""The points of a tree of parts: compiled once into plain functions, then run for each merchant (domain.md C.0-2, C.0-3).

Exactness: all arithmetic has 120 digits, and the total is snapped to 90 decimals before it is rounded half-up, so that what is
a tie in fractions (as 89.995) is one here too, whatever thirds and sevenths it was added up from.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from credit.rating.intake import Sections
from credit.rating.numbers import NOTHING
from credit.rating.plan import Given, Leaf, Node
from credit.rating.value import Line, Text
from credit.scheme import CENT

EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)
_SNAP: Final = Decimal(1).scaleb(-90)
NOT_APPLICABLE: Final = Text("不适用", "not applicable")
_SUM: Final = Text("各项合计", "the sum of its parts")
_RESCALED: Final = Text("按各项指标计算，不适用项按比例分摊", "from its parts, those not applicable shared pro rata")
_MOST_KNOWN: Final = 256
"""Most answers remembered per indicator and kind of value; a hundred thousand merchants give few different ones."""
_LACKING: Final = Text("无可用数据", "nothing in it is applicable")


class Sheet:
    """What the rating of one merchant fills in on its way.

    Attributes:
        lines: indicators, and the parts of the score itself.
        subtotals: the nodes between.
        gaps: what is missing so that there can be no score.
        fallbacks: parts counted from their indicators because there is no value that stands for them.
        overruled: points told of a part that another value stands for, where the two are not the same.
        largest: the largest part of the score.
    """

    __slots__ = ("fallbacks", "gaps", "largest", "lines", "overruled", "sections", "subtotals")

    def __init__(self, sections: Sections) -> None:
        self.sections = sections
        self.lines: list[Line] = []
        self.subtotals: list[Line] = []
        self.gaps: list[Text] = []
        self.fallbacks: list[Text] = []
        self.overruled: list[tuple[Text, Decimal, Decimal]] = []
        self.largest = NOTHING


Points = Callable[[Sheet], Decimal | None]
"""The points of a part; ``None`` = not applicable."""


def rounded(total: Decimal) -> Decimal:
    """The exact total with 2 decimals, half-up; to be called with the context ``EXACT``."""
    return snapped(total).quantize(CENT, ROUND_HALF_UP)


def snapped(total: Decimal) -> Decimal:
    """The total without the last digits, in which a repeating fraction has left its error."""
    return total.quantize(_SNAP)


def score_of(root: Node) -> Points:
    """The function that gives a merchant's total."""
    return _node(root, depth=0)


def _leaf(leaf: Leaf, *, sign: int = 1) -> Points:
    section, key = leaf.fact[:-1], leaf.fact[-1]
    where, judge = ".".join(leaf.fact), leaf.rule.judge(leaf.max)
    id, most = leaf.id, leaf.max if sign > 0 else NOTHING
    title = leaf.title
    missing = Line(id, None, most, NOT_APPLICABLE, "", title)
    remembered: dict[type, dict[Any, tuple[Decimal | None, Line]]] = {kind: {} for kind in (str, int, bool)}

    def points_of(sheet: Sheet) -> Decimal | None:
        found = sheet.sections.get(section)
        raw = found.get(key) if found is not None else None
        if raw is None:
            sheet.lines.append(missing)
            return None
        known = remembered.get(type(raw))
        hit = known.get(raw) if known is not None else None
        if hit is None:
            points, why = judge(raw, where)
            told = points if sign > 0 or points is None else -points
            hit = points, Line(id, told, most, why, "", title)
            if known is not None and len(known) < _MOST_KNOWN:
                known[raw] = hit
        sheet.lines.append(hit[1])
        return hit[0]

    return points_of


def _node(node: Node, *, depth: int) -> Points:
    directly = [(given, _leaf(given.leaf)) for given in node.given]
    from_parts = _adjusted(node, depth=depth) if node.parts else None
    if not directly and from_parts is not None and not node.required:
        return from_parts

    def points_of(sheet: Sheet) -> Decimal | None:
        there = [(given, judge) for given, judge in directly if _is_there(given, sheet)]
        for given, judge in there:
            points = judge(sheet)
            if given.optional:  # nothing else counts, but what is told must be sound, and no contradiction is passed over
                others = _scrutinized([other for _, other in there[1:]], sheet)
                _scrutinized([from_parts] if from_parts else [], sheet)
                sheet.overruled += [(node.title, other, points) for other in others if points is not None and other != points]
            return _required(node, points, sheet)
        if from_parts is None:
            sheet.lines.append(Line(node.id, None, node.max, NOT_APPLICABLE, "", node.title))
            return _required(node, None, sheet)
        if any(given.optional for given, _ in directly):
            sheet.fallbacks.append(node.title)
        return _required(node, from_parts(sheet), sheet)

    return points_of


def _scrutinized(judges: list[Points], sheet: Sheet) -> list[Decimal]:
    scratch = Sheet(sheet.sections)
    return [points for points in (judge(scratch) for judge in judges) if points is not None]


def _required(node: Node, points: Decimal | None, sheet: Sheet) -> Decimal | None:
    if points is None and node.required:
        sheet.gaps.append(node.title)
    return points


def _is_there(given: Given, sheet: Sheet) -> bool:
    *path, key = given.leaf.fact
    section = sheet.sections.get(tuple(path))
    return section is not None and key in section and (section[key] is not None or not given.optional)


def _adjusted(node: Node, *, depth: int) -> Points:
    """The points of the parts, then what is taken off and put on, within 0 and the maximum."""
    parts = [(part, _node(part, depth=depth + 1) if isinstance(part, Node) else _leaf(part)) for part in node.parts]
    base = _summed(parts) if node.sums else _weighed(node, parts)
    minus, plus = [_leaf(leaf, sign=-1) for leaf in node.minus], [_leaf(leaf) for leaf in node.plus]
    most, cap = node.max, node.plus_cap

    def points_of(sheet: Sheet) -> Decimal | None:
        at = len(sheet.lines)
        points = base(sheet)
        if minus or plus:
            lost = sum((take(sheet) or NOTHING for take in minus), NOTHING)
            won = sum((give(sheet) or NOTHING for give in plus), NOTHING)
            if points is not None:
                points = max(NOTHING, points - lost + (won if cap is None else min(won, cap)))
        if points is not None and most is not None and points > most:
            points = most
        if depth:
            _tell(node, points, sheet, at if depth == 1 else None)
        return points

    return points_of


def _tell(node: Node, points: Decimal | None, sheet: Sheet, at: int | None) -> None:
    """A line before those of its parts for a part of the score itself, a subtotal for a deeper node."""
    why = _LACKING if points is None else _SUM if node.sums else _RESCALED
    line = Line(node.id, points, node.max, why, "", node.title)
    if at is None:
        sheet.subtotals.append(line)
    else:
        sheet.lines.insert(at, line)


Parts = list[tuple[Node | Leaf, Points]]


def _weighed(node: Node, parts: Parts) -> Points:
    """``max × Σ weight·points/max of the part / Σ weights`` over the parts that are applicable (C.0-2)."""
    plans = [(judge, part.weight, None if part.weight == part.max else part.max, part) for part, judge in parts]
    full = node.max or NOTHING
    needs = frozenset(node.needs)

    def points_of(sheet: Sheet) -> Decimal | None:
        total, weights, met, gap = NOTHING, NOTHING, not needs, False
        for judge, weight, most, part in plans:
            points = judge(sheet)
            if points is None:
                gap = gap or (isinstance(part, Node) and part.required)
                continue
            total += points if most is None else points * weight / most
            weights += weight
            met = met or part.id in needs
        if gap or not weights or not met:
            return None
        return total if weights == full else total * full / weights

    return points_of


def _summed(parts: Parts) -> Points:
    """The sum; a part that is not applicable leaves no total."""

    def points_of(sheet: Sheet) -> Decimal | None:
        found = [(part, judge(sheet)) for part, judge in parts]
        missing = [part.title for part, points in found if points is None]
        if missing:
            sheet.gaps += missing
            return None
        points = [points for _, points in found if points is not None]
        sheet.largest = max(points, default=NOTHING)
        return sum(points, NOTHING)

    return points_of
