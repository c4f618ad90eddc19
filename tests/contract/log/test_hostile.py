"""Whatever is sent to the embedded log, it goes on, others are served meanwhile, and its memory has a bound."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as RdPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, OffsetSpec, ResourceType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kio.schema.fetch.v11.request import FetchPartition, FetchRequest, FetchTopic
from kio.schema.types import TopicName
from kio.static.primitive import i32, i64

from streams.log.apis import APIS
from tests.contract.log.batches import batch
from tests.contract.log.hostile import recording, spoiled
from tests.contract.log.logs import LogProcess, admin_of, make_topic
from tests.contract.log.raw import RawClient, body_of, frame, milliseconds
from tests.unit.log.length import times

pytestmark = pytest.mark.service
HOSTILE = times(4000)
AT_ONCE = 20


async def recorded(folder: Path, topic: str) -> list[bytes]:
    """What aiokafka and librdkafka send while they do a little of everything, taken down by a proxy the log names as itself."""
    ports = [free_port(), free_port()]
    log = LogProcess(folder, "--advertise", f"127.0.0.1:{ports[0]}")
    log.address = f"127.0.0.1:{ports[1]}"
    async with recording(ports[0], log.address) as recorder:
        await asyncio.to_thread(log.start)
        assert log.address == recorder.address
        await make_topic(recorder.address, topic, 2)
        await asyncio.to_thread(with_librdkafka, recorder.address, topic)
        reader = AIOKafkaConsumer(topic, bootstrap_servers=recorder.address, group_id="g", auto_offset_reset="earliest")
        async with reader, admin_of(recorder.address) as admin:
            await asyncio.wait_for(reader.getone(), 20)
            await reader.commit()
            await admin.list_consumer_group_offsets("g")
            await admin.describe_consumer_groups(["g"])
    log.stop()
    return recorder.frames


def with_librdkafka(address: str, topic: str) -> None:
    """Another client's way to ask for the same, with its own versions."""
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "compression.type": "gzip"})
    for number in range(20):
        producer.produce(topic, b"v%d" % number, key=b"k", headers=[("h", b"x")])
    assert producer.flush(20) == 0
    client = AdminClient({"bootstrap.servers": address})
    for asked in (
        client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]),
        client.create_partitions([NewPartitions(topic, 3)]),
        client.list_offsets({RdPartition(topic, 0): OffsetSpec.latest()}),
        client.delete_records([RdPartition(topic, 0, 0)]),
    ):
        for future in asked.values():
            future.result(20)
    client.list_consumer_groups().result(20)
    client.describe_cluster().result(20)
    reader = Consumer({"bootstrap.servers": address, "group.id": "h", "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    assert reader.poll(20) is not None
    reader.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def work(address: str, topic: str, stop: asyncio.Event) -> int:
    """An ordinary client that produces and reads back until told to stop; returns how much."""
    done = 0
    part = TopicPartition(topic, 0)
    async with AIOKafkaProducer(bootstrap_servers=address) as producer, AIOKafkaConsumer(bootstrap_servers=address) as reader:
        reader.assign([part])
        await reader.seek_to_end(part)
        while not stop.is_set():
            value = b"%d" % done
            await producer.send_and_wait(topic, value, partition=0)
            assert (await asyncio.wait_for(reader.getone(), 20)).value == value
            done += 1
    return done


async def send(address: str, data: bytes) -> None:
    """Send bytes and wait until the log has had enough of them or answers."""
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(20):
            while await reader.read(65536):
                pass
    except ConnectionError:
        pass
    finally:
        writer.close()


async def test_thousands_of_spoiled_requests_leave_the_log_as_it_was(log: LogProcess, topic: str, tmp_path: Path) -> None:
    heard = await recorded(tmp_path / "recorded", topic)
    assert len({struct.unpack_from(">h", each)[0] for each in heard}) > 15, "of most calls"
    seeds = heard + [
        frame(api.key, version, b"\0" * 40)[4:] for api in APIS.values() for version in range(api.oldest, api.newest + 1)
    ]
    assert {struct.unpack_from(">h", seed)[0] for seed in seeds} == set(APIS)
    await make_topic(log.address, topic)
    stop = asyncio.Event()
    working = asyncio.create_task(work(log.address, topic, stop))
    dice = random.Random(11)
    limit = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with limit:
            await send(log.address, spoiled(dice.choice(seeds), dice))

    await asyncio.gather(*(one() for _ in range(HOSTILE // 10)))
    warm_kib, files = log.resident_kib(largest=False), log.open_files()
    await asyncio.gather(*(one() for _ in range(HOSTILE - HOSTILE // 10)))
    stop.set()
    assert await working > 50, "the other client was served all the while"
    assert log.running
    grown_kib = log.resident_kib(largest=False) - warm_kib
    assert grown_kib < 16 * 1024, f"{grown_kib} KiB more after {HOSTILE} hostile requests"
    assert log.open_files() <= files + AT_ONCE


@settings(
    max_examples=times(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(key=st.integers(-1, 80), version=st.integers(-1, 15), body=st.binary(max_size=400), cut=st.integers(0, 60))
async def test_any_call_with_any_content_is_answered_or_closed(
    log_for_all: LogProcess, key: int, version: int, body: bytes, cut: int
) -> None:
    data = frame(key, version, body)
    await send(log_for_all.address, data[: len(data) - cut])
    assert log_for_all.running


@pytest.fixture(scope="module")
def log_for_all(tmp_path_factory: pytest.TempPathFactory) -> LogProcess:
    """One log for all examples of a property."""
    running = LogProcess(tmp_path_factory.mktemp("hostile"))
    running.start()
    yield running
    running.stop()


def fetch_all(topic: str) -> bytes:
    part = FetchPartition(partition=i32(0), fetch_offset=i64(0), partition_max_bytes=i32(50_000_000))
    request = FetchRequest(
        max_wait=milliseconds(0),
        min_bytes=i32(1),
        topics=(FetchTopic(topic=TopicName(topic), partitions=(part,)),),
        forgotten_topics_data=(),
    )
    return frame(1, 11, body_of(request))


async def test_clients_that_ask_for_much_and_read_nothing_cost_little(log: LogProcess, topic: str) -> None:
    await make_topic(log.address, topic, max_message_bytes="2000000", flush_messages="1000000")
    async with RawClient(log.address) as client:
        for _ in range(40):
            assert (await client.produce(topic, batch([b"x" * 1_000_000]))).error_code == 0
    before_kib = log.resident_kib(largest=False)
    host, port = log.address.rsplit(":", 1)
    greedy = [await asyncio.open_connection(host, int(port), limit=1024) for _ in range(30)]
    for _, writer in greedy:
        writer.write(fetch_all(topic) * 100)
    async with RawClient(log.address) as client:
        began = time.monotonic()
        for _ in range(20):
            assert (await client.produce(topic, batch([b"small"]))).error_code == 0
        assert time.monotonic() - began < 10
    grown_kib = log.resident_kib() - before_kib
    for _, writer in greedy:
        writer.close()
    assert grown_kib < 150 * 1024, f"{grown_kib} KiB for 3,000 fetches of 40 MB that nobody reads"
    assert log.running


async def test_clients_that_send_half_a_request_and_wait_hold_nobody_up(log: LogProcess, topic: str) -> None:
    await make_topic(log.address, topic)
    before_kib = log.resident_kib(largest=False)
    half = struct.pack(">ihhi", 30_000_000, 0, 8, 1) + b"\0" * 200_000
    host, port = log.address.rsplit(":", 1)
    waiting = [await asyncio.open_connection(host, int(port)) for _ in range(100)]
    for _, writer in waiting:
        writer.write(half)
    async with RawClient(log.address) as client:
        for _ in range(20):
            assert (await client.produce(topic, batch([b"v"]))).error_code == 0
    grown_kib = log.resident_kib() - before_kib
    for _, writer in waiting:
        writer.close()
    assert grown_kib < 60 * 1024, f"{grown_kib} KiB for 100 half requests"


async def test_garbage_in_a_batch_is_refused_and_the_next_batch_is_not(log: LogProcess, topic: str) -> None:
    await make_topic(log.address, topic)
    dice = random.Random(12)
    sound = batch([b"value"] * 5)
    async with RawClient(log.address) as client:
        for _ in range(500):
            spoilt = bytearray(sound)
            for _ in range(dice.randrange(1, 4)):
                spoilt[dice.randrange(16, len(spoilt))] ^= dice.randrange(1, 256)
            answer = await client.produce(topic, bytes(spoilt))
            assert answer.error_code != 0 or bytes(spoilt) == sound
        assert (await client.produce(topic, sound)).base_offset == 0
