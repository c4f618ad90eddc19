"""The embedded log as one object: open a directory, serve it, close it.

The rule to know: it listens on loopback unless told otherwise, and on any other address only with a secret. There is no TLS:
whoever lets other machines in must trust the network between them.
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
from streams.log.access import AccessCalls, Credentials
from streams.log.admin import AdminCalls
from streams.log.call import Address, Handler
from streams.log.catalog import Catalog
from streams.log.coordinator import Coordinator
from streams.log.group_admin import GroupAdminCalls
from streams.log.limits import Limits
from streams.log.lookup import LookupCalls
from streams.log.membership import GroupCalls
from streams.log.metrics import Metrics
from streams.log.offsets import OffsetJournal
from streams.log.records import RecordCalls
from streams.log.server import Server
from streams.log.settings import KITCHEN_TOPICS, TopicChoice
from streams.log.topics import TopicCalls
from streams.log.transactions import TransactionCalls

logger = structlog.get_logger(__name__)

_SYNC_THREADS: Final = 4
_DAY_S: Final = 86_400.0
_ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class Log:
    """A Kafka-protocol log in this process; use it as an async context manager.

    Args:
        directory: where everything is kept; one process at a time may have it.
        host: where to listen; any address but loopback needs credentials.
        port: 0 takes a free one.
        advertised: where clients are told to connect, a host with or without ``:port``; ``host`` unless given.
        credentials: what clients must show (SASL/SCRAM-SHA-256); None lets everybody on this machine in.
        topics: settings by topic name, as a mapping or a function; durable defaults for the rest.
        auto_create: create topics that clients ask metadata of, as Apache Kafka does unless told otherwise; the process
            (``streams.log.__main__``) does only if told so, for the kitchen creates its topics itself.
        limits: what is held for clients.
        first_join_wait_s: how long a consumer group waits after its first member for others.
        retention_every_s: how often old segments are looked for.
        offsets_retention_s: how long commits outlive the last member of their group. Never looked at in the first
            ``offsets_after_s``, when workers may not have joined yet.

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
        advertised: str | None = None,
        credentials: Credentials | None = None,
        topics: TopicChoice = KITCHEN_TOPICS,
        auto_create: bool = True,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        first_join_wait_s: float = 0.1,
        retention_every_s: float = 5.0,
        offsets_retention_s: float = 60 * _DAY_S,
        offsets_after_s: float = 600.0,
    ) -> None:
        self.directory = directory
        self.host = _judged(host, advertised, credentials)
        self.port = port
        self._advertised = advertised or host
        self.metrics = Metrics()
        self._topics = topics
        self._auto_create = auto_create
        self._limits = limits
        self._first_join_wait_s = first_join_wait_s
        self._retention_every_s = retention_every_s
        self._offsets_retention_s = offsets_retention_s
        self._offsets_after_s = offsets_after_s
        self._access = AccessCalls(credentials, self.metrics)

    @property
    def address(self) -> str:
        """``host:port`` for clients' bootstrap setting."""
        told = self._announced()
        return f"{told.host}:{told.port}"

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
            self._journal = OffsetJournal(self.directory / "offsets", self._executor, self.metrics, int(time.time()))
            self._coordinator = Coordinator(
                self._journal, self.metrics, loop.time, time.time, first_join_wait_s=self._first_join_wait_s
            )
            self._server = Server(self._handlers(), self._coordinator, self.metrics, self._limits, secret=self._access.required)
            self.port = await self._server.start(self.host, self.port)
        except OSError as problem:
            self._release()
            raise ConfigurationError(str(problem), key=self.address, hint="choose another port or directory") from problem
        except BaseException:
            self._release()
            raise
        self._housekeeping = asyncio.create_task(self._keep_house())
        logger.info("log ready", address=self.address, directory=str(self.directory), topics=self.metrics.topics)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving, finish syncs under way, close the files."""
        self._housekeeping.cancel()
        await self._coordinator.close()
        await self._server.stop()
        await self._catalog.close()
        await self._journal.close()
        self._release()
        logger.info("log stopped", address=self.address)

    def _handlers(self) -> dict[int, Handler]:
        records = RecordCalls(self._catalog, self.metrics, self._limits.fetch_bytes)
        topics = TopicCalls(self._catalog, self._journal, self.metrics, self._announced, auto_create=self._auto_create)
        groups = GroupCalls(
            self._catalog, self._coordinator, self._journal, self.metrics, address=self._announced, wall=time.time
        )
        return {
            **records.handlers(),
            **topics.handlers(),
            **groups.handlers(),
            **LookupCalls(self._catalog, self.metrics).handlers(),
            **AdminCalls(self._catalog, self.metrics, self._announced, self.directory).handlers(),
            **GroupAdminCalls(self._coordinator, self._journal, self.metrics).handlers(),
            **TransactionCalls(self.metrics).handlers(),
            **self._access.handlers(),
        }

    def _announced(self) -> Address:
        host, colon, port = self._advertised.rpartition(":")
        named = bool(colon) and port.isdigit() and (":" not in host or host.startswith("["))
        return Address(host.strip("[]"), int(port)) if named else Address(self._advertised, self.port)

    def _release(self) -> None:
        self._executor.shutdown(wait=True)
        os.close(self._lock)

    async def _keep_house(self) -> None:
        begun = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(self._retention_every_s)
            try:
                await self._catalog.housekeep(time.time())
                if asyncio.get_running_loop().time() - begun >= self._offsets_after_s:
                    await self._expire()
            except Exception:  # the outermost loop: an end of it would be an end of retention
                self.metrics.failed_upkeeps += 1
                logger.exception("log upkeep failed")

    async def _expire(self) -> None:
        try:
            taken_back = await self._coordinator.expire(self._offsets_retention_s, time.time())
        except OSError:  # logged and counted by the journal
            return
        if taken_back:
            logger.info("offsets expired", commits=taken_back)


def _judged(host: str, advertised: str | None, credentials: Credentials | None) -> str:
    """The host to listen on.

    Raises:
        ConfigurationError: not loopback and without a secret, or everywhere and without a name for clients.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and credentials is None:
        raise ConfigurationError(
            f"the embedded log listens on loopback only, not on {host!r}, unless there is a secret",
            key="host",
            hint="use 127.0.0.1, or give it a secret (--secret-file)",
        )
    if host in _ANYWHERE and advertised is None:
        raise ConfigurationError(
            f"clients cannot be told to connect to {host}", key="host", hint="name this machine with --advertise"
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
