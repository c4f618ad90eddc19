"""When a merchant is told that something will expire (domain.md C.4, advance notices).

A notice that lies before the thing was known is not given: nobody is told three days before of what keeps two. After an outage
one notice is given for all that were missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.time import local_day, midnight

LONG_LIFE = timedelta(days=30)


def by_hour(expires_at: datetime) -> bool:
    """Whether it expires at an hour: everything dated by day expires at a Shanghai midnight."""
    return expires_at != midnight(local_day(expires_at))


def keeps_long(produced_at: datetime | None, expires_at: datetime) -> bool:
    """Whether it keeps 30 days or longer; what has no date of production counts as short."""
    return produced_at is not None and expires_at - produced_at >= LONG_LIFE


def next_notice(expires_at: datetime, spans: Iterable[timedelta], now: datetime) -> datetime | None:
    """The first instant after ``now`` at which a notice is to be given."""
    return min((at for span in spans if (at := expires_at - span) > now), default=None)
