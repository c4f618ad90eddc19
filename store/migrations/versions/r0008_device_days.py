"""Tallies of what devices said by day, who told and withdrew an interruption when, and attempts of connectors.

SQLite cannot add a CHECK, so ``interruptions`` is made anew there. Of interruptions known before, the announcement is the record.

Revision ID: 0008
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Line, Span

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WITHDRAWN = "withdrawn_at IS NULL OR (withdrawn_by IS NOT NULL AND withdrawn_why <> '')"
KEPT = "id, kind, uscc, region, began_at, ended_at, announced_at, reason, recorded_by"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _widen_postgres()
    else:
        _remake_sqlite()
    op.create_table(
        "device_days",
        *(_must(name) for name in ("uscc", "kind", "day", "device_id")),
        _must("within", Span()),
        sa.Column("received_at", Instant(), nullable=True),
        _must("tally", Json()),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_device_days_uscc")),
        sa.PrimaryKeyConstraint("uscc", "kind", "day", "device_id", name=op.f("pk_device_days")),
        sqlite_strict=True,
    )
    op.create_table(
        "connector_tries",
        _must("connector"),
        _must("uscc"),
        _must("at", Instant()),
        _must("outcome"),
        _must("detail"),
        sa.PrimaryKeyConstraint("connector", "uscc", "at", name=op.f("pk_connector_tries")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("who withdrew what would be forgotten")


def _must(name: str, type_: Any = None) -> sa.Column[Any]:
    return sa.Column(name, Line() if type_ is None else type_, nullable=False)


def _widen_postgres() -> None:
    op.add_column("interruptions", sa.Column("recorded_at", Instant(), nullable=True))
    op.execute("UPDATE interruptions SET recorded_at = announced_at")
    op.alter_column("interruptions", "recorded_at", nullable=False)
    op.add_column("interruptions", sa.Column("withdrawn_at", Instant(), nullable=True))
    op.add_column("interruptions", sa.Column("withdrawn_by", Line(), nullable=True))
    op.add_column("interruptions", sa.Column("withdrawn_why", Line(), nullable=False, server_default=""))
    op.alter_column("interruptions", "withdrawn_why", server_default=None)
    op.create_check_constraint(op.f("ck_interruptions_withdrawn_for_a_reason"), "interruptions", WITHDRAWN)


def _remake_sqlite() -> None:
    op.execute("CREATE TEMPORARY TABLE interruptions_before AS SELECT * FROM interruptions")
    op.execute("DROP TABLE interruptions")
    op.create_table(
        "interruptions",
        _must("id"),
        _must("kind"),
        sa.Column("uscc", Line(), nullable=True),
        _must("region"),
        *(_must(name, Instant()) for name in ("began_at", "ended_at", "announced_at")),
        _must("reason"),
        _must("recorded_by"),
        _must("recorded_at", Instant()),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.Column("withdrawn_by", Line(), nullable=True),
        _must("withdrawn_why"),
        sa.CheckConstraint("kind IN ('platform', 'area', 'maintenance', 'closure')", name=op.f("ck_interruptions_kind")),
        sa.CheckConstraint("ended_at > began_at", name=op.f("ck_interruptions_span")),
        sa.CheckConstraint(WITHDRAWN, name=op.f("ck_interruptions_withdrawn_for_a_reason")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_interruptions_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interruptions")),
        sqlite_strict=True,
    )
    op.create_index("ix_interruptions_ended_at", "interruptions", ["ended_at"], unique=False)
    op.execute(
        f"INSERT INTO interruptions ({KEPT}, recorded_at, withdrawn_why) "  # noqa: S608 - names written above
        f"SELECT {KEPT}, announced_at, '' FROM interruptions_before"
    )
    op.execute("DROP TABLE interruptions_before")
