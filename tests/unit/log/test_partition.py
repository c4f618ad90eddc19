"""A partition: what is shown when, what a restart remembers, what retention drops."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from streams.log.batch import read_header
from streams.log.errors import Damaged, Refused
from streams.log.metrics import Metrics
from streams.log.partition import Partition
from streams.log.segment import Segment
from streams.log.settings import TopicSettings
from tests.contract.log.batches import batch, keyed_batch

NOW = 1_800_000_000.0
Open = Callable[..., Partition]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    with ThreadPoolExecutor(2) as executor:

        def open_partition(**chosen: object) -> Partition:
            return Partition(tmp_path / "p", TopicSettings(**chosen), executor, Metrics())  # type: ignore[arg-type]

        yield open_partition


async def stored(partition: Partition, records: bytes) -> int:
    appended = partition.append(records, NOW)
    if appended.synced is not None:
        await asyncio.wait_for(asyncio.shield(appended.synced), 5)
    return appended.base_offset


async def test_a_durable_record_is_shown_only_after_its_sync(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = opened()
    let_go = threading.Event()
    real = Segment.sync
    monkeypatch.setattr(Segment, "sync", lambda segment: (let_go.wait(5), real(segment))[1])
    appended = partition.append(batch([b"v"]), NOW)
    assert (partition.end_offset, partition.high_watermark) == (1, 0)
    assert partition.read(0, 1000, at_least_one=True) == b""
    let_go.set()
    assert appended.synced is not None
    await appended.synced
    assert partition.high_watermark == 1
    assert read_header(partition.read(0, 1000, at_least_one=True)).base_offset == 0
    await partition.close()


async def test_everything_that_arrives_during_a_sync_shares_the_next_one(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = opened()
    let_go = threading.Event()
    real = Segment.sync
    monkeypatch.setattr(Segment, "sync", lambda segment: (let_go.wait(5), real(segment))[1])
    first = partition.append(batch([b"v"]), NOW).synced
    later = {partition.append(batch([b"v"]), NOW).synced for _ in range(100)}
    let_go.set()
    assert len(later) == 1
    assert first not in later
    await asyncio.gather(*(each for each in later if each))
    assert partition._metrics.syncs == 2
    await partition.close()


async def test_a_batch_in_a_new_segment_is_safe_only_with_the_segment_before(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = opened(segment_bytes=100)
    synced: list[int] = []
    real = Segment.sync

    def noted(segment: Segment) -> None:
        real(segment)
        synced.append(segment.base_offset)

    monkeypatch.setattr(Segment, "sync", noted)
    monkeypatch.setattr(Segment, "seal", lambda _segment: None)
    for _ in range(3):
        appended = partition.append(batch([b"x" * 60]), NOW)
    assert appended.synced is not None
    await appended.synced
    assert sorted(set(synced)) == [0, 1, 2]
    await partition.close()


async def test_after_a_failed_sync_nothing_is_shown_nor_taken(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = opened()

    def failing(_: Segment) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr(Segment, "sync", failing)
    appended = partition.append(batch([b"v"]), NOW)
    second = partition.append(batch([b"v"]), NOW)
    for each in (appended, second):
        assert each.synced is not None
        with pytest.raises(OSError, match="Input/output"):
            await each.synced
    assert partition.high_watermark == 0
    with pytest.raises(Refused) as refused:
        partition.append(batch([b"v"]), NOW)
    assert refused.value.code is ErrorCode.kafka_storage_error
    await partition.close()


async def test_a_topic_without_sync_shows_at_once(opened: Open) -> None:
    partition = opened(fsync=False)
    assert partition.append(batch([b"v"]), NOW).synced is None
    assert partition.high_watermark == 1
    await partition.close()


async def test_a_restart_over_many_segments_continues_where_it_was(opened: Open) -> None:
    partition = opened(segment_bytes=500)
    for number in range(40):
        assert await stored(partition, batch([b"%d" % number, b"x" * 60])) == number * 2
    await partition.close()
    again = opened(segment_bytes=500)
    assert (again.start_offset, again.end_offset, again.high_watermark) == (0, 80, 80)
    for offset in range(80):
        header = read_header(again.read(offset, 1, at_least_one=True))
        assert header.base_offset == offset - offset % 2
    await again.close()


@pytest.mark.parametrize("segment_bytes", [10_000_000, 300], ids=["one segment", "many segments"])
@pytest.mark.parametrize("seals", ["kept", "lost"])
async def test_a_retry_after_a_restart_is_not_stored_twice(opened: Open, segment_bytes: int, seals: str) -> None:
    sent = [batch([b"v" * 50], producer_id=9, epoch=0, sequence=number) for number in range(10)]
    partition = opened(segment_bytes=segment_bytes)
    for records in sent:
        await stored(partition, records)
    await partition.close()
    if seals == "lost":
        for seal in partition.directory.glob("*.seal"):
            seal.unlink()
    again = opened(segment_bytes=segment_bytes)
    assert [await stored(again, records) for records in sent[5:]] == [5, 6, 7, 8, 9]
    assert again.end_offset == 10
    assert await stored(again, batch([b"new"], producer_id=9, epoch=0, sequence=10)) == 10
    await again.close()


async def test_size_bounds_what_is_kept(opened: Open) -> None:
    partition = opened(fsync=False, segment_bytes=1000, retention_bytes=3000)
    for _ in range(100):
        partition.append(batch([b"x" * 200]), NOW)
    await partition.sealed()
    await partition.housekeep(NOW)
    assert partition.size <= 3000 + 1000
    assert partition.start_offset > 0
    assert sum(path.stat().st_size for path in partition.directory.glob("*.segment")) == partition.size
    with pytest.raises(Refused) as refused:
        partition.read(0, 1000, at_least_one=True)
    assert refused.value.code is ErrorCode.offset_out_of_range
    assert read_header(partition.read(partition.start_offset, 1, at_least_one=True)).base_offset == partition.start_offset
    await partition.close()


async def test_age_drops_what_was_appended_long_ago_even_from_the_active_segment(opened: Open) -> None:
    partition = opened(fsync=False, retention=timedelta(minutes=10))
    appended_at = time.time()  # age goes by the file's own time
    partition.append(batch([b"old"]), appended_at)
    await partition.housekeep(appended_at + 60)
    assert partition.start_offset == 0
    await partition.housekeep(appended_at + 700)
    await partition.sealed()
    await partition.housekeep(appended_at + 701)
    assert (partition.start_offset, partition.end_offset, partition.size) == (1, 1, 0)
    await partition.close()


async def test_a_compacted_topic_is_not_dropped_by_age(opened: Open) -> None:
    partition = opened(fsync=False, compact=True, retention=timedelta(seconds=1))
    partition.append(keyed_batch([(b"key", b"register")]), NOW)
    await partition.housekeep(NOW + 10_000)
    assert (partition.start_offset, partition.end_offset) == (0, 1)
    await partition.close()


async def test_damage_in_an_older_segment_costs_only_its_tail(opened: Open) -> None:
    partition = opened(segment_bytes=200)
    for number in range(9):
        await stored(partition, batch([b"%d" % number * 60]))
    await partition.close()
    oldest = min(partition.directory.glob("*.segment"))
    oldest.with_suffix(".seal").unlink()
    os.truncate(oldest, oldest.stat().st_size - 1)
    again = opened(segment_bytes=200)
    held = read_header(again.read(0, 1, at_least_one=True))
    after = read_header(again.read(held.next_offset if held.base_offset == 0 else 0, 1, at_least_one=True))
    assert again.end_offset == 9
    assert after.base_offset > 0
    await again.close()


async def test_a_stray_file_is_named_and_stops_the_start(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "notes.segment").touch()
    with pytest.raises(Damaged, match=r"notes\.segment"):
        opened()
