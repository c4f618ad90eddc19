"""The log's memory under load has a bound that does not depend on how many clients ask for how much at once."""

from __future__ import annotations

import asyncio

import pytest
from kio.schema.fetch.v11.request import FetchPartition, FetchRequest, FetchTopic
from kio.schema.types import TopicName
from kio.static.primitive import i32, i64

from tests.contract.log.batches import batch
from tests.contract.log.logs import LogProcess, make_topic
from tests.contract.log.raw import RawClient, body_of, frame, milliseconds, produce_request

pytestmark = pytest.mark.service
PARTITIONS = 8
CLIENTS = 8
AT_ONCE = 12
BOUND_KIB = 100 * 1024
"""Measured: some 55 MB at most; 260 MB before fetches had a common bound."""


def fetch_all(topic: str, from_offset: int, most_bytes: int = 50_000_000) -> bytes:
    """Everything of every partition from an offset on."""
    parts = tuple(
        FetchPartition(partition=i32(each), fetch_offset=i64(from_offset), partition_max_bytes=i32(most_bytes))
        for each in range(PARTITIONS)
    )
    request = FetchRequest(
        max_wait=milliseconds(0),
        min_bytes=i32(1),
        topics=(FetchTopic(topic=TopicName(topic), partitions=parts),),
        forgotten_topics_data=(),
    )
    return frame(1, 11, body_of(request))


async def write(address: str, topic: str, records: bytes, rounds: int) -> None:
    """Send batches to every partition without waiting for one answer before the next batch."""
    requests = [
        frame(0, 8, body_of(produce_request(topic, records, partition=number % PARTITIONS)))
        for number in range(rounds * PARTITIONS)
    ]
    async with RawClient(address) as client:
        owed = 0
        for request in requests:
            await client.send(request)
            owed += 1
            while owed > AT_ONCE:
                await client.answer()
                owed -= 1
        for _ in range(owed):
            await client.answer()


async def read(address: str, topic: str, rounds: int) -> int:
    """Ask for everything again and again; returns the bytes that came."""
    got = 0
    async with RawClient(address) as client:
        for _ in range(rounds):
            await client.send(fetch_all(topic, 0))
            got += len((await client.answer())[1])
    return got


@pytest.mark.parametrize(
    ("value", "count", "rounds", "configs"),
    [
        pytest.param(b"x" * 300, 1600, 3, {}, id="300 B, synced"),
        pytest.param(b"x" * 100_000, 5, 4, {}, id="100 kB, synced"),
        pytest.param(
            b"x" * 100_000, 9, 4, {"flush_messages": "1000000", "segment_bytes": "4000000"}, id="100 kB, sealed segments"
        ),
    ],
)
async def test_memory_stays_small_while_many_write_and_read_much(
    log: LogProcess, topic: str, value: bytes, count: int, rounds: int, configs: dict[str, str]
) -> None:
    await make_topic(log.address, topic, PARTITIONS, **configs)
    records = batch([value] * count)
    await asyncio.gather(*(write(log.address, topic, records, rounds) for _ in range(CLIENTS)))
    written = log.resident_kib()
    got = await asyncio.gather(*(read(log.address, topic, 4) for _ in range(CLIENTS)))
    assert min(got) > 4 * 4_000_000, "each answer brings as much as one may"
    assert log.resident_kib() < BOUND_KIB, f"{written} KiB after writing, {log.resident_kib()} KiB after reading"
