"""The ``measures`` block of a scheme file: what follows from a grade (domain.md C.3, C.4, C.6.2).

What code acts upon has its own key and type; anything else a city wants shown stands under ``more``. Nothing here is done to
anybody: lists, exposure and refusals are proposals that a named person decides.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from configs.quantities import Quantity, WordsEntry
from configs.words import Strict, Word

Fen = Annotated[int, Field(ge=0, le=10**12, description="CNY fen")]
Months = Annotated[int, Field(ge=1, le=120)]


class Period(StrEnum):
    """Over what span visits are counted."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class FeeReduction(StrEnum):
    """How much of a fee is waived."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


class CreditList(StrEnum):
    """The lists of C.3; red and black are proposals."""

    RED = "red_list"
    STANDARD = "standard_unit"
    WARNING = "warning_unit"
    BLACK = "black_list"


class VisitsEntry(Strict):
    """On-site visits: ``percent`` of the grade's merchants per ``period``, ``each`` of those drawn so many times."""

    percent: Annotated[int, Field(ge=0, le=100)]
    each: Annotated[int, Field(ge=1, le=31)] = 1
    period: Period
    days_between: Annotated[int, Field(ge=1, le=366)] | None = None
    not_again_within_months: Months | None = None
    unannounced: bool | None = None


class MeasuresEntry(Strict):
    """What follows from one grade."""

    visits: VisitsEntry | None = None
    risk: WordsEntry | None = None
    online_patrol: bool | None = None
    weekly_evaluation: bool | None = None
    samplings_per_month: Annotated[int, Field(ge=0, le=31)] | None = None
    list: CreditList | None = None
    commended: bool | None = None
    exposed: bool | None = None
    loan_ceiling_fen: Fen | None = None
    subsidy_ceiling_fen: Fen | None = None
    fee_reduction: FeeReduction | None = None
    vouchers_per_month: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    more: dict[Word, Quantity | bool | WordsEntry] = Field(default_factory=dict)

    def value(self) -> dict[str, Any]:
        """The measures as JSON values; what is not said is left out."""
        told = {key: value for key, value in self if value is not None and key != "more"}
        return {key: _plain(value) for key, value in told.items()} | {key: _plain(value) for key, value in self.more.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Strict):
        return {key: _plain(inner) for key, inner in value if inner is not None}
    return value.value if isinstance(value, StrEnum) else value
