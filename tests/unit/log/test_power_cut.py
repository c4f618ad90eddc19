"""A power cut, modelled: what was synced survives, and of what came after any piece or none, damaged or not.

The process may be killed before, once or again and again: the next one finds everything written, but no safer than it was.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.log import Log, TopicSettings
from streams.log.segment import Segment
from tests.contract.log.batches import batch, keyed_batch
from tests.contract.log.raw import RawClient, body_of, frame, produce_request
from tests.unit.log.disk import Disk
from tests.unit.log.length import times
from tests.unit.log.power import NOW, SETTINGS, Clients, Promised, judge, opened, stored
from tests.unit.log.test_log import fetch, metadata

SMALL = TopicSettings(segment_bytes=2000)
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Syncs are the model's: no disk is needed."""


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How much of each segment is on disk for certain, by file name; kept as the log syncs."""
    safe: dict[str, int] = {}
    real = Segment.sync

    def sync(segment: Segment) -> None:
        size = segment.path.stat().st_size
        real(segment)
        safe[segment.path.name] = max(safe.get(segment.path.name, 0), size)

    monkeypatch.setattr(Segment, "sync", sync)
    return safe


async def test_a_produce_is_not_answered_before_its_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    real = Segment.sync
    async with Log(tmp_path, topics=lambda _: SMALL) as log, RawClient(log.address) as client, RawClient(log.address) as other:
        await client.call(metadata("t"))
        monkeypatch.setattr(Segment, "sync", lambda segment: (let_go.wait(10), real(segment))[1])
        await client.send(frame(0, 8, body_of(produce_request("t", batch([b"v"])))))
        while log.metrics.appended_batches == 0:
            await other.call(metadata("t"))
        answer = asyncio.create_task(client.answer())
        for _ in range(20):
            await other.call(metadata("t"))
        assert not answer.done(), "acked before the sync"
        let_go.set()
        await asyncio.wait_for(answer, 5)


@pytest.mark.parametrize("seed", range(4))
async def test_after_a_power_cut_everything_acked_is_there(tmp_path: Path, synced: dict[str, int], seed: int) -> None:
    dice = random.Random(seed)
    acked: dict[int, bytes] = {}
    enough = asyncio.Event()
    async with Log(tmp_path / "before", topics=lambda _: SMALL) as log:
        async with RawClient(log.address) as client:
            await client.call(metadata("t"))

        async def produce(name: int) -> None:
            async with RawClient(log.address) as client:
                for number in range(12):
                    value = b"%d-%d-" % (name, number) + b"x" * dice.randrange(300)
                    acked[(await client.produce("t", batch([value]))).base_offset] = value
                    if len(acked) >= 10 + seed * 3:
                        enough.set()

        producing = [asyncio.create_task(produce(name)) for name in range(4)]
        await asyncio.wait_for(enough.wait(), 20)
        # The cut: between two steps of the event loop, with syncs running in their threads.
        certain, promised = dict(synced), dict(acked)
        shutil.copytree(tmp_path / "before", tmp_path / "after", ignore=shutil.ignore_patterns("*.new"))
        await asyncio.gather(*producing)
    unsealed = [path for path in (tmp_path / "after").rglob("*.segment") if not path.with_suffix(".seal").exists()]
    for segment in unsealed:
        written, safe = segment.stat().st_size, certain.get(segment.name, 0)
        left = dice.randint(min(safe, written), written)
        os.truncate(segment, left)
        if left > safe and dice.random() < 0.5:
            with segment.open("r+b") as file:
                file.seek(dice.randrange(safe, left))
                file.write(dice.randbytes(1))
    async with Log(tmp_path / "after", topics=lambda _: SMALL) as log, RawClient(log.address) as client:
        stored = await everything(client)
        assert {offset: stored.get(offset) for offset in promised} == promised
        # A lost tail of an older segment leaves a gap in the offsets; none may be used twice.
        following = (await client.produce("t", batch([b"next"]))).base_offset
        assert following > max([*stored, *promised])
        assert await everything(client) == {**stored, following: b"next"}


@settings(max_examples=times(30), deadline=None)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.tuples(st.sampled_from(["cut", "killed"]), st.integers(0, 60)), min_size=1, max_size=4),
)
def test_cut_after_cut_and_kill_nothing_promised_is_missing(seed: int, steps: list[tuple[str, int]]) -> None:
    """Produce, retention, compaction, deletion of records and topics, at any moment, also while the last cut is repaired."""
    dice = random.Random(seed)  # threads decide too: a seed is a hint, not a replay
    with (
        tempfile.TemporaryDirectory(dir=IN_MEMORY) as name,
        pytest.MonkeyPatch.context() as patch,
        structlog.testing.capture_logs(),
    ):
        topics: dict[str, Promised] = {}
        changing: set[str] = set()
        ids: set[int] = set()
        (Path(name) / "0").mkdir()
        (Path(name) / "shadow0").mkdir()
        disk = Disk(Path(name) / "0", Path(name) / "shadow0")
        for round_, (end, count) in enumerate(steps, 1):
            after, shadow = Path(name) / str(round_), Path(name) / f"shadow{round_}"
            shadow.mkdir()
            with patch.context() as watched:
                disk.install(watched)
                left, *told = asyncio.run(live_until(end, disk, after, shadow, dice, count, topics, changing, ids))
            disk, (topics, changing, ids) = left, told
        asyncio.run(live_on(after, topics, changing))


@pytest.mark.parametrize("change", ["compaction", "retention", "records deleted", "topic deleted", "stop"])
def test_a_cut_before_any_step_of_a_change_leaves_a_log_that_keeps_its_promises(change: str) -> None:
    with (
        tempfile.TemporaryDirectory(dir=IN_MEMORY) as name,
        pytest.MonkeyPatch.context() as patch,
        structlog.testing.capture_logs(),
    ):
        for directory in ("0", "shadow", "cuts"):
            (Path(name) / directory).mkdir()
        disk = Disk(Path(name) / "0", Path(name) / "shadow")
        with patch.context() as watched:
            disk.install(watched)
            promised, cuts = asyncio.run(cut_before_every_step(disk, Path(name) / "cuts", change))
        assert len(cuts) >= 5
        for cut in cuts:
            asyncio.run(live_on(cut, {key: each.copy() for key, each in promised.items()}, set()))


async def cut_before_every_step(disk: Disk, cuts: Path, change: str) -> tuple[dict[str, Promised], list[Path]]:
    """Fill a log, then make one change with the power cut before each of its steps; what is kept of it is drawn."""
    dice = random.Random(change)
    taken: list[Path] = []

    def cut() -> None:
        for _ in range(times(1)):
            taken.append(cuts / str(len(taken)))
            disk.cut(taken[-1], dice)

    with ThreadPoolExecutor(3) as executor:
        catalog, _ = opened(disk.root, executor)
        clients = Clients(catalog, dice, {}, {await catalog.new_producer_id()}, first=0)
        topic = {"compaction": "changelog", "retention": "sized"}.get(change, "facts")
        await clients.create(topic)
        for _ in range(40):
            await clients.produce()
        partition = catalog.partition(topic, 0)
        disk.before_step = cut
        match change:
            case "records deleted":
                await partition.delete_before(7)
            case "topic deleted":
                await catalog.delete(topic)
                clients.topics.clear()
            case "stop":
                await catalog.close()
            case _:
                await catalog.housekeep(NOW)
        disk.before_step = None
        if change != "stop":
            await catalog.close()
        return dict(clients.topics), taken


async def live_until(
    end: str,
    disk: Disk,
    after: Path,
    shadow: Path,
    dice: random.Random,
    count: int,
    topics: dict[str, Promised],
    changing: set[str],
    ids: set[int],
) -> tuple[Disk, dict[str, Promised], set[str], set[int]]:
    """Start, judge, do some things, be cut or killed; returns the disk as found then, and what was promised."""
    with ThreadPoolExecutor(3) as executor:
        catalog, metrics = opened(disk.root, executor)
        judge(catalog, topics, changing)
        assert metrics.damaged_ranges == 0
        told = {name: promised for name, promised in topics.items() if name not in changing}
        for name, promised in told.items():
            if promised.settings.fsync:  # consumers are shown it, so it is as good as acknowledged
                promised.acked.update(stored(catalog.partition(name, 0)))
        for name in changing:
            if catalog.get(name) is not None:
                await catalog.delete(name)
        clients = Clients(catalog, dice, told, ids, first=1_000_000 * int(disk.root.name))
        for name in SETTINGS:
            await clients.create(name)
        for _ in range(count):
            clients.act()
            for _ in range(dice.choice([0, 0, 1, 5])):
                await asyncio.sleep(0)
            if dice.random() < 0.2:
                await clients.settle()
        promised = {name: each.copy() for name, each in clients.topics.items()}
        under_way, given = set(clients.changing), set(ids)
        if end == "killed":
            left = disk.kill(after, shadow)
        else:
            disk.cut(after, dice)
            left = Disk(after, shadow)
        await clients.settle()
        await catalog.close()
        return left, promised, under_way, given


async def live_on(directory: Path, topics: dict[str, Promised], changing: set[str]) -> None:
    """What was kept is kept through upkeep, a stop and a start as well, and new records come after it."""
    with ThreadPoolExecutor(3) as executor:
        catalog, metrics = opened(directory, executor)
        judge(catalog, topics, changing)
        await catalog.housekeep(NOW + 10_000)
        judge(catalog, topics, changing)
        assert metrics.damaged_ranges == 0
        for topic in catalog:
            before = max(stored(topic.partitions[0]), default=-1)
            following = topic.partitions[0].append(keyed_batch([(b"k", b"next")]), NOW).base_offset
            assert following > before
            if topic.name in topics:
                topics[topic.name].sent[b"next"] = (b"k", b"next")
        await catalog.close()
        again, metrics = opened(directory, executor)
        judge(again, topics, changing)
        assert metrics.damaged_ranges == metrics.recovered_cut_bytes == 0
        assert {path.name for path in (directory / "topics").iterdir()} == {topic.directory for topic in again}
        await again.close()


async def everything(client: RawClient) -> dict[int, bytes]:
    """Value by offset of a topic whose batches hold one record each."""
    stored: dict[int, bytes] = {}
    offset = 0
    while True:
        part = (await client.call(fetch("t", offset))).responses[0].partitions[0]
        if not part.records:
            return stored
        batches = MemoryRecords(part.records)
        while batches.has_next():
            for record in batches.next_batch():
                stored[record.offset] = record.value
                offset = record.offset + 1
