"""The Faust transport ``kitchen://``: aiokafka's, with a producer flush that ends.

Faust commits offsets only after ``producer.flush()``, which waits until the producer's buffer is *empty*. An agent that
sends while it is being flushed refills the buffer, so under a backlog one commit can take many seconds and a kill
replays thousands of events. Here a flush waits only for what was queued when it was called. This touches private parts of
faust-streaming 0.15 and aiokafka 0.14: ``install`` refuses to run over others; ``tests/contract/streams`` proves the behaviour.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, ClassVar

from faust.auth import SASLCredentials
from faust.transport import drivers
from faust.transport.drivers import aiokafka as base
from faust.transport.producer import ProducerBuffer
from faust.types.tuples import FutureMessage

from domain.errors import ConfigurationError
from streams.address import MECHANISM, SCHEME, bootstrap_servers

WRITTEN_FOR = {"faust-streaming": "0.15", "aiokafka": "0.14"}
"""The versions whose private parts this module knows."""

_PRIVATE_PARTS = (
    (ProducerBuffer, "__post_init__", ("self",)),
    (ProducerBuffer, "put", ("self", "fut")),
    (ProducerBuffer, "flush", ("self",)),
    (ProducerBuffer, "_send_pending", ("self", "fut")),
    (base.Producer, "flush", ("self",)),
)


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
        try:
            await super()._send_pending(fut)
        finally:
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


def install(installed: Callable[[str], str] = version) -> None:
    """Make ``kitchen://`` known to Faust.

    Args:
        installed: tells a distribution's version.

    Raises:
        ConfigurationError: if Faust or aiokafka are of a version this module does not know, or their private parts have changed.
    """
    for name, known in WRITTEN_FOR.items():
        if (found := installed(name)) != known and not found.startswith(f"{known}."):
            raise _unknown(f"{name} {found} is installed")
    for owner, name, parameters in _PRIVATE_PARTS:
        part = getattr(owner, name, None)
        if part is None or tuple(inspect.signature(part).parameters) != parameters:
            raise _unknown(f"{owner.__qualname__}.{name}{parameters} is not there")
    drivers.TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"


def reaching(kafka_url: str) -> dict[str, Any]:
    """The settings with which a Faust app reaches the log over this transport, showing the secret if there is one.

    Raises:
        ConfigurationError: if the URL is no address of a log.
    """
    servers = bootstrap_servers(kafka_url)
    settings: dict[str, Any] = {"broker": [f"{SCHEME}://{server}" for server in servers.split(",")]}
    if servers.user:
        settings["broker_credentials"] = SASLCredentials(username=servers.user, password=servers.secret, mechanism=MECHANISM)
    return settings


def _unknown(what: str) -> ConfigurationError:
    fitting = " ".join(f"'{name}=={known}.*'" for name, known in WRITTEN_FOR.items())
    return ConfigurationError(f"the stream driver does not fit: {what}", hint=f"pip install {fitting}")
