"""The hub: one reader in, many clients out.

Queues are bounded: a client that does not keep up is ended, never waited for; its browser reconnects with
``Last-Event-ID`` and gets what it missed from the stream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from web import metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change of one warning: ``data`` is the JSON of the list item; ``id`` is the SSE id."""

    id: str
    uscc: str
    region: str
    data: bytes


class Signal(StrEnum):
    """What a client may be told besides entries."""

    HEARTBEAT = "heartbeat"  # nothing happened for a while
    RESET = "reset"  # something may have been missed: load the page anew
    END = "end"  # the stream is over: the client was too slow, or the server stops


Message: TypeAlias = Entry | Signal


class Client:
    """One client's queue. Used on the event loop only."""

    def __init__(self, queue_length: int) -> None:
        self._queue_length = queue_length
        self._waiting: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._ended = False

    def offer(self, message: Message) -> bool:
        """Queue a message; False ends the client because its queue is full."""
        if len(self._waiting) >= self._queue_length:
            self.end()
            return False
        self._waiting.append(message)
        self._wake.set()
        return True

    def end(self) -> None:
        """Forget what is queued; the next read answers END."""
        self._ended = True
        self._waiting.clear()
        self._wake.set()

    async def next(self, seconds: float) -> Message:
        """The next message; HEARTBEAT after that many seconds of silence."""
        if not self._waiting and not self._ended:
            self._wake.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                return Signal.HEARTBEAT
        if self._ended:
            return Signal.END
        return self._waiting.popleft()


class Hub:
    """Every open client of this process."""

    def __init__(self, queue_length: int = 256) -> None:
        self._queue_length = queue_length
        self._clients: set[Client] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._clients)

    def join(self) -> Client:
        """A new client; ended at once if the hub is closed."""
        client = Client(self._queue_length)
        if self._closed:
            client.end()
        self._clients.add(client)
        metrics.LIVE_CLIENTS.set(len(self._clients))
        return client

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._clients.discard(client)
        metrics.LIVE_CLIENTS.set(len(self._clients))

    def tell(self, message: Message) -> None:
        """Offer a message to everybody; those whose queue is full are ended."""
        for client in list(self._clients):
            if not client.offer(message):
                metrics.LIVE_DROPPED.inc()
                self.leave(client)

    def close(self) -> None:
        """End every client, now and later, so that the server can stop at once."""
        self._closed = True
        for client in list(self._clients):
            client.end()
