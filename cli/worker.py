"""What every worker process does around its work: logging, metrics, and an event that is set when it should stop."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import structlog
from prometheus_client import disable_created_metrics, start_http_server

from cli.logs import set_up_logging
from configs.endpoints import Endpoints

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a worker runs.

    Attributes:
        data: the data directory.
        config: the configuration directory.
        endpoints: where the other parts are.
        metrics_host, metrics_port: where it shows its metrics; port 0 shows none.
    """

    data: Path
    config: Path
    endpoints: Endpoints
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0


@asynccontextmanager
async def stoppable(name: str) -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; SIGUSR1 writes where every thread stands to the log."""
    set_up_logging()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series of each counter, which nobody asks for
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("process.started", process=name)
    try:
        yield stop
    finally:
        log.info("process.stopped", process=name)


def work(worker: Coroutine[object, object, None]) -> NoReturn:
    """Run a worker to its end and leave at once: everything is closed, and Python's own tear-down would take seconds.

    It would also wait for threads, and one that is stuck in a call would keep a worker that was told to stop.
    """

    async def to_its_end() -> NoReturn:
        await worker
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # a full disk does not keep a worker
                stream.flush()
        os._exit(0)

    asyncio.run(to_its_end())
    raise AssertionError("unreachable")


def show_metrics(setting: Setting) -> None:
    """Serve ``/metrics`` from a thread of its own until the process ends."""
    if setting.metrics_port:
        start_http_server(setting.metrics_port, addr=setting.metrics_host)
