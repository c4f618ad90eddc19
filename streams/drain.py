"""How a worker stops: no new batch begins, what is in hand is finished and committed, and only then the group is left.

An agent does not know: its stream (``DrainingStream``) hands out no further batch once the drain has begun, and a batch counts as
in hand until the agent asks for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import faust
from faust.streams import Stream


class Hand:
    """What the agents of one worker are at."""

    def __init__(self) -> None:
        self._held = 0
        self._draining = False
        self._empty = asyncio.Event()

    @property
    def held(self) -> int:
        """Batches in hand."""
        return self._held

    def take(self) -> bool:
        """A batch is about to begin; False when none may any more."""
        if self._draining:
            return False
        self._held += 1
        return True

    def give(self) -> None:
        """A batch is done with, one way or the other."""
        self._held -= 1
        if not self._held:
            self._empty.set()

    async def drained(self, *, within_s: float) -> bool:
        """Let nothing new begin and wait for what is in hand; False if that took too long and was left."""
        self._draining = True
        if not self._held:
            return True
        self._empty.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


class DrainingStream(Stream):  # type: ignore[misc]
    """A stream whose batches are counted by its app's hand."""

    async def noack_take(self, max_: int, within: float) -> AsyncGenerator[Sequence[Any], None]:
        """Faust's, until the drain begins; afterwards it waits to be cancelled."""
        hand = self.app.hand
        async for batch in super().noack_take(max_, within):
            if not hand.take():
                await asyncio.Event().wait()
            try:
                yield batch
            finally:
                hand.give()


class Worker(faust.App):  # type: ignore[misc]
    """A Faust app that can be drained."""

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name, Stream=DrainingStream, **settings)
        self.hand = Hand()
