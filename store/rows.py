"""How a frozen dataclass lies in a table, and the two statements whose words differ between the databases.

Statements are built once, at import, with named parameters: SQLAlchemy then finds the compiled form by the statement itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert

T = TypeVar("T")
_AT_ONCE = 500


class Rows(Generic[T]):
    """One column for each field, of the same name; the table may have more.

    Args:
        kind: the dataclass; its fields can all be given by keyword.
        table: the table.
    """

    def __init__(self, kind: type[T], table: Table) -> None:
        self._kind = kind
        self.names = tuple(item.name for item in fields(kind))  # type: ignore[arg-type]
        self._values = attrgetter(*self.names)
        self.columns: list[Column[Any]] = [table.c[name] for name in self.names]

    def values(self, item: T, **more: object) -> dict[str, object]:
        """The parameters of an insert or update."""
        return dict(zip(self.names, self._values(item), strict=True), **more)

    def one(self, row: Iterable[Any]) -> T:
        """The value a row of ``columns`` holds; further columns are passed over."""
        return self._kind(**dict(zip(self.names, row, strict=False)))

    def maybe(self, row: Iterable[Any] | None) -> T | None:
        """The same, or None for no row."""
        return None if row is None else self.one(row)

    def all(self, rows: Iterable[Iterable[Any]]) -> list[T]:
        """All of them, in order."""
        return [self.one(row) for row in rows]


class Speaks(Protocol):
    """A connection, or what stands for one."""

    @property
    def dialect(self) -> Dialect: ...  # noqa: D102


def in_parts(items: Iterable[T]) -> Iterator[list[T]]:
    """The different ones, at most 500 at once: as many as a statement may ask for on either database."""
    wanted = list(dict.fromkeys(items))
    for start in range(0, len(wanted), _AT_ONCE):
        yield wanted[start : start + _AT_ONCE]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One statement in the words of both databases."""

    sqlite: Insert
    postgresql: Insert

    def on(self, where: Speaks) -> Insert:
        """The words this connection understands."""
        return self.sqlite if where.dialect.name == "sqlite" else self.postgresql

    def returning(self, column: Column[Any]) -> Spoken:
        """The same with RETURNING."""
        return Spoken(self.sqlite.returning(column), self.postgresql.returning(column))


def insert_or_replace(table: Table, key: Sequence[str], *, keep: Sequence[str] = ()) -> Spoken:
    """INSERT … ON CONFLICT (key) DO UPDATE every other column, except those in ``keep``."""

    def speak(dialect: Any) -> Insert:
        statement = dialect.insert(table)
        new = {column.key: statement.excluded[column.key] for column in table.c if column.key not in (*key, *keep)}
        done: Insert = statement.on_conflict_do_update(index_elements=list(key), set_=new)
        return done

    return Spoken(speak(sqlite), speak(postgresql))


def insert_or_skip(table: Table, key: Sequence[str] | None = None) -> Spoken:
    """INSERT … ON CONFLICT (key) DO NOTHING; without a key, on a conflict with any unique index."""

    def speak(dialect: Any) -> Insert:
        target = None if key is None else list(key)
        done: Insert = dialect.insert(table).on_conflict_do_nothing(index_elements=target)
        return done.execution_options(preserve_rowcount=True)

    return Spoken(speak(sqlite), speak(postgresql))
