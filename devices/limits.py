"""How much a device may send, and what happens to one that signs wrongly (domain.md E070, E021).

A token bucket that goes into debt: a QoS 1 message is never refused, it waits for its turn. The wait is bounded, because a
message that waits keeps a place in the connection's window, and one loud device must not silence the others.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.parties import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the gateway; the defaults are those of domain.md E.3 and E.4.

    Attributes:
        frame_bytes, frame_pixels: the largest frame taken.
        events_per_second: facts per device; more wait (QoS 1) or are dropped (QoS 0).
        frames_per_second: frames per device; more wait, and are dropped when they would have to wait too long.
        burst: how many of either may come at once after silence.
        longest_wait: no message is held back longer than this.
        signature_failures, signature_window: so many wrong signatures within the window block a device.
        dead_letter_bytes: a dead letter keeps this much of the original.
        waiting: QoS 0 messages beyond so many in hand are dropped.
        alarm_every: at most one alarm per device in this time.
    """

    frame_bytes: int = 2 * 1024 * 1024
    frame_pixels: int = 40_000_000
    events_per_second: float = 20.0
    frames_per_second: float = 20.0
    burst: int = 40
    longest_wait: timedelta = timedelta(seconds=1)
    signature_failures: int = 3
    signature_window: timedelta = timedelta(minutes=10)
    dead_letter_bytes: int = 3 * 1024 * 1024
    waiting: int = 500
    alarm_every: timedelta = timedelta(minutes=1)


@dataclass(slots=True)
class Bucket:
    """One device's allowance. ``tokens`` may be below zero: what is owed."""

    tokens: float
    at: datetime

    def take(self, limits: Limits, per_second: float, now: datetime) -> timedelta:
        """Take one token; returns how long to wait for it (zero if it was there, at most ``longest_wait``)."""
        since = max(0.0, (now - self.at).total_seconds())
        self.tokens = min(float(limits.burst), self.tokens + since * per_second)
        self.at = now
        self.tokens -= 1
        if self.tokens >= 0:
            return timedelta()
        owed = timedelta(seconds=-self.tokens / per_second)
        if owed > limits.longest_wait:
            self.tokens = -limits.longest_wait.total_seconds() * per_second
            return limits.longest_wait
        return owed

    def give_back(self) -> None:
        """The message was dropped: it costs nothing."""
        self.tokens += 1


@dataclass(slots=True)
class Rates:
    """The buckets of all devices, and when each last gave alarm."""

    limits: Limits
    per_second: float
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _alarms: dict[str, datetime] = field(default_factory=dict)

    def take(self, device_id: str, now: datetime) -> timedelta:
        """One message of a device: how long it must wait."""
        return self._bucket(device_id, now).take(self.limits, self.per_second, now)

    def give_back(self, device_id: str, now: datetime) -> None:
        """The message just taken was dropped."""
        self._bucket(device_id, now).give_back()

    def alarm(self, about: str, now: datetime) -> bool:
        """Whether an alarm is due about a device that is too loud; at most one per ``alarm_every``."""
        last = self._alarms.get(about)
        if last is not None and now < last + self.limits.alarm_every:
            return False
        self._alarms[about] = now
        return True

    def _bucket(self, device_id: str, now: datetime) -> Bucket:
        return self._buckets.setdefault(device_id, Bucket(float(self.limits.burst), now))


@dataclass(slots=True)
class SignatureWatch:
    """Counts wrong signatures and blocks a device after too many; in memory.

    A block lasts until the device's registration changes (a new key, say) or the gateway starts anew.
    """

    limits: Limits
    _failures: dict[str, deque[datetime]] = field(default_factory=dict)
    _blocked: dict[str, Device | None] = field(default_factory=dict)

    def failed(self, device_id: str, registered: Device | None, now: datetime) -> bool:
        """Count a wrong signature; True if the device is blocked by it."""
        recent = self._failures.setdefault(device_id, deque())
        recent.append(now)
        while recent[0] <= now - self.limits.signature_window:
            recent.popleft()
        if len(recent) < self.limits.signature_failures:
            return False
        recent.clear()
        self._blocked[device_id] = registered
        return True

    def blocked(self, device_id: str, registered: Device | None) -> bool:
        """Whether the device is blocked under its present registration."""
        if device_id not in self._blocked:
            return False
        if self._blocked[device_id] == registered:
            return True
        del self._blocked[device_id]
        return False
