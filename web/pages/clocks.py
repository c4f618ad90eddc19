"""The two clocks of a warning as a page shows them: absolute instants; the browser counts down (domain.md 0.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.warnings import Warning

LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One running clock: until when, how long it is in all, and what is left now (negative: over)."""

    until: datetime
    total: timedelta
    left: timedelta

    @property
    def over(self) -> bool:
        """Past its instant; exactly at it is still in time."""
        return self.left < timedelta()

    @property
    def soon(self) -> bool:
        """Less than a quarter is left."""
        return not self.over and self.left < self.total / 4

    @property
    def part_gone(self) -> int:
        """Per cent of the time that is gone, 0…100."""
        return max(0, min(100, round(100 - 100 * self.left / self.total)))


def closing(warning: Warning, now: datetime) -> Clock | None:
    """The regulator's 24-hour clock, while the warning is open."""
    if warning.close_by is None or not warning.is_open or warning.controlled_until is not None:
        return None
    total = min(warning.close_by - warning.raised_at, LONGEST)  # a reopened one runs from its reopening
    return Clock(until=warning.close_by, total=total, left=warning.close_by - now)


def rectifying(warning: Warning, now: datetime) -> Clock | None:
    """The merchant's own clock, while nothing is submitted."""
    if warning.rectify_by is None or not warning.is_open or warning.submitted_at is not None:
        return None
    begun = warning.notified_at or warning.raised_at
    total = max(warning.rectify_by - begun, timedelta(minutes=1))
    return Clock(until=warning.rectify_by, total=total, left=warning.rectify_by - now)


def is_overdue(warning: Warning, now: datetime) -> bool:
    """Whether either running clock is over."""
    return any(clock is not None and clock.over for clock in (closing(warning, now), rectifying(warning, now)))


def urgency(warning: Warning, *, far: datetime) -> tuple[int, datetime]:
    """Sort key: open before closed, then by what ends first: the 24-hour clock, else the merchant's."""
    until = warning.close_by or warning.rectify_by or far
    return (0 if warning.is_open else 1, until)
