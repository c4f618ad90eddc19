"""A Faust app with the settings this product may run with, and how it is started and stopped on an event loop.

``processing_guarantee`` stays at-least-once: Faust's exactly_once crashes or duplicates (docs/design.md). Faust's own web server
stays off: it would listen on every interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import structlog
from mode.utils.logging import CompositeLogger  # noqa: F401 - pulled in so that mode's logging is set up before structlog's

from domain.topics import Topic
from streams import driver
from streams.address import bootstrap_servers
from streams.drain import Worker
from streams.guard import Guard
from streams.topics import MAX_MESSAGE_BYTES, ensure_topics
from streams.watchdog import Excuse, LifeWatch, LoopWatch, ProgressWatch, end_process

log = structlog.get_logger(__name__)

LOOP_PATIENCE_S = 60.0
PROGRESS_PATIENCE_S = 120.0
SESSION_S = 12.0
"""After so long without a heartbeat a worker counts as dead; heartbeats have a thread of their own."""
METADATA_AGE_MS = 3000
GRACE_S = 1.2
"""Less than the process manager's own grace (``cli/processes.py``), after which it kills."""


def faust_app(name: str, kafka_url: str, data: Path, **settings: Any) -> Worker:
    """A Faust app called ``name`` (also its consumer group).

    Args:
        name: the group; partitions are shared among processes of one name.
        kafka_url: as ``streams.address`` has it.
        data: directory for Faust's own files.
        settings: further Faust settings.
    """
    driver.install()
    directory = data / "faust" / name
    directory.mkdir(parents=True, exist_ok=True)
    defaults: dict[str, Any] = {
        "store": "memory://",
        "datadir": str(directory),
        "key_serializer": "raw",
        "value_serializer": "raw",
        "web_enabled": False,
        "topic_disable_leader": True,
        "topic_partitions": 4,
        "topic_replication_factor": 1,
        "table_standby_replicas": 0,
        "producer_linger": 0.02,
        "producer_max_request_size": MAX_MESSAGE_BYTES,
        "consumer_max_fetch_size": MAX_MESSAGE_BYTES,
        "consumer_auto_offset_reset": "earliest",
        # a log that has just started may not name a topic yet: then nobody is given its partitions until the next look
        "consumer_metadata_max_age_ms": METADATA_AGE_MS,
        "broker_commit_interval": 0.5,
        "broker_session_timeout": SESSION_S,
        "broker_heartbeat_interval": 1.0,
        "stream_wait_empty": False,
    }
    return Worker(name, **(driver.reaching(kafka_url) | defaults | settings))


def add_agent(
    app: Worker,
    topic: Topic,
    take: Callable[[Sequence[Any]], Awaitable[object]],
    guard: Guard,
    *,
    most: int,
    within_s: float,
) -> None:
    """Declare the agent of one topic; before the app starts.

    Args:
        app: the worker.
        topic: what it reads.
        take: takes a batch of events and acknowledges each when its effect is durable.
        guard: sees to it that nothing escapes.
        most: the largest batch.
        within_s: how long a batch waits to be filled.
    """

    async def agent(stream: Any) -> None:
        async for batch in stream.noack_take(most, within=within_s):
            await guard.batch(topic, batch, take)

    app.agent(app.topic(topic.value, value_type=bytes, key_type=bytes), name=f"take_{topic.value}")(agent)


@asynccontextmanager
async def running(
    app: Worker,
    kafka_url: str,
    topics: list[str],
    *,
    loop_patience_s: float = LOOP_PATIENCE_S,
    progress_patience_s: float = PROGRESS_PATIENCE_S,
    grace_s: float = GRACE_S,
    end: Callable[[str], None] = end_process,
) -> AsyncIterator[Callable[[], set[tuple[str, int]]]]:
    """Run an app with its watchdogs on the current loop; leaving the block drains and stops it.

    Args:
        app: with its agents declared.
        kafka_url: the log.
        topics: what its agents read.
        loop_patience_s, progress_patience_s: see ``streams.watchdog``.
        grace_s: how long what is in hand may take at the end.
        end: what the watchdogs do to a stuck worker.
    """
    bootstrap = bootstrap_servers(kafka_url)
    await ensure_topics(bootstrap)
    app.finalize()
    try:
        await app.maybe_start()
    except BaseException:
        await app.stop()
        raise

    def mine() -> set[tuple[str, int]]:
        return {(tp.topic, tp.partition) for tp in app.consumer.assignment()}

    progress = ProgressWatch(
        bootstrap,
        group=app.conf.id,
        topics=topics,
        mine=mine,
        patience_s=progress_patience_s,
        every_s=min(5.0, progress_patience_s / 4),
        excused=Excuse(lambda: app.rebalancing, longest_s=progress_patience_s),
        end=end,
    )
    watches = [
        asyncio.create_task(watch.run())
        for watch in (LoopWatch(patience_s=loop_patience_s, end=end), progress, LifeWatch(lambda: _death(app), end=end))
    ]
    for watch in watches:
        watch.add_done_callback(lambda done: _judge_watch(done, end))
    log.info("worker.started", worker=app.conf.id, topics=topics)
    try:
        yield mine
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.wait(watches)
        await stop(app, grace_s=grace_s)


def _judge_watch(done: asyncio.Task[None], end: Callable[[str], None]) -> None:
    """A worker that nobody watches could stand still unnoticed, so it is ended."""
    if not done.cancelled() and (problem := done.exception()) is not None:
        log.error("worker.watch_failed", exc_info=problem)
        end(f"a watch of the worker failed: {problem!r}")


async def stop(app: Worker, *, grace_s: float) -> None:
    """Finish what is in hand, commit it, leave the group."""
    begun = monotonic()
    whole = await app.hand.drained(within_s=grace_s)
    await app.stop()
    log.info("worker.stopped", worker=app.conf.id, drained=whole, took_s=round(monotonic() - begun, 2))


def _death(app: Worker) -> str:
    """Why an app does nothing any more; empty while it lives."""
    if app.crashed:
        return f"the stream worker crashed: {app.crash_reason!r}"
    return "the stream worker stopped by itself" if app.should_stop else ""
