"""The log as a whole in this process: what it refuses, survives and forgets nothing of."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kio.schema.create_topics.v4.request import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from kio.schema.errors import ErrorCode
from kio.schema.fetch.v11.request import FetchPartition, FetchRequest, FetchTopic
from kio.schema.find_coordinator.v2.request import FindCoordinatorRequest
from kio.schema.init_producer_id.v1.request import InitProducerIdRequest
from kio.schema.metadata.v8.request import MetadataRequest, MetadataRequestTopic
from kio.schema.types import TopicName, TransactionalId
from kio.static.primitive import i8, i16, i32, i64

from domain.errors import ConfigurationError
from streams.log import Damaged, Limits, Log, TopicSettings
from streams.log import catalog as catalog_module
from streams.log.apis import APIS
from streams.log.exposition import exposed
from streams.log.partition import Partition
from tests.contract.log.batches import batch
from tests.contract.log.raw import RawClient, body_of, frame, milliseconds, produce_request


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    async with Log(
        tmp_path / "log", topics={"loose": TopicSettings(fsync=False)}, limits=Limits(request_bytes=1_000_000)
    ) as running:
        yield running


def metadata(*names: str, create: bool = True) -> MetadataRequest:
    return MetadataRequest(
        topics=tuple(MetadataRequestTopic(name=TopicName(name)) for name in names),
        allow_auto_topic_creation=create,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
    )


def fetch(topic: str, offset: int, *, wait_ms: int = 0, min_bytes: int = 1) -> FetchRequest:
    part = FetchPartition(partition=i32(0), fetch_offset=i64(offset), partition_max_bytes=i32(1_000_000))
    return FetchRequest(
        max_wait=milliseconds(wait_ms),
        min_bytes=i32(min_bytes),
        topics=(FetchTopic(topic=TopicName(topic), partitions=(part,)),),
        forgotten_topics_data=(),
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_any_address_but_loopback_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback only"):
        Log(tmp_path, host=host)


async def test_a_directory_serves_one_log_at_a_time(log: Log) -> None:
    with pytest.raises(ConfigurationError, match="another process"):
        async with Log(log.directory):
            pass


async def test_a_taken_port_is_a_clear_error_and_frees_the_directory(log: Log, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{log.port}"):
        async with Log(tmp_path / "other", port=log.port):
            pass
    async with Log(tmp_path / "other"):
        pass


async def test_a_missing_catalog_beside_topics_stops_the_start(tmp_path: Path) -> None:
    async with Log(tmp_path) as log, RawClient(log.address) as client:
        await client.call(metadata("t"))
    (tmp_path / "catalog.json").unlink()
    with pytest.raises(Damaged, match=r"catalog\.json"):
        async with Log(tmp_path):
            pass


async def test_it_stops_within_a_second_while_fetches_are_held(tmp_path: Path) -> None:
    async with Log(tmp_path) as log, RawClient(log.address) as client:
        await client.call(metadata("t"))
        await client.send(frame(1, 11, body_of(fetch("t", 0, wait_ms=30_000))))
        began = time.monotonic()
    assert time.monotonic() - began < 1.0


async def test_answers_leave_in_the_order_of_the_requests_though_a_fetch_waits(log: Log) -> None:
    async with RawClient(log.address) as waiting, RawClient(log.address) as other:
        await waiting.call(metadata("t"))
        await waiting.send(frame(1, 11, body_of(fetch("t", 0, wait_ms=20_000)), correlation_id=1))
        await waiting.send(frame(3, 8, body_of(metadata("t")), correlation_id=2))
        began = time.monotonic()
        assert (await other.produce("t", batch([b"v"]))).error_code is ErrorCode.none
        assert [(await waiting.answer())[0], (await waiting.answer())[0]] == [1, 2]
        assert time.monotonic() - began < 5


async def test_a_fetch_that_finds_nothing_answers_when_its_time_is_up(log: Log) -> None:
    async with RawClient(log.address) as client:
        await client.call(metadata("t"))
        began = time.monotonic()
        answer = await client.call(fetch("t", 0, wait_ms=300))
        assert 0.25 < time.monotonic() - began < 3
        assert answer.responses[0].partitions[0].records == b""


async def test_produce_without_acks_gets_no_answer_and_is_stored(log: Log) -> None:
    async with RawClient(log.address) as client:
        await client.call(metadata("t"))
        await client.send(frame(0, 8, body_of(produce_request("t", batch([b"v"]), acks=0)), correlation_id=50))
        await client.send(frame(3, 8, body_of(metadata("t")), correlation_id=51))
        assert (await client.answer())[0] == 51
        answer = await client.call(fetch("t", 0, wait_ms=5000))
        assert answer.responses[0].partitions[0].high_watermark == 1


@pytest.mark.parametrize(
    ("request_of", "code", "reason"),
    [
        (produce_request("t", batch([b"x" * 2_000]), acks=5), ErrorCode.invalid_required_acks, "acks 5"),
        (produce_request("t", batch([b"x"]), partition=9), ErrorCode.unknown_topic_or_partition, "no such partition"),
        (produce_request("t", batch([b"x"]), partition=-1), ErrorCode.unknown_topic_or_partition, "partition -1"),
        (produce_request("nowhere", batch([b"x"])), ErrorCode.unknown_topic_or_partition, "produce does not create"),
        (produce_request("t", b"garbage"), ErrorCode.corrupt_message, "no batch"),
    ],
)
async def test_a_bad_produce_is_told_why(log: Log, request_of: object, code: ErrorCode, reason: str) -> None:
    async with RawClient(log.address) as client:
        await client.call(metadata("t"))
        answer = await client.call(request_of)
        part = answer.responses[0].partition_responses[0]
        assert part.error_code is code, reason
        assert part.error_message


async def test_transactions_are_refused_by_name(log: Log) -> None:
    async with RawClient(log.address) as client:
        found = await client.call(FindCoordinatorRequest(key="tx", key_type=i8(1)))
        assert found.error_code is ErrorCode.transactional_id_authorization_failed
        assert "transactions are not supported" in found.error_message
        wanted = InitProducerIdRequest(transactional_id=TransactionalId("tx"), transaction_timeout=milliseconds(1000))
        assert (await client.call(wanted)).error_code is ErrorCode.transactional_id_authorization_failed


async def test_a_producer_id_is_never_given_twice_even_after_a_restart(tmp_path: Path) -> None:
    given = []
    for _ in range(3):
        async with Log(tmp_path) as log, RawClient(log.address) as client:
            given += [await client.new_producer_id() for _ in range(5)]
    assert len(set(given)) == 15


async def test_metadata_creates_a_topic_only_where_the_log_and_the_client_say_so(tmp_path: Path) -> None:
    async with Log(tmp_path, auto_create=False) as log, RawClient(log.address) as client:
        answer = await client.call(metadata("t"))
        assert answer.topics[0].error_code is ErrorCode.unknown_topic_or_partition
    async with Log(tmp_path, auto_create=True) as log, RawClient(log.address) as client:
        answer = await client.call(metadata("t", create=False))
        assert answer.topics[0].error_code is ErrorCode.unknown_topic_or_partition
        answer = await client.call(metadata("t"))
        assert answer.topics[0].error_code is ErrorCode.none


async def test_a_client_that_makes_up_topics_is_refused_before_files_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "MAX_PARTITIONS_IN_ALL", 5)
    async with Log(tmp_path, auto_create=True) as log, RawClient(log.address) as client:
        found = [(await client.call(metadata(f"made-up-{number}"))).topics[0].error_code for number in range(8)]
        assert found == [ErrorCode.none] * 5 + [ErrorCode.invalid_partitions] * 3
        assert (await client.call(metadata("made-up-0"))).topics[0].error_code is ErrorCode.none
        assert log.metrics.partitions == 5
        wanted = CreatableTopic(
            name=TopicName("more"), num_partitions=i32(1), replication_factor=i16(1), assignments=(), configs=()
        )
        refused = await client.call(CreateTopicsRequest(topics=(wanted,)))
        assert "the log has 5 partitions and takes 5 in all" in refused.topics[0].error_message
    monkeypatch.undo()
    async with Log(tmp_path) as log:
        assert log.metrics.partitions == 5


@pytest.mark.parametrize(
    ("name", "partitions", "replicas", "configs", "code"),
    [
        ("../../etc", 1, 1, {}, ErrorCode.invalid_topic_exception),
        ("..", 1, 1, {}, ErrorCode.invalid_topic_exception),
        ("", 1, 1, {}, ErrorCode.invalid_topic_exception),
        ("t", 0, 1, {}, ErrorCode.invalid_partitions),
        ("t", 100_000, 1, {}, ErrorCode.invalid_partitions),
        ("t", 1, 3, {}, ErrorCode.invalid_replication_factor),
        ("t", 1, 1, {"retention.msec": "1"}, ErrorCode.invalid_config),
        ("t", 1, 1, {"retention.ms": "soon"}, ErrorCode.invalid_config),
        ("t", 1, 1, {"cleanup.policy": "shred"}, ErrorCode.invalid_config),
        ("t", 3, -1, {"cleanup.policy": "compact", "retention.ms": "1000"}, ErrorCode.none),
    ],
)
async def test_a_topic_is_created_or_refused_with_a_reason(
    log: Log, name: str, partitions: int, replicas: int, *, configs: dict[str, str], code: ErrorCode
) -> None:
    topic = CreatableTopic(
        name=TopicName(name),
        num_partitions=i32(partitions),
        replication_factor=i16(replicas),
        assignments=(),
        configs=tuple(CreatableTopicConfig(name=key, value=value) for key, value in configs.items()),
    )
    async with RawClient(log.address) as client:
        answer = await client.call(CreateTopicsRequest(topics=(topic,)))
        assert answer.topics[0].error_code is code
        assert (answer.topics[0].error_message is None) == (code is ErrorCode.none)


async def test_an_oversized_frame_closes_its_connection_unread(log: Log) -> None:
    async with RawClient(log.address) as client:
        await client.send(struct.pack(">i", 1_000_001))
        assert await client.closed()
    assert log.metrics.malformed_requests == 1


async def test_random_bytes_never_stop_the_log(log: Log) -> None:
    dice = random.Random(4)
    keys = [*APIS, 24, 77, 32767, -1]
    for _ in range(300):
        content = dice.randbytes(dice.randrange(0, 120))
        kind = dice.randrange(4)
        data = {
            0: content,
            1: struct.pack(">i", len(content)) + content,
            2: frame(dice.choice(keys), dice.randrange(-1, 14), content),
            3: frame(dice.choice(keys), dice.randrange(0, 12), content)[: dice.randrange(1, 60)],
        }[kind]
        async with RawClient(log.address) as client:
            await client.send(data)
            client.writer.write_eof()
            await asyncio.wait_for(client.reader.read(), 10)
    async with RawClient(log.address) as client:
        await client.call(metadata("after"))
        assert (await client.produce("after", batch([b"v"]))).base_offset == 0
    assert log.metrics.failed_requests == 0
    assert log.metrics.malformed_requests > 50


async def test_mutated_real_requests_never_stop_the_log(log: Log) -> None:
    dice = random.Random(5)
    async with RawClient(log.address) as client:
        await client.call(metadata("t"))
    seeds = [
        frame(0, 8, body_of(produce_request("t", batch([b"v"] * 3)))),
        frame(1, 11, body_of(fetch("t", 0))),
        frame(3, 8, body_of(metadata("t", create=False))),
    ]
    for _ in range(300):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(12, len(data))] = dice.randrange(256)
        async with RawClient(log.address) as client:
            await client.send(bytes(data))
            client.writer.write_eof()
            await asyncio.wait_for(client.reader.read(), 35)
    assert log.metrics.failed_requests == 0
    async with RawClient(log.address) as client:
        answer = await client.call(fetch("t", 0))
        assert answer.responses[0].partitions[0].error_code is ErrorCode.none


async def test_metrics_are_there_for_prometheus_under_their_names(log: Log) -> None:
    async with RawClient(log.address) as client:
        await client.call(metadata("t"))
        await client.produce("t", batch([b"a", b"b"]))
        text = exposed(log.metrics)
    assert "kitchen_log_appended_records_total 2.0" in text
    assert 'kitchen_log_requests_total{api="Produce",result="answered"} 1.0' in text
    assert "kitchen_log_connections 1.0" in text
    assert "kitchen_log_syncs_total 1.0" in text


async def test_an_error_of_the_log_itself_ends_neither_upkeep_nor_that_of_other_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Path] = []
    real = Partition.housekeep

    async def housekeep(partition: Partition, now: float) -> None:
        if partition.directory.parent.name.startswith("first-"):
            raise ValueError("what nobody thought of")
        kept.append(partition.directory)
        await real(partition, now)

    monkeypatch.setattr(Partition, "housekeep", housekeep)
    async with Log(tmp_path / "log", retention_every_s=0.01) as log, RawClient(log.address) as client:
        await client.call(metadata("first", "second"))
        async with asyncio.timeout(20):
            while len(kept) < 3:  # noqa: ASYNC110 - polls with a bound
                await asyncio.sleep(0.01)
        assert log.metrics.failed_upkeeps >= 2
