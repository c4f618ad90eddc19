"""The monthly assessment: facts told from outside, runs, frozen inputs, results, objections.

Frozen inputs, results and catalogues are never changed or deleted: triggers refuse it.

Revision ID: 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Exact, Instant, Json, Line, Span, Whole

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ASSESSED = "kind <> 'scale.weigh'"
KEPT = ("assessment_catalogues", "assessment_facts", "assessment_inputs", "assessment_results")


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    _tables()
    op.create_index(
        "ix_observations_assessed",
        "observations",
        ["uscc", "kind", "event_time"],
        unique=False,
        sqlite_where=sa.text(ASSESSED),
        postgresql_where=sa.text(ASSESSED),
    )
    for table in KEPT:
        if postgres:
            op.execute(
                f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
        else:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} refuses {change}'); END"
                )


def downgrade() -> None:
    raise NotImplementedError("published months would be forgotten")


def _must(name: str, type_: Any = None) -> sa.Column[Any]:
    return sa.Column(name, Line() if type_ is None else type_, nullable=False)


def _may(name: str, type_: Any = None) -> sa.Column[Any]:
    return sa.Column(name, Line() if type_ is None else type_, nullable=True)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _table(name: str, *parts: Any, key: tuple[str, ...] = ("id",)) -> None:
    op.create_table(name, *parts, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")), sqlite_strict=True)


def _words(table: str, column: str, words: str) -> sa.CheckConstraint:
    allowed = ", ".join(f"'{word}'" for word in words.split())
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=op.f(f"ck_{table}_{column}"))


def _tables() -> None:
    _table("assessment_catalogues", _must("version"), _must("scheme"), _must("content", Json()), key=("version",))
    _table(
        "assessment_facts",
        *(_must(name) for name in ("id", "uscc", "scheme", "fact", "month", "until_month")),
        _must("value", Json()),
        _must("observed_at", Instant()),
        _must("recorded_at", Instant()),
        *(_must(name) for name in ("recorded_by", "source", "evidence", "reason", "origin")),
        _refers("assessment_facts", "uscc", "merchants.uscc"),
    )
    op.create_index(
        "uq_assessment_facts_told", "assessment_facts", ["uscc", "scheme", "fact", "month", "observed_at"], unique=True
    )
    _table(
        "interruptions",
        _must("id"),
        _must("kind"),
        _may("uscc"),
        _must("region"),
        *(_must(name, Instant()) for name in ("began_at", "ended_at", "announced_at")),
        _must("reason"),
        _must("recorded_by"),
        _words("interruptions", "kind", "platform area maintenance closure"),
        sa.CheckConstraint("ended_at > began_at", name=op.f("ck_interruptions_span")),
        _refers("interruptions", "uscc", "merchants.uscc"),
    )
    op.create_index("ix_interruptions_ended_at", "interruptions", ["ended_at"], unique=False)
    _runs()
    _outcomes()


def _runs() -> None:
    _table(
        "assessment_runs",
        *(_must(name) for name in ("id", "scheme", "month")),
        _must("version", Whole),
        *(_must(name) for name in ("state", "catalogue_version", "config_hash")),
        *(_must(name, Instant()) for name in ("frozen_at", "provisional_at", "objection_until", "publish_at")),
        _must("calendar"),
        _must("outage", Span()),
        _must("started_at", Instant()),
        _must("moved_at", Instant()),
        _may("published_at", Instant()),
        _may("published_by"),
        _must("reason"),
        _must("row_version", Whole),
        _words("assessment_runs", "state", "open frozen provisional objection_window final published corrected"),
        sa.CheckConstraint(
            "state NOT IN ('published', 'corrected') OR (published_by IS NOT NULL AND published_at IS NOT NULL)",
            name=op.f("ck_assessment_runs_published_by_somebody"),
        ),
        sa.CheckConstraint("version = 1 OR reason <> ''", name=op.f("ck_assessment_runs_corrected_for_a_reason")),
        _refers("assessment_runs", "catalogue_version", "assessment_catalogues.version"),
    )
    op.create_index("uq_assessment_runs_version", "assessment_runs", ["scheme", "month", "version"], unique=True)


def _outcomes() -> None:
    key = ("run_id", "uscc", "revision")
    _table(
        "assessment_inputs",
        _must("run_id"),
        _must("uscc"),
        _must("revision", Whole),
        _must("facts", Json()),
        _must("origins", Json()),
        _must("hash"),
        _must("taken_at", Instant()),
        _must("why"),
        _must("lacking", Whole),
        _refers("assessment_inputs", "run_id", "assessment_runs.id"),
        _refers("assessment_inputs", "uscc", "merchants.uscc"),
        key=key,
    )
    _table(
        "assessment_results",
        _must("run_id"),
        _must("uscc"),
        _must("revision", Whole),
        _may("score", Exact()),
        _may("unrounded", Exact()),
        _may("band"),
        _must("grade"),
        _may("previous"),
        _must("reasons", Json()),
        _must("lines", Json()),
        _may("points", Exact()),
        _must("measures", Json()),
        _must("hash"),
        _must("rated_at", Instant()),
        _refers("assessment_results", "run_id", "assessment_runs.id"),
        _refers("assessment_results", "uscc", "merchants.uscc"),
        key=key,
    )
    op.create_index("ix_assessment_results_uscc", "assessment_results", ["uscc"], unique=False)
    _table(
        "assessment_objections",
        *(_must(name) for name in ("id", "run_id", "uscc", "state")),
        _must("filed_at", Instant()),
        _must("filed_by"),
        _must("note"),
        _must("facts", Json()),
        _may("decided_at", Instant()),
        _may("decided_by"),
        _must("decision"),
        _must("changes", Json()),
        _must("version", Whole),
        _words("assessment_objections", "state", "open upheld rejected"),
        sa.CheckConstraint(
            "state = 'open' OR (decided_by IS NOT NULL AND decided_by <> filed_by)",
            name=op.f("ck_assessment_objections_decided_by_another"),
        ),
        _refers("assessment_objections", "run_id", "assessment_runs.id"),
        _refers("assessment_objections", "uscc", "merchants.uscc"),
    )
    op.create_index("ix_assessment_objections_run_id", "assessment_objections", ["run_id", "uscc"], unique=False)
