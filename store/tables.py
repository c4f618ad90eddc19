"""The tables as queries see them. ``store/migrations`` creates them; a test holds both equal.

What must never be wrong is held here by the database itself: unique keys, references, closed sets. Columns named like a field of
the domain hold that field; those the repositories compute say so.
"""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Table,
    TextClause,
    func,
    text,
)

from domain.deductions import DeductionState
from domain.escalation import Escalation
from domain.events import Lane
from domain.findings import EvidenceKind, EvidenceRef, FindingState, Reason
from domain.ids import DeviceKind
from domain.observations import Flag, Kind, TimeSource
from domain.parties import BusinessForm, OpeningHours, Role
from domain.records import BatchKind, BatchState, ChangeKind
from domain.rules import Level
from domain.warnings import Disposition, State
from store.types import Exact, Instant, Json, JsonOf, Line, Real, Span, Truth, Whole, Word

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class DeliveryState(StrEnum):
    """Where an outbox entry stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


# Conditions of partial indexes. Queries use the same clause, word for word: SQLite takes the index only then.
OPEN = text("state NOT IN ('closed', 'dismissed')")
PENDING = text("state = 'pending'")
FAILED = text("state = 'failed'")
UNFLAGGED = text("level = 'red' AND NOT closure_overdue AND state NOT IN ('closed', 'dismissed', 'controlled')")
DUE = text("next_due_at IS NOT NULL")
TO_JUDGE = text("judge_at IS NOT NULL")
TO_REVIEW = text("review_due_at IS NOT NULL")
DONE = text("state = 'done'")
ASSESSED = text("kind <> 'scale.weigh'")


def _key(name: str, type_: Any = Line, *args: Any) -> Column[Any]:
    return Column(name, type_, *args, primary_key=True)


def _must(name: str, type_: Any = Line, *args: Any, **options: Any) -> Column[Any]:
    return Column(name, type_, *args, nullable=False, **options)


def _may(name: str, type_: Any = Line, *args: Any) -> Column[Any]:
    return Column(name, type_, *args, nullable=True)


def _merchant() -> ForeignKey:
    return ForeignKey("merchants.uscc")


def _warning() -> ForeignKey:
    # checked at commit: a finding may be written before the warning it raises
    return ForeignKey("warnings.id", deferrable=True, initially="DEFERRED")


def _words(column: str, words: type[StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def _partial(name: str, *columns: Any, where: TextClause, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def _table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True, **options)


def _dump_opening(opening: OpeningHours) -> list[str]:
    return [opening.opens.isoformat(), opening.closes.isoformat()]


def _load_opening(plain: list[str]) -> OpeningHours:
    return OpeningHours(opens=time.fromisoformat(plain[0]), closes=time.fromisoformat(plain[1]))


def _dump_refs(refs: tuple[EvidenceRef, ...]) -> list[dict[str, str]]:
    return [{**ref.to_wire(), "at": ref.at.isoformat()} for ref in refs]  # the wire form would drop the microseconds


def _load_refs(plain: list[dict[str, Any]]) -> tuple[EvidenceRef, ...]:
    return tuple(EvidenceRef.from_wire(item) for item in plain)


def _load_flags(plain: list[str]) -> tuple[Flag, ...]:
    return tuple(Flag(item) for item in plain)


OPENING = JsonOf(_dump_opening, _load_opening)
REASON = JsonOf(Reason.to_wire, Reason.from_wire)
REFS = JsonOf(_dump_refs, _load_refs)
FLAGS = JsonOf(list, _load_flags)
STRINGS = JsonOf(list, tuple)
ESCALATION = JsonOf(Escalation.to_wire, Escalation.from_wire)

merchants = _table(
    "merchants",
    _key("uscc"),
    _must("name"),
    _must("region"),
    _must("business_form", Word(BusinessForm)),
    _must("scheme"),
    _must("site"),
    _must("address"),
    _must("licence_no"),
    _must("licence_verified", Truth),
    _may("opening", OPENING),
    _words("business_form", BusinessForm),
)

devices = _table(
    "devices",
    _key("id"),
    _must("uscc", Line, _merchant()),
    _must("region"),
    _must("kind", Word(DeviceKind)),
    _must("name"),
    _may("key", LargeBinary),
    _may("bound_from", Instant),
    _may("bound_until", Instant),
    _must("revoked", Truth),
    _words("kind", DeviceKind),
    Index("ix_devices_uscc", "uscc"),
)

presence = _table(
    "device_presence",
    _key("device_id", Line, ForeignKey("devices.id")),
    _must("online", Truth),
    _must("since", Instant),
    _must("heard_at", Instant),
)

users = _table(
    "users",
    _key("id"),
    _must("login", Line, unique=True),
    _must("name"),
    _must("role", Word(Role)),
    _may("uscc", Line, _merchant()),
    _may("region"),
    _must("locale"),
    _must("active", Truth),
    _may("password_hash"),
    _may("department"),
    _may("phone"),
    _may("email"),
    _words("role", Role),
)

sessions = _table(
    "sessions",
    _key("token_hash"),
    _must("user_id", Line, ForeignKey("users.id", ondelete="CASCADE")),
    _must("csrf"),
    _must("created_at", Instant),
    _must("expires_at", Instant),
    Index("ix_sessions_expires_at", "expires_at"),
)

observations = _table(
    "observations",
    _key("event_id"),
    _must("kind", Word(Kind)),
    _must("uscc", Line, _merchant()),
    _must("device_id"),
    _must("event_time", Instant),
    _must("received_at", Instant),
    _must("seq", Whole),
    _must("body", Json),
    _must("content_hash"),
    _must("time_source", Word(TimeSource)),
    _must("flags", FLAGS),
    _partial("ix_observations_assessed", "uscc", "kind", "event_time", where=ASSESSED),
)

batches = _table(
    "batches",
    _key("uscc", Line, _merchant()),
    _key("lot"),
    _must("kind", Word(BatchKind)),
    _must("name"),
    _must("qty_g", Exact),
    _must("expires_at", Instant),
    _must("state", Word(BatchState)),
    _must("event_time", Instant),
    _must("produced_on"),
    _must("gb2760_class"),
    _must("supplier_uscc"),
    _must("voucher_ref"),
    _may("expiry_judged_at", Instant),
    _may("judge_at", Instant),  # computed: expires_at while there is something to judge
    _must("apart_g", Exact),
    _words("kind", BatchKind),
    _words("state", BatchState),
    CheckConstraint("CAST(qty_g AS REAL) >= 0", name="qty_g"),
    CheckConstraint("CAST(apart_g AS REAL) >= 0", name="apart_g"),
    _partial("ix_batches_judge_at", "judge_at", where=TO_JUDGE),
)

weighings = _table(
    "weighings",
    _key("event_id"),
    _must("uscc", Line, _merchant()),
    _must("device_id"),
    _must("at", Instant),
    _must("trace_code"),
    _must("plu"),
    _must("lot"),
    _must("net_g", Whole),
    _must("amount_fen", Whole),
    _must("suspect", Truth),
    _must("code_conflict", Truth),
    Index("ix_weighings_trace_code", "trace_code"),
    Index("ix_weighings_lot", "uscc", "lot", "at"),
)

lot_changes = _table(
    "lot_changes",
    _key("id"),
    _must("uscc", Line, _merchant()),
    _must("lot"),
    _must("at", Instant),
    _must("kind", Word(ChangeKind)),
    _must("body", Json),
    _words("kind", ChangeKind),
    Index("ix_lot_changes_lot", "uscc", "lot", "at"),
)
"""What was told of lots, so that each can be counted anew when something comes late."""

warnings = _table(
    "warnings",
    _key("id"),
    _must("uscc", Line, _merchant()),
    _must("region"),
    _must("rule"),
    _must("violation_code"),
    _must("class", Line, key="class_"),
    _must("subject"),
    _must("open_key"),
    _must("level", Word(Level)),
    _must("state", Word(State)),
    _must("event_time", Instant),
    _must("raised_at", Instant),
    _must("rectify_within", Span),
    _must("why", REASON),
    _must("incident_id"),
    _may("camera"),
    _may("zone"),
    _may("notified_at", Instant),
    _may("rectify_by", Instant),
    _may("close_by", Instant),
    _may("acknowledged_at", Instant),
    _may("submitted_at", Instant),
    _may("submitted_by"),
    _may("on_time", Truth),
    _may("closed_at", Instant),
    _may("disposition", Word(Disposition)),
    _may("controlled_until", Instant),
    _must("extended", Truth),
    _must("attempt", Whole),
    _must("rectify_overdue", Truth),
    _must("closure_overdue", Truth),
    _must("escalation_level", Whole),
    _must("reminded_percent", Whole),
    _may("rectify_reminded_percent", Whole),
    _may("escalation", ESCALATION),
    _may("next_due_at", Instant),
    _must("version", Whole),
    _words("level", Level),
    _words("state", State),
    _words("disposition", Disposition),
    # every red warning has its deadline, always (section 0.2)
    CheckConstraint("level <> 'red' OR close_by IS NOT NULL", name="red_has_close_by"),
    CheckConstraint("attempt >= 1", name="attempt"),
    CheckConstraint("version >= 1", name="version"),
    _partial("uq_warnings_open_key", "open_key", where=OPEN, unique=True),
    _partial("ix_warnings_open_level", "level", where=OPEN),
    _partial("ix_warnings_next_due_at", "next_due_at", where=DUE),
    _partial("ix_warnings_unflagged", "close_by", where=UNFLAGGED),
    Index("ix_warnings_open_key_raised_at", "open_key", "raised_at"),
    Index("ix_warnings_raised_at", "raised_at", "id"),
    Index("ix_warnings_uscc_raised_at", "uscc", "raised_at", "id"),
    Index("ix_warnings_region_raised_at", "region", "raised_at", "id"),
)

findings = _table(
    "findings",
    _key("id"),
    _must("uscc", Line, _merchant()),
    _must("rule"),
    _must("class", Line, key="class_"),
    _must("violation_code"),
    _must("level", Word(Level)),
    _must("subject"),
    _must("event_time", Instant),
    _must("first_seen_at", Instant),
    _must("detected_at", Instant),
    _must("automatic", Truth),
    _must("why", REASON),
    _may("camera"),
    _may("zone"),
    _may("confidence", Real),
    _must("frames_positive", Whole),
    _must("evidence", REFS),
    _must("model"),
    _must("state", Word(FindingState)),
    _may("warning_id", Line, _warning()),
    _may("review_by", Instant),
    _may("review_expires_at", Instant),
    _may("review_escalated", Truth),
    _may("review_due_at", Instant),  # computed: what the sweep looks for, while it is in review
    _words("level", Level),
    _words("state", FindingState),
    Index("ix_findings_state_detected_at", "state", "detected_at", "id"),
    Index("ix_findings_warning_id", "warning_id"),
    _partial("ix_findings_review_due_at", "review_due_at", where=TO_REVIEW),
)

evidence = _table(
    "evidence",
    _key("id"),
    _must("warning_id", Line, _warning()),
    _must("kind", Word(EvidenceKind)),
    _must("sha256"),
    _must("media_type"),
    _must("at", Instant),
    _must("by"),
    _must("attempt", Whole),
    _must("note"),
    _must("original_sha256"),
    _may("finding_id", Line, ForeignKey("findings.id", deferrable=True, initially="DEFERRED")),
    _words("kind", EvidenceKind),
    CheckConstraint("length(sha256) = 64", name="sha256"),
)
Index(
    "uq_evidence_once",
    evidence.c.warning_id,
    evidence.c.sha256,
    evidence.c.attempt,
    func.coalesce(evidence.c.finding_id, text("''")),
    unique=True,
)

audit = _table(
    "audit",
    Column("seq", Whole, primary_key=True, autoincrement=False),
    _must("entity"),
    _must("entity_id"),
    _must("from_state"),
    _must("to_state"),
    _must("at", Instant),
    _must("actor"),
    _must("actor_role"),
    _must("reason"),
    _must("evidence_ids", STRINGS),
    _must("previous_hash"),
    _must("hash", Line, unique=True),
    Index("ix_audit_entity", "entity", "entity_id", "seq"),
)

audit_head = _table(
    "audit_head",
    Column("id", Whole, primary_key=True, autoincrement=False),
    _must("seq", Whole),
    _must("hash"),
    CheckConstraint("id = 1", name="one_row"),
)
"""One row: the end of the chain. It is the lock of the next entry, and shows when the newest entries were cut off."""

deductions = _table(
    "deductions",
    _key("id"),
    _must("key", Line, unique=True),
    _must("scheme"),
    _must("uscc", Line, _merchant()),
    _must("warning_id", Line, _warning()),
    _must("violation_code"),
    _must("incident_id"),
    _must("points", Exact),
    _must("state", Word(DeductionState)),
    _must("month"),
    _must("ordinal", Whole),
    _must("proposed_at", Instant),
    _must("objection_until", Instant),
    _must("components", Json),
    _may("confirmed_by"),
    _may("decided_at", Instant),
    _must("note"),
    _must("version", Whole),
    _words("state", DeductionState),
    CheckConstraint("CAST(points AS REAL) >= 0", name="points"),
    # no sanction without a person's name under it (section 0.3)
    CheckConstraint("state <> 'final' OR confirmed_by IS NOT NULL", name="final_is_confirmed"),
    Index("ix_deductions_uscc_month", "uscc", "month"),
    Index("ix_deductions_warning_id", "warning_id"),
    Index("ix_deductions_state", "state", "proposed_at"),
)

outbox = _table(
    "outbox",
    Column("id", Whole, Identity(), primary_key=True),
    _must("key", Line, unique=True),
    _must("lane", Word(Lane)),
    _must("target"),
    _must("recipient"),
    _must("payload", Json),
    _must("created_at", Instant),
    _must("next_attempt_at", Instant),
    _must("attempts", Whole),
    _must("last_error"),
    _may("warning_id", Line, _warning()),
    _must("to_merchant", Truth),
    _must("state", Word(DeliveryState)),
    _may("settled_at", Instant),
    _words("lane", Lane),
    _words("state", DeliveryState),
    _partial("ix_outbox_pending", "id", where=PENDING),
    _partial("ix_outbox_pending_since", "created_at", where=PENDING),
    _partial("ix_outbox_failed", "id", where=FAILED),
    _partial("ix_outbox_waiting", "target", "recipient", where=PENDING),
    _partial("ix_outbox_open_warning", "warning_id", where=PENDING),
    _partial("ix_outbox_done", "settled_at", where=DONE),
    sqlite_autoincrement=True,
)

push_subscriptions = _table(
    "push_subscriptions",
    _key("id"),
    _must("user_id", Line, ForeignKey("users.id", ondelete="CASCADE")),
    _must("endpoint"),
    _must("p256dh"),
    _must("auth"),
    _must("created_at", Instant),
    Index("ix_push_subscriptions_user_id", "user_id"),
)

dead_letters = _table(
    "dead_letters",
    _key("key"),
    _must("source"),
    _must("code"),
    _must("reason"),
    _must("received_at", Instant),
    _must("raw", LargeBinary),
    _must("uscc"),
    _must("device_id"),
    Index("ix_dead_letters_received_at", "received_at"),
    Index("ix_dead_letters_code_received_at", "code", "received_at"),
)
