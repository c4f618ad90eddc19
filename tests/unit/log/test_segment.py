"""A segment after a crash: whatever a power cut leaves of its tail, what was whole before stays and nothing else is served."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.log.batch import BatchHeader, read_header, stamped
from streams.log.damage import Damage
from streams.log.seal import INDEX_INTERVAL_BYTES
from streams.log.segment import Segment, SegmentName
from tests.contract.log.batches import batch
from tests.unit.log.length import times


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def filled(directory: Path, batches: Sequence[bytes], base: int = 0) -> Segment:
    segment = Segment.create(directory, base)
    for each in batches:
        ready = stamped(each, segment.end_offset)
        segment.append(ready, read_header(ready), 1.0)
    return segment


def reopened(path: Path, safe_to: int = 0) -> tuple[Segment, list[BatchHeader]]:
    name = SegmentName.of(path)
    assert name is not None
    segment = Segment.open(path, name, safe_to)
    return segment, list(segment.headers())


def whole_content(segment: Segment) -> bytes:
    return segment.read(segment.base_offset, 10**9, segment.end_offset, at_least_one=True)


def test_a_segment_reopened_is_the_same_segment(directory: Path) -> None:
    written = filled(directory, [batch([b"a", b"b"]), batch([b"c"])], base=40)
    content = whole_content(written)
    written.close()
    again, seen = reopened(written.path)
    assert (again.base_offset, again.end_offset, again.cut_bytes) == (40, 43, 0)
    assert [header.base_offset for header in seen] == [40, 42]
    assert whole_content(again) == content


def test_a_tail_cut_at_every_byte_of_the_last_batch_leaves_the_batches_before(directory: Path) -> None:
    written = filled(directory, [batch([b"kept"]), batch([b"torn"])])
    content = whole_content(written)
    written.close()
    kept = read_header(content).size
    for length in range(kept, len(content)):
        written.path.write_bytes(content[:length])
        again, _ = reopened(written.path)
        assert (again.end_offset, again.size, again.cut_bytes) == (1, kept, length - kept)
        assert written.path.stat().st_size == kept
        again.close()


def test_a_flipped_bit_anywhere_in_the_last_batch_is_never_served(directory: Path) -> None:
    written = filled(directory, [batch([b"kept"]), batch([b"flipped"])])
    content = whole_content(written)
    written.close()
    kept = read_header(content).size
    for position in range(kept, len(content)):
        for bit in (0, 3, 7):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            written.path.write_bytes(damaged)
            again, _ = reopened(written.path)
            assert whole_content(again) == content[:kept], f"bit {bit} of byte {position - kept}"
            again.close()


@settings(max_examples=times(100), deadline=None)
@given(
    sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=12),
    cut_from_end=st.integers(0, 20_000),
    garbage=st.binary(max_size=200),
)
def test_any_tail_lost_and_any_garbage_after_it_leave_a_prefix_that_can_be_written_on(
    sizes: list[int], cut_from_end: int, garbage: bytes
) -> None:
    with tempfile.TemporaryDirectory() as name:
        written = filled(Path(name), [batch([b"x" * size]) for size in sizes])
        content = whole_content(written)
        written.close()
        on_disk = content[: max(len(content) - cut_from_end, 0)] + garbage
        written.path.write_bytes(on_disk)
        again, seen = reopened(written.path)
        sound = next(
            (at for at, (mine, its) in enumerate(zip(on_disk, content, strict=False)) if mine != its),
            min(len(on_disk), len(content)),
        )
        assert again.end_offset == len(seen) == sum(1 for end in _ends(content) if end <= sound)
        assert content.startswith(written.path.read_bytes())
        more = stamped(batch([b"more"]), again.end_offset)
        again.append(more, read_header(more), 2.0)
        again.close()
        final, _ = reopened(written.path)
        assert (final.cut_bytes, final.end_offset) == (0, again.end_offset)
        final.close()


def _ends(content: bytes | bytearray) -> Iterator[int]:
    position = 0
    while position < len(content):
        position += read_header(content, position).size
        yield position


@settings(max_examples=times(60), deadline=None)
@given(counts=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 6000)), min_size=1, max_size=40), data=st.data())
def test_every_offset_is_found_in_the_batch_that_holds_it(counts: list[tuple[int, int]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        segment = filled(Path(name), [batch([b"v" * size] * count) for count, size in counts], base=7)
        offset = data.draw(st.integers(7, segment.end_offset - 1))
        header = read_header(segment.read(offset, 1, segment.end_offset, at_least_one=True))
        assert header.base_offset <= offset < header.next_offset
        below = data.draw(st.integers(offset, segment.end_offset))
        shown = segment.read(offset, 10**9, below, at_least_one=True)
        assert all(read_header(shown, start).base_offset < below for start in [0, *_ends(shown)][:-1])
        segment.close()


def sealed(directory: Path, batches: Sequence[bytes]) -> tuple[Path, bytes]:
    written = filled(directory, batches)
    content = whole_content(written)
    written.sync()
    written.seal()
    written.close()
    return written.path, content


def test_a_sealed_segment_is_trusted_and_a_broken_seal_is_not(directory: Path) -> None:
    path, content = sealed(directory, [batch([b"a" * 9000]) for _ in range(10)])
    again, seen = reopened(path)
    assert (again.sealed, again.end_offset, len(seen)) == (True, 10, 10)
    assert again.read(9, 10**6, 10, at_least_one=True) == content[-len(content) // 10 :]
    again.close()
    seal = path.with_suffix(".seal")
    sound = seal.read_bytes()
    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 0x40
        seal.write_bytes(damaged)
        again, seen = reopened(path)
        assert (len(seen), again.sealed, again.end_offset) == (10, False, 10)
        again.close()


def test_any_flipped_byte_of_a_sealed_segment_costs_the_batch_it_is_in_and_is_reported(directory: Path) -> None:
    path, content = sealed(directory, [batch([b"a"]), batch([b"b" * 20]), batch([b"c"])])
    ends = list(_ends(content))
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        again, _ = reopened(path)
        lost = sum(1 for end in ends if end <= position)
        start = 0 if lost == 0 else ends[lost - 1]
        served = [header.base_offset for header in _served(again)]
        assert served == [offset for offset in range(3) if offset != lost], f"byte {position}"
        assert again.damage == [Damage(start, ends[lost], lost, lost + 1)]
        again.close()


def test_a_sealed_segment_that_lost_its_end_says_which_offsets_are_gone(directory: Path) -> None:
    path, content = sealed(directory, [batch([b"a"]), batch([b"b"]), batch([b"c"])])
    kept = next(_ends(content))
    for length in range(kept, len(content)):
        path.write_bytes(content[:length])
        again, _ = reopened(path)
        assert again.end_offset == 3, "offsets that were given are not given again"
        lost = min(end for end in _ends(content) if end > length) if length < len(content) else 0
        first = sum(1 for end in _ends(content) if end < lost)
        assert [(each.offset, each.next_offset) for each in again.damage] == [(first, 3)]
        assert path.stat().st_size == length, "what is damaged is not destroyed"
        again.close()


def test_damage_before_a_known_sync_is_stepped_over_without_a_seal_and_a_torn_tail_is_cut(directory: Path) -> None:
    written = filled(directory, [batch([b"a"]), batch([b"b"]), batch([b"c"]), batch([b"d"])])
    content = bytearray(whole_content(written))
    written.close()
    ends = list(_ends(content))
    content[ends[0] + 65] ^= 1
    content[ends[2] + 65] ^= 1
    written.path.write_bytes(content)
    again, seen = reopened(written.path, safe_to=3)
    assert [header.base_offset for header in seen] == [0, 2]
    assert again.damage == [Damage(ends[0], ends[1], 1, 2)]
    assert (again.end_offset, again.cut_bytes) == (3, len(content) - ends[2])
    again.close()


def _served(segment: Segment) -> list[BatchHeader]:
    headers: list[BatchHeader] = []
    offset = segment.base_offset
    while shown := segment.read(offset, 1, segment.end_offset, at_least_one=True):
        headers.append(read_header(shown))
        offset = headers[-1].next_offset
    return headers


def test_the_index_does_not_grow_with_every_batch(directory: Path) -> None:
    segment = filled(directory, [batch([b"v" * 100])] * 1000)
    assert len(segment._index.positions) <= segment.size / INDEX_INTERVAL_BYTES + 1


@pytest.mark.parametrize(
    ("since_ms", "offset", "reason"),
    [
        (0, 0, "everything is later"),
        (1000, 0, "the first record is of that time"),
        (1001, 1, "the second record of the first batch"),
        (1500, 3, "between the batches: the next one's first record"),
        (2001, 4, "inside the second batch"),
        (2002, None, "nothing is that late"),
    ],
)
def test_an_offset_is_found_by_time(directory: Path, since_ms: int, offset: int | None, reason: str) -> None:
    segment = filled(directory, [batch([b"a", b"b", b"c"], timestamp_ms=1000), batch([b"d", b"e"], timestamp_ms=2000)])
    found = segment.offset_since(since_ms)
    assert (found and found[0]) == offset, reason


def test_a_full_disk_leaves_the_segment_as_it_was(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = filled(directory, [batch([b"before"])])
    content = whole_content(segment)
    free_bytes = 10
    real = os.pwrite

    def filling(descriptor: int, data: memoryview, position: int) -> int:
        fits = len(content) + free_bytes - position
        if fits <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:fits], position)

    more = stamped(batch([b"1234"]), 1)
    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", filling)
        with pytest.raises(OSError, match="No space"):
            segment.append(more, read_header(more), 1.0)
    assert segment.path.read_bytes() == content
    segment.append(more, read_header(more), 1.0)
    assert segment.end_offset == 2
