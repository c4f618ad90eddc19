"""Two parts of a scheme that deducts: which fact tells a violation's degree, and what the cumulative points propose."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from configs.quantities import FactKey, Quantity
from configs.words import Strict, Word
from credit.measures import Measure, Threshold
from credit.scheme import Degree

Days = Annotated[int, Field(ge=1, le=366)]


class LimitEntry(Strict):
    """Below this number it is that variant; none named means the plain base."""

    limit: Quantity
    variant: Word | None = None


class DegreeEntry(Strict):
    """Which fact tells the degree: a number with limits, or the name of a variant."""

    fact: FactKey
    below: tuple[LimitEntry, ...] = ()
    most: Quantity | None = None

    def value(self) -> Degree:
        """The domain value."""
        return Degree(fact=self.fact, below=tuple((entry.limit, entry.variant) for entry in self.below), most=self.most)


class ThresholdEntry(Strict):
    """What is proposed when the cumulative points of a contract round reach a number (C.5)."""

    points: Quantity
    measure: Measure
    days: tuple[Days, ...] = ()

    def value(self) -> Threshold:
        """The domain value."""
        return Threshold(points=self.points, measure=self.measure, days=self.days)
