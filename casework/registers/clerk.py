"""The clerk: every use case of the registers that a person asks for, each in transactions of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from casework import metrics
from casework.desk import Desk, Work
from casework.registers import additives, entry, views
from casework.registers.entry import Report, Row
from domain.parties import Actor
from domain.registers import AdditiveName, NameState
from store.ports import Store

T = TypeVar("T")
AT_ONCE = 200
"""Rows in one transaction: a long file must not keep the sweep waiting."""


class Clerk:
    """The use cases over one store.

    Args:
        store: the system of record.
        desk: of the office.
        insist: carries out a transaction, from the start again when somebody else was first.
    """

    def __init__(self, store: Store, desk: Desk, insist: Callable[[Callable[[Work], Any]], Any]) -> None:
        self._store, self._desk, self._insist = store, desk, insist

    def enter(self, uscc: str, register: str, rows: Sequence[Row], actor: Actor, now: datetime) -> Report:
        """Write rows in a register; good ones are kept whatever is wrong with the others.

        Raises:
            NotFound: no such merchant or register, or none the actor may know of.
            Forbidden: the actor may not write there.
        """
        sheet = entry.sheet_named(register)
        with self._store.reading() as uow:
            merchant = entry.writable(uow, uscc, actor)
        said, faults = entry.understood(sheet, rows, merchant.uscc, actor, now)
        report = Report(rows=len(rows) - len(said), faults=tuple(faults))
        for start in range(0, len(said), AT_ONCE):
            some = said[start : start + AT_ONCE]
            told: Report = self._insist(partial(_write, sheet=sheet, merchant=merchant, said=some, actor=actor, now=now))
            metrics.count(told.events)
            report = entry.together(report, told)
        return report

    def bring(self, uscc: str, register: str, raw: bytes, actor: Actor, now: datetime, *, as_json: bool) -> Report:
        """Write a file in a register. A file whose columns are unknown is refused whole."""
        sheet = entry.sheet_named(register)
        with self._store.reading() as uow:
            entry.writable(uow, uscc, actor)
        rows, faults = (entry.rows_of_json if as_json else entry.rows_of_csv)(sheet, raw)
        if faults:
            return Report(rows=0, faults=tuple(faults))
        return self.enter(uscc, register, rows, actor, now)

    def look(self, uscc: str, register: str, actor: Actor, now: datetime) -> list[dict[str, Any]]:
        """What stands in a register, as JSON values. Raises NotFound."""
        entry.sheet_named(register)
        with self._store.reading() as uow:
            return views.items(uow, views.readable(uow, uscc, actor), register, now)

    def names(self, actor: Actor, state: NameState) -> list[AdditiveName]:
        """The names that somebody must resolve, or that were. Raises Forbidden for who is no official."""
        with self._store.reading() as uow:
            return views.names(uow, actor, state)

    def resolve(self, name: str, substance: str, actor: Actor, note: str, now: datetime) -> AdditiveName:
        """Say what a name means; what was recorded under it is judged again."""
        answered, events = self._insist(lambda work: additives.resolve(work, name, substance, actor, note=note, now=now))
        metrics.count(events)
        found: AdditiveName = answered
        return found


def _write(work: Work, **known: Any) -> Report:
    return entry.write(work, known["sheet"], known["merchant"], known["said"], known["actor"], now=known["now"])
