"""What was read, as rows: one for each quantity and baseline, medians with the least and the most, ratios.

A ratio is always product ÷ baseline; ``more_is_better`` says whether a large one is good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from cli.bench.figure import Outcome, Quantity, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Readings of some rounds."""

    median: float
    least: float
    most: float
    rounds: int
    cpu_us: float | None

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> Spread | None:
        """The spread of readings; None of none."""
        if not readings:
            return None
        values = [reading.value for reading in readings]
        cpu = [reading.cpu_us for reading in readings if reading.cpu_us is not None]
        return cls(
            median=median(values),
            least=min(values),
            most=max(values),
            rounds=len(values),
            cpu_us=median(cpu) if cpu else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity beside one baseline; ``baseline`` is None where nothing stands beside it."""

    measure: str
    unit: str
    more_is_better: bool
    product: Spread
    baseline_is: str
    baseline: Spread | None

    @property
    def ratio(self) -> float | None:
        """Product ÷ baseline."""
        return self.product.median / self.baseline.median if self.baseline is not None and self.baseline.median else None

    @property
    def cpu_ratio(self) -> float | None:
        """CPU time per event, product ÷ baseline."""
        if self.baseline is None or not self.baseline.cpu_us or self.product.cpu_us is None:
            return None
        return self.product.cpu_us / self.baseline.cpu_us


def rows_of(outcome: Outcome) -> list[Row]:
    """The rows of a figure, in the order of its quantities; what the product did not read has none."""
    return [row for quantity in outcome.quantities for row in _rows(outcome, quantity)]


def _rows(outcome: Outcome, quantity: Quantity) -> Iterator[Row]:
    def spread(name: str) -> Spread | None:
        return Spread.of(outcome.readings.get(name, {}).get(quantity.key, ()))

    product = spread(outcome.product)
    if product is None:
        return
    baselines = [name for name in outcome.readings if name != outcome.product]
    beside = [(name, found) for name in baselines if (found := spread(name)) is not None]
    alone: list[tuple[str, Spread | None]] = [("", None)]
    for name, found in beside or alone:
        yield Row(
            measure=quantity.name,
            unit=quantity.unit,
            more_is_better=quantity.more_is_better,
            product=product,
            baseline_is=name,
            baseline=found,
        )
