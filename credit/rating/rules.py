"""How one raw value becomes points: the rules that look at a single answer or number.

A rule is data of a closed kind; it is checked when the scheme is loaded and turned into a function once. Nothing in a scheme file
is ever evaluated. The rules that count occurrences are in ``credit.rating.counts``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, Protocol

from credit.rating.facts import bad_fact, mapping_of, shown
from credit.rating.numbers import COUNT, NOTHING, Findings, Number, described, object_of, shown_end
from credit.rating.value import Text, plain

Judged = tuple[Decimal | None, Text]
"""Points (``None``: not applicable) and why."""
Judge = Callable[[Any, str], Judged]
"""Judges a raw value that is not null; the second argument is its path, for errors."""


class Rule(Protocol):
    """One kind of rule with its numbers."""

    def findings(self, most: Decimal | None) -> Findings:
        """What contradicts itself, if the indicator's maximum is ``most``."""
        ...

    def judge(self, most: Decimal | None) -> Judge:
        """The function that gives points."""
        ...

    def schema(self, language: str) -> dict[str, Any]:
        """The JSON Schema of the raw value, null not yet among it."""
        ...


_ITSELF: Final = Text("数值本身，没有则为 null", "the number itself; null if there is none")
_COUNTED: Final = Text("依据的条数", "how many it rests on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One answer of a choice; ``points`` ``None`` = not applicable."""

    points: Decimal | None
    title: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several words."""

    options: Mapping[str, Option]

    def findings(self, most: Decimal | None) -> Findings:
        """Points outside the maximum, or no answer that reaches it."""
        points = {word: option.points for word, option in self.options.items() if option.points is not None}
        yield from _outside(points, most)
        if most is not None and points and max(points.values()) != most:
            yield "", f"no answer gives the maximum of {plain(most)}"

    def judge(self, most: Decimal | None) -> Judge:  # noqa: ARG002 - the points are in the options
        """The function that gives points."""
        results = {word: (option.points, option.title) for word, option in self.options.items()}

        def judge(raw: Any, where: str) -> Judged:
            found = results.get(raw) if type(raw) is str else None
            if found is None:
                raise bad_fact(where, f"{shown(raw)} is no answer known here", f"one of {', '.join(results)}")
            return found

        return judge

    def schema(self, language: str) -> dict[str, Any]:
        """The words, each told."""
        told = [{"const": word, "title": option.title.render(language)} for word, option in self.options.items()]
        return {"enum": list(self.options), "oneOf": [*told, {"type": "null"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class YesNo:
    """Yes or no: ``true``/``false`` in JSON, or the words."""

    yes: Decimal
    no: Decimal

    def findings(self, most: Decimal | None) -> Findings:
        """Points outside the maximum, or two that are the same."""
        yield from _outside({"yes": self.yes, "no": self.no}, most)
        if self.yes == self.no:
            yield "", "yes and no give the same points"
        elif most is not None and max(self.yes, self.no) != most:
            yield "", f"neither answer gives the maximum of {plain(most)}"

    def judge(self, most: Decimal | None) -> Judge:  # noqa: ARG002 - the points are in the rule
        """The function that gives points."""
        yes, no = (self.yes, Text("是", "yes")), (self.no, Text("否", "no"))

        def judge(raw: Any, where: str) -> Judged:
            if raw is True or raw == "yes":
                return yes
            if raw is False or raw == "no":
                return no
            raise bad_fact(where, f"{shown(raw)} is neither true nor false")

        return judge

    def schema(self, language: str) -> dict[str, Any]:  # noqa: ARG002 - no words
        """A boolean or its word."""
        return {"enum": [True, False, "yes", "no"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Points by thresholds.

    Attributes:
        rows: limit and points; the first row that fits counts.
        upward: a row fits a number at or above its limit, else at or below it.
        otherwise: points if none fits.
    """

    rows: tuple[tuple[Decimal, Decimal], ...]
    upward: bool
    otherwise: Decimal
    number: Number

    def findings(self, most: Decimal | None) -> Findings:
        """Rows that can never fit, points outside the maximum or not falling from row to row."""
        yield from self.number.findings()
        key = "at_least" if self.upward else "at_most"
        given = [*(points for _, points in self.rows), self.otherwise]
        yield from _outside({f"{key}[{at}]": points for at, points in enumerate(given[:-1])} | {"else": given[-1]}, most)
        if most is not None and given[0] != most:
            yield key, f"the first row gives {plain(given[0])}, not the maximum of {plain(most)}"
        if any(worse >= better for better, worse in pairwise(given)):
            yield key, "the points must fall from row to row"
        sign = -1 if self.upward else 1
        limits = [sign * limit for limit, _ in self.rows]
        for at, (one, other) in enumerate(pairwise(limits)):
            if other <= one:
                yield f"{key}[{at + 1}]", "the row is never reached: the one before it fits first"
        for at, (limit, _) in enumerate(self.rows):
            low, high = self.number.least, self.number.most
            if (low is not None and limit < low) or (high is not None and limit > high):
                yield f"{key}[{at}]", f"{plain(limit)} is out of the range of the number"

    def judge(self, most: Decimal | None) -> Judge:  # noqa: ARG002 - the points are in the rows
        """The function that gives points."""
        read, unit, upward, otherwise = self.number.read, self.number.unit, self.upward, self.otherwise
        sign, other = ("≥", "<") if upward else ("≤", ">")
        fits = (f"{{0}}{{1}}（{sign} {{2}}{{1}}）", f"{{0}}{{1}} ({sign} {{2}}{{1}})")
        misses = (f"{{0}}{{1}}（{other} {{2}}{{1}}）", f"{{0}}{{1}} ({other} {{2}}{{1}})")
        rows, last = self.rows, self.rows[-1][0]

        def judge(raw: Any, where: str) -> Judged:
            number = read(raw, where)
            for limit, points in rows:
                if number >= limit if upward else number <= limit:
                    return points, Text(*fits, (number, unit, limit))
            return otherwise, Text(*misses, (number, unit, last))

        return judge

    def schema(self, language: str) -> dict[str, Any]:  # noqa: ARG002 - no words
        """The number."""
        return self.number.schema()


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Points in proportion between two ends.

    Attributes:
        start: gives 0; ``end`` gives the maximum. ``start`` may be the larger one.
        of: the raw value is an object and this is its key; empty for a bare number.
        count: its key that says how many the number rests on.
        enough: fewer than that are not applicable (F.15).
    """

    start: Decimal
    end: Decimal
    unit: str = ""
    of: str = ""
    count: str = ""
    enough: Decimal = NOTHING

    def findings(self, most: Decimal | None) -> Findings:
        """Two ends that are one, or a maximum that is missing."""
        if self.start == self.end:
            yield "to", "both ends are the same"
        if most is None:
            yield "", "a maximum is needed"
        if bool(self.of) != bool(self.count):
            yield "count", "of and count go together"

    def judge(self, most: Decimal | None) -> Judge:
        """The function that gives points."""
        full = most or NOTHING
        read, unit, start, span = self._number().read, self.unit, self.start, self.end - self.start
        keys, enough = (self.of, self.count), self.enough

        def judge_number(raw: Any, where: str) -> Judged:
            number = read(raw, where)
            return full * (number - start) / span, Text("{0}{1}", "{0}{1}", (number, unit))

        def judge_counted(raw: Any, where: str) -> Judged:
            found = mapping_of(raw, where, keys)
            count = COUNT.read(found[keys[1]], f"{where}.{keys[1]}")
            if count < enough and found[keys[0]] is None:
                return None, Text("仅 {0} 条，不足 {1} 条", "only {0}, fewer than {1}", (count, enough))
            number = read(found[keys[0]], f"{where}.{keys[0]}")
            if count < enough:
                return None, Text("仅 {0} 条，不足 {1} 条", "only {0}, fewer than {1}", (count, enough))
            return full * (number - start) / span, Text("{0}{1}（{2} 条）", "{0}{1} (of {2})", (number, unit, count))

        return judge_counted if self.of else judge_number

    def schema(self, language: str) -> dict[str, Any]:
        """The number, or the object it stands in."""
        number = self._number().schema()
        if not self.of:
            return number
        number["type"] = [*number["type"], "null"]
        shape = {self.of: described(number, _ITSELF, language), self.count: described(COUNT.schema(), _COUNTED, language)}
        return object_of(shape)

    def _number(self) -> Number:
        return Number(least=min(self.start, self.end), most=max(self.start, self.end), unit=self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The number itself is the points."""

    number: Number = field(default_factory=Number)

    def findings(self, most: Decimal | None) -> Findings:
        """Numbers below 0 or above the maximum."""
        yield from self.number.findings()
        highest = max(self.number.allowed, default=self.number.most)
        if self.number.least is None and not self.number.allowed:
            yield "range", "a least value is needed"
        if most is not None and highest != most:
            yield "range", f"the highest value is not the maximum of {plain(most)}"

    def judge(self, most: Decimal | None) -> Judge:  # noqa: ARG002 - the points are the number
        """The function that gives points."""
        read, unit = self.number.read, self.number.unit

        def judge(raw: Any, where: str) -> Judged:
            number = read(raw, where)
            return number, Text("{0}{1}", "{0}{1}", (number, unit))

        return judge

    def schema(self, language: str) -> dict[str, Any]:  # noqa: ARG002 - no words
        """The number."""
        return self.number.schema()


def _outside(points: Mapping[str, Decimal], most: Decimal | None) -> Findings:
    for key, given in points.items():
        if given < 0 or (most is not None and given > most):
            yield key, f"{plain(given)} points are outside 0 to {shown_end(most)}"
