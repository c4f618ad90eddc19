"""The registers over SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, bindparam, func, insert, literal, select, union_all, update

from domain.errors import Conflict, NotFound
from store import register_tables as tables
from store import registers as ports
from store.gathering import Pen
from store.registers import Book, Leaf, Purse, Wanted
from store.rows import Rows, Spoken, insert_or_replace, insert_or_skip

_LAST = "\U0010ffff"


class _Statements:
    """What one register is asked; made once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows = Rows(Leaf, table)
        self.all = select(*self.rows.columns)
        self.get = self.all.where(table.c.id == bindparam("id"))
        self.add: Spoken = insert_or_skip(table, ["id"])
        self.put: Spoken = insert_or_replace(table, ["id"])
        self.save = update(table).where(table.c.id == bindparam("leaf_id"), table.c.version == bindparam("expected_version"))
        self.version = select(table.c.version).where(table.c.id == bindparam("id"))
        self.due = (
            self.all.where(table.c.due_at.is_not(None), table.c.due_at <= bindparam("now"))
            .order_by(table.c.due_at, table.c.id)
            .limit(bindparam("limit"))
        )
        self.is_due = select(literal(table.name)).where(
            select(table.c.id).where(table.c.due_at.is_not(None), table.c.due_at <= bindparam("now")).exists()
        )

    def narrowed(self, statement: Select[Any], wanted: Wanted) -> Select[Any]:
        """Only what is wanted."""
        columns = self.table.c
        if wanted.uscc is not None:
            statement = statement.where(columns.uscc == wanted.uscc)
        if wanted.region is not None:
            statement = statement.where(columns.region >= wanted.region, columns.region < wanted.region + _LAST)
        if wanted.topic is not None:
            statement = statement.where(columns.topic == wanted.topic)
        if wanted.states:
            statement = statement.where(columns.state.in_(wanted.states))
        return statement


_STATEMENTS = {book: _Statements(table) for book, table in tables.TABLES.items()}
_DUES = union_all(*(said.is_due for said in _STATEMENTS.values()))


class SqlRegister:
    """``registers.Register``."""

    def __init__(self, pen: Pen, book: Book, *, locking: bool) -> None:
        self._pen, self._said, self._locking = pen, _STATEMENTS[book], locking

    def get(self, leaf_id: str) -> Leaf | None:
        """The case, if there is one; locked until the end of a write transaction."""
        statement = self._said.get.with_for_update() if self._locking else self._said.get
        return self._said.rows.maybe(self._pen.execute(statement, {"id": leaf_id}).first())

    def add(self, leaf: Leaf) -> bool:
        """False, and nothing changes, if the id is known."""
        return self._pen.execute(self._said.add.on(self._pen), self._said.rows.values(leaf)).rowcount == 1

    def add_all(self, leaves: Iterable[Leaf]) -> None:
        """The same for many at once; those whose id is known are passed over."""
        self._many(self._said.add, leaves)

    def save(self, leaf: Leaf, *, expected_version: int) -> None:
        """Write a changed case; its version must have grown. Raises Conflict if the stored version is another."""
        if leaf.version <= expected_version:
            raise ValueError(f"{leaf.id} was changed but its version is still {leaf.version}")
        names = {"leaf_id": leaf.id, "expected_version": expected_version}
        if self._pen.execute(self._said.save, self._said.rows.values(leaf) | names).rowcount == 1:
            return
        stored = self._pen.execute(self._said.version, {"id": leaf.id}).scalar()
        if stored is None:
            raise NotFound(f"nothing is filed under {leaf.id}")
        raise Conflict(f"{leaf.id} has version {stored}, not {expected_version}: read it again")

    def put_all(self, leaves: Iterable[Leaf]) -> None:
        """Insert or replace many."""
        self._many(self._said.put, leaves)

    def find(self, wanted: Wanted) -> Sequence[Leaf]:
        """Those that fit, newest first."""
        said, columns = self._said, self._said.table.c
        statement = said.narrowed(said.all, wanted).order_by(columns.filed_at.desc(), columns.id.desc())
        return said.rows.all(self._pen.execute(statement if wanted.limit is None else statement.limit(wanted.limit)))

    def due(self, now: datetime, *, limit: int) -> Sequence[Leaf]:
        """Those something is due for, longest due first; locked inside a write transaction."""
        statement = self._said.due.with_for_update(skip_locked=True) if self._locking else self._said.due
        return self._said.rows.all(self._pen.execute(statement, {"now": now, "limit": limit}))

    def count(self, wanted: Wanted) -> dict[str, int]:
        """How many there are in each state."""
        columns = self._said.table.c
        statement = self._said.narrowed(select(columns.state, func.count()).group_by(columns.state), wanted)
        return {row[0]: row[1] for row in self._pen.execute(statement)}

    def _many(self, statement: Spoken, leaves: Iterable[Leaf]) -> None:
        rows = [self._said.rows.values(leaf) for leaf in leaves]
        if rows:
            self._pen.execute(statement.on(self._pen), rows)


_P = tables.purses.c
_PURSE = Rows(Purse, tables.purses)
_PURSES = select(*_PURSE.columns).order_by(_P.month.desc(), _P.region, _P.kind)
_ONE = (_P.region == bindparam("at_region"), _P.kind == bindparam("of_kind"), _P.month == bindparam("in_month"))
_GET_PURSE = _PURSES.where(*_ONE)
_OPEN = insert_or_skip(tables.purses, ["region", "kind", "month"])
_TAKE = (
    update(tables.purses)
    .where(*_ONE, _P.granted + bindparam("wanted") <= _P.size)
    .values(granted=_P.granted + bindparam("wanted"))
)
_RESIZE = update(tables.purses).where(*_ONE, _P.granted <= bindparam("new_size")).values(size=bindparam("new_size"))


def _key(region: str, kind: str, month: str) -> dict[str, str]:
    return {"at_region": region, "of_kind": kind, "in_month": month}


class SqlPurses:
    """``registers.Purses``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen = pen
        self._get = _GET_PURSE.with_for_update() if locking else _GET_PURSE

    def open(self, purse: Purse) -> bool:
        """False, and nothing changes, if there is one already."""
        return self._pen.execute(_OPEN.on(self._pen), _PURSE.values(purse)).rowcount == 1

    def get(self, region: str, kind: str, month: str) -> Purse | None:
        """The quota, locked until the end of a write transaction."""
        return _PURSE.maybe(self._pen.execute(self._get, _key(region, kind, month)).first())

    def find(self, *, region: str | None = None, month: str | None = None) -> Sequence[Purse]:
        """Those of a region (a prefix), of a month, or all."""
        statement = _PURSES
        if region is not None:
            statement = statement.where(_P.region >= region, _P.region < region + _LAST)
        if month is not None:
            statement = statement.where(_P.month == month)
        return _PURSE.all(self._pen.execute(statement))

    def resize(self, region: str, kind: str, month: str, size: int) -> bool:
        """False, and nothing changes, if more are granted already."""
        return self._pen.execute(_RESIZE, {**_key(region, kind, month), "new_size": size}).rowcount == 1

    def take(self, region: str, kind: str, month: str, count: int) -> bool:
        """Grant so many; False, and nothing changes, if fewer are left."""
        return self._pen.execute(_TAKE, {**_key(region, kind, month), "wanted": count}).rowcount == 1


_T = tables.tokens.c
_CLAIM = insert_or_skip(tables.tokens, ["actor", "token"])
_KNOWN = select(_T.what).where(_T.actor == bindparam("actor"), _T.token == bindparam("token"))


class SqlTokens:
    """``registers.Tokens``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def claim(self, actor: str, token: str, what: str, at: datetime) -> str | None:
        """Remember a command; what this actor did under the token before, or None if it is new."""
        values = {"actor": actor, "token": token, "what": what, "at": at}
        if self._pen.execute(_CLAIM.on(self._pen), values).rowcount == 1:
            return None
        known: str | None = self._pen.execute(_KNOWN, {"actor": actor, "token": token}).scalar()
        return known


_SERVE = insert(tables.served)


class SqlRegisters:
    """``registers.Registers``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen, self._locking = pen, locking
        self._books: dict[Book, SqlRegister] = {}
        self.purses: ports.Purses = SqlPurses(pen, locking=locking)
        self.tokens: ports.Tokens = SqlTokens(pen)

    def book(self, name: Book) -> ports.Register:
        """One register."""
        return self._book(name)

    def serve(self, penalty_id: str, *, decision: str, notice: str, at: datetime) -> None:
        """Record that a decision was served with its repair notice; the database refuses different deliveries (R-13)."""
        values = {"penalty_id": penalty_id, "decision_delivery_id": decision, "notice_delivery_id": notice, "served_at": at}
        self._pen.execute(_SERVE, values)

    def dues(self, now: datetime) -> list[Book]:
        """The registers in which something is due."""
        return [Book(row[0]) for row in self._pen.execute(_DUES, {"now": now})]

    def _book(self, name: Book) -> SqlRegister:
        if name not in self._books:
            self._books[name] = SqlRegister(self._pen, name, locking=self._locking)
        return self._books[name]
