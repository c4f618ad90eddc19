"""What may be changed of a topic while it is used, what a failing disk does, and how damage is told."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from kio.schema.errors import ErrorCode

from streams.log.batch import read_header
from streams.log.catalog import Catalog
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.partition import Partition
from streams.log.producers import REMEMBERED_FOR
from streams.log.segment import Segment
from streams.log.settings import TopicSettings, with_configs
from streams.log.upkeep import age_of_closing
from tests.contract.log.batches import batch, keyed_batch
from tests.unit.log.power import stored

NOW = 1_800_000_000.0
SMALL = TopicSettings(segment_bytes=300)


@asynccontextmanager
async def catalog(directory: Path, settings: TopicSettings = SMALL) -> AsyncIterator[Catalog]:
    with ThreadPoolExecutor(2) as executor:
        opened = Catalog(directory, lambda _: settings, executor, Metrics())
        yield opened
        await opened.close()


async def filled(partition: Partition, count: int, *, producer: int = -1) -> None:
    for number in range(count):
        chosen = {"producer_id": producer, "epoch": 0, "sequence": number} if producer >= 0 else {}
        appended = partition.append(keyed_batch([(b"k%d" % number, b"%d" % number)], **chosen), NOW)
        if appended.synced is not None:
            await asyncio.shield(appended.synced)


async def refusal(act: Callable[[], object]) -> ErrorCode:
    with pytest.raises(Refused) as refused:
        await act()  # type: ignore[misc]
    return refused.value.code


async def test_deleted_records_stay_deleted_and_their_files_go(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 20)
        files = partition.segment_count
        assert await partition.delete_before(11) == 11
        assert partition.segment_count < files
        assert min(stored(partition)) == 11
        with pytest.raises(Refused) as refused:
            partition.read(10, 100, at_least_one=True)
        assert refused.value.code is ErrorCode.offset_out_of_range
        assert await partition.delete_before(3) == 11, "what is gone does not come back"
    async with catalog(tmp_path) as log:
        partition = log.partition("t", 0)
        assert (partition.start_offset, partition.end_offset) == (11, 20)
        assert await partition.delete_before(-1) == 20
        assert (partition.size, stored(partition)) == (0, {})
        assert partition.append(batch([b"next"]), NOW).base_offset == 20


async def test_records_are_deleted_only_where_that_makes_sense(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 3)
        assert await refusal(lambda: partition.delete_before(4)) is ErrorCode.offset_out_of_range
        assert await refusal(lambda: partition.delete_before(-2)) is ErrorCode.offset_out_of_range
        register = (await log.create("r", configs={"cleanup.policy": "compact"})).partitions[0]  # type: ignore[union-attr]
        assert await refusal(lambda: register.delete_before(0)) is ErrorCode.policy_violation


async def test_a_topic_is_kept_otherwise_from_now_on_and_after_a_restart(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        await log.create("t", configs={"retention.ms": "1000"})
        await log.alter("t", {"max.message.bytes": "100", "cleanup.policy": "compact,delete"})
        with pytest.raises(Refused) as refused:
            log.partition("t", 0).append(keyed_batch([(b"k", b"x" * 200)]), NOW)
        assert refused.value.code is ErrorCode.message_too_large
        assert await refusal(lambda: log.alter("t", {"retention.ms": "soon"})) is ErrorCode.invalid_config
        assert await refusal(lambda: log.alter("no", {})) is ErrorCode.unknown_topic_or_partition
        assert (await log.alter("t", {"retention.ms": "7"}, dry_run=True)).settings.retention == timedelta(milliseconds=7)
    async with catalog(tmp_path) as log:
        kept = log.settings("t")
        assert (kept.max_message_bytes, kept.compact, kept.delete_too) == (100, True, True)
        assert kept.retention == timedelta(seconds=1)
        await log.alter("t", {"max.message.bytes": None})
        assert log.settings("t").max_message_bytes == SMALL.max_message_bytes
        await log.alter("t", {"segment.ms": "5000"}, replace_all=True)
        assert log.settings("t") == with_configs(SMALL, {"segment.ms": "5000"})


async def test_a_topic_made_durable_syncs_what_it_had_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with catalog(tmp_path, TopicSettings(fsync=False)) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        assert partition.append(batch([b"loose"]), NOW).synced is None
        await log.alter("t", {"flush.messages": "1"})
        synced: list[int] = []
        real = Segment.sync

        def noted(segment: Segment) -> None:
            synced.append(segment.size)
            real(segment)

        monkeypatch.setattr(Segment, "sync", noted)
        following = partition.append(batch([b"firm"]), NOW)
        assert following.synced is not None
        await following.synced
        assert synced == [partition.size]


async def test_a_topic_grows_and_never_shrinks(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        await log.create("t", 2)
        await filled(log.partition("t", 1), 3)
        assert len((await log.grow("t", 4)).partitions) == 4
        for total in (4, 3, 0, 100_000):
            assert await refusal(lambda total=total: log.grow("t", total)) is ErrorCode.invalid_partitions  # type: ignore[misc]
        assert await refusal(lambda: log.grow("no", 4)) is ErrorCode.unknown_topic_or_partition
        await filled(log.partition("t", 3), 1)
    async with catalog(tmp_path) as log:
        assert [log.partition("t", number).end_offset for number in range(4)] == [0, 3, 0, 1]


async def test_a_deleted_topic_frees_its_files_even_if_the_log_dies_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with catalog(tmp_path) as log:
        await log.create("t")
        await filled(log.partition("t", 0), 5)
        monkeypatch.setattr(Catalog, "_remove_doomed", lambda _: None)
        await log.delete("t")
        assert list((tmp_path / "topics").iterdir())
    monkeypatch.undo()
    async with catalog(tmp_path) as log:
        assert log.get("t") is None
        assert not list((tmp_path / "topics").iterdir())


async def test_a_disk_that_takes_no_catalog_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with catalog(tmp_path) as log:
        await log.create("t")

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as disk:
            disk.setattr("streams.log.catalog.replace_file", full)
            for act in (
                lambda: log.create("u"),
                lambda: log.delete("t"),
                lambda: log.alter("t", {"retention.ms": "5"}),
                lambda: log.grow("t", 3),
                log.new_producer_id,
                log.new_producer_id,
            ):
                assert await refusal(act) is ErrorCode.kafka_storage_error
        assert [topic.name for topic in log] == ["t"]
        assert (len(log.get("t").partitions), log.settings("t").retention) == (1, None)  # type: ignore[union-attr]
        first = await log.new_producer_id()
    async with catalog(tmp_path) as log:
        assert await log.new_producer_id() > first


@pytest.mark.parametrize("of", ["a write", "a sync", "a sync while sealing"])
async def test_a_failing_disk_stops_the_partition_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 2)
        with structlog.testing.capture_logs() as said, monkeypatch.context() as disk:
            if of == "a write":
                disk.setattr(os, "pwrite", broken)
                with pytest.raises(Refused):
                    partition.append(batch([b"v"]), NOW)
            elif of == "a sync":
                disk.setattr(os, "fdatasync", broken)
                with pytest.raises(OSError, match="Input"):
                    await partition.append(batch([b"v"]), NOW).synced  # type: ignore[misc]
            else:
                disk.setattr(Segment, "sync", broken)
                partition._upkeep.roll()
                await partition.sealed()
        with pytest.raises(Refused) as refused:
            partition.append(batch([b"w"]), NOW)
        assert refused.value.code is ErrorCode.kafka_storage_error
        assert "restart the log once it is sound" in refused.value.message
        assert "log sync failed" in {line["event"] for line in said}
        assert log._metrics.failed_partitions == 1
        assert len(stored(partition)) == 2, "what was safe is still served"
        await log.create("other")
        await filled(log.partition("other", 0), 1)


async def test_a_sync_failure_is_told_to_everybody_though_the_kernel_tells_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segment.create(tmp_path, 0)
    failures = iter([OSError(errno.EIO, "Input/output error")])

    def once(_: int) -> None:
        if (problem := next(failures, None)) is not None:
            raise problem

    monkeypatch.setattr(os, "fdatasync", once)
    for _ in range(2):
        with pytest.raises(OSError, match="Input"):
            segment.sync()
    segment.close()


async def test_damage_is_skipped_counted_and_told_with_file_byte_and_offsets(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 12)
        oldest = partition.chain.segments[0].path
    content = bytearray(oldest.read_bytes())
    second = read_header(content).size
    content[second + 65] ^= 0x01
    oldest.write_bytes(content)
    with structlog.testing.capture_logs() as said:
        async with catalog(tmp_path) as log:
            partition = log.partition("t", 0)
            await log.housekeep(NOW)
            assert [line for line in said if line["event"] == "log damaged"] == [
                {
                    "event": "log damaged",
                    "log_level": "error",
                    "file": str(oldest),
                    "first_byte": second,
                    "damaged_bytes": second,
                    "first_offset_lost": 1,
                    "last_offset_lost": 1,
                    "advice": "these records are skipped; restore the file and its .seal from a copy while the log is stopped",
                }
            ]
            assert sorted(stored(partition)) == [0, *range(2, 12)]
            assert read_header(partition.read(1, 1, at_least_one=True)).base_offset == 2
            await log.housekeep(NOW + 60)
            assert (log._metrics.damaged_ranges, log._metrics.damaged_bytes) == (1, second)
    assert oldest.read_bytes() == content, "evidence is left as it is"


async def test_a_missing_file_is_told_and_the_rest_stays_readable(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 12)
        lost = partition.chain.segments[1]
        first, end = lost.base_offset, lost.end_offset
    lost.path.unlink()
    with structlog.testing.capture_logs() as said:
        async with catalog(tmp_path) as log:
            partition = log.partition("t", 0)
            assert sorted(stored(partition)) == [offset for offset in range(12) if not first <= offset < end]
    told = next(line for line in said if line["event"] == "log damaged")
    assert (told["first_offset_lost"], told["last_offset_lost"]) == (first, end - 1)


async def test_bytes_that_are_not_in_memory_are_waited_for_in_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 12)
        await partition.sealed()
        readers: set[str] = set()
        real = os.pread

        def on_disk(*_: object) -> int:
            raise BlockingIOError(errno.EAGAIN, "not in memory")

        def noted(descriptor: int, length: int, position: int) -> bytes:
            readers.add(threading.current_thread().name)
            return real(descriptor, length, position)

        monkeypatch.setattr(os, "preadv", on_disk)
        monkeypatch.setattr(os, "pread", noted)
        found = await partition.fetch(0, 1000, at_least_one=True)
        assert read_header(found).base_offset == 0
        assert threading.main_thread().name not in readers


async def test_a_file_is_not_closed_under_a_thread_that_reads_it(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, 0).pin()
    segment.retire()
    assert segment.last_append_at() > 0
    segment.unpin()
    with pytest.raises(OSError, match="Bad file"):
        segment.last_append_at()


@pytest.mark.parametrize("gone", ["retention", "deletion"])
async def test_a_producer_is_known_after_its_records_are_gone_and_the_log_started_anew(tmp_path: Path, gone: str) -> None:
    settings = TopicSettings(segment_bytes=300, retention_bytes=300 if gone == "retention" else None)
    last = keyed_batch([(b"k19", b"19")], producer_id=7, epoch=0, sequence=19)
    async with catalog(tmp_path, settings) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 20, producer=7)
        for number in range(30):
            partition.append(batch([b"other %d" % number]), NOW)
        await partition.sealed()
        await (log.housekeep(NOW) if gone == "retention" else partition.delete_before(45))
        assert partition.start_offset > 20
    async with catalog(tmp_path, settings) as log:
        partition = log.partition("t", 0)
        assert partition.append(last, NOW).base_offset == 19
        ahead = keyed_batch([(b"k", b"v")], producer_id=7, epoch=0, sequence=21)
        with pytest.raises(Refused) as refused:
            partition.append(ahead, NOW)
        assert refused.value.code is ErrorCode.out_of_order_sequence_number


async def test_a_producer_silent_for_a_day_is_forgotten(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        await filled(partition, 3, producer=7)
        again = keyed_batch([(b"k2", b"2")], producer_id=7, epoch=0, sequence=2)
        await log.housekeep(NOW + REMEMBERED_FOR.total_seconds() - 1)
        assert partition.append(again, NOW).base_offset == 2
        await log.housekeep(NOW + REMEMBERED_FOR.total_seconds() + 1)
        assert log._metrics.expired_producers == 1
        assert partition.append(again, NOW).base_offset == 3


async def test_the_latest_timestamp_is_found_with_its_offset(tmp_path: Path) -> None:
    async with catalog(tmp_path) as log:
        partition = (await log.create("t")).partitions[0]  # type: ignore[union-attr]
        assert partition.latest_timestamp() is None
        for at_ms in (5000, 9000, 7000):
            await partition.append(batch([b"v"], timestamp_ms=at_ms), NOW).synced  # type: ignore[misc]
        assert partition.latest_timestamp() == (1, 9000)


@pytest.mark.parametrize(
    ("settings", "age", "reason"),
    [
        (TopicSettings(), None, "kept for ever: only the size counts"),
        (TopicSettings(retention=timedelta(minutes=10)), timedelta(minutes=10), "frames"),
        (TopicSettings(retention=timedelta(days=60)), timedelta(days=7.5), "an eighth, so that 60 days are 60 and not 120"),
        (TopicSettings(retention=timedelta(days=365)), timedelta(days=365 / 8), "not 52 files a year and partition"),
        (TopicSettings(retention=timedelta(days=8), segment_age=timedelta(days=2)), timedelta(days=2), "as it was set"),
        (TopicSettings(compact=True), timedelta(days=7), "a register"),
        (TopicSettings(compact=True, retention=timedelta(days=1)), timedelta(days=7), "retention does not apply"),
        (TopicSettings(compact=True, delete_too=True, retention=timedelta(days=1)), timedelta(days=1), "both: the shorter"),
    ],
)
def test_a_segment_is_closed_by_age_only_as_often_as_is_needed(
    settings: TopicSettings, age: timedelta | None, reason: str
) -> None:
    assert age_of_closing(settings) == age, reason
