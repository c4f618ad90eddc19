"""Compaction: the last record of each key stays under its offset, and whoever reads the log sees the same final state."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from streams.log.batch import read_header, stamped, whole
from streams.log.compaction import Pass, grouped
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.partition import Partition
from streams.log.record import opened, records_of
from streams.log.segment import Segment
from streams.log.settings import TopicSettings
from streams.log.upkeep import Compacted, Notes
from tests.contract.log.batches import keyed_batch
from tests.unit.log.length import times

NOW = 1_800_000_000.0
DAY_S = 86_400.0
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""No disk is needed for what is tried often."""
Open = Callable[..., Partition]
Pair = tuple[bytes | None, bytes | None]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Open]:
    with ThreadPoolExecutor(2) as executor:

        def open_partition(**chosen: object) -> Partition:
            kept = {"compact": True, "fsync": False, "segment_bytes": 300, "dirty_ratio": 0.0, **chosen}
            return Partition(tmp_path / "p", TopicSettings(**kept), executor, Metrics())  # type: ignore[arg-type]

        yield open_partition


def write(partition: Partition, *records: Pair, **chosen: int) -> int:
    return partition.append(keyed_batch(records, **chosen), NOW).base_offset


def shown(partition: Partition, offset: int | None = None) -> dict[int, Pair]:
    """Key and value by offset, read as a consumer does: from batch to batch."""
    found: dict[int, Pair] = {}
    position = partition.start_offset if offset is None else offset
    while content := partition.read(position, 1, at_least_one=True):
        header = read_header(content)
        assert whole(content, 0, len(content)) == header
        for record in _records(content):
            found[record.offset] = (record.key, record.value)
        position = header.next_offset
    return found


def _records(content: bytes) -> Iterator[Any]:
    batches = MemoryRecords(content)
    while batches.has_next():
        batch = batches.next_batch()
        assert batch.validate_crc()
        yield from batch


def final(records: dict[int, Pair]) -> dict[bytes | None, bytes]:
    """What a changelog's reader ends with."""
    state: dict[bytes | None, bytes] = {}
    for _, (key, value) in sorted(records.items()):
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
    return state


async def test_the_last_record_of_each_key_stays_with_its_offset_time_and_headers(opening: Open) -> None:
    partition = opening()
    for number in range(40):
        write(partition, (b"k%d" % (number % 3), b"v%d" % number), (b"once-%d" % number, b"x"), timestamp_ms=1000 * number)
    before = shown(partition)
    await partition.housekeep(NOW)
    after = shown(partition)
    assert partition._metrics.compactions == 1
    assert final(after) == final(before)
    assert len(after) < len(before)
    assert all(before[offset] == pair for offset, pair in after.items())
    assert (partition.start_offset, partition.end_offset) == (0, 80)
    found = [record for offset in (1, 3) for record in _records(partition.read(offset, 1, at_least_one=True))]
    assert [(r.offset, r.timestamp, r.key, r.headers) for r in found] == [
        (1, 1, b"once-0", [("from", b"test")]),
        (3, 1001, b"once-1", [("from", b"test")]),
    ]
    await partition.close()


async def test_a_fetch_from_an_offset_that_is_gone_gives_the_next_batch(opening: Open) -> None:
    partition = opening()
    for number in range(30):
        write(partition, (b"same", b"%d" % number))
    await partition.housekeep(NOW)
    left = sorted(shown(partition))
    assert 0 not in left
    for offset in range(left[-1] + 1):
        served = read_header(partition.read(offset, 1, at_least_one=True))
        assert served.base_offset == next(each for each in left if each >= offset)
    assert partition.read(30, 1, at_least_one=True) == b""
    await partition.close()


async def test_the_active_segment_is_never_compacted(opening: Open) -> None:
    partition = opening(segment_bytes=10_000_000)
    for number in range(10):
        write(partition, (b"same", b"%d" % number))
    await partition.housekeep(NOW)
    assert len(shown(partition)) == 10
    await partition.close()


async def test_a_segment_is_closed_when_it_is_old_so_that_a_quiet_register_is_compacted_too(opening: Open) -> None:
    partition = opening(segment_bytes=10_000_000, segment_age=timedelta(days=7))
    for number in range(10):
        write(partition, (b"same", b"%d" % number))
    await partition.housekeep(NOW + 6 * DAY_S)
    assert len(shown(partition)) == 10
    await partition.housekeep(NOW + 8 * DAY_S)
    assert shown(partition) == {9: (b"same", b"9")}
    await partition.close()


async def test_it_waits_until_enough_is_dirty(opening: Open) -> None:
    partition = opening(dirty_ratio=0.5)
    for number in range(40):
        write(partition, (b"k%d" % number, b"v" * 50))
    await partition.housekeep(NOW)
    for number in range(10):
        write(partition, (b"k%d" % number, b"w" * 50))
    await partition.housekeep(NOW)
    assert partition._metrics.compactions == 1
    for number in range(40):
        write(partition, (b"k%d" % number, b"x" * 50))
    await partition.housekeep(NOW)
    assert partition._metrics.compactions == 2
    await partition.close()


async def test_a_tombstone_outlives_what_it_deletes_and_then_goes(opening: Open) -> None:
    partition = opening(delete_retention=timedelta(days=1))
    write(partition, (b"gone", b"secret"))
    write(partition, (b"gone", None))
    for number in range(12):
        write(partition, (b"filler", b"%d" % number))
    await partition.housekeep(NOW)
    assert shown(partition)[1] == (b"gone", None)
    assert b"secret" not in {value for _, value in shown(partition).values()}

    async def more(now: float) -> bool:
        for number in range(12):
            write(partition, (b"filler", b"%d" % number))
        await partition.housekeep(now)
        return 1 in shown(partition)

    assert await more(NOW + 0.9 * DAY_S), "a slow reader may have seen the value and not the tombstone"
    assert not await more(NOW + 1.1 * DAY_S)
    await partition.close()


async def test_a_tombstone_stays_while_an_older_value_may_hide_in_a_batch_that_cannot_be_opened(opening: Open) -> None:
    partition = opening(delete_retention=timedelta(0))
    packed = bytearray(keyed_batch([(b"gone", b"value")]))
    packed[22] |= 2  # says snappy; the bytes are none, so the checksum is made to fit
    partition.append(_resigned(packed), NOW)
    write(partition, (b"gone", None))
    for round_ in range(3):
        for number in range(12):
            write(partition, (b"filler", b"%d" % number))
        await partition.housekeep(NOW + round_)
    assert partition._metrics.compactions == 3
    assert read_header(partition.read(0, 1, at_least_one=True)).base_offset == 0
    assert read_header(partition.read(1, 1, at_least_one=True)).base_offset == 1
    await partition.close()


def _resigned(batch: bytearray) -> bytes:
    batch[17:21] = crc32c(batch[21:]).to_bytes(4, "big")
    return bytes(batch)


async def test_a_record_without_a_key_is_refused_as_kafka_does(opening: Open) -> None:
    partition = opening()
    for compression in (0, 1):
        with pytest.raises(Refused) as refused:
            write(partition, (b"k", b"v"), (None, b"v"), compression=compression)
        assert refused.value.code is ErrorCode.invalid_record
    await partition.close()


async def test_gzip_batches_are_opened_and_packed_again(opening: Open) -> None:
    partition = opening()
    for number in range(20):
        write(partition, (b"same", b"%d" % number), (b"once-%d" % number, b"x" * 40), compression=1)
    before = shown(partition)
    await partition.housekeep(NOW)
    assert final(shown(partition)) == final(before)
    assert 0 not in shown(partition)
    assert read_header(partition.read(1, 1, at_least_one=True)).attributes & 7 == 1
    await partition.close()


async def test_a_compacted_log_is_the_same_after_a_restart(opening: Open) -> None:
    partition = opening()
    for number in range(60):
        write(partition, (b"k%d" % (number % 7), b"%d" % number), producer_id=4, epoch=0, sequence=number)
    await partition.housekeep(NOW)
    before, files = shown(partition), sorted(path.name for path in partition.directory.iterdir())
    await partition.close()
    again = opening()
    assert shown(again) == before
    assert (again.start_offset, again.end_offset) == (0, 60)
    assert again.damage == ()
    assert {name for name in files if name.endswith(".segment")} == {path.name for path in again.directory.glob("*.segment")}
    repeated = keyed_batch([(b"k3", b"59")], producer_id=4, epoch=0, sequence=59)
    assert again.append(repeated, NOW).base_offset == 59
    assert write(again, (b"k0", b"60"), producer_id=4, epoch=0, sequence=60) == 60
    await again.close()


async def test_small_segments_are_merged_so_that_files_do_not_add_up(opening: Open) -> None:
    partition = opening(segment_bytes=2000)
    for _ in range(12):
        for number in range(100):
            write(partition, (b"k%d" % (number % 10), b"%d" % number))
        await partition.housekeep(NOW)
    assert partition.segment_count <= 8
    assert len(list(partition.directory.glob("*.segment"))) == partition.segment_count
    assert len(list(partition.directory.glob("*.seal"))) == partition.segment_count - 1
    await partition.close()


async def test_produce_and_fetch_go_on_while_it_runs(opening: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = opening(segment_bytes=3000)
    for number in range(300):
        write(partition, (b"k%d" % (number % 5), b"%d" % number))
    running = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = Pass.rewrite

    def slow(self: Pass, group: list[Segment]) -> Segment | None:
        loop.call_soon_threadsafe(running.set)
        return real(self, group)

    monkeypatch.setattr(Pass, "rewrite", slow)
    compacting = asyncio.create_task(partition.housekeep(NOW))
    await asyncio.wait_for(running.wait(), 5)
    written = 300
    while not compacting.done():
        assert write(partition, (b"k9", b"%d" % written)) == written
        written += 1
        assert await partition.fetch(partition.end_offset - 1, 1000, at_least_one=True)
        await asyncio.sleep(0)
    await compacting
    assert written > 301
    assert final(shown(partition))[b"k9"] == b"%d" % (written - 1)
    await partition.close()


async def test_closing_does_not_wait_for_a_long_compaction(opening: Open) -> None:
    partition = opening(segment_bytes=100_000)
    for number in range(3000):
        write(partition, (b"k%d" % (number % 5), b"x" * 200))
    compacting = asyncio.create_task(partition.housekeep(NOW))
    await asyncio.sleep(0)
    await asyncio.wait_for(partition.close(), 5)
    await compacting
    assert not list(partition.directory.glob("*.draft"))
    again = opening(segment_bytes=100_000)
    assert final(shown(again)).keys() == {b"k%d" % number for number in range(5)}
    await again.close()


async def test_compact_and_delete_together_do_both(opening: Open) -> None:
    partition = opening(delete_too=True, retention=timedelta(days=2))
    for number in range(30):
        write(partition, (b"same", b"%d" % number))
    await partition.housekeep(NOW)
    assert len(shown(partition)) < 30
    appended_at = max(segment.last_append_at() for segment in partition.chain.segments)
    await partition.housekeep(max(NOW, appended_at) + 3 * DAY_S)
    assert partition.start_offset == partition.end_offset == 30
    await partition.close()


async def test_a_pass_looks_at_a_bounded_number_of_keys_and_the_next_goes_on(tmp_path: Path) -> None:
    segments = []
    for base in range(0, 60, 20):
        segment = Segment.create(tmp_path, base)
        for offset in range(base, base + 20):
            ready = stamped(keyed_batch([(b"k%d" % (offset % 15), b"%d" % offset)]), offset)
            segment.append(ready, read_header(ready), NOW)
        segments.append(segment)
    work = Pass(0, 0, 59, 0, lambda: False, max_keys=10)
    work.look(segments)
    assert work.until == 10
    following = Pass(10, 0, 59, 0, lambda: False, max_keys=20)
    following.look(segments)
    assert following.until == 60
    for segment in segments:
        segment.close()


async def test_a_full_disk_leaves_everything_as_it_was_and_the_next_run_compacts(
    opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = opening()
    for number in range(40):
        write(partition, (b"k%d" % (number % 3), b"%d" % number))
    await partition.sealed()
    before = shown(partition)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Segment, "finish", full)
        with pytest.raises(OSError, match="No space"):
            await partition.housekeep(NOW)
    assert shown(partition) == before
    assert not list(partition.directory.glob("*.draft"))
    await partition.housekeep(NOW)
    assert len(shown(partition)) < len(before)
    assert final(shown(partition)) == final(before)
    await partition.close()


async def test_a_damaged_segment_is_not_rewritten(opening: Open) -> None:
    partition = opening()
    for number in range(20):
        write(partition, (b"k%d" % (number % 3), b"%d" % number))
    await partition.sealed()
    oldest = partition.chain.segments[0].path
    content = bytearray(oldest.read_bytes())
    content[65] ^= 1
    oldest.write_bytes(content)
    await partition.housekeep(NOW)
    assert partition._metrics.compactions == 1
    assert oldest.read_bytes() == content
    assert [(each.offset, each.next_offset) for each in partition.damage] == [(0, 1)]
    assert 0 not in shown(partition)
    await partition.close()


Operations = st.lists(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"c", b"d" * 40]), st.one_of(st.none(), st.binary(max_size=30))),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=times(25), deadline=None)
@given(batches=Operations, every=st.integers(1, 8), compression=st.sampled_from([0, 1]))
def test_whoever_reads_a_compacted_log_ends_with_the_same_state(batches: list[list[Pair]], every: int, compression: int) -> None:
    async def run(directory: Path) -> None:
        with ThreadPoolExecutor(1) as executor:
            chosen = TopicSettings(
                compact=True, fsync=False, segment_bytes=200, dirty_ratio=0.0, delete_retention=timedelta(seconds=5)
            )
            partition = Partition(directory, chosen, executor, Metrics())
            everything: dict[int, Pair] = {}
            for number, records in enumerate(batches):
                base = write(partition, *records, compression=compression)
                everything.update({base + delta: pair for delta, pair in enumerate(records)})
                if number % every == 0:
                    await partition.housekeep(NOW + number)
                    assert final(shown(partition)) == final(everything)
            await partition.close()
            again = Partition(directory, chosen, executor, Metrics())
            left = shown(again)
            assert final(left) == final(everything)
            assert all(everything[offset] == pair for offset, pair in left.items())
            for offset in range(again.end_offset):
                assert final({**{o: p for o, p in everything.items() if o < offset}, **shown(again, offset)}) == final(everything)
            await again.close()

    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as name:
        asyncio.run(run(Path(name)))


def test_the_notes_of_passes_are_bounded_and_only_ever_keep_tombstones_longer() -> None:
    notes = Notes()
    for number in range(500):
        notes = notes.after(Compacted(number * 10, float(number)), compacted_before=-1.0)
    assert len(notes.passes) <= 64
    assert notes.compacted_to == 4990
    assert notes.tombstones_below(100.0) <= 1000
    settled = notes.after(Compacted(5000, 500.0), compacted_before=490.0)
    assert settled.tombstones_below(490.0) == 4900


def test_neighbours_are_grouped_up_to_a_size(tmp_path: Path) -> None:
    segments: list[Segment] = []
    for size in (10, 10, 50, 10, 10):
        segment = Segment.create(tmp_path, len(segments))
        segment.size = size
        segments.append(segment)
    assert [[segment.size for segment in group] for group in grouped(segments, 40)] == [[10, 10], [50], [10, 10]]
    for segment in segments:
        segment.close()


@pytest.mark.parametrize("damage", ["a record too few", "a length past the end", "bytes left over"])
def test_records_that_make_no_sense_are_not_taken_apart(damage: str) -> None:
    batch = keyed_batch([(b"k", b"v"), (b"l", b"w")])
    header, content = read_header(batch), opened(read_header(batch), batch)
    assert content is not None
    assert len(records_of(header, content) or ()) == 2
    broken = {
        "a record too few": (header._replace(record_count=3), content),
        "a length past the end": (header, b"\x7f" + content[1:]),
        "bytes left over": (header, content + b"\0"),
    }[damage]
    assert records_of(*broken) is None


def test_a_bomb_is_not_unpacked_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.log.record.MAX_OPENED_BYTES", 10_000)
    bomb = keyed_batch([(b"k", b"\0" * 100_000)], compression=1)
    assert len(bomb) < 2000
    assert opened(read_header(bomb), bomb) is None


def test_unpacking_stops_at_garbage() -> None:
    packed = bytearray(keyed_batch([(b"k", os.urandom(500))], compression=1))
    packed[200] ^= 0xFF
    assert opened(read_header(packed), packed) is None
