"""Writing many rows at once: inside ``gathering()`` what is added waits, and goes out in a few statements of many rows each.

Whoever reads a table first writes what waits for it, so nobody ever sees less than was added. An item's savepoint costs nothing
until a statement changes something in it: what merely waits is forgotten again. If writing what waited fails, the whole unit of
work is lost, whoever catches the error: ``commit`` raises it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult, NestedTransaction, Select, Table, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import Executable
from sqlalchemy.sql.dml import Insert, UpdateBase

from domain.errors import Conflict
from store.rows import insert_or_replace, insert_or_skip

MOST_ROWS = 64
"""Rows in one statement. Sizes are powers of two, so that the databases see few different statements."""

Row = tuple[Any, ...]


class Kind(Protocol):
    """One way of writing items that waited; ``table`` is what it writes to."""

    @property
    def table(self) -> str: ...  # noqa: D102

    def write(self, pen: Pen, items: Sequence[Any]) -> None:
        """Write all of them, in order."""


class Bulk:
    """Many rows of one table in one statement; an item is what ``row`` made.

    Args:
        table: all its columns are written, except those in ``without``.
        skip: a row whose key (whose any unique key, if it is empty) is there already is passed over.
        replace: the key by which a row replaces an older one; of rows with the same key the last is written.
    """

    def __init__(
        self, table: Table, *, skip: Sequence[str] | None = None, replace: Sequence[str] = (), without: Sequence[str] = ()
    ) -> None:
        self._table, self._skip, self._replace = table, skip, tuple(replace)
        self._columns = [column for column in table.c if column.key not in without]
        self._keys = [column.key for column in self._columns]
        self._texts: dict[tuple[str, int], str] = {}
        self._processors: dict[str, Sequence[Callable[[Any], Any] | None]] = {}

    @property
    def table(self) -> str:
        """The table's name."""
        return self._table.name

    def row(self, dialect: Dialect, values: Mapping[str, object]) -> Row:
        """The row as the driver takes it. Raises BadInput for a text no database holds."""
        processors = self._processors.get(dialect.name) or self._prepare(dialect)
        return tuple(
            [
                values[key] if processor is None else processor(values[key])
                for key, processor in zip(self._keys, processors, strict=True)
            ]
        )

    def write(self, pen: Pen, items: Sequence[Row]) -> None:
        """Write the rows."""
        if self._replace:
            places = [self._keys.index(key) for key in self._replace]
            items = list({tuple(row[place] for place in places): row for row in items}.values())
        start, left = 0, len(items)
        while left:
            size = min(MOST_ROWS, 1 << (left.bit_length() - 1))
            values = tuple([value for row in items[start : start + size] for value in row])
            pen.connection.exec_driver_sql(self._text(pen.dialect, size), values)
            start, left = start + size, left - size

    def _prepare(self, dialect: Dialect) -> Sequence[Callable[[Any], Any] | None]:
        found = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in self._columns]
        self._processors[dialect.name] = found
        return found

    def _text(self, dialect: Dialect, size: int) -> str:
        """The statement of so many rows, with the driver's own marks for the values."""
        known = self._texts.get((dialect.name, size))
        if known is not None:
            return known
        named = str(self._statement(dialect).compile(dialect=dialect)).replace("\n", " ")
        conflict = named.find(" ON CONFLICT")
        tail = "" if conflict < 0 else named[conflict:].partition(" RETURNING")[0]
        quote = dialect.identifier_preparer.quote
        names = ", ".join(quote(column.name) for column in self._columns)
        row = f"({', '.join(['?' if dialect.name == 'sqlite' else '%s'] * len(self._columns))})"
        text = f"INSERT INTO {quote(self._table.name)} ({names}) VALUES {', '.join([row] * size)}{tail}"  # noqa: S608 - own names
        self._texts[dialect.name, size] = text
        return text

    def _statement(self, dialect: Dialect) -> Insert:
        if self._replace:
            spoken = insert_or_replace(self._table, self._replace)
        elif self._skip is not None:
            spoken = insert_or_skip(self._table, list(self._skip) or None)
        else:
            return insert(self._table)
        return spoken.sqlite if dialect.name == "sqlite" else spoken.postgresql


class Changes:
    """Changes of rows whose version is known, written together; an item is what ``row`` made.

    Args:
        table: the table.
        names: keys of the columns that are written.
        key: the key column.
        version: the column that grows with each change.
    """

    def __init__(self, table: Table, names: Sequence[str], *, key: str, version: str) -> None:
        self._table, self._key, self._version = table, table.c[key], table.c[version]
        self._columns = [table.c[name] for name in names]
        self._texts: dict[str, str] = {}
        self._processors: dict[str, Sequence[Callable[[Any], Any] | None]] = {}

    @property
    def table(self) -> str:
        """The table's name."""
        return self._table.name

    def row(self, dialect: Dialect, values: Mapping[str, object], expected_version: int) -> Row:
        """The parameters of one change. Raises BadInput for a text no database holds."""
        processors = self._processors.get(dialect.name)
        if processors is None:
            processors = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in self._columns]
            self._processors[dialect.name] = processors
        changed = [
            values[column.key] if processor is None else processor(values[column.key])
            for column, processor in zip(self._columns, processors, strict=True)
        ]
        return (*changed, values[self._key.key], expected_version)

    def write(self, pen: Pen, items: Sequence[Row]) -> None:
        """Write them, in order. Raises Conflict if the stored version of one of them is another."""
        done = pen.connection.exec_driver_sql(self._text(pen.dialect), list(items)).rowcount
        if done != len(items):
            others = len(items) - done
            raise Conflict(f"{others} of {len(items)} changed {self.table} have another version: read them again")

    def _text(self, dialect: Dialect) -> str:
        if dialect.name not in self._texts:
            quote, mark = dialect.identifier_preparer.quote, "?" if dialect.name == "sqlite" else "%s"
            changed = ", ".join(f"{quote(column.name)} = {mark}" for column in self._columns)
            where = f"{quote(self._key.name)} = {mark} AND {quote(self._version.name)} = {mark}"
            self._texts[dialect.name] = f"UPDATE {quote(self.table)} SET {changed} WHERE {where}"  # noqa: S608 - own names
        return self._texts[dialect.name]


@dataclass(slots=True)
class _Mark:
    """Where a savepoint began: how much waited, and the database's own savepoint once there is one."""

    waiting: dict[Kind, int]
    nested: NestedTransaction | None = None


class Pen:
    """What repositories write and read with: a connection in its transaction, and what waits to be written.

    Args:
        connection: with its transaction begun.
        order: every kind there is, in the order in which they are written.

    Attributes:
        gathers: whether what is added waits.
        fresh: what was first added by this transaction, so that nobody else can know of it.
    """

    def __init__(self, connection: Connection, order: Sequence[Kind]) -> None:
        self.connection, self.dialect = connection, connection.dialect
        self.gathers = False
        self.fresh: set[object] = set()
        self._order = order
        self._waiting: dict[Kind, list[Any]] = {}
        self._marks: list[_Mark] = []
        self._lost: Exception | None = None

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Ask or write at once; what waits for the statement's tables is written before."""
        if self._lost is not None:
            raise self._lost
        if self._waiting:
            self.settle(_tables(statement))
        if self._marks and not _only_reads(statement):
            self._begin_savepoints()
        return self.connection.execute(statement, parameters)

    def ask(self, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]) -> CursorResult[*tuple[Any, ...]]:
        """Ask for what is written already; the caller looks at what ``waits`` itself."""
        if self._lost is not None:
            raise self._lost
        return self.connection.execute(statement, parameters)

    def waits(self, kind: Kind) -> Sequence[Any]:
        """The items that wait."""
        return self._waiting.get(kind, ())

    def wait(self, kind: Kind, item: Any) -> None:
        """Let an item wait."""
        waiting = self._waiting.get(kind)
        if waiting is None:
            waiting = self._waiting[kind] = []
        waiting.append(item)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Let what is added wait; it is written when the block ends without an error."""
        if self.gathers:
            yield
            return
        self.gathers = True
        try:
            yield
            self.settle()
        finally:
            self.gathers = False

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A nested transaction, begun only when something is written in it; elsewhere at once."""
        if not self.gathers:
            with self.connection.begin_nested():
                yield
            return
        mark = _Mark({kind: len(items) for kind, items in self._waiting.items()})
        self._marks.append(mark)
        try:
            yield
        except BaseException:
            self._marks.pop()
            self._forget_after(mark)
            raise
        self._marks.pop()
        if mark.nested is not None:
            self._written(mark.nested.commit)

    def settle(self, tables: frozenset[str] | None = None) -> None:
        """Write what waits for these tables, or all of it. Raises what an earlier attempt raised."""
        if self._lost is not None:
            raise self._lost
        due = [kind for kind in self._order if kind in self._waiting and (tables is None or kind.table in tables)]
        if not due:
            return
        if self._marks:
            self._begin_savepoints()
        for kind in due:
            if items := self._waiting.pop(kind, None):
                self._written(lambda kind=kind, items=items: kind.write(self, items))  # type: ignore[misc]
                for mark in self._marks:
                    mark.waiting.pop(kind, None)

    def _begin_savepoints(self) -> None:
        """Begin those that were put off; what waited before each of them is written outside it."""
        for mark in self._marks:
            if mark.nested is not None:
                continue
            for kind in self._order:
                if before := mark.waiting.get(kind, 0):
                    items = self._waiting[kind]
                    self._waiting[kind] = items[before:]
                    self._written(lambda kind=kind, items=items[:before]: kind.write(self, items))  # type: ignore[misc]
                    for other in self._marks:
                        if other is not mark:
                            other.waiting[kind] = max(0, other.waiting.get(kind, 0) - before)
            mark.waiting.clear()
            self._waiting = {kind: items for kind, items in self._waiting.items() if items}
            mark.nested = self.connection.begin_nested()

    def _forget_after(self, mark: _Mark) -> None:
        if mark.nested is not None and mark.nested.is_active:
            mark.nested.rollback()
        for kind, items in list(self._waiting.items()):
            del items[mark.waiting.get(kind, 0) :]
            if not items:
                del self._waiting[kind]

    def _written(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:
            self._lost = error
            raise


def add_all(pen: Pen, bulk: Bulk, items: Iterable[Mapping[str, object]]) -> None:
    """Let rows wait, or write them at once where nothing is gathered."""
    rows = [bulk.row(pen.dialect, values) for values in items]
    if not rows:
        return
    if pen.gathers:
        for row in rows:
            pen.wait(bulk, row)
    else:
        bulk.write(pen, rows)


@lru_cache(maxsize=1024)
def _only_reads(statement: Executable) -> bool:
    """Whether a statement takes no lock and changes nothing."""
    return isinstance(statement, Select) and statement._for_update_arg is None  # noqa: SLF001 - there is no public word for it


@lru_cache(maxsize=1024)
def _tables(statement: Executable) -> frozenset[str] | None:
    """The names of the tables a statement touches; None if that cannot be told, nothing for one that names none."""
    if isinstance(statement, Select):
        froms = statement.get_final_froms()
        return frozenset(item.name for item in froms if isinstance(item, Table)) if _all_tables(froms) else None
    if isinstance(statement, UpdateBase):
        return frozenset({statement.table.name}) if isinstance(statement.table, Table) else None
    return frozenset()


def _all_tables(froms: Sequence[object]) -> bool:
    """Whether these are tables, and no joins of them."""
    return all(isinstance(item, Table) for item in froms)
