"""The embedded log as one object: open a directory, serve it, close it.

The rule to know: it listens on loopback only. Whoever needs the log on another machine needs Apache Kafka.
"""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from domain.errors import ConfigurationError
from streams.log.call import Address, Handler
from streams.log.catalog import Catalog
from streams.log.coordinator import Coordinator
from streams.log.membership import GroupCalls
from streams.log.metrics import Metrics
from streams.log.offsets import OffsetJournal
from streams.log.records import RecordCalls
from streams.log.server import Server
from streams.log.settings import KITCHEN_TOPICS, TopicChoice
from streams.log.topics import TopicCalls

logger = structlog.get_logger(__name__)

_SYNC_THREADS: Final = 4


class Log:
    """A Kafka-protocol log in this process; use it as an async context manager.

    Args:
        directory: where everything is kept; one process at a time may have it.
        host: a loopback address.
        port: 0 takes a free one.
        topics: settings by topic name, as a mapping or a function; durable defaults for the rest.
        auto_create: create topics that clients ask metadata of.
        max_request_bytes: a request larger than this closes its connection.
        first_join_wait_s: how long a consumer group waits after its first member for others.
        retention_every_s: how often old segments are looked for.

    Attributes:
        port: where it listens, once entered.
        metrics: what it counts.
    """

    def __init__(
        self,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        topics: TopicChoice = KITCHEN_TOPICS,
        auto_create: bool = True,
        max_request_bytes: int = 32 * 1024 * 1024,
        first_join_wait_s: float = 0.1,
        retention_every_s: float = 5.0,
    ) -> None:
        self.directory = directory
        self.host = _loopback(host)
        self.port = port
        self.metrics = Metrics()
        self._topics = topics
        self._auto_create = auto_create
        self._max_request_bytes = max_request_bytes
        self._first_join_wait_s = first_join_wait_s
        self._retention_every_s = retention_every_s

    @property
    def address(self) -> str:
        """``host:port`` for clients' bootstrap setting."""
        return f"{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        """Open the directory, repair what a crash left, and serve.

        Raises:
            ConfigurationError: another process has the directory, or the port is taken.
            Damaged: a file cannot be right; the message names it.
        """
        loop = asyncio.get_running_loop()
        self._lock = _locked(self.directory)
        self._executor = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="log-sync")
        try:
            self._catalog = await loop.run_in_executor(None, Catalog, self.directory, self._topics, self._executor, self.metrics)
            self._journal = OffsetJournal(self.directory / "offsets", self._executor, self.metrics)
            self._coordinator = Coordinator(self.metrics, loop.time, first_join_wait_s=self._first_join_wait_s)
            self._server = Server(self._handlers(), self._coordinator, self.metrics, max_request_bytes=self._max_request_bytes)
            self.port = await self._server.start(self.host, self.port)
        except OSError as problem:
            self._release()
            raise ConfigurationError(str(problem), key=self.address, hint="choose another port or directory") from problem
        except BaseException:
            self._release()
            raise
        self._housekeeping = asyncio.create_task(self._drop_expired())
        logger.info("log ready", address=self.address, directory=str(self.directory), topics=self.metrics.topics)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving, finish syncs under way, close the files."""
        self._housekeeping.cancel()
        await self._server.stop()
        self._coordinator.close()
        await self._catalog.close()
        await self._journal.close()
        self._release()
        logger.info("log stopped", address=self.address)

    def _handlers(self) -> dict[int, Handler]:
        records = RecordCalls(self._catalog, self.metrics)
        topics = TopicCalls(self._catalog, self._journal, self.metrics, self._announced, auto_create=self._auto_create)
        groups = GroupCalls(self._catalog, self._coordinator, self._journal, self.metrics, self._announced)
        return {**records.handlers(), **topics.handlers(), **groups.handlers()}

    def _announced(self) -> Address:
        return Address(self.host, self.port)

    def _release(self) -> None:
        self._executor.shutdown(wait=True)
        os.close(self._lock)

    async def _drop_expired(self) -> None:
        while True:
            await asyncio.sleep(self._retention_every_s)
            try:
                self._catalog.drop_expired(time.time())
            except OSError as problem:
                logger.warning("retention failed", problem=str(problem))


def _loopback(host: str) -> str:
    try:
        allowed = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise ConfigurationError(
            f"the embedded log listens on loopback only, not on {host!r}",
            key="host",
            hint="use 127.0.0.1, or Apache Kafka for more than one machine",
        )
    return host


def _locked(directory: Path) -> int:
    """Take the directory for this process; returns the lock's descriptor."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        raise ConfigurationError(
            "another process serves this directory", file=str(directory), hint="stop it, or choose another directory"
        ) from problem
    return descriptor
