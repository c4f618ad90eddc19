"""How long a health certificate holds, and when somebody on duty has none that does (domain.md C.4 RW3, C.9).

``valid_until`` is a whole day that is still good: a certificate has expired from the next Shanghai midnight on. What expires is a
certificate; somebody who never had one has nothing that could.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from domain.time import local_day, midnight

DAY = timedelta(days=1)


class Paper(Protocol):
    """What holds from one day to another, both included."""

    @property
    def issued_on(self) -> date: ...  # noqa: D102
    @property
    def valid_until(self) -> date: ...  # noqa: D102


def last_good_day(issued_on: date, printed: date | None = None) -> date:
    """The printed day; else a year less a day. A year after 29 February is 1 March (C.9), so it holds until 28 February."""
    if printed is not None:
        return printed
    try:
        return issued_on.replace(year=issued_on.year + 1) - DAY
    except ValueError:
        return date(issued_on.year + 1, 2, 28)


def expires_at(papers: Sequence[Paper]) -> datetime | None:
    """The first instant after the last day that any of them is good for."""
    return midnight(max(paper.valid_until for paper in papers) + DAY) if papers else None


def covered_until(papers: Sequence[Paper], day: date) -> date | None:
    """The last good day of the certificates that hold on a day; None if none does."""
    return max((paper.valid_until for paper in papers if paper.issued_on <= day <= paper.valid_until), default=None)


def lapses_at(papers: Sequence[Paper], start: datetime, end: datetime) -> datetime | None:
    """When somebody on duty from ``start`` to ``end`` has an expired certificate and no other.

    Returns:
        The midnight at which it expires if that lies in the shift, or on the day on which the shift starts; the start of the
        shift if it had expired on an earlier day; None if the certificates last until the end.
    """
    at = start
    while at < end:
        day = local_day(at)
        until = covered_until(papers, day)
        if until is not None:
            at = midnight(until + DAY)
            continue
        expired = [paper.valid_until for paper in papers if paper.valid_until < day]
        if expired:
            return _begins(expired, at, start)
        following = [paper.issued_on for paper in papers if paper.issued_on > day]
        if not following:
            return None
        at = midnight(min(following))
    return None


def _begins(expired: Sequence[date], at: datetime, start: datetime) -> datetime:
    expiry = midnight(max(expired) + DAY)
    if at > start:
        return at
    return expiry if local_day(expiry) == local_day(start) else start
