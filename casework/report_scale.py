"""The scale of a drawing of scores over months: which part of 0 … 100 is worth showing, and the limits of the grades in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

_TEN: Final = Decimal(10)
_FULL: Final = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From ``low`` to ``high`` score, with the limits of the grades between them, lowest first."""

    low: Decimal
    high: Decimal
    marks: Sequence[Decimal]

    def share(self, score: str | Decimal) -> float:
        """How high a score stands, 0 at the foot and 1 at the top."""
        return float((Decimal(score) - self.low) / (self.high - self.low))


def scale_of(trend: Sequence[Mapping[str, Any]], bands: Sequence[Mapping[str, Any]]) -> Scale:
    """The scale for the points of a trend (``score``: text or None) under a scheme's bands (``at_least``)."""
    scores = [Decimal(point["score"]) for point in trend if point["score"] is not None]
    limits = sorted(Decimal(band["at_least"]) for band in bands)
    lowest = min([*scores, *(limit for limit in limits if limit > 0)], default=Decimal(0))
    low = max(Decimal(0), lowest // _TEN * _TEN - _TEN)
    high = max([_FULL, *scores])
    marks = [limit for limit in limits if low < limit < high]
    return Scale(low=low, high=high, marks=marks or [(low + high) / 2])
