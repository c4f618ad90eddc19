"""How much the log holds for its clients: connections, bytes, seconds. With these its memory has a bound.

The rule to know: large requests and answers are counted over *all* connections; who finds no room waits, and is not read
meanwhile. So the bound does not depend on how many clients there are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the server.

    Args:
        connections: more are refused.
        request_bytes: a larger request closes its connection unread.
        small_bytes: requests up to here need no room.
        requests_bytes: all larger requests together, until they are answered.
        answers_bytes: when as much is written and not yet taken, no further fetch is answered.
        answers_owed: requests of one connection that are worked on at once.
        authenticate_s: by when a client of a log with a secret must have shown it.
        request_s: by when a request that has begun must be there whole.
        stalled_s: how long a client may take nothing of an answer.
        idle_s: a connection without requests is closed (Kafka's ``connections.max.idle.ms``).
        look_every_s: how often the four above are looked at.
    """

    connections: int = 512
    request_bytes: int = 32 * MEBIBYTE
    small_bytes: int = 64 * 1024
    requests_bytes: int = 64 * MEBIBYTE
    answers_bytes: int = 32 * MEBIBYTE
    answers_owed: int = 16
    authenticate_s: float = 10.0
    request_s: float = 30.0
    stalled_s: float = 60.0
    idle_s: float = 600.0
    look_every_s: float = 1.0


class Room:
    """Bytes that all connections hold together.

    Args:
        limit: how many there may be; a single entry larger than that waits until nobody else is in.
    """

    def __init__(self, limit: int) -> None:
        self.held = 0
        self._limit = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, size: int) -> None:
        """Wait until there is room, then take it; first come, first in."""
        if not self._waiting and self._fits(size):
            self.held += size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in at the very moment: give it back
                self.leave(size)
            else:
                self._waiting.remove((size, turn))
                self._admit()
            raise

    def take(self, size: int) -> None:
        """Take room that cannot be waited for: what is there already."""
        self.held += size

    def leave(self, size: int) -> None:
        """Give room back."""
        self.held -= size
        self._admit()

    def _fits(self, size: int) -> bool:
        return self.held == 0 or self.held + max(size, 1) <= self._limit

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            if not turn.done():
                self.held += size
                turn.set_result(None)
