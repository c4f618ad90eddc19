"""Follow the compacted topic ``registers`` into a table in memory, from its beginning, for ever.

The gateway may judge a device only after the whole topic has been read once *and* every record of a telling has come: before
that an unknown device may only be one not told yet.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from domain.topics import Topic
from streams.address import reaching

log = structlog.get_logger(__name__)


class Table(Protocol):
    """What the reader fills: a value of None deletes the key."""

    def apply(self, key: str, value: bytes | None) -> None:
        """Take one record."""

    @property
    def told(self) -> bool:
        """Whether every record of a telling that has ended is here."""


async def follow(bootstrap: str, table: Table, ready: asyncio.Event, *, client_id: str) -> None:
    """Keep ``table`` in step until cancelled; set ``ready`` once it has been told whole. Reconnects by itself."""
    while True:
        consumer = AIOKafkaConsumer(
            Topic.REGISTERS.value,
            **reaching(bootstrap),
            client_id=client_id,
            group_id=None,  # every gateway reads all of it
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            metadata_max_age_ms=5_000,
        )
        try:
            await consumer.start()
            await _read(consumer, table, ready)
        except (KafkaError, OSError) as error:
            log.warning("registers.lost", error=repr(error))
            await asyncio.sleep(1)
        finally:
            await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, table: Table, ready: asyncio.Event) -> None:
    while not consumer.assignment():  # noqa: ASYNC110 - the topic is not there yet; the next metadata will show it
        await asyncio.sleep(0.2)
    assigned = sorted(consumer.assignment())
    applied = 0
    while True:
        batches = await consumer.getmany(timeout_ms=200)
        for records in batches.values():
            for record in records:
                table.apply((record.key or b"").decode("utf-8", "replace"), record.value)
                applied += 1
        if not ready.is_set() and table.told and await _caught_up(consumer, assigned):
            log.info("registers.complete", records=applied)
            ready.set()


async def _caught_up(consumer: AIOKafkaConsumer, assigned: list[TopicPartition]) -> bool:
    ends = await consumer.end_offsets(assigned)
    for partition in assigned:
        if await consumer.position(partition) < ends[partition]:
            return False
    return True
