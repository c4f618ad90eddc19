"""The first schema: parties, facts, cases, their consequences, and the trail of it all.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from store.chain import GENESIS
from store.types import Exact, Instant, Json, Line, Real, Span, Truth, Whole

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _parties()
    _facts()
    _cases()
    _consequences()
    _trail()
    _guards()


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first schema; its audit trail is not to be dropped")


def _parties() -> None:
    op.create_table(
        "merchants",
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("name", Line(), nullable=False),
        sa.Column("region", Line(), nullable=False),
        sa.Column("business_form", Line(), nullable=False),
        sa.Column("scheme", Line(), nullable=False),
        sa.Column("site", Line(), nullable=False),
        sa.Column("address", Line(), nullable=False),
        sa.Column("licence_no", Line(), nullable=False),
        sa.Column("licence_verified", Truth(), nullable=False),
        sa.Column("opening", Json(), nullable=True),
        sa.CheckConstraint(
            "business_form IN ('catering', 'retail', 'canteen', 'workshop', 'producer', 'stall')",
            name=op.f("ck_merchants_business_form"),
        ),
        sa.PrimaryKeyConstraint("uscc", name=op.f("pk_merchants")),
        sqlite_strict=True,
    )
    op.create_table(
        "devices",
        sa.Column("id", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("region", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("name", Line(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("bound_from", Instant(), nullable=True),
        sa.Column("bound_until", Instant(), nullable=True),
        sa.Column("revoked", Truth(), nullable=False),
        sa.CheckConstraint("kind IN ('cam', 'scl', 'sen', 'gw', 'kan')", name=op.f("ck_devices_kind")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_devices_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sqlite_strict=True,
    )
    op.create_index("ix_devices_uscc", "devices", ["uscc"], unique=False)
    op.create_table(
        "device_presence",
        sa.Column("device_id", Line(), nullable=False),
        sa.Column("online", Truth(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("heard_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_device_presence_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_presence")),
        sqlite_strict=True,
    )
    op.create_table(
        "users",
        sa.Column("id", Line(), nullable=False),
        sa.Column("login", Line(), nullable=False),
        sa.Column("name", Line(), nullable=False),
        sa.Column("role", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=True),
        sa.Column("region", Line(), nullable=True),
        sa.Column("locale", Line(), nullable=False),
        sa.Column("active", Truth(), nullable=False),
        sa.Column("password_hash", Line(), nullable=True),
        sa.CheckConstraint("role IN ('merchant', 'staff', 'inspector', 'supervisor', 'system')", name=op.f("ck_users_role")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_users_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("login", name=op.f("uq_users_login")),
        sqlite_strict=True,
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", Line(), nullable=False),
        sa.Column("user_id", Line(), nullable=False),
        sa.Column("csrf", Line(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
        sqlite_strict=True,
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_table(
        "push_subscriptions",
        sa.Column("id", Line(), nullable=False),
        sa.Column("user_id", Line(), nullable=False),
        sa.Column("endpoint", Line(), nullable=False),
        sa.Column("p256dh", Line(), nullable=False),
        sa.Column("auth", Line(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_push_subscriptions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_subscriptions")),
        sqlite_strict=True,
    )
    op.create_index("ix_push_subscriptions_user_id", "push_subscriptions", ["user_id"], unique=False)


def _facts() -> None:
    op.create_table(
        "observations",
        sa.Column("event_id", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("device_id", Line(), nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("seq", Whole, nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.Column("content_hash", Line(), nullable=False),
        sa.Column("time_source", Line(), nullable=False),
        sa.Column("flags", Json(), nullable=False),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_observations_uscc")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_observations")),
        sqlite_strict=True,
    )
    op.create_table(
        "batches",
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("lot", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("name", Line(), nullable=False),
        sa.Column("qty_g", Exact(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("state", Line(), nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("produced_on", Line(), nullable=False),
        sa.Column("gb2760_class", Line(), nullable=False),
        sa.Column("supplier_uscc", Line(), nullable=False),
        sa.Column("voucher_ref", Line(), nullable=False),
        sa.Column("expiry_judged_at", Instant(), nullable=True),
        sa.Column("judge_at", Instant(), nullable=True),
        sa.CheckConstraint("kind IN ('raw', 'product', 'additive')", name=op.f("ck_batches_kind")),
        sa.CheckConstraint(
            "state IN ('received', 'in_store', 'in_use', 'on_sale', 'depleted', 'quarantined', 'destroyed', 'returned')",
            name=op.f("ck_batches_state"),
        ),
        sa.CheckConstraint("CAST(qty_g AS REAL) >= 0", name=op.f("ck_batches_qty_g")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_batches_uscc")),
        sa.PrimaryKeyConstraint("uscc", "lot", name=op.f("pk_batches")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_batches_judge_at",
        "batches",
        ["judge_at"],
        unique=False,
        sqlite_where=sa.text("judge_at IS NOT NULL"),
        postgresql_where=sa.text("judge_at IS NOT NULL"),
    )
    op.create_table(
        "weighings",
        sa.Column("event_id", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("device_id", Line(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("trace_code", Line(), nullable=False),
        sa.Column("plu", Line(), nullable=False),
        sa.Column("lot", Line(), nullable=False),
        sa.Column("net_g", Whole, nullable=False),
        sa.Column("amount_fen", Whole, nullable=False),
        sa.Column("suspect", Truth(), nullable=False),
        sa.Column("code_conflict", Truth(), nullable=False),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_weighings_uscc")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_weighings")),
        sqlite_strict=True,
    )
    op.create_index("ix_weighings_trace_code", "weighings", ["trace_code"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("key", Line(), nullable=False),
        sa.Column("source", Line(), nullable=False),
        sa.Column("code", Line(), nullable=False),
        sa.Column("reason", Line(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("device_id", Line(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_dead_letters")),
        sqlite_strict=True,
    )
    op.create_index("ix_dead_letters_code_received_at", "dead_letters", ["code", "received_at"], unique=False)
    op.create_index("ix_dead_letters_received_at", "dead_letters", ["received_at"], unique=False)


def _cases() -> None:
    op.create_table(
        "warnings",
        sa.Column("id", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("region", Line(), nullable=False),
        sa.Column("rule", Line(), nullable=False),
        sa.Column("violation_code", Line(), nullable=False),
        sa.Column("class", Line(), nullable=False),
        sa.Column("subject", Line(), nullable=False),
        sa.Column("open_key", Line(), nullable=False),
        sa.Column("level", Line(), nullable=False),
        sa.Column("state", Line(), nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("raised_at", Instant(), nullable=False),
        sa.Column("rectify_within", Span(), nullable=False),
        sa.Column("why", Json(), nullable=False),
        sa.Column("incident_id", Line(), nullable=False),
        sa.Column("camera", Line(), nullable=True),
        sa.Column("zone", Line(), nullable=True),
        sa.Column("notified_at", Instant(), nullable=True),
        sa.Column("rectify_by", Instant(), nullable=True),
        sa.Column("close_by", Instant(), nullable=True),
        sa.Column("acknowledged_at", Instant(), nullable=True),
        sa.Column("submitted_at", Instant(), nullable=True),
        sa.Column("submitted_by", Line(), nullable=True),
        sa.Column("on_time", Truth(), nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("disposition", Line(), nullable=True),
        sa.Column("controlled_until", Instant(), nullable=True),
        sa.Column("extended", Truth(), nullable=False),
        sa.Column("attempt", Whole, nullable=False),
        sa.Column("rectify_overdue", Truth(), nullable=False),
        sa.Column("closure_overdue", Truth(), nullable=False),
        sa.Column("escalation_level", Whole, nullable=False),
        sa.Column("reminded_percent", Whole, nullable=False),
        sa.Column("next_due_at", Instant(), nullable=True),
        sa.Column("version", Whole, nullable=False),
        sa.CheckConstraint(
            "disposition IN ('verified', 'dismissed', 'case_filed', 'controlled_long_term')", name=op.f("ck_warnings_disposition")
        ),
        sa.CheckConstraint("level <> 'red' OR close_by IS NOT NULL", name=op.f("ck_warnings_red_has_close_by")),
        sa.CheckConstraint("level IN ('red', 'ordinary')", name=op.f("ck_warnings_level")),
        sa.CheckConstraint(
            "state IN ('raised', 'notified', 'acknowledged', 'rectifying', 'submitted', 'controlled', 'closed', 'dismissed')",
            name=op.f("ck_warnings_state"),
        ),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_warnings_attempt")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_warnings_version")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_warnings_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warnings")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_warnings_next_due_at",
        "warnings",
        ["next_due_at"],
        unique=False,
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_index("ix_warnings_open_key_raised_at", "warnings", ["open_key", "raised_at"], unique=False)
    op.create_index(
        "ix_warnings_open_level",
        "warnings",
        ["level"],
        unique=False,
        sqlite_where=sa.text("state NOT IN ('closed', 'dismissed')"),
        postgresql_where=sa.text("state NOT IN ('closed', 'dismissed')"),
    )
    op.create_index("ix_warnings_raised_at", "warnings", ["raised_at", "id"], unique=False)
    op.create_index("ix_warnings_region_raised_at", "warnings", ["region", "raised_at", "id"], unique=False)
    op.create_index(
        "ix_warnings_unflagged",
        "warnings",
        ["close_by"],
        unique=False,
        sqlite_where=sa.text("level = 'red' AND NOT closure_overdue AND state NOT IN ('closed', 'dismissed', 'controlled')"),
        postgresql_where=sa.text("level = 'red' AND NOT closure_overdue AND state NOT IN ('closed', 'dismissed', 'controlled')"),
    )
    op.create_index("ix_warnings_uscc_raised_at", "warnings", ["uscc", "raised_at", "id"], unique=False)
    op.create_index(
        "uq_warnings_open_key",
        "warnings",
        ["open_key"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('closed', 'dismissed')"),
        postgresql_where=sa.text("state NOT IN ('closed', 'dismissed')"),
    )
    op.create_table(
        "findings",
        sa.Column("id", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("rule", Line(), nullable=False),
        sa.Column("class", Line(), nullable=False),
        sa.Column("violation_code", Line(), nullable=False),
        sa.Column("level", Line(), nullable=False),
        sa.Column("subject", Line(), nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("detected_at", Instant(), nullable=False),
        sa.Column("automatic", Truth(), nullable=False),
        sa.Column("why", Json(), nullable=False),
        sa.Column("camera", Line(), nullable=True),
        sa.Column("zone", Line(), nullable=True),
        sa.Column("confidence", Real, nullable=True),
        sa.Column("frames_positive", Whole, nullable=False),
        sa.Column("evidence", Json(), nullable=False),
        sa.Column("model", Line(), nullable=False),
        sa.Column("state", Line(), nullable=False),
        sa.Column("warning_id", Line(), nullable=True),
        sa.CheckConstraint("level IN ('red', 'ordinary')", name=op.f("ck_findings_level")),
        sa.CheckConstraint("state IN ('raised', 'attached', 'review', 'discarded')", name=op.f("ck_findings_state")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_findings_uscc")),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name=op.f("fk_findings_warning_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sqlite_strict=True,
    )
    op.create_index("ix_findings_state_detected_at", "findings", ["state", "detected_at", "id"], unique=False)
    op.create_index("ix_findings_warning_id", "findings", ["warning_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", Line(), nullable=False),
        sa.Column("warning_id", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("sha256", Line(), nullable=False),
        sa.Column("media_type", Line(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", Line(), nullable=False),
        sa.Column("attempt", Whole, nullable=False),
        sa.Column("note", Line(), nullable=False),
        sa.Column("original_sha256", Line(), nullable=False),
        sa.Column("finding_id", Line(), nullable=True),
        sa.CheckConstraint("kind IN ('snapshot', 'photo', 'record')", name=op.f("ck_evidence_kind")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_evidence_sha256")),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.id"], name=op.f("fk_evidence_finding_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name=op.f("fk_evidence_warning_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_evidence_once", "evidence", ["warning_id", "sha256", "attempt", sa.text("coalesce(finding_id, '')")], unique=True
    )


def _consequences() -> None:
    op.create_table(
        "deductions",
        sa.Column("id", Line(), nullable=False),
        sa.Column("key", Line(), nullable=False),
        sa.Column("scheme", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("warning_id", Line(), nullable=False),
        sa.Column("violation_code", Line(), nullable=False),
        sa.Column("incident_id", Line(), nullable=False),
        sa.Column("points", Exact(), nullable=False),
        sa.Column("state", Line(), nullable=False),
        sa.Column("month", Line(), nullable=False),
        sa.Column("ordinal", Whole, nullable=False),
        sa.Column("proposed_at", Instant(), nullable=False),
        sa.Column("objection_until", Instant(), nullable=False),
        sa.Column("components", Json(), nullable=False),
        sa.Column("confirmed_by", Line(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("note", Line(), nullable=False),
        sa.Column("version", Whole, nullable=False),
        sa.CheckConstraint("state <> 'final' OR confirmed_by IS NOT NULL", name=op.f("ck_deductions_final_is_confirmed")),
        sa.CheckConstraint(
            "state IN ('proposed', 'objected', 'final', 'withdrawn', 'reversed')", name=op.f("ck_deductions_state")
        ),
        sa.CheckConstraint("CAST(points AS REAL) >= 0", name=op.f("ck_deductions_points")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_deductions_uscc")),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name=op.f("fk_deductions_warning_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deductions")),
        sa.UniqueConstraint("key", name=op.f("uq_deductions_key")),
        sqlite_strict=True,
    )
    op.create_index("ix_deductions_state", "deductions", ["state", "proposed_at"], unique=False)
    op.create_index("ix_deductions_uscc_month", "deductions", ["uscc", "month"], unique=False)
    op.create_index("ix_deductions_warning_id", "deductions", ["warning_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", Whole, sa.Identity(always=False), nullable=False),
        sa.Column("key", Line(), nullable=False),
        sa.Column("lane", Line(), nullable=False),
        sa.Column("target", Line(), nullable=False),
        sa.Column("recipient", Line(), nullable=False),
        sa.Column("payload", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("attempts", Whole, nullable=False),
        sa.Column("last_error", Line(), nullable=False),
        sa.Column("warning_id", Line(), nullable=True),
        sa.Column("to_merchant", Truth(), nullable=False),
        sa.Column("state", Line(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.CheckConstraint("lane IN ('live', 'kafka', 'notify')", name=op.f("ck_outbox_lane")),
        sa.CheckConstraint("state IN ('pending', 'done', 'failed')", name=op.f("ck_outbox_state")),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name=op.f("fk_outbox_warning_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(
        "ix_outbox_failed",
        "outbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_outbox_pending_since",
        "outbox",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def _trail() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", Whole, autoincrement=False, nullable=False),
        sa.Column("entity", Line(), nullable=False),
        sa.Column("entity_id", Line(), nullable=False),
        sa.Column("from_state", Line(), nullable=False),
        sa.Column("to_state", Line(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", Line(), nullable=False),
        sa.Column("actor_role", Line(), nullable=False),
        sa.Column("reason", Line(), nullable=False),
        sa.Column("evidence_ids", Json(), nullable=False),
        sa.Column("previous_hash", Line(), nullable=False),
        sa.Column("hash", Line(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
        sqlite_strict=True,
    )
    op.create_index("ix_audit_entity", "audit", ["entity", "entity_id", "seq"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", Whole, autoincrement=False, nullable=False),
        sa.Column("seq", Whole, nullable=False),
        sa.Column("hash", Line(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        sqlite_strict=True,
    )
    op.execute(sa.text("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, :genesis)").bindparams(genesis=GENESIS))


def _guards() -> None:
    """The audit trail is append-only and no deduction is ever deleted, whoever holds the connection."""
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgres()
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    for table, change in (("audit", "UPDATE"), ("audit", "DELETE"), ("audit_head", "DELETE"), ("deductions", "DELETE")):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} refuses {change}'); END"
        )


def _guard_postgres() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP; END $$"
    )
    for table, changes in (("audit", "UPDATE OR DELETE"), ("audit_head", "DELETE"), ("deductions", "DELETE")):
        op.execute(f"CREATE TRIGGER {table}_no_change BEFORE {changes} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
