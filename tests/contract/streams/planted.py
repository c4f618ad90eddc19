"""``python -m tests.contract.streams.planted JSON``: a worker in a process of its own, well or stuck in one of many ways.

Every event taken is a line of the file ``effects``, written before it is acknowledged; the line ``ready`` on standard output says
that the worker has its partitions.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.worker import work
from domain.errors import Unavailable
from domain.topics import Topic
from streams.address import bootstrap_servers
from streams.guard import Guard
from streams.sink import KafkaSink
from streams.worker import add_agent, faust_app, running

BATCH = 100
BUSY = 50
POISONED = 20


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What it should be.

    Attributes:
        mode: see ``MODES``.
        stock: Faust's own driver instead of ours.
        wait_s: how long a batch takes.
        patience_s: of the watchdog.
    """

    kafka: str
    folder: str
    group: str
    mode: str = "well"
    stock: bool = False
    wait_s: float = 0.0
    patience_s: float = 60.0
    session_s: float = 30.0
    topic: str = Topic.FINDINGS.value
    grace_s: float = 5.0
    effects: str = field(default="effects")


class Hands:
    """What the agent does with a batch."""

    def __init__(self, planted: Planted, app: Any, guard: Guard) -> None:
        self._planted, self._app, self._guard = planted, app, guard
        self._file = os.open(Path(planted.folder) / planted.effects, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._writer: asyncio.Task[None] | None = None
        self._out = app.topic(Topic.WARNINGS.value, key_type=bytes, value_type=bytes)

    async def take(self, batch: list[Any]) -> None:
        """One batch, in the planted way."""
        await getattr(self, self._planted.mode)(batch)

    async def well(self, batch: list[Any]) -> None:
        """Do it and acknowledge."""
        if self._planted.wait_s:
            await asyncio.sleep(self._planted.wait_s)
        for event in batch:
            self._note(event)
            event.ack()

    async def slow(self, batch: list[Any]) -> None:
        """One event at a time, each with its pause."""
        for event in batch:
            await asyncio.sleep(self._planted.wait_s)
            self._note(event)
            event.ack()

    async def writing(self, batch: list[Any]) -> None:
        """Besides its events it keeps Faust's own producer busy, whose buffer a commit has to flush."""
        if self._writer is None:
            self._writer = asyncio.ensure_future(self._write())
        for event in batch:
            self._note(event)
            event.ack()
            await asyncio.sleep(0)

    async def _write(self) -> None:
        while True:
            while self._app.producer.buffer.size < BUSY:
                self._out.send_soon(key=b"k", value=b"v" * 100)
            await asyncio.sleep(0.001)

    async def poison(self, batch: list[Any]) -> None:
        """Fails at some events, whoever is in the same batch."""
        for event in batch:
            if int(event.value) % POISONED == 0:
                raise ValueError("planted")
        await self.well(batch)

    async def never(self, batch: list[Any]) -> None:
        """Takes everything and acknowledges nothing."""
        for event in batch:
            self._note(event)

    async def loop(self, batch: list[Any]) -> None:
        """The event loop itself stands still."""
        await self.well(batch[:1])
        time.sleep(3600)  # noqa: ASYNC251 - that is the fault

    async def thread(self, batch: list[Any]) -> None:
        """A call in a thread does not come back."""
        await self.well(batch[:1])
        await asyncio.to_thread(time.sleep, 3600)

    async def fetcher(self, batch: list[Any]) -> None:
        """Nothing is fetched any more, while heartbeats go on."""
        await self.well(batch)
        for task in self._app._fetcher._futures:
            task.cancel()

    async def crash(self, batch: list[Any]) -> None:
        """Faust itself gives up."""
        await self.well(batch)
        await self._app.crash(RuntimeError("planted"))

    async def away(self, batch: list[Any]) -> None:
        """The database is away, and says so."""
        await self.well(batch[:1])

        async def effect() -> None:
            raise Unavailable("the database is away")

        for event in batch[1:]:
            await self._guard.run(Topic.FINDINGS, event.value, effect)

    def _note(self, event: Any) -> None:
        os.write(self._file, event.value + b"\n")


async def main(planted: Planted) -> None:
    app = faust_app(planted.group, planted.kafka, Path(planted.folder), **_session(planted))
    if planted.stock:
        app.conf.broker = [f"kafka://{bootstrap_servers(planted.kafka)}"]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with KafkaSink(bootstrap_servers(planted.kafka), client_id=planted.group) as sink:
        guard = Guard(sink, lambda: datetime.now(UTC))
        hands = Hands(planted, app, guard)
        add_agent(app, Topic(planted.topic), hands.take, guard, most=BATCH, within_s=0.02)
        watching: dict[str, Any] = {"loop_patience_s": planted.patience_s, "progress_patience_s": planted.patience_s}
        async with running(app, planted.kafka, [planted.topic], grace_s=planted.grace_s, **watching) as mine:
            await _until(lambda: bool(mine()))
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await stop.wait()


def _session(planted: Planted) -> dict[str, Any]:
    return {"broker_session_timeout": planted.session_s}


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        with suppress(TimeoutError):
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    work(main(Planted(**json.loads(sys.argv[1]))))
