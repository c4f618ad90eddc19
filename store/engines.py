"""Engines: how a connection to each database must be set up to be safe.

SQLite: WAL, synchronous FULL, foreign keys, recursive triggers (else INSERT OR REPLACE walks past the append-only triggers), and
an own BEGIN, because the driver's deferred one makes writers fail with "database is locked" and breaks savepoints.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from domain.errors import ConfigurationError, Unavailable
from store import faults
from store.types import to_json

BUSY_TIMEOUT_MS = 15_000
OLDEST_SQLITE = (3, 38, 0)
_READERS = 8
_PRAGMA_ATTEMPTS, _PRAGMA_PAUSE_S = 250, 0.02


def parse_url(url: str) -> URL:
    """Read a database URL.

    Raises:
        ConfigurationError: if it names no file of SQLite and no PostgreSQL.
    """
    hint = "sqlite:////absolute/path/kitchen.db or postgresql://user:password@host/database"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("the database URL cannot be read", key="KITCHEN_DATABASE_URL", hint=hint) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    what = f"{parsed.render_as_string(hide_password=True)!r} is no database this product can use"
    raise ConfigurationError(what, key="KITCHEN_DATABASE_URL", hint=hint)


def sqlite_engines(url: URL) -> tuple[Engine, Engine]:
    """The writing and the reading engine of one SQLite file.

    Raises:
        ConfigurationError: if the SQLite library is too old for STRICT tables and RETURNING.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is too old", hint=f"{needed} or newer is needed")
    # A writer at a time, so two connections are enough; the store's own lock queues the threads.
    writer = _sqlite(url, begin="BEGIN IMMEDIATE", read_only=False, pool_size=2)
    reader = _sqlite(url, begin="BEGIN", read_only=True, pool_size=_READERS)
    return writer, reader


def _set(connection: Any, pragma: str) -> None:
    """Set a pragma; several processes that turn a new database to WAL at once get "locked" in spite of the busy timeout."""
    for attempt in range(_PRAGMA_ATTEMPTS):
        try:
            connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == _PRAGMA_ATTEMPTS - 1:
                raise
            sleep(_PRAGMA_PAUSE_S)
        else:
            return


def _sqlite(url: URL, *, begin: str, read_only: bool, pool_size: int) -> Engine:
    # mode=rw: a database is made by migrating, never by looking for it in the wrong place
    name = f"file:{quote(str(url.database))}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(name, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False)

    engine = create_engine(url, creator=connect, pool_size=pool_size, max_overflow=0)
    pragmas = ["synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"]
    pragmas += ["query_only=ON"] if read_only else ["journal_mode=WAL"]

    def connected(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            _set(connection, pragma)

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    faults.translate(engine)
    return engine


@contextmanager
def references_unchecked(connection: Connection) -> Iterator[None]:
    """Let a table of SQLite that others refer to be made anew; the switch works only outside a transaction."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF").close()
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON").close()


def check_references(connection: Connection) -> None:
    """Every row of SQLite refers to rows that are there.

    Raises:
        Unavailable: if one does not; the migration must not be committed.
    """
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
        raise Unavailable(f"the migration would leave {broken[0]} with a reference to nothing in {broken[2]}")


def postgres_engines(url: URL) -> tuple[Engine, Engine]:
    """The writing and the reading engine of one PostgreSQL database; they share a pool."""
    engine = create_engine(
        url,
        connect_args={"connect_timeout": 10, "options": "-c timezone=UTC -c lock_timeout=15s"},
        json_serializer=to_json,
        pool_size=_READERS,
        max_overflow=_READERS,
        pool_timeout=15,
        pool_pre_ping=True,
    )
    faults.translate(engine)
    writer = engine.execution_options(isolation_level="READ COMMITTED")
    # one snapshot for everything a reader sees, as SQLite gives it
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return writer, reader


def create_private(path: Path) -> None:
    """Make sure the database file is there and only its owner may read it: it holds device keys and password hashes."""
    path.touch(mode=0o600, exist_ok=True)
