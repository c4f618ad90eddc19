"""A served site for browsers: the kitchen of the web tests on a real port, with a real Valkey, on its own event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tests.services.valkey import valkey_server
from tests.unit.web.kitchen import Clock, Kitchen
from web import WebSettings, serve

T = TypeVar("T")
VAPID = "BEl62iUYgUivxIkv69yViEuiBIa-Ib9-SkvMeAtA3LFgDzkrxZJjSgSnfckjBJuBkr3qBUYIHBQFLXYp5Nksh8U"


@dataclass
class RunningClock(Clock):
    """The real time, moved by the test."""

    shift: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def forward(self, **span: float) -> datetime:
        self.shift += timedelta(**span)
        return self()


@dataclass
class Site:
    """A kitchen that is served."""

    kitchen: Kitchen
    url: str
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the site's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def relay(self) -> int:
        """Tell live pages what happened."""
        return self.do(self.kitchen.relay_live())


@contextmanager
def served(database: Path, directory: Path) -> Iterator[Site]:
    """Serve a fresh copy of the database until the block ends."""
    with valkey_server(directory / "valkey") as valkey, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        settings = WebSettings(site_name="镇海区 Zhenhai", vapid_public_key=VAPID, push_hosts=("push.example.org",))
        kitchen = Kitchen.copied(database, directory / "site", redis_url=valkey.url, settings=settings, clock=RunningClock())
        loop = asyncio.new_event_loop()
        stop, started, failed = asyncio.Event(), threading.Event(), []

        async def run() -> None:
            opened = asyncio.Event()
            serving = asyncio.create_task(serve(kitchen.app, "127.0.0.1", port, stop=stop, started=opened))
            opening = asyncio.create_task(opened.wait())
            await asyncio.wait({serving, opening}, return_when=asyncio.FIRST_COMPLETED)
            started.set()
            await serving

        def thread() -> None:
            try:
                loop.run_until_complete(run())
            except BaseException as error:
                failed.append(error)
                started.set()
                raise

        runner = threading.Thread(target=thread, daemon=True)
        runner.start()
        assert started.wait(20)
        assert not failed, failed
        try:
            yield Site(kitchen, f"http://127.0.0.1:{port}", loop)
        finally:
            loop.call_soon_threadsafe(stop.set)
            runner.join(10)
            kitchen.close()
            assert not runner.is_alive()
