"""When goods stop being good (domain.md C.9).

Shelf lives in days and months end with a whole day, so ``expires_at`` is the next Shanghai midnight; only hours run from the hour
of production, whose day is otherwise not counted.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.errors import BadInput, Code
from domain.time import local_day, midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfLife:
    """How long something keeps: exactly one of days, months or hours; ``after_open`` shortens it once it is opened."""

    days: int | None = None
    months: int | None = None
    hours: int | None = None
    after_open: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what says nothing, or two things."""
        told = [span for span in (self.days, self.months, self.hours) if span is not None]
        if len(told) != 1 or told[0] <= 0:
            raise BadInput(Code.FIELD, "a shelf life is a positive number of days, of months or of hours", where="shelf_life")


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last: 31 January and one month is 28 (29) February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def after(last_good_day: date) -> datetime:
    """The first instant after a printed last good day."""
    return midnight(last_good_day + timedelta(days=1))


def expires_at(
    produced_at: datetime, shelf_life: ShelfLife, *, printed: date | None = None, opened_at: datetime | None = None
) -> datetime:
    """The first instant the goods are no longer good.

    Args:
        produced_at: only its Shanghai day counts unless the shelf life is in hours.
        shelf_life: of the article.
        printed: an expiry date on the label wins over the arithmetic (GB 7718).
        opened_at: when the package was opened, if it was.
    """
    closed = after(printed) if printed is not None else _unopened(produced_at, shelf_life)
    if opened_at is None or shelf_life.after_open is None:
        return closed
    return min(closed, opened_at + shelf_life.after_open)


def _unopened(produced_at: datetime, shelf_life: ShelfLife) -> datetime:
    if shelf_life.hours is not None:
        return produced_at + timedelta(hours=shelf_life.hours)
    made_on = local_day(produced_at)
    if shelf_life.months is not None:
        return after(add_months(made_on, shelf_life.months))
    return after(made_on + timedelta(days=shelf_life.days or 0))
