"""A Faust app with the settings this product may run with, and how it is started and stopped on an event loop.

``processing_guarantee`` stays at-least-once: Faust's exactly_once crashes or duplicates (docs/design.md). Faust's own web server
stays off: it would listen on every interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import faust
import structlog
from mode.utils.logging import CompositeLogger  # noqa: F401 - pulled in so that mode's logging is set up before structlog's

from streams import driver
from streams.address import bootstrap_servers, faust_brokers
from streams.topics import MAX_MESSAGE_BYTES, ensure_topics
from streams.watchdog import LoopWatch, ProgressWatch

log = structlog.get_logger(__name__)

LOOP_PATIENCE_S = 60.0
PROGRESS_PATIENCE_S = 120.0


def faust_app(name: str, kafka_url: str, data: Path, **settings: Any) -> faust.App:
    """A Faust app called ``name`` (also its consumer group).

    Args:
        name: the group; partitions are shared among processes of one name.
        kafka_url: ``kafka://host:port``.
        data: directory for Faust's own files.
        settings: further Faust settings.
    """
    driver.install()
    directory = data / "faust" / name
    directory.mkdir(parents=True, exist_ok=True)
    return faust.App(
        name,
        broker=faust_brokers(kafka_url),
        store="memory://",
        datadir=str(directory),
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=4,
        topic_replication_factor=1,
        table_standby_replicas=0,
        producer_linger=0.02,
        producer_max_request_size=MAX_MESSAGE_BYTES,
        consumer_max_fetch_size=MAX_MESSAGE_BYTES,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=0.5,
        broker_session_timeout=30.0,
        broker_heartbeat_interval=3.0,
        stream_wait_empty=False,
        **settings,
    )


@asynccontextmanager
async def running(
    app: faust.App,
    kafka_url: str,
    topics: list[str],
    *,
    loop_patience_s: float = LOOP_PATIENCE_S,
    progress_patience_s: float = PROGRESS_PATIENCE_S,
) -> AsyncIterator[Callable[[], set[tuple[str, int]]]]:
    """Run an app with its watchdogs on the current loop; leaving the block drains and stops it."""
    bootstrap = bootstrap_servers(kafka_url)
    await ensure_topics(bootstrap)
    app.finalize()
    await app.maybe_start()

    def mine() -> set[tuple[str, int]]:
        return {(tp.topic, tp.partition) for tp in app.consumer.assignment()}

    watches = [
        asyncio.create_task(LoopWatch(patience_s=loop_patience_s).run()),
        asyncio.create_task(
            ProgressWatch(bootstrap, group=app.conf.id, topics=topics, mine=mine, patience_s=progress_patience_s).run()
        ),
    ]
    log.info("worker.started", worker=app.conf.id, topics=topics)
    try:
        yield mine
    finally:
        for watch in watches:
            watch.cancel()
        for watch in watches:
            with suppress(asyncio.CancelledError):
                await watch
        await app.stop()
        log.info("worker.stopped", worker=app.conf.id)
