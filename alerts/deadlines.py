"""What is due on a warning at a given instant (domain.md D.1, section 0).

A deadline belongs to the one who keeps it: submitting at exactly ``rectify_by`` and closing at exactly ``close_by`` are on time,
so "overdue" begins one microsecond later. A clock that was never started (``rectify_by`` None) never expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from alerts import escalation
from domain.rules import Level, Rules
from domain.warnings import Disposition, State, Warning

AFTER = timedelta(microseconds=1)
"""The smallest step of time: the first instant after a deadline."""

AWAITING_MERCHANT = frozenset({State.NOTIFIED, State.ACKNOWLEDGED, State.RECTIFYING})
"""States in which the merchant's limit runs."""

CONFIRMING = frozenset({Disposition.VERIFIED, Disposition.CASE_FILED, Disposition.CONTROLLED_LONG_TERM})
"""Dispositions that say the violation was real."""


class Due(StrEnum):
    """What a sweep may find due."""

    RECTIFY_OVERDUE = "rectify_overdue"
    CLOSURE_OVERDUE = "closure_overdue"
    REMIND_50 = "remind_50"
    REMIND_75 = "remind_75"
    REMIND_100 = "remind_100"
    RECTIFY_50 = "rectify_50"
    RECTIFY_75 = "rectify_75"
    RECTIFY_100 = "rectify_100"
    ESCALATE = "escalate"
    CONTROL_ENDED = "control_ended"


REMINDERS = {Due.REMIND_50: 50, Due.REMIND_75: 75, Due.REMIND_100: 100}
"""Of the 24 hours."""
RECTIFY_REMINDERS = {Due.RECTIFY_50: 50, Due.RECTIFY_75: 75, Due.RECTIFY_100: 100}
"""Of the merchant's own limit."""
_ESCALATION = {Due.RECTIFY_OVERDUE: 1, Due.CLOSURE_OVERDUE: 2}


def _instants(warning: Warning, rules: Rules) -> Iterator[tuple[datetime, Due]]:
    """Every instant at which something not yet done falls due."""
    if warning.state is State.CONTROLLED:
        if warning.controlled_until is not None and warning.reminded_percent < 100:
            yield warning.controlled_until, Due.CONTROL_ENDED
        return
    if not warning.is_open:
        return
    if warning.rectify_by is not None and warning.state in AWAITING_MERCHANT and not warning.rectify_overdue:
        yield warning.rectify_by + AFTER, Due.RECTIFY_OVERDUE
        yield from _rectify_reminders(warning, warning.rectify_by)
    for at, _ in escalation.waiting(warning):
        yield at, Due.ESCALATE
    if warning.close_by is None:
        return
    if not warning.closure_overdue:
        yield warning.close_by + AFTER, Due.CLOSURE_OVERDUE
    started_at = warning.close_by - rules.close_within
    for reminder, percent in REMINDERS.items():
        if warning.reminded_percent < percent:
            yield started_at + rules.close_within * percent / 100, reminder


def _rectify_reminders(warning: Warning, rectify_by: datetime) -> Iterator[tuple[datetime, Due]]:
    if warning.level is not Level.RED:
        return
    for reminder, percent in RECTIFY_REMINDERS.items():
        if percent > (warning.rectify_reminded_percent or 0):
            yield rectify_reminder_at(warning, rectify_by, percent), reminder


def rectify_reminder_at(warning: Warning, rectify_by: datetime, percent: int) -> datetime:
    """When so much of the merchant's limit has passed: of its last ``rectify_within``, or since a later delivery."""
    started_at = max(rectify_by - warning.rectify_within, warning.notified_at or warning.raised_at)
    return started_at + (rectify_by - started_at) * percent / 100


def due(warning: Warning, rules: Rules, now: datetime) -> tuple[Due, ...]:
    """What has fallen due and is not yet flagged.

    Of several reminders of one clock missed (a sweep that slept) only the latest is given: one push, not three. Which steps of
    its chain ``ESCALATE`` stands for says ``escalation.due_steps``.

    Returns:
        In order of the instants; ``flag`` marks them so that they do not come again.
    """
    passed = [what for _, what in sorted(item for item in _instants(warning, rules) if item[0] <= now)]
    for clock in (REMINDERS, RECTIFY_REMINDERS):
        latest = max((clock[what] for what in passed if what in clock), default=0)
        passed = [what for what in passed if clock.get(what, latest) == latest]
    return tuple(dict.fromkeys(passed))


def next_due_at(warning: Warning, rules: Rules) -> datetime | None:
    """The earliest instant at which ``due`` returns something; None if it never will as the warning stands."""
    return min((at for at, _ in _instants(warning, rules)), default=None)


def flag(warning: Warning, whats: tuple[Due, ...], rules: Rules, *, steps: Iterable[int] = ()) -> Warning:
    """The warning with what was due marked as done: flags, escalation level, reminders, steps. Unchanged if nothing was due.

    Args:
        warning: as it stands.
        whats: what was due.
        rules: the site's.
        steps: numbers of the steps of its chain that were due.
    """
    if not whats:
        return warning
    reminded = max((REMINDERS.get(what, 100 if what is Due.CONTROL_ENDED else 0) for what in whats), default=0)
    rectify = max((RECTIFY_REMINDERS.get(what, 0) for what in whats), default=0)
    flagged = replace(
        warning,
        rectify_overdue=warning.rectify_overdue or Due.RECTIFY_OVERDUE in whats,
        closure_overdue=warning.closure_overdue or Due.CLOSURE_OVERDUE in whats,
        escalation_level=max(warning.escalation_level, *(_ESCALATION.get(what, 0) for what in whats)),
        reminded_percent=max(warning.reminded_percent, reminded),
        rectify_reminded_percent=max(rectify, warning.rectify_reminded_percent or 0) or None,
        version=warning.version + 1,
    )
    flagged = escalation.taken(flagged, steps)
    return replace(flagged, next_due_at=next_due_at(flagged, rules))


def charge_due(warning: Warning, now: datetime) -> bool:
    """Whether the warning's deduction is to be proposed now (section 0.3).

    It is when the violation is confirmed (verified, case filed, under long-term control), or when ``close_by`` and ``rectify_by``
    have both passed without a submission. A merchant who was never told, and one whose submission waits for a late regulator,
    are not charged. An ordinary warning has no ``close_by``: only its ``rectify_by`` must have passed. Ask after every command
    and every flag.
    """
    if warning.disposition in CONFIRMING:
        return True
    if warning.state not in AWAITING_MERCHANT or warning.rectify_by is None:
        return False
    return now > warning.rectify_by and (warning.close_by is None or now > warning.close_by)


def rectified_on_time(warning: Warning, now: datetime) -> bool | None:
    """How the merchant kept the limit, for the overdue part and the waiver of C.4.

    Returns:
        True if the last submission came in time, False if it came late or the limit passed without one, None if nothing was
        submitted while the limit still ran or never ran: neither late nor rectified.
    """
    if warning.submitted_at is not None:
        return warning.on_time
    if warning.rectify_by is None:
        return None
    ended_at = warning.closed_at or now
    return False if ended_at > warning.rectify_by else None
