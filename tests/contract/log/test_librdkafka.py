"""librdkafka (confluent-kafka) on both logs: codecs, groups, times, what an administrator asks, and what differs."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

pytestmark = pytest.mark.service
T = TypeVar("T")
BEGUN_MS = 1_700_000_000_000
YEARS_MS = 20 * 365 * 86_400_000
"""Kept longer than the records are old: Kafka sweeps every five minutes, whoever is in the middle of a test."""


@cache
def admin(address: str) -> AdminClient:
    """Kept: a client that is collected takes what it was asked with it."""
    return AdminClient({"bootstrap.servers": address})


def done(futures: dict[Any, Future[T]]) -> T:
    (future,) = futures.values()
    return future.result(20)


def create(address: str, topic: str, partitions: int = 1, **configs: str) -> None:
    named = {name.replace("_", "."): value for name, value in configs.items()}
    done(admin(address).create_topics([NewTopic(topic, partitions, 1, config=named)]))
    until(lambda: topic in admin(address).list_topics(timeout=10).topics, "the topic is listed")


def until(probe: Callable[[], Any], what: str, within_s: float = 20) -> Any:
    give_up_at = time.monotonic() + within_s
    while not (found := probe()):
        assert time.monotonic() < give_up_at, f"not within {within_s} s: {what}"
        time.sleep(0.05)
    return found


def produce(address: str, topic: str, values: list[bytes], **options: Any) -> list[int]:
    """Produce a second apart, all to partition 0; returns the offsets."""
    offsets: list[int] = []

    def told(problem: Any, message: Any) -> None:
        assert problem is None, problem
        offsets.append(message.offset())

    producer = Producer({"bootstrap.servers": address, "linger.ms": 5, **options})
    for number, value in enumerate(values):
        headers = [("n", str(number).encode())]
        producer.produce(topic, value, partition=0, timestamp=BEGUN_MS + number * 1000, headers=headers, on_delivery=told)
    assert producer.flush(20) == 0
    return offsets


def consumer(address: str, group: str = "nobody", **options: Any) -> Consumer:
    settings = {"auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 6000, **options}
    return Consumer({"bootstrap.servers": address, "group.id": group, "heartbeat.interval.ms": 300, **settings})


def take(reader: Consumer, count: int, within_s: float = 20) -> list[Any]:
    found: list[Any] = []
    give_up_at = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < give_up_at:
        message = reader.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
    return found


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_comes_back_as_it_went(log_address: str, topic: str, codec: str) -> None:
    create(log_address, topic)
    values = [b"%d:" % number + b"x" * 500 for number in range(200)]
    options = {"compression.type": codec, "enable.idempotence": True}
    assert produce(log_address, topic, values, **options) == list(range(200))
    reader = consumer(log_address, **{"isolation.level": "read_committed"})
    reader.assign([TopicPartition(topic, 0, 0)])
    messages = take(reader, 200)
    assert [each.value() for each in messages] == values
    assert messages[7].headers() == [("n", b"7")]
    assert messages[7].timestamp() == (1, BEGUN_MS + 7000)
    part = TopicPartition(topic, 0, BEGUN_MS + 100_000)
    assert reader.offsets_for_times([part], timeout=10)[0].offset <= 100, "never later than the first record since"
    reader.close()


def test_a_group_commits_and_goes_on_from_there(log_address: str, topic: str, group: str) -> None:
    create(log_address, topic)
    produce(log_address, topic, [b"%d" % number for number in range(10)])
    reader = consumer(log_address, group)
    reader.subscribe([topic])
    assert len(take(reader, 10)) == 10
    reader.commit(offsets=[TopicPartition(topic, 0, 6)], asynchronous=False)
    reader.close()
    again = consumer(log_address, group)
    again.subscribe([topic])
    assert [each.offset() for each in take(again, 4)] == [6, 7, 8, 9]
    assert again.committed([TopicPartition(topic, 0)], timeout=10)[0].offset == 6
    again.close()


def test_a_static_member_that_comes_back_keeps_its_partitions_without_a_rebalance(
    log_address: str, topic: str, group: str
) -> None:
    create(log_address, topic, 2)
    produce(log_address, topic, [b"1", b"2"])

    def member(name: str) -> Consumer:
        return consumer(log_address, group, **{"group.instance.id": name, "session.timeout.ms": 10000})

    rebalances: list[str] = []
    first, second = member("one"), member("two")
    first.subscribe([topic], on_revoke=lambda *_: rebalances.append("the one that stayed"))
    second.subscribe([topic])

    def shared() -> bool:
        first.poll(0.05), second.poll(0.05)
        return len(first.assignment()) == len(second.assignment()) == 1

    until(shared, "each has a partition")
    held = {each.partition for each in second.assignment()}
    second.close()  # a static member does not say that it leaves
    rebalances.clear()
    again = member("two")
    again.subscribe([topic], on_revoke=lambda *_: rebalances.append("the one that came back"))

    def back() -> bool:
        first.poll(0.05), again.poll(0.05)
        return {each.partition for each in again.assignment()} == held

    until(back, "its partition again")
    assert not rebalances
    told = done(admin(log_address).describe_consumer_groups([group]))
    assert sorted(each.group_instance_id for each in told.members) == ["one", "two"]
    again.close()
    first.close()


def test_an_administrator_grows_changes_empties_and_deletes(log_address: str, topic: str) -> None:
    create(log_address, topic, 1, retention_ms=str(YEARS_MS))
    produce(log_address, topic, [b"%d" % number for number in range(10)])
    client = admin(log_address)
    done(client.create_partitions([NewPartitions(topic, 3)]))
    until(lambda: len(client.list_topics(topic, timeout=10).topics[topic].partitions) == 3, "three partitions")
    entry = ConfigEntry("retention.ms", str(2 * YEARS_MS), incremental_operation=AlterConfigOpType.SET)
    append = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND)
    done(client.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry, append])]))

    def configs() -> dict[str, str]:
        told: Any = done(client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
        return {name: each.value for name, each in told.items()}

    until(lambda: configs()["retention.ms"] == str(2 * YEARS_MS), "the setting in force")
    assert set(configs()["cleanup.policy"].split(",")) == {"delete", "compact"}
    wrong = ConfigEntry("retention.ms", "soon", incremental_operation=AlterConfigOpType.SET)
    bad = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[wrong])
    with pytest.raises(KafkaException, match=r"INVALID_CONFIG|soon"):
        done(client.incremental_alter_configs([bad]))
    assert done(client.delete_records([TopicPartition(topic, 0, 4)])).low_watermark == 4
    part = TopicPartition(topic, 0)
    assert done(client.list_offsets({part: OffsetSpec.earliest()})).offset == 4
    assert done(client.list_offsets({part: OffsetSpec.latest()})).offset == 10
    newest = done(client.list_offsets({part: OffsetSpec.max_timestamp()}))
    assert (newest.offset, newest.timestamp) == (9, BEGUN_MS + 9000)
    assert done(client.list_offsets({part: OffsetSpec.for_timestamp(BEGUN_MS + 6500)})).offset == 7
    reader = consumer(log_address, **{"auto.offset.reset": "error"})
    reader.assign([TopicPartition(topic, 0, 1)])
    refused = until(lambda: reader.poll(0.5), "an answer")
    assert "out of range" in str(refused.error()).lower()
    reader.close()
    done(client.delete_topics([topic]))
    until(lambda: topic not in client.list_topics(timeout=10).topics, "gone")


def test_the_cluster_and_its_groups_are_described_and_a_dead_group_deleted(log_address: str, topic: str, group: str) -> None:
    create(log_address, topic)
    client = admin(log_address)
    nodes = client.describe_cluster().result(10).nodes
    assert [f"{node.host}:{node.port}" for node in nodes] == [log_address]
    reader = consumer(log_address, group)
    reader.subscribe([topic])
    until(lambda: reader.poll(0.1) or reader.assignment(), "assigned")
    reader.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    with pytest.raises(KafkaException, match=r"(?i)not empty|NON_EMPTY"):
        done(client.delete_consumer_groups([group]))
    reader.close()
    listed = {each.group_id: each.state.name for each in client.list_consumer_groups().result(10).valid}
    assert listed[group] in {"EMPTY", "STABLE", "PREPARING_REBALANCING"}
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
    assert done(client.list_consumer_group_offsets([wanted])).topic_partitions[0].offset == 0
    until(lambda: done(client.describe_consumer_groups([group])).state.name == "EMPTY", "the last member gone")
    done(client.delete_consumer_groups([group]))
    with pytest.raises(KafkaException, match=r"(?i)GROUP_ID_NOT_FOUND|not found|not exist"):
        done(client.delete_consumer_groups([group]))


def test_transactions_are_apache_kafkas_alone(log_address: str, topic: str, embedded: bool) -> None:
    """The difference: the embedded log refuses a transactional producer at once, by name, and the error is final."""
    create(log_address, topic)
    producer = Producer({"bootstrap.servers": log_address, "transactional.id": f"tx-{topic}"})
    if not embedded:
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(topic, b"v")
        producer.commit_transaction(20)
        return
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(10)
    assert refused.value.args[0].name() == "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"
    assert refused.value.args[0].fatal()


def test_a_time_in_a_compressed_batch_finds_the_record_or_the_batch(log_address: str, topic: str, embedded: bool) -> None:
    """The difference: the embedded log does not open compressed batches; it answers the first offset of one, never too late."""
    create(log_address, topic)
    produce(log_address, topic, [b"x" * 100] * 50, **{"compression.type": "gzip", "linger.ms": 500})
    reader = consumer(log_address)
    found = reader.offsets_for_times([TopicPartition(topic, 0, BEGUN_MS + 30_000)], timeout=10)[0].offset
    assert found == (0 if embedded else 30)
    reader.close()
