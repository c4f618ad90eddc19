"""Committed offsets: what a commit promised is there after a restart, whatever happened to the file's tail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import streams.log.offsets as module
from streams.log.metrics import Metrics
from streams.log.offsets import Committed, OffsetJournal, Position

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
