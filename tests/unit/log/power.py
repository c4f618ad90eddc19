"""What a log promised before a power cut, and whether it keeps it: the model of the crash tests."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from aiokafka.record.memory_records import MemoryRecords
from kio.schema.errors import ErrorCode

from streams.log.batch import read_header, whole
from streams.log.catalog import Catalog
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.partition import Partition
from streams.log.settings import TopicSettings
from tests.contract.log.batches import keyed_batch

NOW = time.time()
"""Age goes by the files' own time, so the model lives in the present."""
Pair = tuple[bytes, bytes | None]

SETTINGS = {
    "facts": TopicSettings(segment_bytes=600),
    "sized": TopicSettings(segment_bytes=400, retention_bytes=1200),
    "changelog": TopicSettings(segment_bytes=500, compact=True, dirty_ratio=0.0, delete_retention=timedelta(seconds=20)),
    "frames": TopicSettings(segment_bytes=500, retention_bytes=1500, fsync=False),
}


@dataclass(slots=True)
class Repeatable:
    """The last acknowledged batch of an idempotent producer."""

    base_offset: int
    records: list[Pair]
    sequence: int


@dataclass(slots=True)
class Promised:
    """What clients were told of one topic."""

    settings: TopicSettings
    sent: dict[bytes | None, Pair] = field(default_factory=dict)
    """By value, which is never used twice; a tombstone is not in here."""
    acked: dict[int, Pair] = field(default_factory=dict)
    tombstones: dict[bytes, int] = field(default_factory=dict)
    """The last offset under which a tombstone of a key was stored, acknowledged or not."""
    start: int = 0
    repeatable: dict[int, Repeatable] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    """Producers with a batch under way: whether it is stored is open."""

    def copy(self) -> Promised:
        """As it is now."""
        return replace(
            self,
            sent=dict(self.sent),
            acked=dict(self.acked),
            tombstones=dict(self.tombstones),
            repeatable=dict(self.repeatable),
            unsure=set(self.unsure),
        )


class Clients:
    """Clients that do at random what clients do, and remember what they were told.

    Args:
        catalog: the log's topics.
        dice: what is random.
        topics: what earlier clients were told.
        producer_ids: ids given before.
    """

    def __init__(
        self, catalog: Catalog, dice: random.Random, topics: dict[str, Promised], producer_ids: set[int], first: int
    ) -> None:
        self.topics = topics
        self.producer_ids = producer_ids
        self.changing: set[str] = set()
        """Topics whose creation or deletion is under way."""
        self._catalog = catalog
        self._dice = dice
        self._number = first
        self._clock = NOW + first / 1000
        self._sequences: dict[tuple[str, int], int] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def act(self) -> None:
        """Begin one thing, perhaps while others are under way."""
        kinds: list[Callable[[], object]] = [
            *[self.produce] * 14,
            *[self._housekeep] * 3,
            self._delete_before,
            self._delete_topic,
            self._alter,
            self._new_id,
        ]
        task = asyncio.ensure_future(self._dice.choice(kinds)())  # type: ignore[arg-type,var-annotated]
        self.tasks.add(task)

    async def settle(self) -> None:
        """Wait for everything under way; a failure of the log is an error here."""
        done, self.tasks = self.tasks, set()
        await asyncio.gather(*done)

    async def create(self, name: str) -> None:
        """Make sure that a topic is there."""
        if name not in self.topics:
            self.changing.add(name)
            await self._catalog.create(name)
            self.topics[name] = Promised(SETTINGS[name])
            self.changing.discard(name)

    def _records(self) -> list[Pair]:
        records: list[Pair] = []
        for _ in range(self._dice.randint(1, 3)):
            self._number += 1
            value = b"%d" % self._number + b"." * self._dice.randrange(40)
            records.append((b"k%d" % self._dice.randrange(5), None if self._dice.random() < 0.15 else value))
        return records

    def _free_topic(self) -> str | None:
        names = sorted(set(self.topics) - self.changing)
        return self._dice.choice(names) if names else None

    async def produce(self) -> None:
        """Send a batch somewhere and wait for the answer."""
        name = self._free_topic()
        if name is None:
            return
        topic, records = self.topics[name], self._records()
        producer = self._dice.choice([-1, *sorted(self.producer_ids)[-3:]])
        sequence = self._sequences.get((name, producer), 0) if producer >= 0 else -1
        if producer in topic.unsure:
            return
        topic.sent.update({value: (key, value) for key, value in records if value is not None})
        partition = self._catalog.partition(name, 0)
        if producer >= 0 and (name, producer) not in self._sequences and producer in topic.repeatable:
            known = topic.repeatable[producer]
            sequence = known.sequence + len(known.records)
        epoch = 0 if producer >= 0 else -1
        appended = partition.append(keyed_batch(records, producer_id=producer, epoch=epoch, sequence=sequence), self._clock)
        for delta, (key, value) in enumerate(records):
            if value is None:
                topic.tombstones[key] = appended.base_offset + delta
        if producer >= 0:
            topic.unsure.add(producer)
        self._sequences[name, producer] = sequence + len(records)
        if appended.synced is not None:
            await asyncio.shield(appended.synced)
        topic.acked.update({appended.base_offset + delta: pair for delta, pair in enumerate(records)})
        if producer >= 0:
            topic.repeatable[producer] = Repeatable(appended.base_offset, records, sequence)
            topic.unsure.discard(producer)

    async def _housekeep(self) -> None:
        self._clock += self._dice.choice([1, 30])
        await self._catalog.housekeep(self._clock)

    async def _delete_before(self) -> None:
        name = self._free_topic()
        if name in (None, "changelog"):
            return
        assert name is not None
        partition, topic = self._catalog.partition(name, 0), self.topics[name]
        try:
            start = await partition.delete_before(self._dice.randint(partition.start_offset, partition.high_watermark))
        except Refused as refusal:
            assert "closed" in refusal.message, refusal  # noqa: PT017 - the topic may be deleted meanwhile
            return
        topic.start = max(topic.start, start)

    async def _delete_topic(self) -> None:
        name = self._free_topic()
        if name is None or self._dice.random() < 0.7:
            return
        if self.topics[name].unsure:
            return
        self.changing.add(name)
        await self._catalog.delete(name)
        del self.topics[name]
        await self._catalog.create(name)
        self.topics[name] = Promised(SETTINGS[name])
        self.changing.discard(name)

    async def _alter(self) -> None:
        name = self._free_topic()
        if name is not None:
            await self._catalog.alter(name, {"max.message.bytes": str(self._dice.randint(10_000, 20_000))})

    async def _new_id(self) -> None:
        given = await self._catalog.new_producer_id()
        assert given not in self.producer_ids
        self.producer_ids.add(given)


def opened(directory: Path, executor: Executor) -> tuple[Catalog, Metrics]:
    """The log of a directory."""
    metrics = Metrics()
    return Catalog(directory, SETTINGS, executor, metrics), metrics


def stored(partition: Partition) -> dict[int, Pair]:
    """Every record that a consumer is given, each batch proven."""
    found: dict[int, Pair] = {}
    position = partition.start_offset
    while content := partition.read(position, 1, at_least_one=True):
        header = read_header(content)
        assert whole(content, 0, len(content)) == header, "a corrupt batch was served"
        batches = MemoryRecords(content)
        while (batch := batches.next_batch()) is not None:
            found.update({record.offset: (record.key, record.value) for record in batch if record.offset >= position})
        position = max(header.next_offset, position + 1)
    return found


def judge(catalog: Catalog, topics: dict[str, Promised], changing: set[str]) -> None:
    """Hold a log that was started after a cut to what clients had been told."""
    for name, promised in topics.items():
        if name in changing:
            continue
        partition = catalog.partition(name, 0)
        kept = stored(partition)
        assert partition.damage == (), f"{name}: a power cut damages nothing that was safe"
        assert partition.start_offset >= promised.start, f"{name}: deleted records are shown"
        if promised.settings.compact:
            assert partition.start_offset == 0, f"{name}: a compacted segment is missing"
        for offset, (key, value) in kept.items():
            assert value is None or promised.sent.get(value) == (key, value), f"{name}: {offset} was never sent"
        if promised.settings.fsync:
            _judge_acked(name, promised, partition.start_offset, partition.end_offset, kept)
            _judge_producers(name, promised, partition)


def _judge_acked(name: str, promised: Promised, start: int, end: int, kept: dict[int, Pair]) -> None:
    for offset, (key, value) in promised.acked.items():
        assert offset < end, f"{name}: acknowledged offset {offset} would be given again"
        if offset < start or kept.get(offset) == (key, value):
            continue
        assert offset not in kept, f"{name}: another record has the acknowledged offset {offset}"
        assert promised.settings.compact, f"{name}: acknowledged record {offset} is missing"
        newer = any(at > offset and pair[0] == key for at, pair in kept.items())
        older = any(at < offset and pair[0] == key for at, pair in kept.items())
        deleted = promised.tombstones.get(key, -1) >= offset and not older
        assert newer or deleted, f"{name}: the last record {offset} of {key!r} is missing"


def _judge_producers(name: str, promised: Promised, partition: Partition) -> None:
    for producer, last in promised.repeatable.items():
        if producer in promised.unsure:
            continue
        again = keyed_batch(last.records, producer_id=producer, epoch=0, sequence=last.sequence)
        end = partition.end_offset
        assert partition.append(again, NOW).base_offset == last.base_offset, f"{name}: a repeat was stored again"
        assert partition.end_offset == end
        ahead = last.sequence + len(last.records) + 7
        try:
            partition.append(keyed_batch(last.records, producer_id=producer, epoch=0, sequence=ahead), NOW)
        except Refused as refusal:
            assert refusal.code is ErrorCode.out_of_order_sequence_number  # noqa: PT017 - one of the two must come
        else:
            raise AssertionError(f"{name}: a gap in the sequence was taken")
