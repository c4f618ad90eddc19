"""One side of a figure of casework, in a process of its own: ``python -m tests.bench.casework_side JSON``.

``worker`` is the product's Faust worker, ``agent`` a bare Faust agent that counts into a table. Both find the whole topic written
and are timed from their first acknowledged batch to the last event.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import logging
import resource
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import structlog


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a side is to do."""

    side: str
    topic: str
    events: int
    kafka_url: str
    folder: str
    now: str
    database_url: str = ""
    profile: str = ""
    within_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What it did: ``events`` in ``seconds`` with so much CPU; the process's greatest memory in MiB."""

    events: int
    seconds: float
    cpu_seconds: float
    memory_mib: float


class Watch:
    """Times from the first events done to the last."""

    def __init__(self, wanted: int, within_s: float) -> None:
        self._wanted, self._give_up = wanted, perf_counter() + within_s

    async def until_done(self, done: Any) -> Taken:
        while (first := done()) == 0:
            await self._look()
        begun, cpu = perf_counter(), process_time()
        while (last := done()) < self._wanted:
            await self._look()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Taken(events=last - first, seconds=perf_counter() - begun, cpu_seconds=process_time() - cpu, memory_mib=memory)

    async def _look(self) -> None:
        if perf_counter() > self._give_up:
            raise RuntimeError("it stopped making progress")
        await asyncio.sleep(0.005)


async def worker(task: Task) -> Taken:
    """The product's worker without its relay."""
    from store import open_media, open_store  # noqa: PLC0415 - a bare side loads none of the product
    from streams import casework, metrics  # noqa: PLC0415
    from tests.bench.casework_site import office_over  # noqa: PLC0415

    store = open_store(task.database_url)
    office = office_over(store, open_media(f"file://{task.folder}/media"))
    stop, now = asyncio.Event(), datetime.fromisoformat(task.now)

    async def no_relay(_wake: asyncio.Event) -> None:
        await stop.wait()

    def done() -> int:
        counters = (metrics.STREAM_EVENTS.labels(task.topic, result) for result in ("done", "refused"))
        return int(sum(counter._value.get() for counter in counters))

    running = asyncio.create_task(
        casework.run(
            kafka_url=task.kafka_url,
            data=Path(task.folder) / "faust",
            office=office,
            relay=no_relay,
            clock=lambda: now,
            stop=stop,
        )
    )
    watching = asyncio.create_task(Watch(task.events, task.within_s).until_done(done))
    await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    taken = await watching
    stop.set()
    await running
    store.close()
    return taken


async def agent(task: Task) -> Taken:
    """A bare Faust agent: it reads JSON and counts by key in a table in memory; the product's Faust settings, nothing else."""
    from streams.worker import faust_app  # noqa: PLC0415

    app = faust_app("bare", task.kafka_url, Path(task.folder))
    facts = app.topic(task.topic, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
    counts = app.Table("counts", default=int, partitions=4)
    seen = 0

    async def count(stream: Any) -> None:
        nonlocal seen
        async for key, value in stream.items():
            counts[key.decode()] += len(json.loads(value)) > 0
            seen += 1

    app.agent(facts)(count)
    app.finalize()
    await app.maybe_start()
    taken = await Watch(task.events, task.within_s).until_done(lambda: seen)
    await app.stop()
    return taken


def main() -> None:
    """Run one side and print what it did as JSON."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    task = Task(**json.loads(sys.argv[1]))
    side = {"worker": worker, "agent": agent}[task.side]
    if task.profile:
        with cProfile.Profile() as profile:
            taken = asyncio.run(side(task))
        profile.dump_stats(task.profile)
    else:
        taken = asyncio.run(side(task))
    sys.stdout.write(json.dumps(asdict(taken)) + "\n")


if __name__ == "__main__":
    main()
