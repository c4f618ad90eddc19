"""While the log is away casework goes on with what it knows from SQL: deadlines pass, and the outbox is relayed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from domain.topics import Topic
from store import open_media, open_store
from streams import casework
from streams.log import Log
from streams.topics import ensure_topics
from tests.contract.streams.parts import until
from tests.e2e.product import free_port
from tests.unit.casework.people import scene_roll
from tests.unit.casework.scene import Scene, sqlite_url

pytestmark = pytest.mark.service


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    store = open_store(sqlite_url(tmp_path))
    store.migrate()
    scene = Scene(store, open_media(f"file://{tmp_path}/media"), now=_now())
    scene.office.register(scene_roll(), scene.now)
    yield scene
    store.close()


async def test_deadlines_pass_and_notices_go_out_before_the_log_is_there_and_facts_come_in_after(
    scene: Scene, tmp_path: Path
) -> None:
    scene.office.take_observation(scene.batch(expires_at=_in(2)), scene.now)
    sale, port, stop, relayed = scene.weighing(), free_port(), asyncio.Event(), asyncio.Event()

    async def relay(wake: asyncio.Event) -> None:
        await wake.wait()
        relayed.set()
        await asyncio.Event().wait()

    url = f"kafka://127.0.0.1:{port}"
    worker = asyncio.create_task(
        casework.run(kafka_url=url, data=tmp_path / "data", office=scene.office, relay=relay, clock=_now, stop=stop)
    )
    try:
        await until(lambda: len(scene.warnings()) == 1 or worker.done(), "the lot that expired is judged")
        await asyncio.wait_for(relayed.wait(), 10)
        assert not worker.done()
        async with Log(tmp_path / "log", port=port) as log:
            await ensure_topics(log.address)
            async with AIOKafkaProducer(bootstrap_servers=log.address) as producer:
                await producer.send_and_wait(Topic.OBSERVATIONS.value, json.dumps(sale.to_wire()).encode(), key=b"k")
            await until(lambda: scene.batch_of("L1").qty_g == 4500 or worker.done(), "the sale is taken")
            stop.set()
            await asyncio.wait_for(worker, 30)
    finally:
        stop.set()
        await asyncio.wait([worker], timeout=30)


async def test_a_worker_that_waits_for_the_log_stops_when_told_to(scene: Scene, tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def relay(_wake: asyncio.Event) -> None:
        await asyncio.Event().wait()

    url = f"kafka://127.0.0.1:{free_port()}"
    worker = asyncio.create_task(
        casework.run(kafka_url=url, data=tmp_path / "data", office=scene.office, relay=relay, clock=_now, stop=stop)
    )
    await asyncio.wait([worker], timeout=1)
    assert not worker.done()
    stop.set()
    await asyncio.wait_for(worker, 10)


def _in(seconds: float) -> str:
    return (_now() + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
