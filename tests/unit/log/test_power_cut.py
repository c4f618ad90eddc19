"""A power cut, modelled: of every file survives what was synced, and of what came after any piece or none, damaged or not."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import threading
from pathlib import Path

import pytest
from aiokafka.record.memory_records import MemoryRecords

from streams.log import Log, TopicSettings
from streams.log.segment import Segment
from tests.contract.log.batches import batch
from tests.contract.log.raw import RawClient, body_of, frame, produce_request
from tests.unit.log.test_log import fetch, metadata

SETTINGS = TopicSettings(segment_bytes=2000)


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
    async with Log(tmp_path, topics=lambda _: SETTINGS) as log, RawClient(log.address) as client, RawClient(log.address) as other:
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


@pytest.mark.parametrize("seed", range(12))
async def test_after_a_power_cut_everything_acked_is_there(tmp_path: Path, synced: dict[str, int], seed: int) -> None:
    dice = random.Random(seed)
    acked: dict[int, bytes] = {}
    enough = asyncio.Event()
    async with Log(tmp_path / "before", topics=lambda _: SETTINGS) as log:
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
    async with Log(tmp_path / "after", topics=lambda _: SETTINGS) as log, RawClient(log.address) as client:
        stored = await everything(client)
        assert {offset: stored.get(offset) for offset in promised} == promised
        # A lost tail of an older segment leaves a gap in the offsets; none may be used twice.
        following = (await client.produce("t", batch([b"next"]))).base_offset
        assert following > max([*stored, *promised])
        assert await everything(client) == {**stored, following: b"next"}


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
