"""What a Kafka client may rely on, shown on the embedded log and on Apache Kafka 4 with the same code."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError
from kio.schema.errors import ErrorCode

from tests.contract.log.batches import batch
from tests.contract.log.logs import admin_of, eventually, make_topic
from tests.contract.log.raw import RawClient

pytestmark = pytest.mark.service


def consumer(address: str, *topics: str, group: str | None = None) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=address,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        heartbeat_interval_ms=200,
        session_timeout_ms=6000,
        metadata_max_age_ms=1000,
    )


async def produce(address: str, topic: str, values: list[bytes], **options: object) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, linger_ms=5, **options) as producer:
        await asyncio.gather(*[await producer.send(topic, value) for value in values])


async def take(reader: AIOKafkaConsumer, count: int) -> list[bytes]:
    values: list[bytes] = []
    give_up_at = time.monotonic() + 30
    while len(values) < count and time.monotonic() < give_up_at:
        for records in (await reader.getmany(timeout_ms=200)).values():
            values += [record.value for record in records]
    return values


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_records_come_back_whole_and_in_order(
    log_address: str, topic: str, idempotent: bool, compression: str | None
) -> None:
    await make_topic(log_address, topic, 2)
    options = {"enable_idempotence": idempotent, "compression_type": compression, "linger_ms": 5}
    async with AIOKafkaProducer(bootstrap_servers=log_address, **options) as producer:
        for number in range(500):
            headers = [("seq", b"%d" % number)]
            await producer.send(topic, b"v%d" % number, key=b"k%d" % (number % 7), partition=number % 2, headers=headers)
        last = await producer.send_and_wait(topic, None, key=b"tombstone", partition=0, timestamp_ms=1_700_000_000_000)
    assert (last.partition, last.offset) == (0, 250)
    async with consumer(log_address) as reader:
        parts = [TopicPartition(topic, number) for number in range(2)]
        reader.assign(parts)
        records: dict[int, list] = {0: [], 1: []}
        while sum(map(len, records.values())) < 501:
            for part, found in (await reader.getmany(timeout_ms=1000)).items():
                records[part.partition] += found
        assert await reader.end_offsets(parts) == {parts[0]: 251, parts[1]: 250}
    for number in range(2):
        assert [each.offset for each in records[number]] == list(range(len(records[number])))
    values = [each for each in records[0] if each.value is not None]
    assert [(each.value, each.headers) for each in values] == [
        (b"v%d" % number, (("seq", b"%d" % number),)) for number in range(0, 500, 2)
    ]
    assert (records[0][-1].key, records[0][-1].value, records[0][-1].timestamp) == (b"tombstone", None, 1_700_000_000_000)


async def test_a_group_that_starts_again_continues_at_its_commit(log_address: str, topic: str, group: str) -> None:
    await make_topic(log_address, topic)
    await produce(log_address, topic, [b"%d" % number for number in range(10)])
    async with consumer(log_address, topic, group=group) as reader:
        assert await take(reader, 10) == [b"%d" % number for number in range(10)]
        await reader.commit({TopicPartition(topic, 0): 4})
    async with consumer(log_address, topic, group=group) as reader:
        assert await take(reader, 6) == [b"%d" % number for number in range(4, 10)]
        assert await reader.committed(TopicPartition(topic, 0)) == 4


async def test_two_members_share_the_partitions_and_one_takes_over_when_the_other_leaves(
    log_address: str, topic: str, group: str
) -> None:
    await make_topic(log_address, topic, 4)

    async def held(*readers: AIOKafkaConsumer) -> list[set[int]]:
        for reader in readers:
            await reader.getmany(timeout_ms=20)
        return [{part.partition for part in reader.assignment()} for reader in readers]

    async with consumer(log_address, topic, group=group) as first:
        async with consumer(log_address, topic, group=group) as second:

            async def shared() -> bool:
                mine, other = await held(first, second)
                return len(mine) == len(other) == 2 and mine | other == {0, 1, 2, 3}

            await eventually(shared, within_s=20, what="two members with two partitions each")

        async def alone() -> bool:
            return (await held(first))[0] == {0, 1, 2, 3}

        await eventually(alone, within_s=20, what="the one that stayed holds everything")


async def test_a_killed_members_partitions_come_back(
    log_address: str, topic: str, group: str, request: pytest.FixtureRequest
) -> None:
    await make_topic(log_address, topic, 2)
    script = str(Path(__file__).with_name("worker.py"))
    worker = await asyncio.create_subprocess_exec(
        sys.executable, script, log_address, topic, group, stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    assert await asyncio.wait_for(worker.stdout.readline(), 30) == b"holds [0, 1]\n"
    worker.kill()
    await worker.wait()
    killed_at = time.monotonic()
    async with consumer(log_address, topic, group=group) as reader:

        async def everything() -> bool:
            await reader.getmany(timeout_ms=20)
            return len(reader.assignment()) == 2

        await eventually(everything, within_s=25, what="the dead member's partitions")
    if "embedded" in request.node.name:
        assert time.monotonic() - killed_at < 3, "the embedded log takes a dead connection for a leaving member"


async def test_an_idempotent_producers_retry_is_stored_once(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic)
    async with RawClient(log_address) as client:
        producer = await client.new_producer_id()
        first = batch([b"a", b"b"], producer_id=producer, epoch=0, sequence=0)
        second = batch([b"c"], producer_id=producer, epoch=0, sequence=2)
        gap = batch([b"e"], producer_id=producer, epoch=0, sequence=9)
        sent = [await client.produce(topic, each) for each in (first, first, second, first, second, gap)]
    assert [each.base_offset for each in sent[:5]] == [0, 0, 2, 0, 2]
    assert [each.error_code for each in sent] == [ErrorCode.none] * 5 + [ErrorCode.out_of_order_sequence_number]
    async with consumer(log_address, topic) as reader:
        assert await take(reader, 3) == [b"a", b"b", b"c"]


async def test_a_damaged_batch_is_refused(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic)
    damaged = bytearray(batch([b"value"]))
    damaged[-3] ^= 1
    async with RawClient(log_address) as client:
        assert (await client.produce(topic, bytes(damaged))).error_code is ErrorCode.corrupt_message
        assert (await client.produce(topic, batch([b"sound"]))).base_offset == 0


async def test_a_message_larger_than_the_topic_takes_is_refused_and_the_next_is_not(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic, max_message_bytes="10000")
    async with AIOKafkaProducer(bootstrap_servers=log_address) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, b"x" * 20_000)
        assert (await producer.send_and_wait(topic, b"x" * 5_000)).offset == 0


async def test_offsets_are_found_by_time(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic)
    async with AIOKafkaProducer(bootstrap_servers=log_address) as producer:
        for number in range(10):
            await producer.send_and_wait(topic, b"v", timestamp_ms=1_700_000_000_000 + number * 1000)
    part = TopicPartition(topic, 0)
    async with consumer(log_address) as reader:
        reader.assign([part])
        found = await reader.offsets_for_times({part: 1_700_000_004_001})
        assert (found[part].offset, found[part].timestamp) == (5, 1_700_000_005_000)
        assert (await reader.offsets_for_times({part: 1_800_000_000_000}))[part] is None
        assert await reader.beginning_offsets([part]) == {part: 0}


async def test_topics_are_created_described_and_deleted(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic, 3, retention_ms="123456", cleanup_policy="compact")
    async with admin_of(log_address) as admin:
        assert topic in await admin.list_topics()
        assert len((await admin.describe_topics([topic]))[0]["partitions"]) == 3
        told = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        configs = {entry[0]: entry[1] for entry in told[0].resources[0][4]}
        assert (configs["retention.ms"], configs["cleanup.policy"]) == ("123456", "compact")
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await eventually(gone, within_s=10, what="the topic deleted")
    with pytest.raises(AssertionError, match="retention"):
        await make_topic(log_address, topic, retention_ms="soon")
    await make_topic(log_address, topic)
    with pytest.raises(AssertionError, match="exists"):
        await make_topic(log_address, topic)


async def test_a_group_is_listed_and_described(log_address: str, topic: str, group: str) -> None:
    await make_topic(log_address, topic)
    async with consumer(log_address, topic, group=group) as reader, admin_of(log_address) as admin:
        await take(reader, 0)
        assert (group, "consumer") in await admin.list_consumer_groups()
        described = (await admin.describe_consumer_groups([group]))[0].groups[0]
        assert (described[1], described[2], len(described[5])) == (group, "Stable", 1)


async def test_garbage_closes_its_own_connection_and_no_other(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic)
    async with RawClient(log_address) as sound, RawClient(log_address) as broken:
        assert (await sound.produce(topic, batch([b"a"]))).base_offset == 0
        await broken.send(b"\x00\x00\x00\x10GET / HTTP/1.1\r\n")
        assert await broken.closed()
        assert (await sound.produce(topic, batch([b"b"]))).base_offset == 1
