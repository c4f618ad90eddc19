"""Limits as values in memory: failed sign-ins in a window, a bucket per device (E070), wrong signatures (E021).

They live in one process and are forgotten with it; nothing that must be true rests on them.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta

from devices.limits import Limits, SignatureWatch
from domain.parties import Device


class Attempts:
    """How often something was tried per key in a sliding window. Keys are bounded: the oldest are forgotten first."""

    def __init__(self, *, limit: int, window: timedelta, keys: int = 10_000) -> None:
        self._limit, self._window, self._keys = limit, window, keys
        self._tried: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def wait(self, key: str, now: datetime) -> timedelta:
        """How long this key must wait; zero if it may try."""
        with self._lock:
            tried = self._tried.get(key, deque())
            while tried and tried[0] <= now - self._window:
                tried.popleft()
            return timedelta() if len(tried) < self._limit else tried[0] + self._window - now

    def record(self, key: str, now: datetime) -> None:
        """Count one attempt."""
        with self._lock:
            tried = self._tried.pop(key, None)
            if tried is None:
                tried = deque(maxlen=self._limit)
            tried.append(now)
            self._tried[key] = tried
            while len(self._tried) > self._keys:
                del self._tried[next(iter(self._tried))]

    def forget(self, key: str) -> None:
        """A success clears the count."""
        with self._lock:
            self._tried.pop(key, None)


class Signatures:
    """Counts wrong signatures as the gateway does (E021), for several threads: too many in the window block a device."""

    def __init__(self, limits: Limits) -> None:
        self._watch = SignatureWatch(limits)
        self._lock = threading.Lock()

    def failed(self, device: Device, now: datetime) -> bool:
        """Count a wrong signature; True if the device is blocked by it."""
        with self._lock:
            return self._watch.failed(device.id, device, now)

    def blocked(self, device: Device) -> bool:
        """Whether the device is blocked under its present registration."""
        with self._lock:
            return self._watch.blocked(device.id, device)


class Buckets:
    """A token bucket per key."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._level: dict[str, tuple[float, datetime]] = {}
        self._lock = threading.Lock()

    def take(self, key: str, now: datetime) -> bool:
        """Take one token; False if there is none."""
        with self._lock:
            level, at = self._level.get(key, (float(self._burst), now))
            level = min(float(self._burst), level + max(0.0, (now - at).total_seconds()) * self._rate)
            allowed = level >= 1
            self._level[key] = (level - 1 if allowed else level, now)
        return allowed
