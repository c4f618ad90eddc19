"""How much the log holds for its clients: connections, bytes, seconds. With these its memory has a bound.

The rule to know: large requests and fetched records are counted over *all* connections, before they are in memory; who finds no
room waits, and is not read meanwhile. So the bound does not depend on how many clients there are.
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
        fetch_bytes: records of one fetch answer, but always one batch.
        answers_bytes: all fetch answers together, from before their records are read until they are sent; beyond it nothing is
            fetched.
        answers_owed: requests of one connection that are worked on at once.
        authenticate_s: by when a client of a log with a secret must have shown it.
        request_s: by when a request that has begun must be there whole.
        stalled_s: how long a client may take nothing of an answer.
        crowded_s: instead of the two above while others wait for the room it takes.
        idle_s: a connection without requests is closed (Kafka's ``connections.max.idle.ms``).
        look_every_s: how often these times are looked at.
    """

    connections: int = 512
    request_bytes: int = 32 * MEBIBYTE
    small_bytes: int = 64 * 1024
    requests_bytes: int = 16 * MEBIBYTE
    fetch_bytes: int = 4 * MEBIBYTE
    answers_bytes: int = 16 * MEBIBYTE
    answers_owed: int = 16
    authenticate_s: float = 10.0
    request_s: float = 30.0
    stalled_s: float = 60.0
    crowded_s: float = 5.0
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

    @property
    def crowded(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

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


class Share:
    """What one answer takes of a room, from before it is read until it has been sent.

    Args:
        room: whose.
    """

    __slots__ = ("_held", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    async def enter(self, size: int) -> None:
        """Wait until there is room for so many bytes."""
        await self._room.enter(size)
        self._held = size

    def settle(self, size: int) -> None:
        """Take exactly so many bytes from now on, whether there is room or not: they are there."""
        self._room.take(size)
        self.leave()
        self._held = size

    def leave(self) -> None:
        """Give back what is held."""
        held, self._held = self._held, 0
        if held:
            self._room.leave(held)
