"""Calls that few clients make, byte for byte, and what compaction leaves: the same on both logs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from kio.schema.add_offsets_to_txn.v1.request import AddOffsetsToTxnRequest
from kio.schema.add_partitions_to_txn.v1.request import AddPartitionsToTxnRequest, AddPartitionsToTxnTopic
from kio.schema.alter_configs.v1.request import AlterableConfig, AlterConfigsRequest, AlterConfigsResource
from kio.schema.end_txn.v1.request import EndTxnRequest
from kio.schema.errors import ErrorCode
from kio.schema.offset_delete.v0.request import OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic
from kio.schema.offset_for_leader_epoch.v3.request import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kio.schema.txn_offset_commit.v2.request import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from kio.schema.types import GroupId, ProducerId, TopicName, TransactionalId
from kio.static.primitive import i8, i16, i32, i64

from tests.contract.log.batches import batch
from tests.contract.log.logs import admin_of, eventually, make_topic
from tests.contract.log.raw import RawClient

pytestmark = pytest.mark.service
WITHIN_S = 40.0
TICK = b"tick"


async def whole(address: str, topic: str, isolation: str = "read_uncommitted") -> list[tuple[int, bytes | None, bytes | None]]:
    """Offset, key and value of everything a partition shows now."""
    part = TopicPartition(topic, 0)
    found: list[tuple[int, bytes | None, bytes | None]] = []
    async with AIOKafkaConsumer(bootstrap_servers=address, isolation_level=isolation) as reader, asyncio.timeout(WITHIN_S):
        reader.assign([part])
        await reader.seek_to_beginning(part)
        end = (await reader.end_offsets([part]))[part]
        while await reader.position(part) < end:
            records = (await reader.getmany(part, timeout_ms=200)).get(part, [])
            found += [(each.offset, each.key, each.value) for each in records]
    return found


async def test_of_each_key_the_last_record_stays_under_its_offset_and_what_a_tombstone_deletes_goes(
    log_address: str, topic: str
) -> None:
    await make_topic(
        log_address,
        topic,
        cleanup_policy="compact",
        segment_ms="100",
        min_cleanable_dirty_ratio="0.01",
        delete_retention_ms="0",
        flush_messages="1000",
    )
    async with AIOKafkaProducer(bootstrap_servers=log_address) as producer:
        for number in range(30):
            await producer.send(topic, b"%d" % number, key=b"k%d" % (number % 3))
        await producer.send_and_wait(topic, None, key=b"k1")

        async def compacted() -> list[tuple[int, bytes | None, bytes | None]]:
            await producer.send_and_wait(topic, b"%f" % time.time(), key=TICK)  # closes the segment before it
            kept = [each for each in await whole(log_address, topic) if each[1] != TICK]
            return kept if len(kept) == 2 else []

        kept = await eventually(compacted, within_s=WITHIN_S, what="one record of each key that was not deleted")
    assert kept == [(27, b"k0", b"27"), (29, b"k2", b"29")]


async def test_a_record_without_a_key_has_no_place_in_a_compacted_topic(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic, cleanup_policy="compact")
    async with RawClient(log_address) as client:
        assert (await client.produce(topic, batch([b"v"]))).error_code is ErrorCode.invalid_record


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        pytest.param(0, (0, 3), id="the present epoch ends where the log does"),
        pytest.param(7, (-1, -1), id="an epoch to come is unknown"),
    ],
)
async def test_where_an_epoch_ends_is_told(log_address: str, topic: str, asked: int, told: tuple[int, int]) -> None:
    await make_topic(log_address, topic)
    wanted = OffsetForLeaderPartition(partition=i32(0), leader_epoch=i32(asked))
    request = OffsetForLeaderEpochRequest(topics=(OffsetForLeaderTopic(topic=TopicName(topic), partitions=(wanted,)),))
    async with RawClient(log_address) as client:
        assert (await client.produce(topic, batch([b"a", b"b", b"c"]))).error_code is ErrorCode.none
        found = (await client.call(request)).topics[0].partitions[0]
    assert (found.error_code, (found.leader_epoch, found.end_offset)) == (ErrorCode.none, told)


def forget(group: str, topic: str) -> OffsetDeleteRequest:
    part = OffsetDeleteRequestPartition(partition_index=i32(0))
    return OffsetDeleteRequest(
        group_id=GroupId(group), topics=(OffsetDeleteRequestTopic(name=TopicName(topic), partitions=(part,)),)
    )


async def test_a_commit_is_deleted_once_nobody_is_subscribed(log_address: str, topic: str, group: str) -> None:
    await make_topic(log_address, topic)
    part = TopicPartition(topic, 0)
    reader = AIOKafkaConsumer(topic, bootstrap_servers=log_address, group_id=group, enable_auto_commit=False)
    async with RawClient(log_address) as client:
        async with reader, admin_of(log_address) as admin:

            async def has_joined() -> bool:
                return part in reader.assignment()

            await eventually(has_joined, within_s=WITHIN_S, what="it has joined")
            await reader.commit({part: 0})
            nobody = await client.call(forget(f"{group}-of-nobody", topic))
            assert nobody.error_code is ErrorCode.group_id_not_found
            answer = await client.call(forget(group, topic))
            assert answer.topics[0].partitions[0].error_code is ErrorCode.group_subscribed_to_topic
            assert part in await admin.list_consumer_group_offsets(group)
        answer = await client.call(forget(group, topic))
        assert (answer.error_code, answer.topics[0].partitions[0].error_code) == (ErrorCode.none, ErrorCode.none)
    async with admin_of(log_address) as admin:
        assert part not in await admin.list_consumer_group_offsets(group)


async def configs_of(address: str, topic: str) -> dict[str, str]:
    async with admin_of(address) as admin:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {each[0]: each[1] for each in answers[0].resources[0][4]}


async def test_the_old_call_for_configs_replaces_them_all(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic, retention_ms="1000000", segment_bytes="2000000")
    before = await configs_of(log_address, topic)
    assert (before["retention.ms"], before["segment.bytes"]) == ("1000000", "2000000")

    def wanted(name: str, value: str, *, validate_only: bool = False) -> AlterConfigsRequest:
        configs = (AlterableConfig(name=name, value=value),)
        resource = AlterConfigsResource(resource_type=i8(2), resource_name=topic, configs=configs)
        return AlterConfigsRequest(resources=(resource,), validate_only=validate_only)

    async with RawClient(log_address) as client:
        refused = await client.call(wanted("retention.ms", "soon"))
        assert refused.responses[0].error_code is ErrorCode.invalid_config
        judged = await client.call(wanted("retention.ms", "5000000", validate_only=True))
        assert judged.responses[0].error_code is ErrorCode.none
        assert await configs_of(log_address, topic) == before
        done = await client.call(wanted("retention.ms", "5000000"))
        assert done.responses[0].error_code is ErrorCode.none

    async def changed() -> bool:
        return (await configs_of(log_address, topic))["retention.ms"] == "5000000"

    await eventually(changed, within_s=WITHIN_S, what="it is in force")
    assert (await configs_of(log_address, topic))["segment.bytes"] != "2000000", "what is not named is as it comes"


async def test_a_reader_of_what_is_committed_sees_what_was_never_in_a_transaction(log_address: str, topic: str) -> None:
    await make_topic(log_address, topic)
    async with AIOKafkaProducer(bootstrap_servers=log_address, enable_idempotence=True) as producer:
        for number in range(5):
            await producer.send_and_wait(topic, b"%d" % number)
    found = await whole(log_address, topic, "read_committed")
    assert [value for _, _, value in found] == [b"%d" % number for number in range(5)]


TX, PRODUCER, EPOCH = TransactionalId("raw-transaction"), ProducerId(1), i16(0)


@pytest.mark.parametrize("call", ["partitions", "offsets", "end", "commit"])
async def test_every_call_of_a_transaction_is_refused_by_name(log_address: str, topic: str, embedded: bool, call: str) -> None:
    """Apache Kafka does not know a transaction that nobody began; here no producer may have one."""
    await make_topic(log_address, topic)
    name, group = TopicName(topic), GroupId("raw")
    partitions = AddPartitionsToTxnTopic(name=name, partitions=(i32(0),))
    offset = TxnOffsetCommitRequestPartition(partition_index=i32(0), committed_offset=i64(0), committed_metadata=None)
    told: dict[str, tuple[Any, Any]] = {
        "partitions": (
            AddPartitionsToTxnRequest(
                v3_and_below_transactional_id=TX,
                v3_and_below_producer_id=PRODUCER,
                v3_and_below_producer_epoch=EPOCH,
                v3_and_below_topics=(partitions,),
            ),
            lambda answer: answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code,
        ),
        "offsets": (
            AddOffsetsToTxnRequest(transactional_id=TX, producer_id=PRODUCER, producer_epoch=EPOCH, group_id=group),
            lambda answer: answer.error_code,
        ),
        "end": (
            EndTxnRequest(transactional_id=TX, producer_id=PRODUCER, producer_epoch=EPOCH, committed=True),
            lambda answer: answer.error_code,
        ),
        "commit": (
            TxnOffsetCommitRequest(
                transactional_id=TX,
                group_id=group,
                producer_id=PRODUCER,
                producer_epoch=EPOCH,
                topics=(TxnOffsetCommitRequestTopic(name=name, partitions=(offset,)),),
            ),
            lambda answer: answer.topics[0].partitions[0].error_code,
        ),
    }
    request, code = told[call]
    async with RawClient(log_address) as client:
        found = code(await client.call(request))
        assert (await client.produce(topic, batch([b"v"]))).error_code is ErrorCode.none, "the connection goes on"
    if embedded:
        assert found is ErrorCode.transactional_id_authorization_failed
    else:
        assert found is not ErrorCode.transactional_id_authorization_failed
