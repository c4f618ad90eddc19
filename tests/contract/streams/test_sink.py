"""What ``put`` promises: back only after the log's ack, never for ever, and too large is not the same as away."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from types import NoneType

import pytest
from aiokafka import AIOKafkaConsumer

from configs.files import FrameLimits
from devices import metrics
from devices.sink import Record
from devices.writer import Job, Writer
from domain.errors import BadInput, Code, Unavailable
from domain.topics import Topic
from streams.log import Log
from streams.sink import KafkaSink
from streams.topics import MAX_MESSAGE_BYTES, ensure_topics
from tests.contract.log.logs import admin_of

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
    assert [record.value for record in await told(log, len(good))] == [record.value for record in good]


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


async def told(log, count, *, within_s=20):
    """The first ``count`` facts that the log has, in the order of each partition."""
    consumer = AIOKafkaConsumer("observations", bootstrap_servers=f"127.0.0.1:{log.port}", auto_offset_reset="earliest")
    await consumer.start()
    found = []
    try:
        async with asyncio.timeout(within_s):
            while len(found) < count:
                found.append(await consumer.getone())
    finally:
        await consumer.stop()
    return found


async def test_several_records_lie_where_single_ones_of_their_key_lie_and_large_ones_go_in_parts(log):
    keys = [b"merchant-%d" % number for number in range(12)]
    large = bytes(100 * 1024)  # three fill a batch
    records = [Record(topic=Topic.OBSERVATIONS.value, key=key, value=large + b"%d" % part) for part in range(3) for key in keys]
    async with sink_of(log) as sink:
        assert await sink.put_all(records) == [None] * len(records)
        for key in keys:
            await sink.put(Record(topic=Topic.OBSERVATIONS.value, key=key, value=large + b"3"))
    found = await told(log, 4 * len(keys))
    for key in keys:
        own = [record for record in found if record.key == key]
        assert [record.value[len(large) :] for record in own] == [b"0", b"1", b"2", b"3"]
        assert len({record.partition for record in own}) == 1


async def test_a_merchants_facts_keep_their_order_over_a_log_that_is_away_for_longer_than_the_patience(tmp_path):
    """The way out of the gateway over its real sink: what timed out is tried again, and what came later waits behind it."""
    async with AsyncExitStack() as served:
        log = await served.enter_async_context(Log(tmp_path / "log"))
        await ensure_topics(log.address)
        sink = sink_of(log, patience_s=PATIENCE_S / 2)
        await sink.__aenter__()
        outlet = Outlet(sink)
        await outlet.until(20)
    away = outlet.written
    await outlet.until_retried()
    async with Log(tmp_path / "log", port=log.port) as again:
        await outlet.until(away + 100)
        await outlet.close()
        await sink.__aexit__(None, None, None)
        facts = {}
        for record in await told(again, outlet.written):
            facts.setdefault(record.key, {}).setdefault(int(record.value))
    for key, numbers in facts.items():
        assert list(numbers) == sorted(numbers), f"facts of {key!r} were overtaken"


class Outlet:
    """Writes numbered facts of three merchants, every few milliseconds some, through the gateway's writer."""

    def __init__(self, sink):
        self.written = self._number = 0
        self._tasks = set()
        self._retries = metrics.PUT_RETRIES._value.get()
        self._writer = Writer(sink, begin=self._begin, written=self._done, bury=lambda _job, _error: None)
        self._begin(self._tell())

    async def until_retried(self):
        """The sink has lost patience, and again after that."""
        async with asyncio.timeout(30):
            while metrics.PUT_RETRIES._value.get() < self._retries + 3:  # noqa: ASYNC110 - the writer knows no listener
                await asyncio.sleep(0.01)

    def _begin(self, work):
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _done(self, jobs):
        self.written += len(jobs)

    async def _tell(self):
        self._open = True
        while self._open:
            if self._number - self.written < 60:
                self._writer.write([self._job() for _ in range(3)])
            await asyncio.sleep(0.005)

    def _job(self):
        self._number += 1
        key, value = b"merchant-%d" % (self._number % 3), b"%d" % self._number
        records = (Record(topic=Topic.OBSERVATIONS.value, key=key, value=value),)
        return Job(None, None, datetime(2026, 11, 20, tzinfo=UTC), 0.0, "scale.weigh", "scl", records=records)

    async def until(self, count):
        async with asyncio.timeout(30):
            while self.written < count:  # noqa: ASYNC110 - the writer knows no listener
                await asyncio.sleep(0.01)

    async def close(self):
        self._open = False
        async with asyncio.timeout(30):
            while self._tasks:
                await asyncio.wait(self._tasks)


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


@pytest.mark.parametrize("way", ["one at a time", "several at once"])
async def test_a_topic_that_was_deleted_is_made_again_without_a_restart_of_anybody(tmp_path, way):
    async with Log(tmp_path / "log", auto_create=False) as log:
        await ensure_topics(log.address)
        async with sink_of(log, patience_s=PATIENCE_S) as sink:
            await sink.send(Topic.FINDINGS.value, key=b"k", value=b"before")
            async with admin_of(log.address) as admin:
                await admin.delete_topics([Topic.FINDINGS.value])
            record = Record(topic=Topic.FINDINGS.value, key=b"k", value=b"after")
            taken = False
            async with asyncio.timeout(30):
                while not taken:
                    if way == "several at once":
                        taken = await sink.put_all([record]) == [None]
                        continue
                    with suppress(Unavailable):
                        await sink.put(record)
                        taken = True
