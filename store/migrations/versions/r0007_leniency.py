"""The registers of leniency, of the national risk grade, and of what superior authorities have checked.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Line, Whole

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATES = {
    "guidances": ("asked", "corrected", "lapsed"),
    "risk_grades": ("agreed", "review", "reviewed"),
    "superior_checks": ("recorded", "withdrawn"),
}


def upgrade() -> None:
    for name, states in STATES.items():
        _register(name, states)


def downgrade() -> None:
    for name in STATES:
        op.drop_table(name)


def _register(name: str, states: tuple[str, ...]) -> None:
    allowed = ", ".join(f"'{state}'" for state in states)
    op.create_table(
        name,
        sa.Column("id", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=True),
        sa.Column("region", Line(), nullable=False),
        sa.Column("state", Line(), nullable=False),
        sa.Column("topic", Line(), nullable=False),
        sa.Column("version", Whole, nullable=False),
        sa.Column("filed_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("decided_by", Line(), nullable=True),
        sa.Column("details", Json(), nullable=False),
        sa.CheckConstraint(f"state IN ({allowed})", name=op.f(f"ck_{name}_state")),
        sa.CheckConstraint("version >= 1", name=op.f(f"ck_{name}_version")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f(f"fk_{name}_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sqlite_strict=True,
    )
    where = sa.text("due_at IS NOT NULL")
    op.create_index(f"ix_{name}_due_at", name, ["due_at"], unique=False, sqlite_where=where, postgresql_where=where)
    op.create_index(f"ix_{name}_uscc", name, ["uscc", "filed_at"], unique=False)
    op.create_index(f"ix_{name}_topic", name, ["topic"], unique=False)
