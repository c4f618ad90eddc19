"""Registers of what follows from credit: one table for each kind of case, all asked in the same words.

What every case has (whom it is about, where, in which state, when something falls due, who decided) are columns; the rest is JSON
that only casework reads. An id comes once: filing under a known id is refused, which is what makes repeated commands harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class Book(StrEnum):
    """Which register; the value is the name of its table."""

    TASKS = "inspection_tasks"
    DRAWS = "draws"
    CONFLICTS = "conflicts_of_interest"
    STANDINGS = "published_standings"
    ROLLS = "roll_entries"
    LISTINGS = "listings"
    PUSHES = "pushes"
    CREDIT_RECORDS = "credit_records"
    PENALTIES = "penalties"
    REPAIRS = "repairs"
    COMMITMENTS = "commitments"
    DECLARATIONS = "declarations"
    PROPOSALS = "measure_proposals"
    APPLICATIONS = "voucher_applications"
    ENTITLEMENTS = "entitlements"
    TRAININGS = "trainings"
    ATTENDANCES = "attendances"
    DOCUMENTS = "documents"
    REMINDERS = "reminders"
    GUIDANCES = "guidances"
    RISK_GRADES = "risk_grades"
    SUPERIOR_CHECKS = "superior_checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One case in a register.

    Attributes:
        uscc: the merchant it is about, where it is about one.
        region: six digits of the merchant's region; empty for what concerns everybody.
        topic: what cases of one kind are grouped by, such as a month or a draw.
        due_at: when the sweep must look at it; None = never.
        decided_by: the named person behind a decision that needs one.
        details: everything else, as JSON values.
    """

    id: str
    state: str
    version: int
    filed_at: datetime
    uscc: str | None = None
    region: str = ""
    topic: str = ""
    due_at: datetime | None = None
    decided_by: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters of a register; None = any. ``region`` is a prefix, ``states`` any of them. Newest first."""

    uscc: str | None = None
    region: str | None = None
    topic: str | None = None
    states: tuple[str, ...] = ()
    limit: int | None = 200


class Register(Protocol):
    """One register."""

    def get(self, leaf_id: str) -> Leaf | None:
        """The case, if there is one; locked until the end of a write transaction."""

    def add(self, leaf: Leaf) -> bool:
        """False, and nothing changes, if the id is known."""

    def add_all(self, leaves: Iterable[Leaf]) -> None:
        """The same for many at once; those whose id is known are passed over."""

    def save(self, leaf: Leaf, *, expected_version: int) -> None:
        """Write a changed case; its version must have grown. Raises Conflict if the stored version is another."""

    def put_all(self, leaves: Iterable[Leaf]) -> None:
        """Insert or replace many."""

    def find(self, wanted: Wanted) -> Sequence[Leaf]:
        """Those that fit, newest first."""

    def due(self, now: datetime, *, limit: int) -> Sequence[Leaf]:
        """Those something is due for, longest due first; inside a write transaction locked, and those held elsewhere left out."""

    def count(self, wanted: Wanted) -> dict[str, int]:
        """How many there are in each state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The vouchers of one kind and month in one place, and how many of them are granted."""

    region: str
    kind: str
    month: str
    size: int
    granted: int = 0


class Purses(Protocol):
    """Voucher quotas. The database itself refuses to grant more than there are (Z-18)."""

    def open(self, purse: Purse) -> bool:
        """False, and nothing changes, if there is one already."""

    def get(self, region: str, kind: str, month: str) -> Purse | None:
        """The quota, locked until the end of a write transaction."""

    def find(self, *, region: str | None = None, month: str | None = None) -> Sequence[Purse]:
        """Those of a region (a prefix), of a month, or all."""

    def resize(self, region: str, kind: str, month: str, size: int) -> bool:
        """False, and nothing changes, if more are granted already."""

    def take(self, region: str, kind: str, month: str, count: int) -> bool:
        """Grant so many; False, and nothing changes, if fewer are left."""


class Tokens(Protocol):
    """Commands that were carried out, by the client's own token of each."""

    def claim(self, actor: str, token: str, what: str, at: datetime) -> str | None:
        """Remember a command; what this actor did under the token before, or None if it is new."""


class Registers(Protocol):
    """Every register over one transaction."""

    purses: Purses
    tokens: Tokens

    def book(self, name: Book) -> Register:
        """One register."""

    def serve(self, penalty_id: str, *, decision: str, notice: str, at: datetime) -> None:
        """Record that a decision was served with its repair notice; the database refuses different deliveries (R-13)."""

    def dues(self, now: datetime) -> list[Book]:
        """The registers in which something is due."""
