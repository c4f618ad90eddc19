"""Operational warnings, opened by alerts about cameras and machines, and silences that hold back their pushes.

Revision ID: 0011
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Line, Whole

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")


def _must(name: str, type_: Any = Line) -> sa.Column[Any]:
    return sa.Column(name, type_() if isinstance(type_, type) else type_, nullable=False)


def upgrade() -> None:
    op.create_table(
        "operations",
        sa.Column("id", Line(), nullable=False),
        *(_must(name) for name in ("fingerprint", "name", "severity", "summary")),
        _must("labels", Json),
        _must("annotations", Json),
        _must("link"),
        *(_must(name, Instant) for name in ("began_at", "opened_at", "seen_at")),
        _must("state"),
        sa.Column("uscc", Line(), nullable=True),
        _must("region"),
        sa.Column("device_id", Line(), nullable=True),
        _must("times", Whole),
        sa.Column("silenced_by", Line(), nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("closed_by", Line(), nullable=True),
        _must("reason"),
        _must("version", Whole),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_operations_state")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_operations_version")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_operations_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
        sqlite_strict=True,
    )
    op.create_index("uq_operations_open", "operations", ["fingerprint"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_operations_opened_at", "operations", ["opened_at", "id"], unique=False)
    op.create_table(
        "silences",
        sa.Column("id", Line(), nullable=False),
        *(_must(name) for name in ("kind", "author", "reason")),
        *(_must(name, Instant) for name in ("begins_at", "ends_at", "created_at")),
        *(_must(name) for name in ("name", "device_id", "uscc", "region")),
        sa.Column("ended_by", Line(), nullable=True),
        _must("version", Whole),
        sa.CheckConstraint("kind IN ('silence', 'maintenance')", name=op.f("ck_silences_kind")),
        sa.CheckConstraint("ends_at >= begins_at", name=op.f("ck_silences_span")),
        sa.CheckConstraint("length(reason) > 0", name=op.f("ck_silences_reason")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_silences_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
        sqlite_strict=True,
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("silences")
    op.drop_table("operations")
