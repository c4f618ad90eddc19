"""Percentiles of a latency as readings: p50, p95, p99 of all that was timed in a round (nearest rank)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cli.bench.figure import Quantity, Reading

RANKS = (50, 95, 99)


def quantities(key: str, name: str, ranks: Sequence[int] = RANKS) -> tuple[Quantity, ...]:
    """One quantity for each percentile."""
    return tuple(Quantity(key=f"{key} p{rank}", name=f"{name}, p{rank}", unit="ms", more_is_better=False) for rank in ranks)


def readings(
    key: str, seconds: Sequence[float], *, cpu_us: float | None = None, ranks: Sequence[int] = RANKS
) -> Mapping[str, Reading]:
    """The percentiles of what was timed; nothing if nothing was."""
    if not seconds:
        return {}
    return {f"{key} p{rank}": Reading(value=1000 * percentile(seconds, rank), cpu_us=cpu_us) for rank in ranks}


def percentile(values: Sequence[float], rank: int) -> float:
    """The smallest value that ``rank`` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(rank / 100 * len(ordered)) - 1)]
