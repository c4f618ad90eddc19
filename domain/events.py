"""Events: what happened, in the past tense. Casework returns them; the outbox carries them to the outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventName(StrEnum):
    """Everything casework can say has happened."""

    WARNING_RAISED = "warning.raised"
    WARNING_NOTIFIED = "warning.notified"
    WARNING_ACKNOWLEDGED = "warning.acknowledged"
    WARNING_STARTED = "warning.started"
    WARNING_SUBMITTED = "warning.submitted"
    WARNING_SENT_BACK = "warning.sent_back"
    WARNING_CLOSED = "warning.closed"
    WARNING_DISMISSED = "warning.dismissed"
    WARNING_CONTROLLED = "warning.controlled"
    WARNING_REOPENED = "warning.reopened"
    WARNING_EXTENDED = "warning.extended"
    WARNING_ATTACHED = "warning.attached"
    WARNING_CORRECTED = "warning.corrected"
    WARNING_REMINDED = "warning.reminded"
    WARNING_ESCALATED = "warning.escalated"
    RECTIFY_OVERDUE = "warning.rectify_overdue"
    CLOSURE_OVERDUE = "warning.closure_overdue"
    FINDING_QUEUED = "finding.queued"
    FINDING_ESCALATED = "finding.escalated"
    FINDING_EXPIRED = "finding.expired_unreviewed"
    DEDUCTION_PROPOSED = "deduction.proposed"
    DEDUCTION_OBJECTED = "deduction.objected"
    DEDUCTION_FINAL = "deduction.final"
    DEDUCTION_WITHDRAWN = "deduction.withdrawn"
    DEDUCTION_REVERSED = "deduction.reversed"
    DEVICE_ONLINE = "device.online"
    DEVICE_OFFLINE = "device.offline"
    OPERATION_OPENED = "operation.opened"
    OPERATION_CLOSED = "operation.closed"
    CREDIT_CHANGED = "credit.changed"
    CREDIT_REMINDER = "credit.reminder"
    CREDIT_WORK = "credit.work"
    LOT_EXPIRES_SOON = "lot.expires_soon"
    CERTIFICATE_EXPIRES_SOON = "certificate.expires_soon"
    ADDITIVE_UNMAPPED = "additive.needs_mapping"
    SAMPLE_CHANGED = "sample.changed"
    OBSERVATION_STORED = "observation.stored"
    OBSERVATION_REPLAYED = "observation.replayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one entity; ``data`` holds JSON values only."""

    name: EventName
    entity_id: str
    uscc: str
    region: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


class Lane(StrEnum):
    """Where an outbox entry goes."""

    LIVE = "live"  # Redis stream for SSE
    KAFKA = "kafka"  # topics warnings, deductions, registers
    NOTIFY = "notify"  # a channel to a recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One outbox entry: what to send where, exactly once enqueued (``key`` is unique), sent at least once.

    Attributes:
        target: Kafka topic, ``live``, or a channel name (``webpush``, ``sms``, …).
        recipient: Kafka key, subscription id, user id (``sms``, ``email``), route name.
        payload: JSON object.
    """

    key: str
    lane: Lane
    target: str
    recipient: str
    payload: Mapping[str, Any]
    created_at: datetime
    next_attempt_at: datetime
    id: int = 0
    attempts: int = 0
    last_error: str = ""
    warning_id: str | None = None
    to_merchant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscription:
    """A browser's Web Push subscription; ``id`` derives from the endpoint."""

    id: str
    user_id: str
    endpoint: str
    p256dh: str
    auth: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was refused: where it came from, its code, and the original bytes.

    ``key`` identifies the letter for idempotent storing: topic/partition/offset of the ``dead-letters`` record.
    """

    key: str
    source: str
    code: str
    reason: str
    received_at: datetime
    raw: bytes
    uscc: str = ""
    device_id: str = ""
