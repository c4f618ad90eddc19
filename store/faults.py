"""What a database error means in the product's own words (domain/errors.py).

Only what a caller can act on is translated: somebody was first, something referred to is missing, the database is away. A
violated check is a defect of ours and stays as loud as it is.
"""

from __future__ import annotations

import sqlite3

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from domain.errors import Conflict, KitchenError, NotFound, Unavailable
from store.ports import Crossed

_SQLITE_FIRST = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_SQLITE_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_POSTGRES_FIRST = "23505"  # unique key
_POSTGRES_CROSSED = frozenset({"40001", "40P01"})  # serialization, deadlock
_POSTGRES_AWAY = ("08", "53", "57P", "55P03", "58")  # connection, resources, shutdown, lock not available, system


def translate(engine: Engine) -> None:
    """Make an engine raise the product's errors."""
    event.listen(engine, "handle_error", _translated)


def _translated(context: ExceptionContext) -> None:
    meant = meaning(context.original_exception)
    if meant is not None:
        raise meant from context.original_exception


def meaning(error: BaseException) -> KitchenError | None:
    """The product's error for a driver's error, or None if it has none."""
    if isinstance(error, KitchenError):
        return error
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, psycopg.Error):
        return _of_postgres(error)
    return None


def _of_sqlite(error: sqlite3.Error) -> KitchenError | None:
    code: int = getattr(error, "sqlite_errorcode", 0)
    if code in _SQLITE_FIRST:
        return Conflict(f"somebody was first: {error}")
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return NotFound("something this refers to is not stored (or still referred to)")
    if code & 0xFF in _SQLITE_AWAY:
        return Unavailable(f"the database file cannot be used now: {error}")
    if str(error).startswith("no such table"):
        return Unavailable(f"the database has not been migrated: {error}")
    return None


def _of_postgres(error: psycopg.Error) -> KitchenError | None:
    state = error.sqlstate or ""
    if state in _POSTGRES_CROSSED:
        return Crossed(f"two transactions waited for each other: {error.diag.message_primary}")
    if state == _POSTGRES_FIRST:
        return Conflict(f"somebody was first: {error.diag.message_primary}")
    if state == "23503":
        return NotFound(f"something this refers to is not stored: {error.diag.message_detail}")
    if state == "42P01":
        return Unavailable(f"the database has not been migrated: {error.diag.message_primary}")
    if state.startswith(_POSTGRES_AWAY) or (not state and isinstance(error, psycopg.OperationalError)):
        return Unavailable(f"PostgreSQL cannot be used now: {str(error).strip()}")
    return None
