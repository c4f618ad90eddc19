"""The clock of findings in review, and the index by which sent outbox entries are forgotten.

SQLite cannot change a CHECK, so ``findings`` is made anew there; ``store.sql`` checks every reference afterwards.

Revision ID: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Line, Real, Truth, Whole

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATES = "state IN ('raised', 'attached', 'review', 'discarded', 'expired_unreviewed')"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _widen_postgres()
    else:
        _remake_sqlite()
    _partial("ix_findings_review_due_at", "findings", "review_due_at", "review_due_at IS NOT NULL")
    _partial("ix_outbox_done", "outbox", "settled_at", "state = 'done'")


def downgrade() -> None:
    raise NotImplementedError("findings may be expired by now, which the schema before cannot say")


def _clock() -> list[sa.Column[Any]]:
    return [
        sa.Column("review_by", Instant(), nullable=True),
        sa.Column("review_expires_at", Instant(), nullable=True),
        sa.Column("review_escalated", Truth(), nullable=True),
        sa.Column("review_due_at", Instant(), nullable=True),
    ]


def _widen_postgres() -> None:
    for column in _clock():
        op.add_column("findings", column)
    op.drop_constraint(op.f("ck_findings_state"), "findings")
    op.create_check_constraint(op.f("ck_findings_state"), "findings", STATES)
    op.execute(
        "UPDATE findings SET review_escalated = false, "
        "review_by = detected_at + CASE level WHEN 'red' THEN interval '2 hours' ELSE interval '24 hours' END, "
        "review_expires_at = CASE level WHEN 'red' THEN NULL ELSE detected_at + interval '72 hours' END WHERE state = 'review'"
    )
    op.execute("UPDATE findings SET review_due_at = review_by + interval '1 microsecond' WHERE state = 'review'")


def _remake_sqlite() -> None:
    op.execute("CREATE TEMPORARY TABLE findings_before AS SELECT * FROM findings")
    op.execute("DROP TABLE findings")
    _create()
    listed = ", ".join(f'"{column.name}"' for column in _columns())
    op.execute(f"INSERT INTO findings ({listed}) SELECT {listed} FROM findings_before")  # noqa: S608 - names written below
    op.execute("DROP TABLE findings_before")
    op.execute(
        "UPDATE findings SET review_escalated = 0, "
        "review_by = detected_at + CASE level WHEN 'red' THEN 2 ELSE 24 END * 3600000000, "
        "review_expires_at = CASE level WHEN 'red' THEN NULL ELSE detected_at + 72 * 3600000000 END WHERE state = 'review'"
    )
    op.execute("UPDATE findings SET review_due_at = review_by + 1 WHERE state = 'review'")


def _columns() -> list[sa.Column[Any]]:
    return [
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
    ]


def _create() -> None:
    op.create_table(
        "findings",
        *_columns(),
        *_clock(),
        sa.CheckConstraint("level IN ('red', 'ordinary')", name=op.f("ck_findings_level")),
        sa.CheckConstraint(STATES, name=op.f("ck_findings_state")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_findings_uscc")),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name=op.f("fk_findings_warning_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sqlite_strict=True,
    )
    op.create_index("ix_findings_state_detected_at", "findings", ["state", "detected_at", "id"], unique=False)
    op.create_index("ix_findings_warning_id", "findings", ["warning_id"], unique=False)


def _partial(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
