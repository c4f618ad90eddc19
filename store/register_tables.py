"""The tables of the registers. ``store/migrations`` creates them; a test holds both equal.

The database itself holds that nobody is listed, exposed, or made to suffer a measure without a named person who decided it
(F.21), that a penalty is not served without its repair notice (R-13), and that no voucher is granted twice (Z-18).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, text

from store.registers import Book
from store.tables import metadata
from store.types import Instant, Json, Line, Whole

DUE = text("due_at IS NOT NULL")

STATES: dict[Book, tuple[str, ...]] = {
    Book.TASKS: (
        "planned",
        "drawn",
        "triggered",
        "assigned",
        "in_progress",
        "result_entered",
        "merchant_signed",
        "refused_sign",
        "published",
        "needs_rectification",
        "recheck_due",
        "recheck_done",
        "cancelled",
    ),
    Book.DRAWS: ("committed", "drawn", "cancelled"),
    Book.CONFLICTS: ("declared", "lifted"),
    Book.STANDINGS: ("in_force",),
    Book.ROLLS: ("proposed", "published", "refused", "withdrawn"),
    Book.LISTINGS: (
        "clue",
        "review",
        "advance_notice",
        "listed",
        "not_listed",
        "published",
        "pushed",
        "early_removal_requested",
        "removed",
        "expired",
        "unpushed",
    ),
    Book.PUSHES: ("waiting", "sent", "acknowledged"),
    Book.CREDIT_RECORDS: ("recorded", "exported", "withdrawn"),
    Book.PENALTIES: ("filed", "decided", "served", "ended", "dropped"),
    Book.REPAIRS: (
        "eligible_pending",
        "eligible",
        "applied",
        "supplement_requested",
        "accepted",
        "checked",
        "approved",
        "published",
        "rejected",
        "withdrawn",
        "revoked",
    ),
    Book.COMMITMENTS: (
        "draft",
        "signed",
        "published",
        "breach_recorded",
        "renewed",
        "superseded",
        "expired",
        "false_found",
        "revoked",
    ),
    Book.DECLARATIONS: ("published", "withdrawn"),
    Book.PROPOSALS: ("proposed", "notified", "decided", "refused", "executed", "withdrawn", "corrected"),
    Book.APPLICATIONS: ("granted", "refused"),
    Book.ENTITLEMENTS: ("granted", "refused"),
    Book.TRAININGS: ("planned", "held", "cancelled"),
    Book.ATTENDANCES: ("invited", "attended", "absent", "excused"),
    Book.DOCUMENTS: ("in_force", "superseded"),
    Book.REMINDERS: ("watched", "passed"),
    Book.GUIDANCES: ("asked", "corrected", "lapsed"),
    Book.RISK_GRADES: ("agreed", "review", "reviewed"),
    Book.SUPERIOR_CHECKS: ("recorded", "withdrawn"),
}

_DECIDED = "decided_by IS NOT NULL AND decided_by <> 'system'"
DECISIONS: dict[Book, str] = {
    Book.ROLLS: f"state = 'proposed' OR topic NOT LIKE '%list' OR ({_DECIDED})",
    Book.LISTINGS: f"state IN ('clue', 'review', 'advance_notice', 'not_listed') OR ({_DECIDED})",
    Book.PROPOSALS: f"state NOT IN ('decided', 'executed', 'corrected') OR ({_DECIDED})",
}
"""What only a named person's decision leads to."""


def _register(book: Book) -> Table:
    allowed = ", ".join(f"'{state}'" for state in STATES[book])
    parts: list[Any] = [
        Column("id", Line, primary_key=True),
        Column("uscc", Line, ForeignKey("merchants.uscc"), nullable=True),
        Column("region", Line, nullable=False),
        Column("state", Line, nullable=False),
        Column("topic", Line, nullable=False),
        Column("version", Whole, nullable=False),
        Column("filed_at", Instant, nullable=False),
        Column("due_at", Instant, nullable=True),
        Column("decided_by", Line, nullable=True),
        Column("details", Json, nullable=False),
        CheckConstraint(f"state IN ({allowed})", name="state"),
        CheckConstraint("version >= 1", name="version"),
        Index(f"ix_{book.value}_due_at", "due_at", sqlite_where=DUE, postgresql_where=DUE),
        Index(f"ix_{book.value}_uscc", "uscc", "filed_at"),
        Index(f"ix_{book.value}_topic", "topic"),
    ]
    if book in DECISIONS:
        parts.append(CheckConstraint(DECISIONS[book], name="decided_by_a_person"))
    return Table(book.value, metadata, *parts, sqlite_strict=True)


TABLES: dict[Book, Table] = {book: _register(book) for book in Book}

served = Table(
    "served_penalties",
    metadata,
    Column("penalty_id", Line, ForeignKey("penalties.id"), primary_key=True),
    Column("decision_delivery_id", Line, nullable=False),
    Column("notice_delivery_id", Line, nullable=False),
    Column("served_at", Instant, nullable=False),
    CheckConstraint("decision_delivery_id <> '' AND decision_delivery_id = notice_delivery_id", name="one_delivery"),
    sqlite_strict=True,
)
"""Decisions that were served, each with its repair notice in the same delivery."""

purses = Table(
    "voucher_quotas",
    metadata,
    Column("region", Line, primary_key=True),
    Column("kind", Line, primary_key=True),
    Column("month", Line, primary_key=True),
    Column("size", Whole, nullable=False),
    Column("granted", Whole, nullable=False),
    CheckConstraint("kind IN ('consumption', 'service')", name="kind"),
    CheckConstraint("granted >= 0 AND granted <= size", name="never_oversold"),
    sqlite_strict=True,
)

tokens = Table(
    "command_tokens",
    metadata,
    Column("actor", Line, primary_key=True),
    Column("token", Line, primary_key=True),
    Column("what", Line, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_strict=True,
)
