"""Records of one call sorted into batches for the partitions of their topics. The partition of a key is Kafka's own (murmur2).

The records of a partition keep their order over its batches, which are to be sent one after the other: what follows a batch that
failed must not overtake it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

_AROUND_BYTES = 96
_AROUND_HEADER_BYTES = 10
_KEYS_REMEMBERED = 65_536
_NO_HEADERS: list[tuple[str, bytes]] = []


class KafkaRecord(Protocol):
    """What a sink needs of a record."""

    @property
    def topic(self) -> str:
        """The record's topic."""

    @property
    def key(self) -> bytes | None:
        """The record's key."""

    @property
    def value(self) -> bytes | None:
        """The record's value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """The record's headers."""


@dataclass(slots=True, eq=False)
class Batch:
    """What goes to the log as one, and which records of the call it holds (their places)."""

    builder: BatchBuilder
    places: list[int] = field(default_factory=list)


def size_bytes(record: KafkaRecord) -> int:
    """What the record takes at most in the log's form, or a little more."""
    around = sum(len(name) * 4 + len(value) + _AROUND_HEADER_BYTES for name, value in record.headers)
    return _AROUND_BYTES + len(record.key or b"") + len(record.value or b"") + around


@lru_cache(maxsize=_KEYS_REMEMBERED)
def partition_of(key: bytes | None, partitions: tuple[int, ...]) -> int:
    """The partition every Kafka client gives this key; records without one stay together, as their order is."""
    return partitions[0] if key is None else int(DefaultPartitioner()(key, partitions, partitions))


def sort_into_batches(
    records: Iterable[tuple[int, KafkaRecord]], partitions: tuple[int, ...], create: Callable[[], BatchBuilder]
) -> dict[int, list[Batch]]:
    """Fill batches with the records of one topic.

    Args:
        records: each with its place in the call.
        partitions: all of the topic's, sorted.
        create: makes an empty batch, which takes a first record of any size.

    Returns:
        For each partition its batches in order, closed, so that none of them waits for more.
    """
    batches: dict[int, list[Batch]] = {}
    for place, record in records:
        partition = partition_of(record.key, partitions)
        own = batches.get(partition)
        if own is None:
            own = batches[partition] = [Batch(create())]
        headers = list(record.headers) if record.headers else _NO_HEADERS
        if own[-1].builder.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
            own.append(Batch(create()))
            own[-1].builder.append(timestamp=None, key=record.key, value=record.value, headers=headers)
        own[-1].places.append(place)
    for filled in batches.values():
        for batch in filled:
            batch.builder.close()
    return batches
