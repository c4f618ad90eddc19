"""When which process was there: kills, and the spans in which a process was down, whoever or whatever ended it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill -9."""

    victim: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Outage:
    """A span in which a process was not there; ``until`` is None while it has not come back."""

    name: str
    since: datetime
    until: datetime | None


class Chronicle:
    """Threads tell it what they see."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._down: dict[str, datetime] = {}
        self._outages: list[Outage] = []
        self.kills: list[Kill] = []

    def killed(self, victim: str) -> None:
        """A process was killed just now."""
        with self._lock:
            self.kills.append(Kill(victim, self._clock()))
            self._down.setdefault(victim, self._clock())

    def down(self, name: str) -> None:
        """A process is not there."""
        with self._lock:
            self._down.setdefault(name, self._clock())

    def up(self, name: str) -> None:
        """A process is ready (again)."""
        with self._lock:
            since = self._down.pop(name, None)
            if since is not None:
                self._outages.append(Outage(name, since, self._clock()))

    def outages(self, names: Iterable[str]) -> list[Outage]:
        """When any of the processes was away."""
        wanted = set(names)
        with self._lock:
            still = [Outage(name, since, None) for name, since in self._down.items()]
            return [outage for outage in (*self._outages, *still) if outage.name in wanted]

    def all_away(self, names: Iterable[str]) -> list[Outage]:
        """When all of the processes were away at once: two workers share the sweep, and one is enough."""
        names = list(names)
        found = self.outages(names[:1])
        for name in names[1:]:
            others = self.outages([name])
            found = [_common(one, other) for one in found for other in others if _meet(one, other)]
        return found


def _meet(one: Outage, other: Outage) -> bool:
    begin, ends = max(one.since, other.since), [o.until for o in (one, other) if o.until is not None]
    return not ends or begin < min(ends)


def _common(one: Outage, other: Outage) -> Outage:
    ends = [o.until for o in (one, other) if o.until is not None]
    return Outage(f"{one.name} and {other.name}", max(one.since, other.since), min(ends) if ends else None)
