"""The port of what a shop keeps records of; ``store.record_rows`` implements it.

Rows are the newest word about their subject. Who decides over several of one merchant's rows takes ``UnitOfWork.lock`` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.registers import (
    AdditiveName,
    AdditiveRecord,
    AdditiveState,
    Certificate,
    Due,
    DueKind,
    NameState,
    Sample,
    Shift,
)


class ShopRecords(Protocol):
    """Registers of staff, additives and samples, and the expiry index over all of them."""

    def certificates(self, uscc: str, person_ref: str | None = None) -> Sequence[Certificate]:
        """A merchant's, or one person's, earliest issued first."""

    def put_certificate(self, certificate: Certificate) -> None:
        """Insert or replace; the key is the person and the day of issue."""

    def shift(self, shift_id: str) -> Shift | None:
        """The shift, if it is known."""

    def put_shift(self, shift: Shift) -> None:
        """Insert or replace."""

    def shifts_of(self, uscc: str, person_ref: str, *, ending_after: datetime) -> Sequence[Shift]:
        """One person's shifts that end later than an instant, in order."""

    def shifts(self, uscc: str, *, since: datetime, until: datetime, limit: int = 1000) -> Sequence[Shift]:
        """A merchant's shifts that begin in [since, until), in order."""

    def additive(self, record_id: str) -> AdditiveRecord | None:
        """The record, if it is known."""

    def put_additive(self, record: AdditiveRecord, *, plain_name: str) -> None:
        """Insert or replace."""

    def additives_in(self, uscc: str, product_lot: str) -> Sequence[AdditiveRecord]:
        """Every record of one product lot, earliest first."""

    def additives_named(self, plain_name: str, state: AdditiveState, *, limit: int) -> Sequence[AdditiveRecord]:
        """Records of a name in one state, of all merchants."""

    def additives(self, uscc: str, *, limit: int = 200) -> Sequence[AdditiveRecord]:
        """A merchant's, newest first."""

    def additive_name(self, plain_name: str) -> AdditiveName | None:
        """The name, if it was ever seen unknown."""

    def add_additive_name(self, name: AdditiveName) -> bool:
        """False, and nothing changes, if it is known."""

    def save_additive_name(self, name: AdditiveName, *, expected_version: int) -> None:
        """Write a changed one. Raises Conflict if the stored version is another."""

    def additive_names(self, state: NameState, *, limit: int = 200) -> Sequence[AdditiveName]:
        """In the order in which they were first seen."""

    def sample(self, uscc: str, report_no: str) -> Sample | None:
        """The report, if it is known."""

    def put_sample(self, sample: Sample) -> None:
        """Insert or replace."""

    def samples(self, uscc: str, *, limit: int = 200) -> Sequence[Sample]:
        """A merchant's, newest first."""

    def due(self, kind: DueKind, uscc: str, subject: str) -> Due | None:
        """The entry, if something is to come."""

    def put_due(self, due: Due) -> None:
        """Insert or replace."""

    def drop_due(self, kind: DueKind, uscc: str, subject: str) -> None:
        """Nothing is to come any more."""

    def dues(self, now: datetime, *, limit: int) -> Sequence[Due]:
        """What is due, longest due first; inside a write transaction locked, and those held elsewhere left out."""
