"""Reads and writes the log from outside: a backlog written at once, ends of topics, arrivals with their time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from domain.errors import Unavailable
from streams.topics import ensure_topics

PARTITIONS: Final = 4
Record = tuple[bytes, bytes]
"""Key and value."""


def make_topics(kafka: str, *others: str) -> None:
    """Create the product's topics, and others with as many partitions."""
    asyncio.run(_make_topics(kafka, others))


async def _make_topics(kafka: str, others: Sequence[str]) -> None:
    await ensure_topics(kafka)
    for name in others:
        await create(kafka, name, PARTITIONS, {})


async def create(kafka: str, name: str, partitions: int, settings: dict[str, str]) -> None:
    """Create one topic unless it is there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        with suppress(TopicAlreadyExistsError):
            await admin.create_topics(
                [NewTopic(name=name, num_partitions=partitions, replication_factor=1, topic_configs=settings)]
            )
    finally:
        await admin.close()


def write(kafka: str, topic: str, records: Iterable[Record]) -> None:
    """Write records and return when the log has them all."""
    asyncio.run(_write(kafka, topic, records))


async def _write(kafka: str, topic: str, records: Iterable[Record]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5, max_batch_size=256 * 1024) as producer:
        waiting = [await producer.send(topic, value=value, key=key) for key, value in records]
        await asyncio.gather(*waiting)


async def end_of(consumer: AIOKafkaConsumer, topic: str) -> int:
    """How many records a topic has had."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    return sum((await consumer.end_offsets(partitions)).values())


async def grown_to(consumer: AIOKafkaConsumer, topic: str, count: int, within_s: float) -> float:
    """Wait until a topic has so many records; returns the instant on ``perf_counter``.

    Raises:
        Unavailable: if it does not in time.
    """
    give_up = perf_counter() + within_s
    while (have := await end_of(consumer, topic)) < count:
        if perf_counter() > give_up:
            raise Unavailable(f"{count - have} of the messages did not reach {topic} within {within_s:g} s")
        await asyncio.sleep(0.01)
    return perf_counter()
