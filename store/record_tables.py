"""The tables of what a shop keeps records of. ``store/migrations`` creates them; a test holds both equal."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table

from domain.registers import (
    AdditiveSource,
    AdditiveState,
    DueKind,
    Duty,
    MorningCheck,
    NameState,
    SampleKind,
    SampleState,
)
from store.tables import metadata
from store.types import Day, Exact, Instant, JsonOf, Line, Truth, Whole, Word


def _key(name: str, type_: Any = Line) -> Column[Any]:
    return Column(name, type_, primary_key=True)


def _must(name: str, type_: Any = Line) -> Column[Any]:
    return Column(name, type_, nullable=False)


def _may(name: str, type_: Any = Line) -> Column[Any]:
    return Column(name, type_, nullable=True)


def _merchant(*, key: bool = False) -> Column[Any]:
    return Column("uscc", Line, ForeignKey("merchants.uscc"), primary_key=key, nullable=False)


def _words(column: str, words: type[StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def _table(name: str, *parts: Any) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True)


certificates = _table(
    "staff_certificates",
    _merchant(key=True),
    _key("person_ref"),
    _key("issued_on", Day),
    _must("valid_until", Day),
    _must("duty", Word(Duty)),
    _must("event_time", Instant),
    _must("entry_id"),
    _must("name_masked"),
    _must("cert_no_hash"),
    _must("issuer"),
    _words("duty", Duty),
    CheckConstraint("valid_until >= issued_on", name="valid_until"),
)

shifts = _table(
    "staff_shifts",
    _key("id"),
    _merchant(),
    _must("person_ref"),
    _must("start_at", Instant),
    _must("end_at", Instant),
    _must("duty", Word(Duty)),
    _must("event_time", Instant),
    _must("entry_id"),
    _may("morning_check", Word(MorningCheck)),
    _must("cancelled", Truth),
    _may("judged_at", Instant),
    _words("duty", Duty),
    _words("morning_check", MorningCheck),
    CheckConstraint("end_at > start_at", name="end_at"),
    Index("ix_staff_shifts_person", "uscc", "person_ref", "end_at"),
    Index("ix_staff_shifts_start_at", "uscc", "start_at"),
)

additive_records = _table(
    "additive_records",
    _key("id"),
    _merchant(),
    _must("source", Word(AdditiveSource)),
    _must("name"),
    _must("lot"),
    _must("product_lot"),
    _must("qty_g", Exact),
    _must("product_qty_g", Exact),
    _must("at", Instant),
    _must("state", Word(AdditiveState)),
    _must("substance"),
    _must("food_class"),
    _must("ingredient"),
    _must("ingredient_qty_g", Exact),
    _must("plain_name"),  # computed: what the mapping tasks are named by
    _words("source", AdditiveSource),
    _words("state", AdditiveState),
    Index("ix_additive_records_product_lot", "uscc", "product_lot"),
    Index("ix_additive_records_at", "uscc", "at"),
    Index("ix_additive_records_name", "plain_name", "state"),
)

additive_names = _table(
    "additive_names",
    _key("name"),
    _must("written"),
    _must("state", Word(NameState)),
    Column("first_uscc", Line, ForeignKey("merchants.uscc"), nullable=False),
    _must("region"),
    _must("seen_at", Instant),
    _must("substance"),
    _must("decided_by"),
    _may("decided_at", Instant),
    _must("note"),
    _must("version", Whole),
    _words("state", NameState),
    # what a name means is a person's word
    CheckConstraint("state = 'open' OR (decided_by <> '' AND decided_by <> 'system')", name="resolved_by_a_person"),
    CheckConstraint("version >= 1", name="version"),
    Index("ix_additive_names_state", "state", "seen_at"),
)

samples = _table(
    "samples",
    _merchant(key=True),
    _key("report_no"),
    _must("kind", Word(SampleKind)),
    _must("conclusion"),
    _must("product"),
    _must("state", Word(SampleState)),
    _must("event_time", Instant),
    _must("received_at", Instant),
    _must("entry_id"),
    _must("lot"),
    _must("lab"),
    _must("sampled_on"),
    _must("item_kind"),
    _must("items", JsonOf(list, tuple)),
    _must("retest_of"),
    _may("retest_until", Instant),
    _words("kind", SampleKind),
    _words("state", SampleState),
    CheckConstraint("conclusion IN ('pass', 'fail')", name="conclusion"),
    Index("ix_samples_received_at", "uscc", "received_at"),
)

dues = _table(
    "register_dues",
    _key("kind", Word(DueKind)),
    _merchant(key=True),
    _key("subject"),
    _must("due_at", Instant),
    _words("kind", DueKind),
    Index("ix_register_dues_due_at", "due_at"),
)
"""The expiry index: a row exists only while something is still to come, so that it holds nothing that is over."""
