"""Inclusive and prudent supervision 包容审慎: three cases in which nobody is listed or blamed (domain.md C.6.5, R-12).

"In time" is ten working days after the reminder, the tenth included; it is configuration, not law.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from credit.calendar import Calendar, within_working_days
from credit.tasks import Finding

IN_TIME_WORKING_DAYS = 10


class Outcome(StrEnum):
    """Whether somebody is put on the list of abnormal operations."""

    NOT_LISTED = "not_listed"
    LISTED = "listed"


class Disclosure(StrEnum):
    """Which information was late or wrong."""

    INSTANT = "instant"
    ANNUAL = "annual"


def in_time(asked_at: datetime, done_at: datetime | None, calendar: Calendar, working_days: int = IN_TIME_WORKING_DAYS) -> bool:
    """Whether something was done within so many working days after it was asked for."""
    return done_at is not None and done_at < within_working_days(asked_at, working_days, calendar).by


def abnormal_address(
    *,
    unreachable_on_site: bool,
    reachable_by_phone: bool,
    contacted_at: datetime,
    address_changed_at: datetime | None,
    calendar: Calendar,
) -> Outcome:
    """Who cannot be found at the registered address.

    Args:
        unreachable_on_site: nobody was met there.
        reachable_by_phone: somebody answered the number of the registration or the annual report.
        contacted_at: when they were told to change the address.
        address_changed_at: when they did; None = not yet. The caller asks again once the time has passed.
        calendar: of working days.
    """
    if not unreachable_on_site:
        return Outcome.NOT_LISTED
    corrected = in_time(contacted_at, address_changed_at, calendar)
    return Outcome.NOT_LISTED if reachable_by_phone and corrected else Outcome.LISTED


def disclosure_late(
    kind: Disclosure,  # noqa: ARG001 - both kinds are judged alike today; the record keeps which it was
    *,
    reminded_at: datetime,
    corrected_at: datetime | None,
    calendar: Calendar,
) -> Outcome:
    """Information that was late or wrong, and corrected after the reminder or not."""
    return Outcome.NOT_LISTED if in_time(reminded_at, corrected_at, calendar) else Outcome.LISTED


def minor_error(*, minor: bool, guided: bool, corrected_on_the_spot: bool, corrected_later: bool) -> Finding | None:
    """How a minor error found in a check is recorded.

    Returns:
        未发现问题 if it was corrected on the spot after guidance, 发现问题已责令改正 if later; None = no leniency, the officer
        enters the ordinary result.
    """
    if not (minor and guided):
        return None
    if corrected_on_the_spot:
        return Finding.NO_PROBLEM
    return Finding.ORDERED_TO_CORRECT if corrected_later else None
