"""Which days are working days in China (statutory holidays and the weekends worked in their lieu).

The calendar package knows the State Council's notices up to a certain year only; beyond its data Monday to Friday count.
That errs towards shorter objection windows near a holiday not yet announced, so ``calendar_covers`` lets a caller say so, and
``workdays.yaml`` lets an operator enter a notice the day it is published, without waiting for a new package.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Annotated, Self

import chinese_calendar
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from configs.words import Strict
from credit.calendar import Calendar

_SATURDAY = 5


def calendar_covers(day: date) -> bool:
    """Whether the holiday calendar has data for that day."""
    return day.year in _known_years()


def working_day(day: date) -> bool:
    """Whether a Shanghai calendar day is a working day; Monday to Friday where the calendar has no data yet."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < _SATURDAY


@cache
def _known_years() -> frozenset[int]:
    return frozenset(known.year for known in (*chinese_calendar.holidays, *chinese_calendar.workdays))


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("a day is written YYYY-MM-DD") from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class WorkdaysFile(Strict):
    """``workdays.yaml``: corrections to the calendar package; empty where its data suffices."""

    years: Annotated[
        tuple[Annotated[int, Field(ge=2020, le=2100)], ...],
        Field(description="years whose holidays are all entered here: dates in them count as legal, not provisional"),
    ] = ()
    holidays: Annotated[tuple[Day, ...], Field(description="Mondays to Fridays on which nobody works")] = ()
    workdays: Annotated[tuple[Day, ...], Field(description="Saturdays and Sundays that are worked")] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        both = sorted(set(self.holidays) & set(self.workdays))
        if both:
            raise ValueError(f"{both[0].isoformat()} is both a holiday and a working day")
        return self

    def value(self) -> Calendar:
        """The calendar with the corrections laid over it."""
        corrected = _Corrected(frozenset(self.holidays), frozenset(self.workdays), frozenset(self.years))
        return Calendar(works=corrected.works, covers=corrected.covers)


@dataclass(frozen=True, slots=True)
class _Corrected:
    holidays: Collection[date]
    workdays: Collection[date]
    years: Collection[int]

    def works(self, day: date) -> bool:
        if day in self.holidays:
            return False
        return day in self.workdays or working_day(day)

    def covers(self, day: date) -> bool:
        return day.year in self.years or calendar_covers(day)


LEGAL = Calendar(works=working_day, covers=calendar_covers)
"""The package's calendar without corrections."""
