"""Serving on the current event loop, beside whatever else runs there.

The live hub is closed before uvicorn waits for its connections: an open stream would otherwise hold the stop for its whole grace.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from web.parts import Parts


class Server(uvicorn.Server):
    """uvicorn that ends live streams first, and leaves signals to the process it runs in."""

    def __init__(self, config: uvicorn.Config, parts: Parts, opened: asyncio.Event) -> None:
        super().__init__(config)
        self._parts = parts
        self._opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the port, and say so."""
        await super().startup(sockets)
        if self.started:
            self._opened.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, not to one of its parts."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal that somebody handed on."""
        self._parts.live.hub.close()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        """End live streams and stop serving."""
        self._parts.live.hub.close()
        self.should_exit = True


async def serve(app: FastAPI, host: str, port: int, *, stop: asyncio.Event, started: asyncio.Event | None = None) -> None:
    """Serve until ``stop`` is set; returns within a second of it.

    Args:
        app: from ``create_app``.
        host: address to listen on.
        port: port to listen on.
        stop: set it to stop.
        started: set once the port is open.

    Raises:
        OSError: the port is taken.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
        server_header=False,
    )
    server = Server(config, app.state.parts, started or asyncio.Event())
    serving = asyncio.create_task(_run(server, f"{host}:{port}"), name="web-server")
    stopping = asyncio.create_task(stop.wait(), name="web-stop")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.stop()
        stopping.cancel()
        await serving


async def _run(server: Server, address: str) -> None:
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's way to say that the port is taken; it must not leave this task
        raise OSError(f"cannot listen on {address}") from error
