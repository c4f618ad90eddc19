"""The Faust transport ``kitchen://``: aiokafka's, with a producer flush that ends.

Faust commits offsets only after ``producer.flush()``, which waits until the producer's buffer is *empty*. An agent that
sends while it is being flushed refills the buffer, so under a backlog one commit can take many seconds and a kill
replays thousands of events. Here a flush waits only for what was queued when it was called. This touches private parts of
faust-streaming 0.15; the version is pinned and ``tests/contract/streams`` proves the behaviour.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from faust.transport import drivers
from faust.transport.drivers import aiokafka as base
from faust.transport.producer import ProducerBuffer
from faust.types.tuples import FutureMessage

from streams.address import SCHEME


class CountingBuffer(ProducerBuffer):  # type: ignore[misc]
    """A producer buffer that counts what entered and what was handed on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._entered = 0
        self._sent = 0

    def put(self, fut: FutureMessage) -> None:
        """Queue one message."""
        self._entered += 1
        super().put(fut)

    async def _send_pending(self, fut: FutureMessage) -> None:
        await super()._send_pending(fut)
        self._sent += 1

    async def flush(self) -> None:
        """Wait until everything queued before this call has been handed to the client."""
        target = self._entered
        while self._sent < target and not self.should_stop:
            self.message_sent.clear()
            try:
                await asyncio.wait_for(self.message_sent.wait(), timeout=0.1)
            except TimeoutError:
                if self.state != "running":
                    return


class Producer(base.Producer):  # type: ignore[misc]
    """aiokafka's Faust producer over a ``CountingBuffer``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        buffer = CountingBuffer(loop=self.loop, beacon=self.beacon)
        buffer.app = self.app
        self.buffer = buffer


class Transport(base.Transport):  # type: ignore[misc]
    """The transport Faust finds under ``kitchen://``."""

    Producer: ClassVar[type[Producer]] = Producer


def install() -> None:
    """Make ``kitchen://`` known to Faust."""
    drivers.TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
