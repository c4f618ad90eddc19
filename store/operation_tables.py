"""The tables of operational warnings and silences. ``store/migrations`` creates them; a test holds both equal."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, text

from domain.operations import OperationState, SilenceKind
from store.tables import metadata
from store.types import Instant, Json, Line, Whole, Word

OPEN = text("state = 'open'")


def _must(name: str, type_: Any = Line) -> Column[Any]:
    return Column(name, type_, nullable=False)


def _may(name: str, type_: Any = Line) -> Column[Any]:
    return Column(name, type_, nullable=True)


def _words(column: str, words: type[StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


operations = Table(
    "operations",
    metadata,
    Column("id", Line, primary_key=True),
    _must("fingerprint"),
    _must("name"),
    _must("severity"),
    _must("summary"),
    _must("labels", Json),
    _must("annotations", Json),
    _must("link"),
    _must("began_at", Instant),
    _must("opened_at", Instant),
    _must("seen_at", Instant),
    _must("state", Word(OperationState)),
    Column("uscc", Line, ForeignKey("merchants.uscc"), nullable=True),
    _must("region"),
    _may("device_id"),
    _must("times", Whole),
    _may("silenced_by"),
    _may("closed_at", Instant),
    _may("closed_by"),
    _must("reason"),
    _must("version", Whole),
    _words("state", OperationState),
    CheckConstraint("version >= 1", name="version"),
    Index("uq_operations_open", "fingerprint", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_operations_opened_at", "opened_at", "id"),
    sqlite_strict=True,
)

silences = Table(
    "silences",
    metadata,
    Column("id", Line, primary_key=True),
    _must("kind", Word(SilenceKind)),
    _must("author"),
    _must("reason"),
    _must("begins_at", Instant),
    _must("ends_at", Instant),
    _must("created_at", Instant),
    _must("name"),
    _must("device_id"),
    _must("uscc"),
    _must("region"),
    _may("ended_by"),
    _must("version", Whole),
    _words("kind", SilenceKind),
    CheckConstraint("ends_at >= begins_at", name="span"),
    CheckConstraint("length(reason) > 0", name="reason"),
    CheckConstraint("version >= 1", name="version"),
    Index("ix_silences_ends_at", "ends_at", "id"),
    sqlite_strict=True,
)
