"""The store over SQL: one unit of work, one transaction, on SQLite and PostgreSQL alike.

On SQLite one writer at a time holds the process's lock and then the database's (BEGIN IMMEDIATE); readers never wait for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.errors import Unavailable
from store import engines, migrations, ports
from store.assessment_rows import SqlAssessments
from store.assessments import Assessments
from store.audit import CHAIN, SqlAudit
from store.cases import ADD_EVIDENCE, ADD_WARNINGS, SAVE_WARNINGS, SqlEvidence, SqlWarnings
from store.facts import (
    ADD_LOT_CHANGES,
    ADD_OBSERVATIONS,
    ADD_WEIGHINGS,
    PUT_BATCHES,
    SqlBatches,
    SqlLotChanges,
    SqlObservations,
    SqlWeighings,
)
from store.findings import ADD_FINDINGS, SqlFindings
from store.gathering import Pen
from store.ledger import SqlDeductions
from store.operations import Operations, SqlOperations
from store.outbox import ADD_DELIVERIES, SqlDeadLetters, SqlOutbox, SqlPushSubscriptions
from store.parties import SqlDevices, SqlMerchants, SqlUsers
from store.record_rows import PUT_DUES, SqlShopRecords
from store.records import ShopRecords
from store.register_rows import SqlRegisters
from store.registers import Registers
from store.turns import Turns

WRITER_PATIENCE_S = 30.0
LEAST_FREE_BYTES = 16 * 1024 * 1024
"""Less free on the disk of a database file is a full disk: SQLite's log of one large transaction no longer fits."""
ORDER = (
    ADD_OBSERVATIONS,
    ADD_WEIGHINGS,
    ADD_LOT_CHANGES,
    PUT_BATCHES,
    PUT_DUES,
    ADD_WARNINGS,
    SAVE_WARNINGS,
    ADD_FINDINGS,
    ADD_EVIDENCE,
    CHAIN,
    ADD_DELIVERIES,
)
"""What a gathering unit of work writes first to last. The trail, which is one for all, comes late, and holds others up shortly;
the outbox after it, so that its ids grow in the order of the commits."""

_PING = text("SELECT 1")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class SqlUnitOfWork:
    """``ports.UnitOfWork``: the repositories over one connection in one transaction."""

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._connection = connection
        self._transaction = connection.begin()
        self._locks_by_name = connection.dialect.name == "postgresql"
        self._pen = pen = Pen(connection, ORDER)
        self.merchants: ports.Merchants = SqlMerchants(pen)
        self.devices: ports.Devices = SqlDevices(pen)
        self.users: ports.Users = SqlUsers(pen)
        self.observations: ports.Observations = SqlObservations(pen)
        self.batches: ports.Batches = SqlBatches(pen, locking=writing)
        self.lot_changes: ports.LotChanges = SqlLotChanges(pen)
        self.weighings: ports.Weighings = SqlWeighings(pen)
        self.findings: ports.Findings = SqlFindings(pen, locking=writing)
        self.warnings: ports.Warnings = SqlWarnings(pen, locking=writing)
        self.evidence: ports.EvidenceItems = SqlEvidence(pen)
        self.audit: ports.Audit = SqlAudit(pen)
        self.deductions: ports.Deductions = SqlDeductions(pen, locking=writing)
        self.outbox: ports.Outbox = SqlOutbox(pen)
        self.push_subscriptions: ports.PushSubscriptions = SqlPushSubscriptions(pen)
        self.dead_letters: ports.DeadLetters = SqlDeadLetters(pen)
        self.registers: Registers = SqlRegisters(pen, locking=writing)
        self.records: ShopRecords = SqlShopRecords(pen, locking=writing)
        self.operations: Operations = SqlOperations(pen, locking=writing)
        self.assessments: Assessments = SqlAssessments(pen, locking=writing)

    def commit(self) -> None:
        """Make it last. The connection is given back, so that nothing written afterwards can get lost unseen."""
        self._pen.settle()
        self._transaction.commit()
        self._connection.close()

    def lock(self, name: str) -> None:
        """Let no other transaction that locks the same name pass; on SQLite a writer is alone anyway."""
        if self._locks_by_name:
            self._pen.execute(_LOCK, {"name": name})

    def savepoint(self) -> AbstractContextManager[None]:
        """A nested transaction: an error inside rolls back only what happened inside, and propagates."""
        return self._pen.savepoint()

    def gathering(self) -> AbstractContextManager[None]:
        """Let what is added wait, and write it together in the end."""
        return self._pen.gathering()


class SqlStore:
    """``ports.Store`` over two engines.

    Args:
        writer: begins transactions that write.
        reader: begins read-only transactions that see one snapshot.
        file: the SQLite file, if it is one; a lock then lets one thread write at a time.
    """

    def __init__(self, writer: Engine, reader: Engine, *, file: Path | None = None) -> None:
        self._writer, self._reader, self._file = writer, reader, file
        self._turn = Turns()

    @contextmanager
    def writing(self) -> Iterator[SqlUnitOfWork]:
        """A transaction that writes. Raises Unavailable if its turn does not come within 30 s."""
        with self._alone(), _connected(self._writer) as connection:
            yield SqlUnitOfWork(connection, writing=True)

    @contextmanager
    def reading(self) -> Iterator[SqlUnitOfWork]:
        """A read-only transaction."""
        with _connected(self._reader) as connection:
            yield SqlUnitOfWork(connection, writing=False)

    def migrate(self) -> None:
        """Bring the schema to the newest revision; several processes may do it at the same time."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            engines.create_private(self._file)
        with (
            self._alone(),
            _connected(self._writer) as connection,
            engines.references_unchecked(connection),
            connection.begin(),
        ):
            if migrations.upgrade(connection):
                engines.check_references(connection)

    def ping(self) -> None:
        """Raises Unavailable if the database cannot be reached, or if the disk of its file is full."""
        if self._file is not None:
            if not self._file.exists():
                raise Unavailable(f"there is no database at {self._file}")
            free = shutil.disk_usage(self._file.parent).free
            if free < LEAST_FREE_BYTES:
                raise Unavailable(f"the disk of {self._file} is full: {free} bytes are left, {LEAST_FREE_BYTES} are needed")
        with _connected(self._reader) as connection:
            connection.execute(_PING)

    def close(self) -> None:
        """Close every connection; the store is not used afterwards."""
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        if not self._turn.acquire(WRITER_PATIENCE_S):
            raise Unavailable(f"another thread has been writing for more than {WRITER_PATIENCE_S:g} s")
        try:
            yield
        finally:
            self._turn.release()


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except PoolTimeout as error:
        raise Unavailable("every database connection is in use") from error
    with connection:
        yield connection


def open_store(url: str) -> ports.Store:
    """Open the system of record; nothing is connected before the first use.

    Args:
        url: ``sqlite:////absolute/path/kitchen.db`` or ``postgresql://user:password@host:port/database``.

    Raises:
        ConfigurationError: if the URL names neither.
    """
    parsed = engines.parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        writer, reader = engines.sqlite_engines(parsed)
        return SqlStore(writer, reader, file=Path(parsed.database or ""))
    return SqlStore(*engines.postgres_engines(parsed))
