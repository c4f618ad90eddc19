"""A process that is killed leaves bytes that only memory has; the next one promises nothing before they are on the disk.

The rule to know: between a kill and a power cut lies a start. What it finds unsynced, and then writes behind, a cut would tear
apart in the middle, and everything behind a tear is cut.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from streams.log.catalog import Catalog
from streams.log.metrics import Metrics
from streams.log.partition import Partition
from streams.log.settings import TopicSettings
from tests.contract.log.batches import batch
from tests.unit.log.disk import Disk
from tests.unit.log.length import times
from tests.unit.log.power import NOW, stored

SMALL = TopicSettings(segment_bytes=300)
UNSAFE = TopicSettings(segment_bytes=300, fsync=False)
SEEDS = range(times(6))


class Killed(Executor):
    """Of a process that is killed before any of its syncs begins."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Nothing comes of it."""
        return Future()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    for name in ("now", "now/p", "shadow"):
        (tmp_path / name).mkdir()
    disk = Disk(tmp_path / "now", tmp_path / "shadow")
    with monkeypatch.context() as patch:
        disk.install(patch)
        yield disk


def fill(partition: Partition, batches: int = 4) -> None:
    """Several segments that nothing has synced."""
    for number in range(batches):
        partition.append(batch([b"%d" % number * 100]), NOW)
    assert partition.segment_count > 2


async def acknowledged(partition: Partition, value: bytes) -> int:
    """Where a record lies that a producer was told is safe."""
    appended = partition.append(batch([value]), NOW)
    assert appended.synced is not None
    await asyncio.wait_for(asyncio.shield(appended.synced), 10)
    return appended.base_offset


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_record_acknowledged_after_a_kill_is_not_lost_with_what_the_kill_left(
    disk: Disk, tmp_path: Path, seed: int
) -> None:
    with ThreadPoolExecutor(1) as executor:
        killed = Partition(disk.root / "p", SMALL, Killed(), Metrics())
        fill(killed)
        (tmp_path / "again").mkdir()
        after_kill = disk.kill(tmp_path / "found", tmp_path / "again")
        with pytest.MonkeyPatch.context() as patch:
            after_kill.install(patch)
            found = Partition(tmp_path / "found" / "p", SMALL, Killed(), Metrics())
            shown = stored(found)
            appended = found.append(batch([b"kept"]), NOW)
            found.chain.active.sync()  # its acknowledgement waits for this and for nothing else
            after_kill.cut(tmp_path / "left", random.Random(seed))
        left = Partition(tmp_path / "left" / "p", SMALL, executor, Metrics())
        assert stored(left) == {**shown, appended.base_offset: (None, b"kept")}


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_topic_that_is_synced_from_now_on_acknowledges_nothing_behind_what_never_was(
    disk: Disk, tmp_path: Path, seed: int
) -> None:
    with ThreadPoolExecutor(1) as executor:
        partition = Partition(disk.root / "p", UNSAFE, executor, Metrics())
        partition._upkeep._executor = Killed()  # seals come late
        fill(partition)
        partition.apply(SMALL)
        kept = await acknowledged(partition, b"kept")
        disk.cut(tmp_path / "left", random.Random(seed))
        left = Partition(tmp_path / "left" / "p", SMALL, executor, Metrics())
        assert stored(left).get(kept) == (None, b"kept")


async def test_nothing_is_noted_as_synced_that_a_topic_showed_before_it_was_synced(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        partition = Partition(tmp_path / "p", UNSAFE, executor, Metrics())
        partition.append(batch([b"shown"]), NOW)
        partition.apply(SMALL)
        await partition.housekeep(NOW)
        assert not (tmp_path / "p" / "synced").exists()
        await acknowledged(partition, b"kept")
        await partition.housekeep(NOW)
        assert (tmp_path / "p" / "synced").read_bytes().startswith(b"2")
        await partition.close()


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_topic_whose_creation_was_killed_is_there_for_good_once_it_was_shown(
    disk: Disk, tmp_path: Path, seed: int
) -> None:
    with ThreadPoolExecutor(1) as executor:
        first = Catalog(disk.root / "p", {"t": SMALL}, executor, Metrics())
        await first.create("other")
        found: list[Disk] = []

        def kill() -> None:
            if not found and b'"t"' in (disk.root / "p" / "catalog.json").read_bytes():
                (tmp_path / "again").mkdir()
                found.append(disk.kill(tmp_path / "found", tmp_path / "again"))

        disk.before_step = kill
        await first.create("t")
        disk.before_step = None
        with pytest.MonkeyPatch.context() as patch:
            found[0].install(patch)
            again = Catalog(tmp_path / "found" / "p", {"t": SMALL}, executor, Metrics())
            kept = await acknowledged(again.partition("t", 0), b"kept")
            found[0].cut(tmp_path / "left", random.Random(seed))
        left = Catalog(tmp_path / "left" / "p", {"t": SMALL}, executor, Metrics())
        assert stored(left.partition("t", 0)) == {kept: (None, b"kept")}
