"""The schema's revisions and how they are applied, without any file on the user's side.

A revision that has been released is never changed; a new one follows it.
"""

from __future__ import annotations

import threading

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

# Alembic keeps the running migration in module globals, so one thread at a time.
_one_at_a_time = threading.Lock()
_MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(7216893140250231)")


def upgrade(connection: Connection, revision: str = "head") -> bool:
    """Bring the schema to a revision inside the caller's transaction.

    Whoever comes second waits (advisory lock on PostgreSQL, BEGIN IMMEDIATE on SQLite) and finds nothing left to do.

    Returns:
        Whether there was anything to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_MIGRATION_LOCK)
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.attributes["connection"] = connection
    known = MigrationContext.configure(connection)
    with _one_at_a_time:
        before = known.get_current_revision()
        command.upgrade(config, revision)
        return known.get_current_revision() != before
