"""Clients of server-sent events that cost little: each only notes when an event has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from types import TracebackType
from typing import Final, Self

from cli.plan import LOOPBACK
from domain.errors import Unavailable

WITHIN_S: Final = 30.0
MARK: Final = b"event: warning"


class _Reader(asyncio.Protocol):
    """One client."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._began = False

    def data_received(self, data: bytes) -> None:
        if not self._began:
            self._began = True
            self._audience.joined(ok=data.startswith(b"HTTP/1.1 200"))
        if MARK in data:
            self._audience.told(perf_counter())


class Audience:
    """So many open streams of one endpoint; use as an asynchronous context manager."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str], clients: int) -> None:
        self._port, self._clients = port, clients
        lines = [f"GET {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self._request = "\r\n".join(lines).encode()
        self._transports: list[asyncio.Transport] = []
        self._open = self._refused = 0
        self._times: list[float] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(self._clients):
            transport, _protocol = await loop.create_connection(lambda: _Reader(self), LOOPBACK, self._port)
            transport.write(self._request)
            self._transports.append(transport)
        await self._until(lambda: self._open == self._clients, "the streams are open")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for transport in self._transports:
            transport.abort()

    async def told_by(self, publish: Callable[[], Awaitable[object]]) -> list[float]:
        """Publish once; returns when each client got it, on ``perf_counter``."""
        self._times = []
        await publish()
        await self._until(lambda: len(self._times) == self._clients, "every client has the change")
        return self._times

    def joined(self, *, ok: bool) -> None:
        """A client's stream has begun, or was refused."""
        self._open += ok
        self._refused += not ok
        self._changed.set()

    def told(self, at: float) -> None:
        """A client has an event."""
        self._times.append(at)
        if len(self._times) == self._clients:
            self._changed.set()

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not condition():
                    if self._refused:
                        raise Unavailable(f"{self._refused} streams were refused")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Unavailable(f"not within {WITHIN_S:g} s: {what}") from None
