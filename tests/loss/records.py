"""What the product holds at the end: the other side of the loss table, read from its database and its log.

On PostgreSQL a step counts as applied when its transaction was committed; SQLite keeps no such time, so there it is the instant
the sweep wrote down.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer
from sqlalchemy import Connection, Engine, create_engine, func, select, text

from domain.topics import Topic
from domain.warnings import AuditEntry, Warning
from store import tables
from store.engines import parse_url
from store.rows import Rows

_WARNING = Rows(Warning, tables.warnings)
_AUDIT = Rows(AuditEntry, tables.audit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One entry of the outbox."""

    id: int
    key: str
    lane: str
    target: str
    recipient: str
    payload: dict[str, Any]
    created_at: datetime
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is stored.

    Attributes:
        committed_at: audit seq → when its transaction was committed, where the database knows.
        topics: topic → the values that lie in it.
    """

    observations: frozenset[str]
    weighings: dict[str, tuple[str, str, int]]
    batches: dict[tuple[str, str], Decimal]
    warnings: tuple[Warning, ...]
    audit: tuple[AuditEntry, ...]
    committed_at: dict[int, datetime]
    evidence: frozenset[str]
    findings: frozenset[str]
    outbox: tuple[Sent, ...]
    dead_letters: tuple[tuple[str, str, str], ...]
    topics: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How much is stored and how much is still to be done."""

    observations: int
    warnings: int
    pending: int
    due: int


def connected(url: str) -> Engine:
    """An engine that only reads."""
    parsed = parse_url(url)
    if parsed.drivername.startswith("sqlite"):
        return create_engine(f"sqlite:///file:{parsed.database}?mode=ro&uri=true", connect_args={"timeout": 30})
    return create_engine(parsed, pool_pre_ping=True, connect_args={"options": "-c timezone=UTC", "connect_timeout": 5})


def pulse(engine: Engine, now: datetime) -> Pulse:
    """Counts, for the progress bar and to see when all is quiet."""
    outbox, warnings, batches = tables.outbox.c, tables.warnings.c, tables.batches.c
    count = select(func.count())
    soon = now + timedelta(hours=1)  # goods that keep until then are no part of the run
    shortly = now + timedelta(minutes=10)  # nor are the steps of a chain of escalation, half an hour and more after the raising
    with engine.connect() as connection:
        return Pulse(
            observations=connection.scalar(count.select_from(tables.observations)) or 0,
            warnings=connection.scalar(count.select_from(tables.warnings)) or 0,
            pending=connection.scalar(count.where(outbox.state == "pending")) or 0,
            due=(connection.scalar(count.where(warnings.next_due_at < shortly)) or 0)
            + (connection.scalar(count.where(batches.judge_at.is_not(None), batches.judge_at < soon)) or 0),
        )


def lots(engine: Engine, begin: datetime, end: datetime) -> list[tuple[str, str]]:
    """Lots that are known now and expire within a span."""
    batches = tables.batches.c
    with engine.connect() as connection:
        asked = select(batches.uscc, batches.lot).where(batches.expires_at.between(begin, end))
        return [(row.uscc, row.lot) for row in connection.execute(asked)]


def read(engine: Engine) -> Records:
    """Everything that is stored."""
    observations, weighings, batches = tables.observations.c, tables.weighings.c, tables.batches.c
    letters = tables.dead_letters.c
    with engine.connect() as connection:
        sales = connection.execute(select(weighings.event_id, weighings.uscc, weighings.lot, weighings.net_g))
        return Records(
            observations=frozenset(connection.scalars(select(observations.event_id))),
            weighings={row.event_id: (row.uscc, row.lot, row.net_g) for row in sales},
            batches={
                (row.uscc, row.lot): row.qty_g for row in connection.execute(select(batches.uscc, batches.lot, batches.qty_g))
            },
            warnings=tuple(_WARNING.all(connection.execute(select(*_WARNING.columns)))),
            audit=tuple(_AUDIT.all(connection.execute(select(*_AUDIT.columns).order_by(tables.audit.c.seq)))),
            committed_at=_committed_at(connection),
            evidence=frozenset(connection.scalars(select(tables.evidence.c.id))),
            findings=frozenset(connection.scalars(select(tables.findings.c.id))),
            outbox=_outbox(connection),
            dead_letters=tuple(
                (row.code, row.reason, row.raw.decode("utf-8", "replace"))
                for row in connection.execute(select(letters.code, letters.reason, letters.raw))
            ),
        )


def _committed_at(connection: Connection) -> dict[int, datetime]:
    if connection.dialect.name == "sqlite" or connection.scalar(text("SHOW track_commit_timestamp")) != "on":
        return {}
    found = connection.execute(text("SELECT seq, pg_xact_commit_timestamp(xmin) AS at FROM audit"))
    return {row.seq: row.at.astimezone(UTC) for row in found if row.at is not None}


def _outbox(connection: Connection) -> tuple[Sent, ...]:
    names = ("id", "key", "lane", "target", "recipient", "payload", "created_at", "state")
    found = connection.execute(select(*(tables.outbox.c[name] for name in names)).order_by(tables.outbox.c.id))
    return tuple(Sent(**{name: getattr(row, name) for name in names}) for row in found)


def read_topics(bootstrap: str, *names: Topic) -> dict[str, tuple[dict[str, Any], ...]]:
    """The JSON values that lie in topics of the log."""
    return asyncio.run(_read_topics(bootstrap, [name.value for name in names]))


async def _read_topics(bootstrap: str, names: list[str]) -> dict[str, tuple[dict[str, Any], ...]]:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    # without a group it is given every partition
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        while [partition for partition in partitions if await consumer.position(partition) < ends[partition]]:
            for partition, batch in (await consumer.getmany(timeout_ms=1000)).items():
                found[partition.topic] += [orjson.loads(record.value) for record in batch if record.value]
    finally:
        await consumer.stop()
    return {name: tuple(values) for name, values in found.items()}
