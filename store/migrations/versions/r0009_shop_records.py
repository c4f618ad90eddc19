"""What a shop keeps records of beside its lots, and the expiry index over it.

Revision ID: 0009
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Day, Exact, Instant, Json, Line, Truth, Whole

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

DUTIES = "duty IN ('direct', 'other')"


def upgrade() -> None:
    _staff()
    _additives()
    _samples()
    _make(
        "register_dues",
        _must("kind"),
        _must("uscc"),
        _must("subject"),
        _must("due_at", Instant()),
        checks={"kind": "kind IN ('lot_notice', 'certificate_notice', 'shift', 'retest')"},
        key=("kind", "uscc", "subject"),
    )
    op.create_index("ix_register_dues_due_at", "register_dues", ["due_at"], unique=False)


def downgrade() -> None:
    for name in ("register_dues", "samples", "additive_names", "additive_records", "staff_shifts", "staff_certificates"):
        op.drop_table(name)


def _must(name: str, type_: Any = None) -> sa.Column[Any]:
    return sa.Column(name, type_ or Line(), nullable=False)


def _may(name: str, type_: Any = None) -> sa.Column[Any]:
    return sa.Column(name, type_ or Line(), nullable=True)


def _make(name: str, *columns: sa.Column[Any], checks: dict[str, str], key: tuple[str, ...], merchant: str = "uscc") -> None:
    op.create_table(
        name,
        *columns,
        *(sa.CheckConstraint(rule, name=op.f(f"ck_{name}_{what}")) for what, rule in checks.items()),
        sa.ForeignKeyConstraint([merchant], ["merchants.uscc"], name=op.f(f"fk_{name}_{merchant}")),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")),
        sqlite_strict=True,
    )


def _staff() -> None:
    _make(
        "staff_certificates",
        _must("uscc"),
        _must("person_ref"),
        _must("issued_on", Day()),
        _must("valid_until", Day()),
        _must("duty"),
        _must("event_time", Instant()),
        _must("entry_id"),
        _must("name_masked"),
        _must("cert_no_hash"),
        _must("issuer"),
        checks={"duty": DUTIES, "valid_until": "valid_until >= issued_on"},
        key=("uscc", "person_ref", "issued_on"),
    )
    _make(
        "staff_shifts",
        _must("id"),
        _must("uscc"),
        _must("person_ref"),
        _must("start_at", Instant()),
        _must("end_at", Instant()),
        _must("duty"),
        _must("event_time", Instant()),
        _must("entry_id"),
        _may("morning_check"),
        _must("cancelled", Truth()),
        _may("judged_at", Instant()),
        checks={"duty": DUTIES, "morning_check": "morning_check IN ('ok', 'fever', 'wound')", "end_at": "end_at > start_at"},
        key=("id",),
    )
    op.create_index("ix_staff_shifts_person", "staff_shifts", ["uscc", "person_ref", "end_at"], unique=False)
    op.create_index("ix_staff_shifts_start_at", "staff_shifts", ["uscc", "start_at"], unique=False)


def _additives() -> None:
    states = (
        "state IN ('within', 'needs_mapping', 'needs_class', 'not_covered', 'not_additive', 'review', 'over_limit', "
        "'beyond_scope', 'prohibited')"
    )
    _make(
        "additive_records",
        _must("id"),
        _must("uscc"),
        _must("source"),
        _must("name"),
        _must("lot"),
        _must("product_lot"),
        _must("qty_g", Exact()),
        _must("product_qty_g", Exact()),
        _must("at", Instant()),
        _must("state"),
        _must("substance"),
        _must("food_class"),
        _must("ingredient"),
        _must("ingredient_qty_g", Exact()),
        _must("plain_name"),
        checks={"source": "source IN ('use', 'stock')", "state": states},
        key=("id",),
    )
    op.create_index("ix_additive_records_product_lot", "additive_records", ["uscc", "product_lot"], unique=False)
    op.create_index("ix_additive_records_at", "additive_records", ["uscc", "at"], unique=False)
    op.create_index("ix_additive_records_name", "additive_records", ["plain_name", "state"], unique=False)
    _make(
        "additive_names",
        _must("name"),
        _must("written"),
        _must("state"),
        _must("first_uscc"),
        _must("region"),
        _must("seen_at", Instant()),
        _must("substance"),
        _must("decided_by"),
        _may("decided_at", Instant()),
        _must("note"),
        _must("version", Whole),
        checks={
            "state": "state IN ('open', 'resolved')",
            "resolved_by_a_person": "state = 'open' OR (decided_by <> '' AND decided_by <> 'system')",
            "version": "version >= 1",
        },
        key=("name",),
        merchant="first_uscc",
    )
    op.create_index("ix_additive_names_state", "additive_names", ["state", "seen_at"], unique=False)


def _samples() -> None:
    states = "'passed', 'to_be_sampled', 'retest_open', 'confirmed', 'overturned', 'retest_reported', 'retest'"
    _make(
        "samples",
        _must("uscc"),
        _must("report_no"),
        _must("kind"),
        _must("conclusion"),
        _must("product"),
        _must("state"),
        _must("event_time", Instant()),
        _must("received_at", Instant()),
        _must("entry_id"),
        _must("lot"),
        _must("lab"),
        _must("sampled_on"),
        _must("item_kind"),
        _must("items", Json()),
        _must("retest_of"),
        _may("retest_until", Instant()),
        checks={
            "kind": "kind IN ('official', 'rapid')",
            "state": f"state IN ({states})",
            "conclusion": "conclusion IN ('pass', 'fail')",
        },
        key=("uscc", "report_no"),
    )
    op.create_index("ix_samples_received_at", "samples", ["uscc", "received_at"], unique=False)
