"""The live stream over a real Valkey: replay, resets, slow clients, restarts, who sees what, and an end that is quick."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import httpx
import pytest

from domain.parties import Role
from tests.services.valkey import Valkey, valkey_server
from tests.unit.web.kitchen import OTHER, Kitchen
from web import LiveStream, serve
from web.hub import Entry, Hub, Signal

pytestmark = pytest.mark.service


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with valkey_server(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
async def live(valkey: Valkey) -> AsyncIterator[LiveStream]:
    stream = LiveStream(valkey.url, max_length=100)
    await stream.start()
    await until(lambda: stream.newest is not None)
    yield stream
    await stream.close()


async def until(probe: object, within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while not probe():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not come"
        await asyncio.sleep(0.02)


def item(number: int, *, merchant: str = "m", region: str = "330211") -> dict[str, object]:
    return {"id": f"w{number}", "merchant": merchant, "region": region}


async def ids(feed: object, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        message = await feed.next(10)  # type: ignore[attr-defined]
        assert isinstance(message, Entry), message
        found.append(json.loads(message.data)["id"])
    return found


async def test_what_was_missed_comes_first_and_nothing_comes_twice(live: LiveStream) -> None:
    first = await live.publish(item(1))
    await live.publish(item(2))
    await live.publish(item(3))
    feed = await live.follow(first)
    await live.publish(item(4))
    assert await ids(feed, 3) == ["w2", "w3", "w4"]
    assert await feed.next(0.05) is Signal.HEARTBEAT
    live.leave(feed)
    assert len(live.hub) == 0


async def test_a_page_rendered_before_the_first_entry_misses_none(live: LiveStream) -> None:
    rendered = live.newest
    await live.publish(item(1))
    feed = await live.follow(rendered)
    assert await ids(feed, 1) == ["w1"]


@pytest.mark.parametrize("last", ["1-1", "99999999999999-0", "nonsense", "1-", "-1"])
async def test_an_id_that_cannot_be_placed_resets(live: LiveStream, last: str) -> None:
    await live.publish(item(1))
    feed = await live.follow(last)
    assert await feed.next(5) is Signal.RESET


async def test_an_id_that_was_trimmed_away_resets(live: LiveStream) -> None:
    old = await live.publish(item(0))
    for number in range(1, 1000):
        await live.publish(item(number))
    assert await (await live.follow(old)).next(5) is Signal.RESET


async def test_a_client_that_does_not_read_is_ended_and_the_others_are_not(valkey: Valkey) -> None:
    stream = LiveStream(valkey.url, queue_length=3)
    await stream.start()
    await until(lambda: stream.newest is not None)
    slow, quick = await stream.follow(None), await stream.follow(None)
    for number in range(5):
        last = await stream.publish(item(number))
        assert await ids(quick, 1) == [f"w{number}"]
    assert await slow.next(5) is Signal.END
    assert stream.newest == last
    await stream.close()


async def test_it_survives_a_restart_that_wiped_everything(live: LiveStream, valkey: Valkey) -> None:
    last = await live.publish(item(1))
    await until(lambda: live.newest == last)
    feed = await live.follow(None)
    valkey.stop()
    valkey.start()
    assert await feed.next(15) is Signal.RESET, "something may have been missed"
    await live.publish(item(2))
    assert await ids(feed, 1) == ["w2"]
    assert await (await live.follow(last)).next(5) is Signal.RESET


async def test_two_processes_share_one_stream(live: LiveStream, valkey: Valkey) -> None:
    other = LiveStream(valkey.url)
    feed = await live.follow(None)
    await other.publish(item(7))
    assert await ids(feed, 1) == ["w7"]
    await other.close()


async def test_closing_the_hub_ends_those_who_follow_and_those_who_come(live: LiveStream) -> None:
    feed = await live.follow(None)
    waiting = asyncio.create_task(feed.next(30))
    await asyncio.sleep(0)
    live.hub.close()
    assert await asyncio.wait_for(waiting, 1) is Signal.END
    assert await (await live.follow(None)).next(30) is Signal.END


async def test_a_message_offered_after_the_end_goes_nowhere() -> None:
    hub = Hub(queue_length=1)
    client = hub.join()
    entry = Entry(id="1-1", uscc="m", region="r", data=b"{}")
    hub.tell(entry)
    hub.tell(entry)
    assert len(hub) == 0
    assert await client.next(1) is Signal.END


class Served:
    """A kitchen on a real port; streams cannot be read over an in-process transport."""

    def __init__(self, kitchen: Kitchen) -> None:
        self.kitchen = kitchen
        self.stop = asyncio.Event()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    async def __aenter__(self) -> Self:
        opened = asyncio.Event()
        self.serving = asyncio.create_task(serve(self.kitchen.app, "127.0.0.1", self.port, stop=self.stop, started=opened))
        await asyncio.wait_for(opened.wait(), 15)
        await until(lambda: self.kitchen.live.newest is not None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.wait_for(self.serving, 10)

    def client(self, token: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=20)


@pytest.fixture
async def served(database: Path, tmp_path: Path, valkey: Valkey) -> AsyncIterator[Served]:
    kitchen = Kitchen.copied(database, tmp_path / "site", redis_url=valkey.url)
    async with Served(kitchen) as site:
        yield site
    kitchen.close()


async def events(answer: httpx.Response, count: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            event[name] = value
        elif not line and "event" in event:
            found.append(event)
            event = {}
            if len(found) == count:
                return found
        elif not line:
            event = {}
    return found


async def test_the_stream_tells_each_reader_only_what_they_may_see(served: Served) -> None:
    kitchen = served.kitchen
    merchant, neighbour = await kitchen.token("merchant"), await kitchen.token("neighbour")
    async with served.client(merchant) as one, served.client(neighbour) as two:
        async with one.stream("GET", "/api/v1/live") as mine, two.stream("GET", "/api/v1/live") as theirs:
            assert mine.headers["content-type"].startswith("text/event-stream")
            await until(lambda: len(kitchen.live.hub) == 2)
            other, own = kitchen.raise_expired(uscc=OTHER), kitchen.raise_camera()
            await kitchen.relay_live()
            (seen,), (theirs_seen,) = await events(mine, 1), await events(theirs, 1)
        assert seen["event"] == "warning"
        said = json.loads(seen["data"])
        assert (said["id"], said["state"]) == (own, "raised")
        assert json.loads(theirs_seen["data"])["id"] == other
        listed = (await one.get("/api/v1/warnings")).json()["items"][0]
        assert set(listed) <= set(said), "the data is the list item"
        kitchen.raise_camera(class_="no_mask")
        await kitchen.relay_live()
        async with one.stream("GET", "/api/v1/live", headers={"Last-Event-ID": seen["id"]}) as again:
            (missed,) = await events(again, 1)
        assert json.loads(missed["data"])["class"] == "no_mask"
    await until(lambda: len(kitchen.live.hub) == 0)


async def test_a_stream_ends_when_its_session_ends(served: Served) -> None:
    kitchen = served.kitchen
    token = await kitchen.token("merchant")
    async with served.client(token) as client, client.stream("GET", "/api/v1/live") as answer:
        await until(lambda: len(kitchen.live.hub) == 1)
        assert (await client.delete("/api/v1/session")).status_code == 204
        kitchen.clock.forward(minutes=2)
        kitchen.raise_camera()
        await kitchen.relay_live()
        assert await asyncio.wait_for(events(answer, 1), 10) == []


@pytest.mark.parametrize(
    "change", [{"region": "330225"}, {"role": Role.SUPERVISOR}, {"active": False}], ids=lambda change: next(iter(change))
)
async def test_a_stream_ends_when_its_user_may_see_something_else(served: Served, change: dict[str, object]) -> None:
    kitchen = served.kitchen
    token = await kitchen.token("inspector")
    async with served.client(token) as client, client.stream("GET", "/api/v1/live") as answer:
        await until(lambda: len(kitchen.live.hub) == 1)
        with kitchen.store.writing() as uow:
            found = uow.users.by_login("inspector")
            assert found is not None
            uow.users.put(replace(found[0], **change))  # type: ignore[arg-type]
            uow.commit()
        kitchen.clock.forward(seconds=31)
        kitchen.raise_camera()
        await kitchen.relay_live()
        assert await asyncio.wait_for(events(answer, 1), 10) == []


async def test_with_a_stream_open_it_stops_within_a_second(served: Served) -> None:
    token = await served.kitchen.token("merchant")
    async with served.client(token) as client, client.stream("GET", "/api/v1/live"):
        await until(lambda: len(served.kitchen.live.hub) == 1)
        begun = time.monotonic()
        served.stop.set()
        await served.serving
        assert time.monotonic() - begun < 1.5


async def test_a_port_that_is_taken_is_said_so(served: Served, database: Path, tmp_path: Path) -> None:
    second = Kitchen.copied(database, tmp_path / "second", redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(OSError, match=str(served.port)):
        await serve(second.app, "127.0.0.1", served.port, stop=asyncio.Event())
    second.close()


async def test_without_redis_the_stream_says_that_it_is_not_available(kitchen: Kitchen) -> None:
    client = await kitchen.bearer("merchant")
    answer = await client.get("/api/v1/live", headers={"Last-Event-ID": "1-1"})
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert (await client.get("/")).status_code == 200, "pages do without"
