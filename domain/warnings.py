"""Warnings: the value, its states and flags (domain.md D.1). What may follow what is judged in ``alerts.lifecycle``.

``close_by`` never pauses; ``rectify_by`` is unset until a delivery to the merchant is confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.escalation import Escalation
from domain.findings import EvidenceKind, Reason
from domain.rules import Level


class State(StrEnum):
    """States of a warning (D.1)."""

    RAISED = "raised"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    RECTIFYING = "rectifying"
    SUBMITTED = "submitted"
    CONTROLLED = "controlled"
    CLOSED = "closed"
    DISMISSED = "dismissed"


OPEN_STATES = frozenset(State) - {State.CLOSED, State.DISMISSED}


class Disposition(StrEnum):
    """How the regulator closed the loop (C.4)."""

    VERIFIED = "verified"
    DISMISSED = "dismissed"
    CASE_FILED = "case_filed"
    CONTROLLED_LONG_TERM = "controlled_long_term"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """A red or ordinary warning.

    Attributes:
        open_key: merchant|rule|subject; unique among open warnings (F.2).
        event_time: the finding's device time; ``raised_at`` is server time and what every clock counts from.
        notified_at: first confirmed delivery to the merchant.
        rectify_by: min(notified_at + rectify_within, close_by); may be extended once.
        close_by: raised_at + 24 h for red; None for ordinary.
        submitted_at: latest submission of the current attempt; None while nothing is submitted.
        submitted_by: who made it: the same person may not verify it.
        on_time: whether the (last) submission came by ``rectify_by``; None before any.
        attempt: 1 for the first rectification, +1 for each failed verification.
        incident_id: facts that share it are charged once (C.4).
        rectify_reminded_percent: which reminder of the merchant's own limit was given last; None before the first.
        escalation: the chain laid down when it was raised; None if no chain concerned it.
        next_due_at: earliest instant at which a clock may have something to do, as ``alerts.deadlines.next_due_at`` says;
            None when nothing can fall due. Kept with the warning so that the database can index it.
        version: grows with each change; optimistic lock.
    """

    id: str
    uscc: str
    region: str
    rule: str
    violation_code: str
    class_: str
    subject: str
    open_key: str
    level: Level
    state: State
    event_time: datetime
    raised_at: datetime
    rectify_within: timedelta
    why: Reason
    incident_id: str
    camera: str | None = None
    zone: str | None = None
    notified_at: datetime | None = None
    rectify_by: datetime | None = None
    close_by: datetime | None = None
    acknowledged_at: datetime | None = None
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    on_time: bool | None = None
    closed_at: datetime | None = None
    disposition: Disposition | None = None
    controlled_until: datetime | None = None
    extended: bool = False
    attempt: int = 1
    rectify_overdue: bool = False
    closure_overdue: bool = False
    escalation_level: int = 0
    reminded_percent: int = 0
    rectify_reminded_percent: int | None = None
    escalation: Escalation | None = None
    next_due_at: datetime | None = None
    version: int = 1

    @property
    def is_open(self) -> bool:
        """Any state that is not closed or dismissed."""
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One piece of evidence attached to a warning; the bytes lie in the media store under ``sha256``.

    ``original_sha256`` differs where a photo was re-encoded (EXIF stripped).
    """

    id: str
    warning_id: str
    kind: EvidenceKind
    sha256: str
    media_type: str
    at: datetime
    by: str
    attempt: int = 0
    note: str = ""
    original_sha256: str = ""
    finding_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One step of the append-only audit trail; ``hash`` covers the entry and ``previous_hash`` (domain.md D).

    ``seq`` counts from 1 without gaps.
    """

    seq: int
    entity: str
    entity_id: str
    from_state: str
    to_state: str
    at: datetime
    actor: str
    actor_role: str
    reason: str
    evidence_ids: tuple[str, ...]
    previous_hash: str
    hash: str
