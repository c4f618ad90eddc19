"""What was told of lots, so that each can be counted anew when something comes late; and its sales by lot.

Filled from what is stored: statements and moves, and what an officer verified as set apart.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Line

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TOLD = """INSERT INTO lot_changes (id, uscc, lot, at, kind, body)
    SELECT event_id, uscc, {lot}, event_time, CASE kind WHEN 'batch.upsert' THEN 'stated' ELSE 'moved' END, body
    FROM observations WHERE kind IN ('batch.upsert', 'batch.move')"""
_VERIFIED = """INSERT INTO lot_changes (id, uscc, lot, at, kind, body)
    SELECT id, uscc, subject, closed_at, 'apart', '{}'
    FROM warnings WHERE rule IN ('RW1', 'RW2') AND state = 'closed' AND disposition = 'verified' AND closed_at IS NOT NULL"""


def upgrade() -> None:
    op.create_index("ix_weighings_lot", "weighings", ["uscc", "lot", "at"], unique=False)
    op.create_table(
        "lot_changes",
        sa.Column("id", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=False),
        sa.Column("lot", Line(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.CheckConstraint("kind IN ('stated', 'moved', 'apart')", name=op.f("ck_lot_changes_kind")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_lot_changes_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot_changes")),
        sqlite_strict=True,
    )
    op.create_index("ix_lot_changes_lot", "lot_changes", ["uscc", "lot", "at"], unique=False)
    lot = "body ->> 'lot'" if op.get_bind().dialect.name == "postgresql" else "json_extract(body, '$.lot')"
    op.execute(_TOLD.format(lot=lot))
    op.execute(_VERIFIED)


def downgrade() -> None:
    op.drop_table("lot_changes")
    op.drop_index("ix_weighings_lot", "weighings")
