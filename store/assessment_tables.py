"""The tables of the monthly assessment. ``store/migrations`` creates them; a test holds both equal.

The database itself holds that nothing is published without a name under it, and (by triggers of the migration) that frozen
inputs, results and the catalogues they were made by are never changed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table
from sqlalchemy.engine import Dialect

from domain.observations import Kind
from store.assessments import InterruptionKind, ObjectionState, RunState
from store.tables import metadata
from store.types import Exact, Instant, Json, JsonOf, Line, Span, Whole, Word

KEPT = ("assessment_catalogues", "assessment_facts", "assessment_inputs", "assessment_results")
"""Tables whose rows are never changed."""


def _must(name: str, type_: Any = Line, *args: Any) -> Column[Any]:
    return Column(name, type_, *args, nullable=False)


def _may(name: str, type_: Any = Line, *args: Any) -> Column[Any]:
    return Column(name, type_, *args, nullable=True)


def _merchant() -> ForeignKey:
    return ForeignKey("merchants.uscc")


def _run() -> ForeignKey:
    return ForeignKey("assessment_runs.id")


def _words(column: str, words: type[StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def _tuples(plain: list[list[str | None]]) -> tuple[tuple[str | None, ...], ...]:
    return tuple(tuple(line) for line in plain)


STRINGS = JsonOf(list, tuple)
LINES = JsonOf(list, _tuples)


class Anything(Json):
    """A JSON value that may be null itself: kept as the only item of a list."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Into its list."""
        return super().process_bind_param([value], dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Out of its list."""
        return super().process_result_value(value, dialect)[0]


catalogues = Table(
    "assessment_catalogues",
    metadata,
    Column("version", Line, primary_key=True),
    _must("scheme"),
    _must("content", Json),
    sqlite_strict=True,
)

facts = Table(
    "assessment_facts",
    metadata,
    Column("id", Line, primary_key=True),
    _must("uscc", Line, _merchant()),
    _must("scheme"),
    _must("fact"),
    _must("month"),
    _must("until_month"),
    _must("value", Anything),
    _must("observed_at", Instant),
    _must("recorded_at", Instant),
    _must("recorded_by"),
    _must("source"),
    _must("evidence"),
    _must("reason"),
    _must("origin"),
    Index("uq_assessment_facts_told", "uscc", "scheme", "fact", "month", "observed_at", unique=True),
    sqlite_strict=True,
)

interruptions = Table(
    "interruptions",
    metadata,
    Column("id", Line, primary_key=True),
    _must("kind", Word(InterruptionKind)),
    _may("uscc", Line, _merchant()),
    _must("region"),
    _must("began_at", Instant),
    _must("ended_at", Instant),
    _must("announced_at", Instant),
    _must("reason"),
    _must("recorded_by"),
    _must("recorded_at", Instant),
    _may("withdrawn_at", Instant),
    _may("withdrawn_by"),
    _must("withdrawn_why"),
    _words("kind", InterruptionKind),
    CheckConstraint("ended_at > began_at", name="span"),
    CheckConstraint("withdrawn_at IS NULL OR (withdrawn_by IS NOT NULL AND withdrawn_why <> '')", name="withdrawn_for_a_reason"),
    Index("ix_interruptions_ended_at", "ended_at"),
    sqlite_strict=True,
)

device_days = Table(
    "device_days",
    metadata,
    Column("uscc", Line, _merchant(), primary_key=True),
    Column("kind", Word(Kind), primary_key=True),
    Column("day", Line, primary_key=True),
    Column("device_id", Line, primary_key=True),
    _must("within", Span),
    _may("received_at", Instant),
    _must("tally", Json),
    sqlite_strict=True,
)
"""Counted from raw rows and counted anew whenever one of them comes late; they may be thrown away at any time."""

tries = Table(
    "connector_tries",
    metadata,
    Column("connector", Line, primary_key=True),
    Column("uscc", Line, primary_key=True),
    Column("at", Instant, primary_key=True),
    _must("outcome"),
    _must("detail"),
    sqlite_strict=True,
)

runs = Table(
    "assessment_runs",
    metadata,
    Column("id", Line, primary_key=True),
    _must("scheme"),
    _must("month"),
    _must("version", Whole),
    _must("state", Word(RunState)),
    _must("catalogue_version", Line, ForeignKey("assessment_catalogues.version")),
    _must("config_hash"),
    _must("frozen_at", Instant),
    _must("provisional_at", Instant),
    _must("objection_until", Instant),
    _must("publish_at", Instant),
    _must("calendar"),
    _must("outage", Span),
    _must("started_at", Instant),
    _must("moved_at", Instant),
    _may("published_at", Instant),
    _may("published_by"),
    _must("reason"),
    _must("row_version", Whole),
    _words("state", RunState),
    CheckConstraint(
        "state NOT IN ('published', 'corrected') OR (published_by IS NOT NULL AND published_at IS NOT NULL)",
        name="published_by_somebody",
    ),
    CheckConstraint("version = 1 OR reason <> ''", name="corrected_for_a_reason"),
    Index("uq_assessment_runs_version", "scheme", "month", "version", unique=True),
    sqlite_strict=True,
)

inputs = Table(
    "assessment_inputs",
    metadata,
    Column("run_id", Line, _run(), primary_key=True),
    Column("uscc", Line, _merchant(), primary_key=True),
    Column("revision", Whole, primary_key=True, autoincrement=False),
    _must("facts", Json),
    _must("origins", Json),
    _must("hash"),
    _must("taken_at", Instant),
    _must("why"),
    _must("lacking", Whole),  # computed: how many facts the merchant has yet to supply
    sqlite_strict=True,
)

results = Table(
    "assessment_results",
    metadata,
    Column("run_id", Line, _run(), primary_key=True),
    Column("uscc", Line, _merchant(), primary_key=True),
    Column("revision", Whole, primary_key=True, autoincrement=False),
    _may("score", Exact),
    _may("unrounded", Exact),
    _may("band"),
    _must("grade"),
    _may("previous"),
    _must("reasons", STRINGS),
    _must("lines", LINES),
    _may("points", Exact),
    _must("measures", Json),
    _must("hash"),
    _must("rated_at", Instant),
    Index("ix_assessment_results_uscc", "uscc"),
    sqlite_strict=True,
)

objections = Table(
    "assessment_objections",
    metadata,
    Column("id", Line, primary_key=True),
    _must("run_id", Line, _run()),
    _must("uscc", Line, _merchant()),
    _must("state", Word(ObjectionState)),
    _must("filed_at", Instant),
    _must("filed_by"),
    _must("note"),
    _must("facts", STRINGS),
    _may("decided_at", Instant),
    _may("decided_by"),
    _must("decision"),
    _must("changes", Json),
    _must("version", Whole),
    _words("state", ObjectionState),
    CheckConstraint("state = 'open' OR (decided_by IS NOT NULL AND decided_by <> filed_by)", name="decided_by_another"),
    Index("ix_assessment_objections_run_id", "run_id", "uscc"),
    sqlite_strict=True,
)
