"""Who keeps the log waiting, or takes more than a share, is disconnected or waits; everybody else is served."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.log import Limits, Log, TopicSettings
from streams.log.access import Credentials
from streams.log.connection import End
from streams.log.limits import Room, Share
from tests.contract.log.batches import batch
from tests.contract.log.raw import RawClient, body_of, frame, produce_request
from tests.unit.log.test_log import fetch, metadata

QUICK = 0.2
LOOK = 0.02
WITHIN_S = 10.0


def limits(**changed: float) -> Limits:
    """Everything long but what is named."""
    return Limits(look_every_s=LOOK, **changed)  # type: ignore[arg-type]  # counts are named as whole numbers


def serving(folder: Path, bounds: Limits, credentials: Credentials | None = None) -> Log:
    return Log(folder, limits=bounds, credentials=credentials, topics=lambda _: TopicSettings(fsync=False))


async def until(condition: Callable[[], object], what: str) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at, what
        await asyncio.sleep(LOOK)


@pytest.mark.parametrize(
    ("bounds", "sent", "end"),
    [
        pytest.param(limits(idle_s=QUICK), b"", End.IDLE, id="says nothing at all"),
        pytest.param(limits(request_s=QUICK), struct.pack(">i", 100), End.SLOW_REQUEST, id="a length and no request"),
        pytest.param(
            limits(request_s=QUICK), frame(3, 8, body_of(metadata("t")))[:-3], End.SLOW_REQUEST, id="a request but for its end"
        ),
        pytest.param(
            limits(request_s=QUICK), struct.pack(">ihh", 1_000_000, 0, 8), End.SLOW_REQUEST, id="a large one that has its room"
        ),
    ],
)
async def test_who_keeps_the_log_waiting_is_disconnected_and_counted(
    tmp_path: Path, bounds: Limits, sent: bytes, end: End
) -> None:
    async with serving(tmp_path, bounds) as log, RawClient(log.address) as slow, RawClient(log.address) as working:
        await slow.send(sent)
        began = time.monotonic()
        closing = asyncio.create_task(slow.closed())
        while not closing.done():
            await working.call(metadata("t"))
            await asyncio.sleep(LOOK)
        assert await closing
        assert time.monotonic() - began >= QUICK - LOOK
        assert log.metrics.connections_ended[end] == 1
        assert sum(log.metrics.connections_ended.values()) == 1, "the other client stays"


async def test_a_client_that_shows_no_secret_in_time_is_disconnected(tmp_path: Path) -> None:
    bounds = limits(authenticate_s=QUICK)
    async with serving(tmp_path, bounds, Credentials("kitchen", "a long enough secret")) as log, RawClient(log.address) as late:
        await late.send(frame(18, 0, b""))
        assert (await late.answer())[0] == 7, "versions are told before"
        assert await late.closed()
        assert log.metrics.connections_ended[End.UNAUTHENTICATED] == 1


async def filled(log: Log, topic: str, count: int, size: int) -> None:
    async with RawClient(log.address) as client:
        await client.call(metadata(topic))
        for _ in range(count):
            assert (await client.produce(topic, batch([b"x" * size]))).error_code == 0


async def test_a_client_that_takes_nothing_of_its_answers_is_disconnected(tmp_path: Path) -> None:
    async with serving(tmp_path, limits(stalled_s=QUICK)) as log:
        await filled(log, "t", 8, 900_000)
        host, port = log.address.rsplit(":", 1)
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(frame(1, 11, body_of(fetch("t", 0))) * 40)
        await until(lambda: log.metrics.connections_ended[End.SLOW_READER] == 1, "it is disconnected")
        writer.close()


async def test_a_slow_reader_that_goes_on_reading_is_served_to_the_end(tmp_path: Path) -> None:
    async with serving(tmp_path, limits(stalled_s=5 * QUICK)) as log:
        await filled(log, "t", 8, 900_000)
        async with RawClient(log.address) as client:
            began = time.monotonic()
            await client.send(frame(1, 11, body_of(fetch("t", 0))) * 12)
            for _ in range(12):
                await asyncio.sleep(QUICK / 2 + LOOK)
                assert len((await client.answer())[1]) > 900_000
            assert time.monotonic() - began > 5 * QUICK
        assert log.metrics.connections_ended[End.SLOW_READER] == 0


async def test_who_holds_the_room_that_others_wait_for_has_less_time(tmp_path: Path) -> None:
    bounds = limits(answers_bytes=1_000_000, fetch_bytes=1_000_000, requests_bytes=1_000_000, crowded_s=QUICK)
    async with serving(tmp_path, bounds) as log:
        await filled(log, "t", 8, 900_000)
        host, port = log.address.rsplit(":", 1)
        _, greedy = await asyncio.open_connection(host, int(port), limit=1024)
        greedy.write(frame(1, 11, body_of(fetch("t", 0))) * 40)
        async with RawClient(log.address) as client:
            for _ in range(3):
                assert (await client.call(fetch("t", 7))).responses[0].partitions[0].records
        assert log.metrics.connections_ended[End.SLOW_READER] == 1
        greedy.close()
        async with RawClient(log.address) as half, RawClient(log.address) as client:
            await half.send(struct.pack(">ihh", 1_000_000, 0, 8))
            await until(lambda: log.metrics.connections == 2, "both are there")
            await asyncio.sleep(LOOK)
            await client.send(frame(0, 8, body_of(produce_request("t", batch([b"x" * 900_000])))))
            assert (await client.answer())[0] == 7
        assert log.metrics.connections_ended[End.SLOW_REQUEST] == 1


async def test_more_connections_than_the_bound_are_refused_and_a_place_is_free_again_after_one_ends(tmp_path: Path) -> None:
    async with serving(tmp_path, limits(connections=3)) as log:
        clients = [RawClient(log.address) for _ in range(3)]
        for each in clients:
            await each.__aenter__()
            await each.call(metadata("t"))
        async with RawClient(log.address) as refused:
            assert await refused.closed()
        assert log.metrics.connections_refused == 1
        await clients[0].__aexit__(None, None, None)
        await until(lambda: log.metrics.connections == 2, "the place is free")
        async with RawClient(log.address) as client:
            await client.call(metadata("t"))
        for each in clients[1:]:
            await each.call(metadata("t"))
            await each.__aexit__(None, None, None)


async def test_room_is_given_in_turn_and_what_is_given_back_is_given_on() -> None:
    room = Room(10)
    first, second, third = Share(room), Share(room), Share(room)
    await first.enter(8)
    waiting = [asyncio.create_task(second.enter(8)), asyncio.create_task(third.enter(1))]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting), "a small one does not overtake"
    assert room.crowded
    first.settle(2)
    await asyncio.wait(waiting[:1])
    assert room.held == 10
    second.leave()
    second.leave()
    await waiting[1]
    assert (room.held, room.crowded) == (3, False)
    waiting = [asyncio.create_task(second.enter(100))]
    await asyncio.sleep(0)
    first.leave()
    third.leave()
    await waiting[0]
    assert room.held == 100, "what is larger than all of it waits until it is alone"
