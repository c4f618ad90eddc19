"""Cases of one kind in their register: the typed view of what the store keeps as columns and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from casework.consequences import plain
from domain.parties import Actor, Role
from store.ports import UnitOfWork
from store.registers import Book, Leaf, Wanted


class Case(Protocol):
    """What can be filed: a frozen dataclass with an id, a state and a version."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> StrEnum: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102


C = TypeVar("C", bound=Case)
NOWHERE = "-"
"""A region in which nobody is: what an inspector without one sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed(Generic[C]):
    """A case with what its lifecycle need not know.

    Attributes:
        about: JSON values beside the case: notes, who did what, what it came from.
    """

    case: C
    filed_at: datetime
    uscc: str | None = None
    region: str = ""
    topic: str = ""
    due_at: datetime | None = None
    decided_by: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cabinet(Generic[C]):
    """The register of one kind of case."""

    book: Book
    kind: type[C]

    def get(self, uow: UnitOfWork, case_id: str) -> Filed[C] | None:
        """The case, if there is one; locked until the end of a write transaction."""
        leaf = uow.registers.book(self.book).get(case_id)
        return None if leaf is None else self._opened(leaf)

    def add(self, uow: UnitOfWork, filed: Filed[C]) -> bool:
        """False, and nothing changes, if its id is known."""
        return uow.registers.book(self.book).add(self._leaf(filed))

    def add_all(self, uow: UnitOfWork, filed: Iterable[Filed[C]]) -> None:
        """The same for many; those known are passed over."""
        uow.registers.book(self.book).add_all([self._leaf(one) for one in filed])

    def put_all(self, uow: UnitOfWork, filed: Iterable[Filed[C]]) -> None:
        """Insert or replace many."""
        uow.registers.book(self.book).put_all([self._leaf(one) for one in filed])

    def save(self, uow: UnitOfWork, filed: Filed[C], *, expected_version: int) -> None:
        """Write a changed case. Raises Conflict if somebody else was first."""
        uow.registers.book(self.book).save(self._leaf(filed), expected_version=expected_version)

    def find(self, uow: UnitOfWork, wanted: Wanted | None = None) -> list[Filed[C]]:
        """Those that fit, newest first."""
        return [self._opened(leaf) for leaf in uow.registers.book(self.book).find(wanted or Wanted(limit=None))]

    def due(self, uow: UnitOfWork, now: datetime, *, limit: int) -> list[Filed[C]]:
        """Those something is due for."""
        return [self._opened(leaf) for leaf in uow.registers.book(self.book).due(now, limit=limit)]

    def _leaf(self, filed: Filed[C]) -> Leaf:
        case = filed.case
        return Leaf(
            id=case.id,
            state=case.state.value,
            version=case.version,
            filed_at=filed.filed_at,
            uscc=filed.uscc,
            region=filed.region,
            topic=filed.topic,
            due_at=filed.due_at,
            decided_by=filed.decided_by,
            details={"case": plain.dump(case), "about": plain.plain(filed.about)},
        )

    def _opened(self, leaf: Leaf) -> Filed[C]:
        return Filed(
            case=plain.load(self.kind, leaf.details["case"]),
            filed_at=leaf.filed_at,
            uscc=leaf.uscc,
            region=leaf.region,
            topic=leaf.topic,
            due_at=leaf.due_at,
            decided_by=leaf.decided_by,
            about=leaf.details["about"],
        )


def seen_by(actor: Actor, wanted: Wanted) -> Wanted | None:
    """The filters narrowed to what an actor may see; None if that is nothing. What a department sees its cases say."""
    if actor.role in (Role.MERCHANT, Role.STAFF):
        if actor.uscc is None or wanted.uscc not in (None, actor.uscc):
            return None
        return _with(wanted, uscc=actor.uscc)
    if actor.role is Role.INSPECTOR:
        own = actor.region or NOWHERE
        return _with(wanted, region=own if wanted.region is None or not wanted.region.startswith(own) else wanted.region)
    return wanted


def _with(wanted: Wanted, *, uscc: str | None = None, region: str | None = None) -> Wanted:
    return Wanted(
        uscc=uscc or wanted.uscc,
        region=region or wanted.region,
        topic=wanted.topic,
        states=wanted.states,
        limit=wanted.limit,
    )
