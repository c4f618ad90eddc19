"""How much of a lot is set apart, so that no more than that can come back (E052).

Of lots known before nothing is known to be apart: what is left of them is said by their next ``batch.upsert``. SQLite cannot add
a CHECK, so ``batches`` is made anew there.

Revision ID: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Exact, Instant, Line

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHECK = "CAST(apart_g AS REAL) >= 0"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("batches", sa.Column("apart_g", Exact(), nullable=False, server_default="0"))
        op.alter_column("batches", "apart_g", server_default=None)
        op.create_check_constraint(op.f("ck_batches_apart_g"), "batches", CHECK)
    else:
        _remake_sqlite()


def downgrade() -> None:
    raise NotImplementedError("what is set apart would be forgotten")


def _remake_sqlite() -> None:
    op.execute("CREATE TEMPORARY TABLE batches_before AS SELECT * FROM batches")
    op.execute("DROP TABLE batches")
    _create()
    listed = ", ".join(f'"{column.name}"' for column in _columns())
    op.execute(f"INSERT INTO batches ({listed}, apart_g) SELECT {listed}, '0' FROM batches_before")  # noqa: S608 - names below
    op.execute("DROP TABLE batches_before")


def _columns() -> list[sa.Column[Any]]:
    return [
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
    ]


def _create() -> None:
    op.create_table(
        "batches",
        *_columns(),
        sa.Column("apart_g", Exact(), nullable=False),
        sa.CheckConstraint("kind IN ('raw', 'product', 'additive')", name=op.f("ck_batches_kind")),
        sa.CheckConstraint(
            "state IN ('received', 'in_store', 'in_use', 'on_sale', 'depleted', 'quarantined', 'destroyed', 'returned')",
            name=op.f("ck_batches_state"),
        ),
        sa.CheckConstraint("CAST(qty_g AS REAL) >= 0", name=op.f("ck_batches_qty_g")),
        sa.CheckConstraint(CHECK, name=op.f("ck_batches_apart_g")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_batches_uscc")),
        sa.PrimaryKeyConstraint("uscc", "lot", name=op.f("pk_batches")),
        sqlite_strict=True,
    )
    op.create_index("ix_batches_judge_at", "batches", ["judge_at"], unique=False, sqlite_where=sa.text("judge_at IS NOT NULL"))
