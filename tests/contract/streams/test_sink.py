"""What ``put`` promises: back only after the log's ack, never for ever, and too large is not the same as away."""

import asyncio
import time
from types import NoneType

import pytest
from aiokafka import AIOKafkaConsumer

from configs.files import FrameLimits
from devices.sink import Record
from domain.errors import BadInput, Code, Unavailable
from domain.topics import Topic
from streams.log import Log
from streams.sink import KafkaSink
from streams.topics import MAX_MESSAGE_BYTES, ensure_topics

pytestmark = pytest.mark.service

HEADERS_AND_KEY_BYTES = 4096
PATIENCE_S = 1.0


@pytest.fixture
async def log(tmp_path):
    async with Log(tmp_path / "log") as running:
        await ensure_topics(f"127.0.0.1:{running.port}")
        yield running


def sink_of(log, **more):
    return KafkaSink(f"127.0.0.1:{log.port}", client_id="test", **more)


@pytest.mark.parametrize(
    ("topic", "size", "who"),
    [
        (Topic.FRAMES, MAX_MESSAGE_BYTES + 1, "the producer, before it is sent"),
        (Topic.OBSERVATIONS, 2 * 1024 * 1024, "the log, whose topic takes less"),
    ],
)
async def test_a_record_too_large_ever_to_be_taken_is_the_senders_fault_and_the_next_one_goes_through(log, topic, size, who):
    async with sink_of(log) as sink:
        with pytest.raises(BadInput) as refused:
            await sink.send(topic.value, key=b"k", value=bytes(size))
        assert refused.value.code is Code.MALFORMED, who
        assert refused.value.where == topic.value
        await sink.send(topic.value, key=b"k", value=b"next")


async def test_of_several_records_each_has_its_own_outcome_and_the_good_ones_are_written_in_order(log):
    good = [Record(topic=Topic.OBSERVATIONS.value, key=b"k", value=b"%d" % number) for number in range(50)]
    large = Record(topic=Topic.OBSERVATIONS.value, key=b"k", value=bytes(MAX_MESSAGE_BYTES + 1))
    async with sink_of(log) as sink:
        outcomes = await sink.put_all([*good[:25], large, *good[25:]])
    assert [type(outcome) for outcome in outcomes] == [*[NoneType] * 25, BadInput, *[NoneType] * 25]
    consumer = AIOKafkaConsumer("observations", bootstrap_servers=f"127.0.0.1:{log.port}", auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            assert [(await consumer.getone()).value for _ in good] == [record.value for record in good]
    finally:
        await consumer.stop()


async def test_while_the_log_is_away_every_record_of_several_is_given_back(tmp_path):
    async with Log(tmp_path / "log") as log:
        await ensure_topics(f"127.0.0.1:{log.port}")
        sink = sink_of(log, patience_s=PATIENCE_S)
        await sink.__aenter__()
    try:
        records = [Record(topic=Topic.OBSERVATIONS.value, key=b"k", value=b"v") for _ in range(5)]
        async with asyncio.timeout(2 * PATIENCE_S + 2):
            outcomes = await sink.put_all(records)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
    finally:
        await sink.__aexit__(None, None, None)


async def test_the_largest_frame_a_site_may_allow_is_taken(log):
    largest = max(constraint.le for constraint in FrameLimits.model_fields["max_bytes"].metadata if hasattr(constraint, "le"))
    async with sink_of(log) as sink:
        for topic in (Topic.FRAMES, Topic.DEAD_LETTERS):
            headers = [("reason", b"r" * HEADERS_AND_KEY_BYTES)]
            await sink.send(topic.value, key=b"k", value=bytes(largest), headers=headers)


async def test_it_returns_only_after_the_ack(tmp_path):
    async with Log(tmp_path / "log") as log:
        await ensure_topics(f"127.0.0.1:{log.port}")
        async with sink_of(log) as sink:
            for number in range(20):
                await sink.send("findings", key=b"k", value=b"finding-%d" % number)
            stored = b"".join(path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file())
            assert all(b"finding-%d" % number in stored for number in range(20))


async def test_while_the_log_is_away_it_says_so_within_a_bounded_time(tmp_path):
    async with Log(tmp_path / "log") as log:
        port = log.port
        await ensure_topics(f"127.0.0.1:{port}")
        sink = sink_of(log, patience_s=PATIENCE_S)
        await sink.__aenter__()
        await sink.send("findings", key=b"k", value=b"before")
    try:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await sink.send("findings", key=b"k", value=b"while away")
        assert time.monotonic() - began < 2 * PATIENCE_S + 1
        async with Log(tmp_path / "log", port=port), asyncio.timeout(20):
            while True:
                try:
                    await sink.send("findings", key=b"k", value=b"after")
                except Unavailable:
                    continue
                break
    finally:
        await sink.__aexit__(None, None, None)


async def test_a_log_that_was_never_there_is_said_to_be_away():
    with pytest.raises(Unavailable):
        async with KafkaSink("127.0.0.1:1", client_id="test", patience_s=PATIENCE_S):
            pass
