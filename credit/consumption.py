"""The consumption-credit index 消费信用指数 of a merchant, and the rank within its trade (domain.md C.6.6, R-09).

``CCI = 40·(complaints closed in time / due) + 40·(1 − min(1, upheld/5)) + 20·(mean rating − 1)/4``. What does not apply is left
out and the rest scaled up; who has nothing that applies has no index and no rank, which is not the same as a bad one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from domain.errors import BadInput, Code

CENT = Decimal("0.01")
FEWEST_RATINGS = 10
"""Fewer ratings say nothing (F.15)."""
_IN_TIME, _UPHELD, _STARS = 40, 40, 20
_UPHELD_AT_MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerFacts:
    """What consumers' complaints and ratings of the last twelve months came to.

    Attributes:
        due: complaints whose answer was due; 0 = that part does not apply.
        closed_in_time: of them.
        upheld: complaints upheld in 12 months; None = the merchant has not been open to complaints.
        ratings: how many; fewer than 10 do not count.
        stars: sum of all stars, so that the mean is exact.
    """

    due: int = 0
    closed_in_time: int = 0
    upheld: int | None = 0
    ratings: int = 0
    stars: int = 0


def index(facts: ConsumerFacts) -> Decimal | None:
    """The index, 0–100 with 2 decimals half-up; None if no part applies.

    Raises:
        BadInput: E003 on counts that cannot be.
    """
    _check(facts)
    parts: list[tuple[int, Fraction]] = []
    if facts.due:
        parts.append((_IN_TIME, Fraction(facts.closed_in_time, facts.due)))
    if facts.upheld is not None:
        parts.append((_UPHELD, 1 - min(Fraction(1), Fraction(facts.upheld, _UPHELD_AT_MOST))))
    if facts.ratings >= FEWEST_RATINGS:
        parts.append((_STARS, (Fraction(facts.stars, facts.ratings) - 1) / 4))
    weight = sum(part for part, _ in parts)
    if not weight:
        return None
    exact = 100 * sum((part * share for part, share in parts), Fraction(0)) / weight
    return _half_up(exact)


def ranks(indices: Mapping[str, Decimal | None]) -> dict[str, int]:
    """Ranks within one trade: the highest index is 1, equal ones share the better rank; who has no index has no rank."""
    known = {uscc: value for uscc, value in indices.items() if value is not None}
    return {uscc: 1 + sum(other > value for other in known.values()) for uscc, value in known.items()}


def top_tenth(indices: Mapping[str, Decimal | None]) -> frozenset[str]:
    """Who is among the best tenth (a part of Rizhao's characteristic bonus): ``ceil(n / 10)``, ties included."""
    placed = ranks(indices)
    places = -(-len(placed) // 10)
    return frozenset(uscc for uscc, place in placed.items() if place <= places)


def _half_up(exact: Fraction) -> Decimal:
    """An exact fraction rounded once; a decimal division before it could round 0.005 away."""
    hundredths = (200 * exact.numerator + exact.denominator) // (2 * exact.denominator)
    return (Decimal(hundredths) / 100).quantize(CENT, ROUND_HALF_UP)


def _check(facts: ConsumerFacts) -> None:
    if not 0 <= facts.closed_in_time <= facts.due:
        raise BadInput(Code.FIELD, f"{facts.closed_in_time} of {facts.due} cannot be", where="closed_in_time")
    if facts.upheld is not None and facts.upheld < 0:
        raise BadInput(Code.FIELD, f"{facts.upheld} is no number of complaints", where="upheld")
    if not facts.ratings <= facts.stars <= 5 * facts.ratings or facts.ratings < 0:
        raise BadInput(Code.FIELD, f"{facts.ratings} ratings cannot have {facts.stars} stars", where="stars")
