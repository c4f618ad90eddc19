"""When a month's assessment is cut, shown, objected to and published (domain.md C.2 calendar, D.8).

The three working days of the objection window are counted from the day of the provisional run, which is not counted itself, and
publication waits for the first working day *after* the window, at 10:00.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from credit.calendar import Basis, Calendar, Deadline, add_working_days, at_clock, basis, first_working_day
from domain.errors import BadInput, Code
from domain.time import local_day, midnight

OBJECTION_WORKING_DAYS = 3
PROVISIONAL_AT = time(2)
PUBLISHED_AT = time(10)
_MONTH = re.compile(r"2[01][0-9]{2}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The dates of one month's assessment.

    Attributes:
        month: ``YYYY-MM``, the month assessed.
        frozen_at: the data cut: the first instant that no longer belongs to the month.
        provisional_at: when merchants see the result and may begin to object.
        objection_until: the end of the objection window.
        published_at: when it takes effect.
        calendar: whether every day passed is in the legal calendar.
    """

    month: str
    frozen_at: datetime
    provisional_at: datetime
    objection_until: datetime
    published_at: datetime
    calendar: Basis

    @property
    def deadline(self) -> Deadline:
        """The publication as a date with its basis."""
        return Deadline(by=self.published_at, calendar=self.calendar)


def publication(month: str, calendar: Calendar, *, outage: timedelta = timedelta(0)) -> Publication:
    """The dates of a month's assessment.

    Args:
        month: ``YYYY-MM``.
        calendar: of working days.
        outage: how long the platform itself was down inside the objection window; the window is that much longer (D.8).

    Raises:
        BadInput: E003 if ``month`` is no month.
    """
    first = first_of(month)
    following = (first + timedelta(days=31)).replace(day=1)
    provisional_at = at_clock(following, PROVISIONAL_AT)
    objection_until = add_working_days(provisional_at, OBJECTION_WORKING_DAYS, calendar.works) + outage
    last_day = local_day(objection_until - timedelta(microseconds=1))
    day = first_working_day(last_day, calendar)
    return Publication(
        month=month,
        frozen_at=midnight(following),
        provisional_at=provisional_at,
        objection_until=objection_until,
        published_at=at_clock(day, PUBLISHED_AT),
        calendar=basis(following, day, calendar),
    )


def first_of(month: str) -> date:
    """The first day of ``YYYY-MM``.

    Raises:
        BadInput: E003 if that is no month.
    """
    if not _MONTH.fullmatch(month):
        raise BadInput(Code.FIELD, f"{month[:20]!r} is no month", where="month", hint="write YYYY-MM, e.g. 2026-11")
    return date(int(month[:4]), int(month[5:]), 1)
