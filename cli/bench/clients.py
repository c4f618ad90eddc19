"""Two Kafka clients under the same load: aiokafka, in Python, and librdkafka, in C."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from importlib.util import find_spec
from time import perf_counter
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from cli.bench import records
from domain.errors import Unavailable

WITHIN_S: Final = 60.0
MOST_BYTES: Final = 2 * 1024 * 1024


class Client(Protocol):
    """Writes and reads one partition as fast as it can; both return the seconds they took."""

    name: str

    def produce(self, address: str, topic: str, record_bytes: int, count: int) -> float:
        """Write records of a size, ``acks=all``."""

    def consume(self, address: str, topic: str, count: int) -> float:
        """Read so many records from the beginning."""


def at_hand() -> tuple[tuple[Client, ...], Mapping[str, str]]:
    """The clients that are installed, and why the others are not used."""
    if find_spec("confluent_kafka") is None:
        return (Aiokafka(),), {"librdkafka as client": "confluent-kafka is not installed (extra `bench`)"}
    return (Aiokafka(), Librdkafka()), {}


def create_topic(address: str, topic: str, settings: dict[str, str]) -> None:
    """Create a topic of one partition."""
    asyncio.run(records.create(address, topic, 1, settings))


def payloads(record_bytes: int) -> list[bytes]:
    """A few payloads that do not compress well, to be used in turn."""
    return [uuid.uuid4().bytes * (record_bytes // 16) + b"x" * (record_bytes % 16) for _ in range(16)]


class Aiokafka:
    """The client that the product itself uses."""

    name = "aiokafka"

    def produce(self, address: str, topic: str, record_bytes: int, count: int) -> float:
        """See ``Client``."""
        return asyncio.run(self._produce(address, topic, record_bytes, count))

    async def _produce(self, address: str, topic: str, record_bytes: int, count: int) -> float:
        values = payloads(record_bytes)
        producer = AIOKafkaProducer(
            bootstrap_servers=address, acks="all", linger_ms=5, max_batch_size=512 * 1024, max_request_size=MOST_BYTES
        )
        async with producer:
            await producer.partitions_for(topic)
            begun = perf_counter()
            last: Any = None
            for number in range(count):
                last = await producer.send(topic, values[number % len(values)])
            await producer.flush()
            await last
            return perf_counter() - begun

    def consume(self, address: str, topic: str, count: int) -> float:
        """See ``Client``."""
        return asyncio.run(self._consume(address, topic, count))

    async def _consume(self, address: str, topic: str, count: int) -> float:
        consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest")
        async with consumer:
            consumer.assign([TopicPartition(topic, 0)])
            begun, have = perf_counter(), 0
            while have < count:
                batch = await consumer.getmany(timeout_ms=1000, max_records=5000)
                have += sum(len(found) for found in batch.values())
                _in_time(begun, topic, have, count)
            return perf_counter() - begun


class Librdkafka:
    """The client that most other languages use."""

    name = "librdkafka"

    def produce(self, address: str, topic: str, record_bytes: int, count: int) -> float:
        """See ``Client``."""
        from confluent_kafka import Producer

        values = payloads(record_bytes)
        producer = Producer(
            {
                "bootstrap.servers": address,
                "acks": "all",
                "linger.ms": 5,
                "batch.size": 512 * 1024,
                "message.max.bytes": MOST_BYTES,
                "queue.buffering.max.messages": count + 1,
                "queue.buffering.max.kbytes": 1024 * 1024,
            }
        )
        producer.list_topics(topic, timeout=WITHIN_S)
        begun = perf_counter()
        for number in range(count):
            producer.produce(topic, values[number % len(values)], partition=0)
        if left := producer.flush(WITHIN_S):
            raise Unavailable(f"{left} records were not acknowledged within {WITHIN_S:g} s")
        return perf_counter() - begun

    def consume(self, address: str, topic: str, count: int) -> float:
        """See ``Client``."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer
        from confluent_kafka import TopicPartition as Place

        consumer = Consumer({"bootstrap.servers": address, "group.id": f"bench-{topic}", "enable.auto.commit": False})
        try:
            consumer.list_topics(topic, timeout=WITHIN_S)
            consumer.assign([Place(topic, 0, OFFSET_BEGINNING)])
            begun, have = perf_counter(), 0
            while have < count:
                found = consumer.consume(min(500, count - have), timeout=0.5)
                have += sum(1 for message in found if message.error() is None)
                _in_time(begun, topic, have, count)
            return perf_counter() - begun
        finally:
            consumer.close()


def _in_time(begun: float, topic: str, have: int, count: int) -> None:
    if perf_counter() - begun > WITHIN_S:
        raise Unavailable(f"{have} of {count} records of {topic} came within {WITHIN_S:g} s")
