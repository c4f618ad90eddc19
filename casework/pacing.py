"""How fast one receiver is told: what is more than the limit waits for its turn and is then put together, never dropped.

Kept in memory, for a process of its own: a restart begins anew, and of several relays each keeps its own count. Who is told is
protected all the same, for a receiver that says "slower" is left alone for as long as it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

from alerts.gateways import Limit

Receiver = tuple[str, str]
"""Channel and recipient, as a delivery names them."""


class Gate:
    """Counts what each receiver was told.

    A limit of N in a span lets N/2 through at once and then one in each 2/N of the span: in no span of that length are there more
    than N, and nobody waits for the whole of it.

    Args:
        limits: by channel; a channel without one is never slowed.
        most: receivers remembered; beyond that those who have all their room back are forgotten.
    """

    def __init__(self, limits: Mapping[str, Limit], *, most: int = 10_000) -> None:
        self._limits, self._most = dict(limits), most
        self._full_at: dict[Receiver, datetime] = {}
        self._shut_until: dict[Receiver, datetime] = {}

    def room(self, receiver: Receiver, now: datetime) -> int | None:
        """How many messages may go now; None for any number."""
        if self._shut_until.get(receiver, now) > now:
            return 0
        limit = self._limits.get(receiver[0])
        if limit is None:
            return None
        burst, interval = _pace(limit)
        owed = max(timedelta(), self._full_at.get(receiver, now) - now)
        return max(0, burst - ceil(owed / interval))

    def opens_at(self, receiver: Receiver, now: datetime) -> datetime:
        """When a receiver without room has some again."""
        shut_until = self._shut_until.get(receiver, now)
        limit = self._limits.get(receiver[0])
        if limit is None:
            return max(now, shut_until)
        burst, interval = _pace(limit)
        return max(now, shut_until, self._full_at.get(receiver, now) - (burst - 1) * interval)

    def passed(self, receiver: Receiver, now: datetime) -> None:
        """A message goes to it."""
        limit = self._limits.get(receiver[0])
        if limit is None:
            return
        self._full_at[receiver] = max(self._full_at.get(receiver, now), now) + _pace(limit)[1]
        if len(self._full_at) > self._most:
            self._full_at = {known: at for known, at in self._full_at.items() if at > now}

    def shut(self, receiver: Receiver, until: datetime) -> None:
        """It asked to be left alone."""
        self._shut_until = {known: at for known, at in self._shut_until.items() if at > until - timedelta(days=1)}
        self._shut_until[receiver] = until


def _pace(limit: Limit) -> tuple[int, timedelta]:
    """How many go at once, and after how long each further one."""
    return max(1, limit.messages // 2), limit.within / max(1, limit.messages - limit.messages // 2)
