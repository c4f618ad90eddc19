"""The closed set of rules an indicator can have, as a scheme file writes them: one key, the kind, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Protocol, Self

from pydantic import ConfigDict, Field, model_validator

from configs.quantities import FactKey, Quantity
from configs.words import Strict
from credit.rating.counts import Checks, Costs, Events, Ratio
from credit.rating.numbers import Number
from credit.rating.rules import Choice, Linear, Option, Rule, Steps, Value, YesNo
from credit.rating.value import Text

Range = tuple[Quantity | None, Quantity | None]
Unit = Annotated[str, Field(max_length=8, description="shown right behind the number, e.g. %")]
Row = tuple[Quantity, Quantity]


class _Named(Strict):
    """A mapping whose keys are Python's own words."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class OptionEntry(Strict):
    """One answer; ``points: null`` = not applicable."""

    points: Quantity | None
    zh: Annotated[str, Field(min_length=1, max_length=80)]
    en: Annotated[str, Field(min_length=1, max_length=120)]


class YesNoEntry(Strict):
    """``yes_no``: points of a yes and of a no."""

    yes: Quantity
    no: Quantity

    def value(self) -> Rule:
        """The domain value."""
        return YesNo(yes=self.yes, no=self.no)


class StepsEntry(_Named):
    """``steps``: rows ``[limit, points]``, the first that fits counts; either upwards or downwards."""

    at_least: tuple[Row, ...] = ()
    at_most: tuple[Row, ...] = ()
    otherwise: Annotated[Quantity, Field(alias="else")]
    range: Range = (None, None)
    whole: bool = False
    unit: Unit = ""

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if bool(self.at_least) == bool(self.at_most):
            raise ValueError("either at_least or at_most is needed")
        return self

    def value(self) -> Rule:
        """The domain value."""
        least, most = self.range
        number = Number(least=least, most=most, whole=self.whole, unit=self.unit)
        return Steps(rows=self.at_least or self.at_most, upward=bool(self.at_least), otherwise=self.otherwise, number=number)


class SubtractEntry(Strict):
    """``subtract``: taken off the maximum per occurrence (``each``), or per occurrence of its kind (``kinds``)."""

    each: Quantity | None = None
    kinds: Annotated[dict[FactKey, Quantity], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.each is None) == (self.kinds is None):
            raise ValueError("either each or kinds is needed")
        return self

    def value(self) -> Rule:
        """The domain value."""
        return Costs(each=self.costs(), from_full=True)

    def costs(self) -> Mapping[str, Decimal]:
        """Points of one occurrence by kind; the kind ``""`` stands for a bare count."""
        return MappingProxyType({"": self.each} if self.each is not None else dict(self.kinds or {}))


class CountEntry(SubtractEntry):
    """``count``: points per occurrence, at most ``cap``."""

    cap: Quantity | None = None

    def value(self) -> Rule:
        """The domain value."""
        return Costs(each=self.costs(), cap=self.cap)


class RatioEntry(Strict):
    """``ratio``: the maximum times ``of`` divided by ``among``."""

    of: FactKey
    among: FactKey
    whole: bool = False

    def value(self) -> Rule:
        """The domain value."""
        return Ratio(part=self.of, whole=self.among, counted=self.whole)


class LinearEntry(_Named):
    """``linear``: 0 points at ``from``, the maximum at ``to``."""

    start: Annotated[Quantity, Field(alias="from")]
    to: Quantity
    unit: Unit = ""
    of: FactKey | None = None
    count: FactKey | None = None
    enough: Quantity = Decimal(0)

    def value(self) -> Rule:
        """The domain value."""
        return Linear(start=self.start, end=self.to, unit=self.unit, of=self.of or "", count=self.count or "", enough=self.enough)


class ValueEntry(_Named):
    """``value``: the number itself is the points."""

    range: Range = (None, None)
    allowed: Annotated[tuple[Quantity, ...], Field(alias="in")] = ()
    whole: bool = False
    unit: Unit = ""

    def value(self) -> Rule:
        """The domain value."""
        return Value(number=self.number())

    def number(self) -> Number:
        """Which numbers there may be."""
        least, most = self.range
        return Number(least=least, most=most, whole=self.whole, allowed=self.allowed, unit=self.unit)


class EventsEntry(Strict):
    """``events``: confirmed events per day, class and camera, taken off the maximum by severity."""

    points: Annotated[dict[FactKey, Quantity], Field(min_length=1)]
    most_per_day: Annotated[int, Field(ge=1)]
    classes: tuple[FactKey, ...] = ()

    def value(self) -> Rule:
        """The domain value."""
        return Events(points=MappingProxyType(dict(self.points)), most_per_day=self.most_per_day, classes=self.classes)


class ChecksEntry(Strict):
    """``checks``: the maximum times (1 − weight of failed items / weight of checked items)."""

    weights: Annotated[dict[FactKey, Quantity], Field(min_length=1)]

    def value(self) -> Rule:
        """The domain value."""
        return Checks(weights=MappingProxyType(dict(self.weights)))


class _Entry(Protocol):
    def value(self) -> Rule: ...


class RuleEntry(Strict):
    """A rule: exactly one of the kinds."""

    choice: Annotated[dict[FactKey, OptionEntry], Field(min_length=2)] | None = None
    yes_no: YesNoEntry | None = None
    steps: StepsEntry | None = None
    subtract: SubtractEntry | None = None
    count: CountEntry | None = None
    ratio: RatioEntry | None = None
    linear: LinearEntry | None = None
    value_: Annotated[ValueEntry | None, Field(alias="value")] = None
    events: EventsEntry | None = None
    checks: ChecksEntry | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(
                "a rule has exactly one kind: choice, yes_no, steps, subtract, count, ratio, linear, value, events or checks"
            )
        return self

    def value(self) -> Rule:
        """The domain value."""
        if self.choice is not None:
            options = {word: Option(points=entry.points, title=Text(entry.zh, entry.en)) for word, entry in self.choice.items()}
            return Choice(options=MappingProxyType(options))
        kinds: tuple[_Entry | None, ...] = (
            self.yes_no,
            self.steps,
            self.subtract,
            self.count,
            self.ratio,
            self.linear,
            self.value_,
            self.events,
            self.checks,
        )
        return next(entry for entry in kinds if entry is not None).value()
