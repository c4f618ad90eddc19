"""Working days (domain.md D.9, F.5). Which day is one is the caller's knowledge: holidays and make-up days change each year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from domain.errors import ConfigurationError
from domain.time import local_day, midnight

LONGEST_HOLIDAY = timedelta(days=60)


def add_working_days(start: datetime, n: int, is_working_day: Callable[[date], bool]) -> datetime:
    """The end of the n-th working day after the day of ``start``, which is not counted itself.

    Args:
        start: when the period is set running.
        n: how many working days, ≥ 1.
        is_working_day: whether people work on a Shanghai day.

    Returns:
        The Shanghai midnight that ends that day.

    Raises:
        ConfigurationError: if 60 days in a row are no working days: the calendar is wrong.
    """
    if n < 1:
        raise ValueError(f"{n} working days is no period")
    day = last = local_day(start)
    while n:
        day += timedelta(days=1)
        if is_working_day(day):
            n, last = n - 1, day
        elif day - last > LONGEST_HOLIDAY:
            raise ConfigurationError(f"the calendar knows no working day after {last.isoformat()}")
    return midnight(day + timedelta(days=1))
