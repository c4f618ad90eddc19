"""``kill -9`` of the embedded log while producers and consumers work: nothing acked is lost, nothing is stored twice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.contract.log.batches import batch
from tests.contract.log.logs import LogProcess, eventually, make_topic
from tests.contract.log.raw import RawClient

pytestmark = pytest.mark.service
KILLS = 4
PARTITIONS = 3


class Producing:
    """Sends numbers until told to stop, and remembers which were acked where."""

    def __init__(self, address: str, topic: str) -> None:
        self._address, self._topic = address, topic
        self.sent = 0
        self.acked: dict[bytes, tuple[int, int]] = {}
        self.stop = asyncio.Event()

    async def run(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._address, enable_idempotence=True, linger_ms=2, request_timeout_ms=20_000, retry_backoff_ms=50
        )
        async with producer:
            waiting: set[asyncio.Task[None]] = set()
            while not self.stop.is_set():
                future = await producer.send(self._topic, b"%d" % self.sent, partition=self.sent % PARTITIONS)
                task = asyncio.create_task(self._note(b"%d" % self.sent, future))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                self.sent += 1
                if self.sent % 50 == 0:
                    await asyncio.sleep(0.002)
            await asyncio.gather(*waiting)

    async def _note(self, value: bytes, future: asyncio.Future) -> None:
        record = await future
        self.acked[value] = (record.partition, record.offset)


async def everything(address: str, topic: str) -> dict[tuple[int, int], bytes]:
    """Every record of a topic by partition and offset."""
    reader = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    async with reader:
        parts = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        reader.assign(parts)
        await reader.seek_to_beginning(*parts)
        ends = await reader.end_offsets(parts)
        found: dict[tuple[int, int], bytes] = {}
        while any([await reader.position(part) < ends[part] for part in parts]):
            for part, records in (await reader.getmany(timeout_ms=500)).items():
                found.update({(part.partition, record.offset): record.value for record in records})
        return found


async def test_nothing_acked_is_lost_and_nothing_is_stored_twice(log: LogProcess, topic: str) -> None:
    await make_topic(log.address, topic, PARTITIONS)
    producing = Producing(log.address, topic)
    running = asyncio.create_task(producing.run())
    in_flight = []
    for _ in range(KILLS):
        before = len(producing.acked)

        async def moved(before: int = before) -> bool:
            return len(producing.acked) > before + 500

        await eventually(moved, within_s=30, what="500 more acked records")
        in_flight.append(producing.sent - len(producing.acked))
        log.kill()
        await asyncio.to_thread(log.start)
    producing.stop.set()
    await asyncio.wait_for(running, 60)
    stored = await everything(log.address, topic)
    assert len(producing.acked) == producing.sent > KILLS * 500
    assert max(in_flight) > 0, "no kill fell into the middle of work"
    lost = {value: at for value, at in producing.acked.items() if stored.get(at) != value}
    assert not lost
    assert max(Counter(stored.values()).values()) == 1


async def test_a_commit_that_was_answered_outlives_the_log(log: LogProcess, topic: str, group: str) -> None:
    await make_topic(log.address, topic)
    part = TopicPartition(topic, 0)
    for offset in range(1, 6):
        async with AIOKafkaConsumer(bootstrap_servers=log.address, group_id=group, enable_auto_commit=False) as reader:
            reader.assign([part])
            await reader.commit({part: offset})
            log.kill()
            log.start()  # before the reader says goodbye: it fails where nobody listens
        async with AIOKafkaConsumer(bootstrap_servers=log.address, group_id=group, enable_auto_commit=False) as reader:
            assert await reader.committed(part) == offset


async def test_a_retry_of_a_batch_acked_before_the_kill_is_recognised(log: LogProcess, topic: str) -> None:
    await make_topic(log.address, topic)
    async with RawClient(log.address) as client:
        producer = await client.new_producer_id()
        sent = batch([b"once"], producer_id=producer, epoch=0, sequence=0)
        assert (await client.produce(topic, sent)).base_offset == 0
    log.kill()
    log.start()
    async with RawClient(log.address) as client:
        assert (await client.produce(topic, sent)).base_offset == 0
        assert (await client.produce(topic, batch([b"other"]))).base_offset == 1
        assert await client.new_producer_id() != producer


async def test_a_log_with_much_data_stays_small_in_memory(log: LogProcess, topic: str) -> None:
    await make_topic(
        log.address,
        topic,
        1,
        flush_messages="1000000",
        max_message_bytes="2000000",
        retention_bytes="30000000",
        segment_bytes="5000000",
    )
    picture = batch([b"x" * 1_000_000])
    async with RawClient(log.address) as client:
        for _ in range(150):
            assert (await client.produce(topic, picture)).error_code == 0

    async def bounded() -> bool:
        kept = sum(path.stat().st_size for path in (log.directory / "topics").rglob("*.segment"))
        return kept <= 36_000_000

    await eventually(bounded, within_s=15, what="old segments dropped")
    assert log.resident_kib() < 120_000
