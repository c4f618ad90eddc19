"""Operational warnings and silences: what is wrong with the installation itself, and who wants to hear nothing of it until when.

The rule to know: an operational warning is about cameras and machines, never about a merchant's conduct. It has no deadline,
leads to no deduction and is never red; and a silence holds back pushes of such warnings and of devices that come and go, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_SILENCE = timedelta(days=30)


class OperationState(StrEnum):
    """Whether what was reported still holds."""

    OPEN = "open"
    CLOSED = "closed"


class SilenceKind(StrEnum):
    """Why nothing is pushed."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of a monitoring system.

    Attributes:
        fingerprint: what makes it the same alert as before, by its own system.
        began_at: when it began to hold; with the fingerprint it names one occurrence.
        resolved_at: when it ceased to; None while it fires.
    """

    fingerprint: str
    name: str
    severity: str
    summary: str
    began_at: datetime
    resolved_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operational warning; at most one is open for each fingerprint.

    Attributes:
        uscc, region, device_id: what it is about where its labels name a device or a merchant that is registered.
        times: how often it was reported.
        silenced_by: the silence that held back its push; None once it was pushed.
        version: grows with each change; optimistic lock and entity tag.
    """

    id: str
    fingerprint: str
    name: str
    severity: str
    summary: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    link: str
    began_at: datetime
    opened_at: datetime
    seen_at: datetime
    state: OperationState = OperationState.OPEN
    uscc: str | None = None
    region: str = ""
    device_id: str | None = None
    times: int = 1
    silenced_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    reason: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Pushes of operational warnings that are held back; an empty filter means "any".

    Attributes:
        name: of the alert, or ``device.offline`` / ``device.online``.
        region: six digits or a prefix.
        author: who wants it; ``ended_by`` who ended it before its time.
    """

    id: str
    kind: SilenceKind
    author: str
    reason: str
    begins_at: datetime
    ends_at: datetime
    created_at: datetime
    name: str = ""
    device_id: str = ""
    uscc: str = ""
    region: str = ""
    ended_by: str | None = None
    version: int = 1

    def covers(self, *, name: str, device_id: str, uscc: str, region: str, now: datetime) -> bool:
        """Whether it holds back a push about this, now: from its beginning on, no longer at its end."""
        return (
            self.begins_at <= now < self.ends_at
            and self.name in ("", name)
            and self.device_id in ("", device_id)
            and self.uscc in ("", uscc)
            and region.startswith(self.region)
        )
