"""One change to many open pages, published → received over server-sent events, beside a bare Starlette endpoint.

The product's way is Redis stream → reader → hub → one queue per client, each event checked against what its reader may see. The
bare one puts what is posted to it into a queue per client.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import orjson

from cli.bench import latency, meter, parts, records, site
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from cli.bench.parts import Child, free_port
from cli.bench.streams import Audience
from cli.plan import LOOPBACK
from cli.readiness import listens
from web.live import LiveStream

NAME = "fanout"
TITLE = "Live pages: fan-out"
RANKS: Final = (50, 99)
PAUSE_S: Final = 0.05
Publish = Callable[[dict[str, Any]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many clients, how many changes for each, and rounds."""

    clients: tuple[int, ...]
    changes: int
    rounds: int


SIZES: Final = {
    Size.FULL: Amounts(clients=(100, 500), changes=30, rounds=3),
    Size.QUICK: Amounts(clients=(100, 500), changes=5, rounds=1),
    Size.TINY: Amounts(clients=(10,), changes=3, rounds=1),
}


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open log, live store, the pages and the bare endpoint."""
    amounts = SIZES[ground.size]
    place = site.make(ground.scratch)
    _, kafka = stack.enter_context(parts.embedded_log(ground.scratch))
    records.make_topics(kafka)
    redis = stack.enter_context(parts.live_store(ground.scratch))
    port, bare_port = free_port(), free_port()
    page = f"http://{LOOPBACK}:{port}"
    installation = place.installation(kafka=kafka, redis=redis)
    child, _ = stack.enter_context(installation.worker("casework", "--port", str(port), page=f"{page}/readyz"))
    bare = stack.enter_context(parts.bare("sse", ground.scratch, bare_port))
    bare.ready(listens(LOOPBACK, bare_port))
    token = _sign_in(page)
    item = _item(place.merchants()[0])
    ours = Endpoint(child, port, "/api/v1/live", {"Authorization": f"Bearer {token}"}, item)
    theirs = Endpoint(bare, bare_port, "/live", {}, item)
    return Contest(
        quantities=_quantities(amounts),
        product=Contender(name="kitchen's live stream", round=lambda: asyncio.run(_product_round(ours, redis, amounts))),
        baselines=(
            Contender(name="bare Starlette SSE endpoint", round=lambda: asyncio.run(_bare_round(theirs, bare_port, amounts))),
        ),
        rounds=amounts.rounds,
        note=f"{amounts.changes} changes of {len(orjson.dumps(item))} bytes a round, one at a time; "
        "CPU is the server's, per client and change",
    )


def _quantities(amounts: Amounts) -> tuple[Quantity, ...]:
    found: list[Quantity] = []
    for clients in amounts.clients:
        found += latency.quantities(f"{clients}", f"published to received, {clients} clients", RANKS)
        found.append(
            Quantity(key=f"{clients} memory", name=f"memory per client, {clients} clients", unit="kB", more_is_better=False)
        )
    return tuple(found)


class Endpoint:
    """A server of server-sent events.

    Args:
        child: its process.
        port: where it listens.
        path: the stream.
        headers: who asks.
        item: what is published.
    """

    def __init__(self, child: Child, port: int, path: str, headers: Mapping[str, str], item: dict[str, Any]) -> None:
        self._child, self._port, self._path, self._headers, self._item = child, port, path, headers, item
        self._empty_mb = meter.resident_mb(child.pid)
        self._most_clients = 0

    async def fan_out(self, publish: Publish, clients: int, changes: int) -> Mapping[str, Reading]:
        """Open the clients, publish one change after the other, read when each client got it."""
        self._child.check()
        seconds: list[float] = []
        async with Audience(self._port, self._path, self._headers, clients) as audience:
            await audience.told_by(lambda: publish(self._item))  # warms up
            cpu_s = self._child.cpu_s()
            for _ in range(changes):
                begun = perf_counter()
                seconds += [at - begun for at in await audience.told_by(lambda: publish(self._item))]
                await asyncio.sleep(PAUSE_S)
            cpu_us = 1e6 * (self._child.cpu_s() - cpu_s) / (changes * clients)
            found = dict(latency.readings(f"{clients}", seconds, cpu_us=cpu_us, ranks=RANKS))
            return found | self._memory(clients)

    def _memory(self, clients: int) -> dict[str, Reading]:
        """Memory for each client, while there were never more: a process does not give back what it once had."""
        if clients <= self._most_clients:
            return {}
        self._most_clients = clients
        kilobytes = 1000 * (meter.resident_mb(self._child.pid) - self._empty_mb) / clients
        return {f"{clients} memory": Reading(value=kilobytes)}


async def _product_round(endpoint: Endpoint, redis: str, amounts: Amounts) -> Mapping[str, Reading]:
    live = LiveStream(redis)
    try:
        return await _all(endpoint, live.publish, amounts)
    finally:
        await live.close()


async def _bare_round(endpoint: Endpoint, port: int, amounts: Amounts) -> Mapping[str, Reading]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)

    async def publish(item: dict[str, Any]) -> None:
        body = orjson.dumps(item)
        writer.write(b"POST /publish HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await reader.readuntil(b"\r\n\r\n")

    try:
        return await _all(endpoint, publish, amounts)
    finally:
        writer.close()


async def _all(endpoint: Endpoint, publish: Publish, amounts: Amounts) -> Mapping[str, Reading]:
    found: dict[str, Reading] = {}
    for clients in amounts.clients:
        found |= await endpoint.fan_out(publish, clients, amounts.changes)
    return found


def _item(merchant: str) -> dict[str, Any]:
    """About what the list of warnings says of one."""
    return {"id": "bench", "merchant": merchant, "region": site.REGION, "event": "warning.raised", "why": "x" * 500}


def _sign_in(page: str) -> str:
    body = json.dumps({"user": "inspector", "password": "inspector-demo"}).encode()
    request = urllib.request.Request(f"{page}/api/v1/session", body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return str(json.load(answer)["token"])
