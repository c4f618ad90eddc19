"""Committed offsets: what a commit promised is there after a restart, whatever happened to the file's tail."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

import streams.log.offsets as module
from streams.log.metrics import Metrics
from streams.log.offsets import Committed, NotTaken, OffsetJournal, Position

Open = Callable[[], OffsetJournal]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    with ThreadPoolExecutor(2) as executor:
        yield lambda: OffsetJournal(tmp_path / "offsets", executor, Metrics())


def entry(number: int, offset: int, group: str = "g") -> tuple[Position, Committed]:
    return Position(group, "t", number), Committed(offset, "备注", 1_700_000_000)


async def test_commits_are_there_after_a_restart(opened: Open) -> None:
    journal = opened()
    await asyncio.gather(*(journal.commit([entry(number, number * 10)]) for number in range(20)))
    await journal.commit([entry(3, 99)])
    await journal.close()
    again = opened()
    assert again[Position("g", "t", 3)] == Committed(99, "备注", 1_700_000_000)
    assert again[Position("g", "t", 19)].offset == 190
    assert again[Position("g", "t", 20)].offset == -1
    assert again.groups() == {"g"}
    await again.close()


async def test_a_commit_is_on_disk_when_it_is_answered(opened: Open, tmp_path: Path) -> None:
    journal = opened()
    await journal.commit([entry(0, 5)])
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "offsets").write_bytes((tmp_path / "offsets").read_bytes())
    with ThreadPoolExecutor(1) as executor:
        copy = OffsetJournal(tmp_path / "copy" / "offsets", executor, Metrics())
        assert copy[Position("g", "t", 0)].offset == 5
        await copy.close()
    await journal.close()


async def test_a_tail_cut_anywhere_costs_only_the_commit_it_tore(opened: Open, tmp_path: Path) -> None:
    journal = opened()
    await journal.commit([entry(0, 1)])
    kept = (tmp_path / "offsets").stat().st_size
    await journal.commit([entry(0, 2)])
    await journal.close()
    content = (tmp_path / "offsets").read_bytes()
    for length in range(kept, len(content) + 1):
        (tmp_path / "offsets").write_bytes(content[:length])
        again = opened()
        assert again[Position("g", "t", 0)].offset == (2 if length == len(content) else 1)
        await again.close()


async def test_a_file_that_grew_is_rewritten_with_what_is_in_force(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REWRITE_BYTES", 2000)
    journal = opened()
    for offset in range(500):
        await journal.commit([entry(0, offset), entry(1, offset)])
    assert (tmp_path / "offsets").stat().st_size < 3000
    await journal.close()
    again = opened()
    assert [again[Position("g", "t", number)].offset for number in (0, 1)] == [499, 499]
    await again.close()


async def test_a_deleted_topics_offsets_are_gone_for_good(opened: Open) -> None:
    journal = opened()
    await journal.commit([entry(0, 7)])
    await journal.forget_topic("t")
    assert journal[Position("g", "t", 0)].offset == -1
    await journal.close()
    again = opened()
    assert again[Position("g", "t", 0)].offset == -1
    await again.close()


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Sets how large a file of this process may be; more ends as on a full disk, after the part that has room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_is_full_refuses_a_commit_and_takes_the_next(tmp_path: Path, limit: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(1) as executor, structlog.testing.capture_logs():  # its lines may lie on a file as well
        metrics = Metrics()
        journal = OffsetJournal(tmp_path / "offsets", executor, metrics)
        await journal.commit([entry(0, 1)])
        size = (tmp_path / "offsets").stat().st_size
        limit(size + 10)
        for _ in range(3):
            with pytest.raises(NotTaken) as refusal:
                await journal.commit([entry(0, 2)])
            assert refusal.value.errno == errno.EFBIG
            assert len(str(refusal.value)) < 200
        assert (tmp_path / "offsets").stat().st_size == size
        assert journal[Position("g", "t", 0)].offset == 1
        limit(resource.RLIM_INFINITY)
        await journal.commit([entry(0, 3)])
        await journal.close()
        assert (metrics.storage_failures, metrics.sync_failures) == (3, 0)
        again = OffsetJournal(tmp_path / "offsets", executor, metrics)
        assert again[Position("g", "t", 0)].offset == 3
        assert metrics.recovered_cut_bytes == 0
        await again.close()


async def test_without_room_for_a_second_file_the_journal_is_written_on_and_its_descriptor_stays_its_own(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REWRITE_BYTES", 2000)
    journal = opened()
    real = os.open

    def no_room(path: str | Path, *rest: int, **named: int) -> int:
        if str(path).endswith(".new"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, *rest, **named)

    with monkeypatch.context() as full:
        full.setattr(os, "open", no_room)
        for offset in range(100):
            await journal.commit([entry(0, offset)])
        assert (tmp_path / "offsets").stat().st_size > 4000
    for offset in range(100, 200):
        await journal.commit([entry(0, offset)])
    assert (tmp_path / "offsets").stat().st_size < 3000, "rewritten as soon as there was room"
    await journal.close()
    again = opened()
    assert again[Position("g", "t", 0)].offset == 199
    await again.close()


async def test_a_failed_sync_ends_the_journal_and_is_told_once_in_the_same_few_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with ThreadPoolExecutor(1) as executor, structlog.testing.capture_logs() as told:
        metrics = Metrics()
        journal = OffsetJournal(tmp_path / "offsets", executor, metrics)
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", failing)
            with pytest.raises(OSError, match="Input/output"):
                await journal.commit([entry(0, 2)])
        seen = set()
        for _ in range(20):
            with pytest.raises(OSError, match="restart the log") as refusal:
                await journal.commit([entry(0, 2)])
            seen.add(str(refusal.value))
        await journal.close()
    assert len(seen) == 1
    assert metrics.sync_failures == 21
    assert [line["event"] for line in told] == ["offset journal sync failed"]
