"""The registers of what follows from credit, and the accounts of liaison departments.

SQLite cannot change a CHECK, so ``users`` is made anew there; ``store.sql`` checks every reference afterwards.

Revision ID: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Line, Truth, Whole

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLES = "role IN ('merchant', 'staff', 'inspector', 'supervisor', 'department', 'system')"
STATES = {
    "inspection_tasks": (
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
    "draws": (
        "committed",
        "drawn",
        "cancelled",
    ),
    "conflicts_of_interest": (
        "declared",
        "lifted",
    ),
    "published_standings": ("in_force",),
    "roll_entries": (
        "proposed",
        "published",
        "refused",
        "withdrawn",
    ),
    "listings": (
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
    "pushes": (
        "waiting",
        "sent",
        "acknowledged",
    ),
    "credit_records": (
        "recorded",
        "exported",
        "withdrawn",
    ),
    "penalties": (
        "filed",
        "decided",
        "served",
        "ended",
        "dropped",
    ),
    "repairs": (
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
    "commitments": (
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
    "declarations": (
        "published",
        "withdrawn",
    ),
    "measure_proposals": (
        "proposed",
        "notified",
        "decided",
        "refused",
        "executed",
        "withdrawn",
        "corrected",
    ),
    "voucher_applications": (
        "granted",
        "refused",
    ),
    "entitlements": (
        "granted",
        "refused",
    ),
    "trainings": (
        "planned",
        "held",
        "cancelled",
    ),
    "attendances": (
        "invited",
        "attended",
        "absent",
        "excused",
    ),
    "documents": (
        "in_force",
        "superseded",
    ),
    "reminders": ("watched", "passed"),
}
_PERSON = "(decided_by IS NOT NULL AND decided_by <> 'system')"
DECISIONS = {
    "roll_entries": f"state = 'proposed' OR topic NOT LIKE '%list' OR {_PERSON}",
    "listings": f"state IN ('clue', 'review', 'advance_notice', 'not_listed') OR {_PERSON}",
    "measure_proposals": f"state NOT IN ('decided', 'executed', 'corrected') OR {_PERSON}",
}


def upgrade() -> None:
    for name, states in STATES.items():
        _register(name, states)
    _served()
    _purses()
    _tokens()
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("users", sa.Column("department", Line(), nullable=True))
        op.drop_constraint(op.f("ck_users_role"), "users")
        op.create_check_constraint(op.f("ck_users_role"), "users", ROLES)
    else:
        _remake_users()


def downgrade() -> None:
    raise NotImplementedError("decisions about people would be forgotten")


def _register(name: str, states: tuple[str, ...]) -> None:
    allowed = ", ".join(f"'{state}'" for state in states)
    checks = [sa.CheckConstraint(f"state IN ({allowed})", name=op.f(f"ck_{name}_state"))]
    checks.append(sa.CheckConstraint("version >= 1", name=op.f(f"ck_{name}_version")))
    if name in DECISIONS:
        checks.append(sa.CheckConstraint(DECISIONS[name], name=op.f(f"ck_{name}_decided_by_a_person")))
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
        *checks,
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f(f"fk_{name}_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sqlite_strict=True,
    )
    where = sa.text("due_at IS NOT NULL")
    op.create_index(f"ix_{name}_due_at", name, ["due_at"], unique=False, sqlite_where=where, postgresql_where=where)
    op.create_index(f"ix_{name}_uscc", name, ["uscc", "filed_at"], unique=False)
    op.create_index(f"ix_{name}_topic", name, ["topic"], unique=False)


def _served() -> None:
    op.create_table(
        "served_penalties",
        sa.Column("penalty_id", Line(), nullable=False),
        sa.Column("decision_delivery_id", Line(), nullable=False),
        sa.Column("notice_delivery_id", Line(), nullable=False),
        sa.Column("served_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "decision_delivery_id <> '' AND decision_delivery_id = notice_delivery_id",
            name=op.f("ck_served_penalties_one_delivery"),
        ),
        sa.ForeignKeyConstraint(["penalty_id"], ["penalties.id"], name=op.f("fk_served_penalties_penalty_id")),
        sa.PrimaryKeyConstraint("penalty_id", name=op.f("pk_served_penalties")),
        sqlite_strict=True,
    )


def _purses() -> None:
    op.create_table(
        "voucher_quotas",
        sa.Column("region", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("month", Line(), nullable=False),
        sa.Column("size", Whole, nullable=False),
        sa.Column("granted", Whole, nullable=False),
        sa.CheckConstraint("kind IN ('consumption', 'service')", name=op.f("ck_voucher_quotas_kind")),
        sa.CheckConstraint("granted >= 0 AND granted <= size", name=op.f("ck_voucher_quotas_never_oversold")),
        sa.PrimaryKeyConstraint("region", "kind", "month", name=op.f("pk_voucher_quotas")),
        sqlite_strict=True,
    )


def _tokens() -> None:
    op.create_table(
        "command_tokens",
        sa.Column("actor", Line(), nullable=False),
        sa.Column("token", Line(), nullable=False),
        sa.Column("what", Line(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "token", name=op.f("pk_command_tokens")),
        sqlite_strict=True,
    )


def _remake_users() -> None:
    op.execute("CREATE TEMPORARY TABLE users_before AS SELECT * FROM users")
    op.execute("DROP TABLE users")
    op.create_table(
        "users",
        *_users(),
        sa.Column("department", Line(), nullable=True),
        sa.CheckConstraint(ROLES, name=op.f("ck_users_role")),
        sa.ForeignKeyConstraint(["uscc"], ["merchants.uscc"], name=op.f("fk_users_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("login", name=op.f("uq_users_login")),
        sqlite_strict=True,
    )
    listed = ", ".join(f'"{column.name}"' for column in _users())
    op.execute(f"INSERT INTO users ({listed}) SELECT {listed} FROM users_before")  # noqa: S608 - names written below
    op.execute("DROP TABLE users_before")


def _users() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", Line(), nullable=False),
        sa.Column("login", Line(), nullable=False),
        sa.Column("name", Line(), nullable=False),
        sa.Column("role", Line(), nullable=False),
        sa.Column("uscc", Line(), nullable=True),
        sa.Column("region", Line(), nullable=True),
        sa.Column("locale", Line(), nullable=False),
        sa.Column("active", Truth(), nullable=False),
        sa.Column("password_hash", Line(), nullable=True),
    ]
