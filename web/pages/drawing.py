"""Where the marks of a small drawing go; the template draws them as SVG. Every drawing stands beside its numbers as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from casework.report_scale import scale_of

WIDE, HIGH = 360, 150
LEFT, TOP, LOW = 30, 18, 24
FEW = 6
"""Up to so many points each has its number beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One month of a trend; ``y`` is None where there was no score, ``label`` empty where there is no room for it."""

    x: float
    y: float | None
    month: str
    score: str | None
    grade: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Scores over months: marks of the scale, points, and the line through those that have a score."""

    points: Sequence[Point]
    marks: Sequence[tuple[float, str]]
    path: str


def trend(months: Sequence[Mapping[str, Any]], bands: Sequence[Mapping[str, Any]] = ()) -> Trend:
    """Place months with ``month``, ``score`` (text or None) and ``grade``, oldest first, over the limits of the grades."""
    scale = scale_of(months, bands)

    def height(score: Decimal) -> float:
        return round(HIGH - LOW - (HIGH - LOW - TOP) * scale.share(score), 1)

    step = (WIDE - 2 * LEFT) / max(1, len(months) - 1)
    points = []
    for at, each in enumerate(months):
        said = len(months) <= FEW or at in (0, len(months) - 1)
        points.append(
            Point(
                x=round(LEFT + step * at, 1) if len(months) > 1 else WIDE / 2,
                y=None if each["score"] is None else height(Decimal(each["score"])),
                month=each["month"],
                score=each["score"],
                grade=each["grade"],
                label=each["score"] if said and each["score"] is not None else "",
            )
        )
    marks = [(height(mark), f"{mark:f}") for mark in (scale.low, *scale.marks, scale.high)]
    path = " ".join(f"{point.x},{point.y}" for point in points if point.y is not None)
    return Trend(points=points, marks=marks, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One grade of a distribution, in per cent of all and as a length of 0…100 of the longest."""

    grade: str
    count: int
    before: int
    percent: Decimal
    length: float
    length_before: float
    offset: float
    """Where the grade begins when all stand in one row, in per cent."""

    @property
    def difference(self) -> int:
        """How many more there are than before."""
        return self.count - self.before


def bars(now: Mapping[str, int], before: Mapping[str, int]) -> list[Bar]:
    """A distribution beside the one before, in the order of the first."""
    total = sum(now.values())
    longest = max([1, *now.values(), *before.values()])
    found, offset = [], Decimal(0)
    for grade in dict.fromkeys((*now, *before)):
        count, was = now.get(grade, 0), before.get(grade, 0)
        percent = Decimal(100 * count) / total if total else Decimal(0)
        found.append(
            Bar(
                grade=grade,
                count=count,
                before=was,
                percent=percent.quantize(Decimal("0.1")),
                length=round(100 * count / longest, 2),
                length_before=round(100 * was / longest, 2),
                offset=round(float(offset), 3),
            )
        )
        offset += percent
    return found
