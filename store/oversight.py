"""What the auditor asks of the system of record: whether a clock has passed that nobody dealt with.

The rule to know: nothing here is shared with what is audited. These are plain statements over a connection of their own that can
only read, they load neither the repositories nor the schema, and each of them is answered from the instants themselves
(``close_by``, ``rectify_by``), never only from the ``next_due_at`` that the sweep lives by.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import quote, unquote

from domain.errors import ConfigurationError, Unavailable

NOTIFY_WITHIN = timedelta(seconds=60)
"""How long a red warning may be without a confirmed delivery before a person must look (domain.md D.1, notify SLO)."""
NOTICE_WITHIN = timedelta(minutes=2)
"""How long a due notification may lie untouched: a lease and a half."""
PATIENCE_S = 5.0

_OPEN = "state NOT IN ('closed', 'dismissed')"
_WAITING = "state IN ('notified', 'acknowledged', 'rectifying') AND rectify_by IS NOT NULL AND NOT rectify_overdue"
_CLOSING = f"level = 'red' AND {_OPEN} AND state <> 'controlled' AND NOT closure_overdue"
_ANSWERABLE = "NOT (review_escalated AND review_expires_at IS NULL)"
_CONTROLLED = "state = 'controlled' AND controlled_until IS NOT NULL AND reminded_percent < 100"


class Lapse(StrEnum):
    """What can have been missed; the value is the metric's label."""

    STEP_OVERDUE = "step_overdue"
    STEP_MISSING = "step_missing"
    CLOSURE_UNFLAGGED = "closure_unflagged"
    RECTIFY_UNFLAGGED = "rectify_unflagged"
    REVIEW_OVERDUE = "review_overdue"
    REVIEW_MISSING = "review_missing"
    EXPIRY_UNJUDGED = "expiry_unjudged"
    REGISTER_UNJUDGED = "register_unjudged"
    NOTICE_UNTOUCHED = "notice_untouched"
    UNDELIVERED = "undelivered"


def _without_step(clock: str, instant: str) -> str:
    return f"({clock} AND (next_due_at IS NULL OR next_due_at > {instant} + {{second}}))"


COUNTED: Mapping[Lapse, tuple[str, str]] = {
    Lapse.STEP_OVERDUE: ("warnings", f"next_due_at <= :late AND {_OPEN}"),
    Lapse.STEP_MISSING: (
        "warnings",
        " OR ".join(
            (
                _without_step(_CLOSING, "close_by"),
                _without_step(_WAITING, "rectify_by"),
                _without_step(_CONTROLLED, "controlled_until"),
            )
        ),
    ),
    Lapse.CLOSURE_UNFLAGGED: ("warnings", f"{_CLOSING} AND close_by < :late"),
    Lapse.RECTIFY_UNFLAGGED: ("warnings", f"{_WAITING} AND rectify_by < :late"),
    Lapse.REVIEW_OVERDUE: ("findings", "review_due_at <= :late AND state = 'review'"),
    Lapse.REVIEW_MISSING: (
        "findings",
        f"state = 'review' AND review_due_at IS NULL AND review_by IS NOT NULL AND {_ANSWERABLE}",
    ),
    Lapse.EXPIRY_UNJUDGED: ("batches", "judge_at <= :late"),
    Lapse.REGISTER_UNJUDGED: ("register_dues", "due_at <= :late"),
    Lapse.NOTICE_UNTOUCHED: ("outbox", "state = 'pending' AND lane = 'notify' AND next_attempt_at <= :notice"),
    Lapse.UNDELIVERED: ("warnings", f"level = 'red' AND {_OPEN} AND notified_at IS NULL AND raised_at <= :told"),
}
"""In which table and by which condition each is counted; ``late`` lies the grace before now."""


def _statement(lapse: Lapse, *, second: str) -> str:
    table, condition = COUNTED[lapse]
    return f"SELECT count(*) FROM {table} WHERE {condition}".format(second=second)  # noqa: S608 - words of this file only


class Oversight(Protocol):
    """A look at the system of record from outside."""

    def look(self, now: datetime, *, grace: timedelta) -> dict[Lapse, int]:
        """How many of each lapse there are; all of them are there. Raises Unavailable if nobody can be asked."""

    def close(self) -> None:
        """Let go of the database."""


def open_oversight(url: str) -> Oversight:
    """Look at a database that somebody else owns.

    Args:
        url: as ``store.open_store`` takes it.

    Raises:
        ConfigurationError: it is neither an SQLite file nor PostgreSQL.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest.startswith("////"):
        return _SqliteOversight(unquote(rest[3:]))
    if scheme.partition("+")[0] in ("postgresql", "postgres"):
        return _PostgresOversight("postgresql:" + rest)
    raise ConfigurationError(
        "the auditor reads SQLite or PostgreSQL",
        key="KITCHEN_DATABASE_URL",
        hint="sqlite:////absolute/path/kitchen.db or postgresql://user:password@host/database",
    )


def _instants(now: datetime, grace: timedelta) -> dict[str, datetime]:
    return {"late": now - grace, "notice": now - NOTICE_WITHIN - grace, "told": now - NOTIFY_WITHIN - grace}


class _SqliteOversight:
    """A new connection for each look: it holds no snapshot between two, and a file put back from a backup is seen."""

    def __init__(self, path: str) -> None:
        self._name = f"file:{quote(path)}?mode=ro"

    def look(self, now: datetime, *, grace: timedelta) -> dict[Lapse, int]:
        epoch = datetime.fromtimestamp(0, tz=now.tzinfo)
        values = {name: (at - epoch) // timedelta(microseconds=1) for name, at in _instants(now, grace).items()}
        try:
            with closing(sqlite3.connect(self._name, uri=True, timeout=PATIENCE_S, isolation_level=None)) as connection:
                connection.execute("BEGIN").close()
                return {
                    lapse: int(connection.execute(_statement(lapse, second="1000000"), values).fetchone()[0]) for lapse in Lapse
                }
        except sqlite3.Error as error:
            raise Unavailable(f"the database cannot be read: {error}") from error

    def close(self) -> None:
        """Nothing is kept open."""


class _PostgresOversight:
    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None

    def look(self, now: datetime, *, grace: timedelta) -> dict[Lapse, int]:
        import psycopg  # noqa: PLC0415 - an auditor of an SQLite file does without it

        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=int(PATIENCE_S),
                    options="-c timezone=UTC -c default_transaction_read_only=on -c statement_timeout=30s",
                )
            values = _instants(now, grace)
            with self._connection.transaction():
                return {lapse: int(self._connection.execute(_pyformat(lapse), values).fetchone()[0]) for lapse in Lapse}
        except psycopg.Error as error:
            self.close()
            raise Unavailable(f"the database cannot be read: {error}") from error

    def close(self) -> None:
        """End the connection; the next look makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _pyformat(lapse: Lapse) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", _statement(lapse, second="interval '1 second'"))
