"""A bare loop: findings from the log into SQLite, the rows of a warning each, one synced transaction per batch, no rules.

``python -m cli.bench.bare.rows BOOTSTRAP TOPIC DIRECTORY``
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer

from cli.bench.bare.progress import Progress

TABLES = ("findings", "warnings", "evidence", "audit", "outbox", "outbox")
"""Where a new warning leaves a row: two in the outbox, for the live stream and for the log."""
BATCH = 500


def database(folder: Path) -> sqlite3.Connection:
    """A database as durable as the product's."""
    folder.mkdir(exist_ok=True)
    found = sqlite3.connect(folder / "rows.db", isolation_level=None, check_same_thread=False)
    found.execute("PRAGMA journal_mode=WAL")
    found.execute("PRAGMA synchronous=FULL")
    for name in set(TABLES):
        found.execute(f"CREATE TABLE {name} (n INTEGER PRIMARY KEY, key TEXT NOT NULL, body TEXT NOT NULL)")
        found.execute(f"CREATE INDEX ix_{name} ON {name} (key)")
    return found


async def work(bootstrap: str, topic: str, directory: str) -> None:
    """Work until killed."""
    progress, rows = Progress(), database(Path(directory))
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id="bench-bare-rows", auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    progress.ready()
    while True:
        batches = await consumer.getmany(timeout_ms=100, max_records=BATCH)
        taken = [record.value for records in batches.values() for record in records]
        if taken:
            await asyncio.to_thread(write, rows, taken)
            await consumer.commit()
            progress.count += len(taken)


def write(rows: sqlite3.Connection, taken: list[bytes]) -> None:
    """One transaction."""
    told = [(str(orjson.loads(value)["id"]), value.decode()) for value in taken]
    rows.execute("BEGIN IMMEDIATE")
    for name in TABLES:
        rows.executemany(f"INSERT INTO {name} (key, body) VALUES (?, ?)", told)  # noqa: S608 - our own names
    rows.execute("COMMIT")


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
