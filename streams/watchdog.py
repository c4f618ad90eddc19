"""Watches a worker from inside and ends its process when it makes no progress; the process manager starts it again.

Three ways to be stuck are told apart: the event loop itself stands still (seen from a thread); the loop runs but the committed
offset does not move although there are records behind it (seen from the broker's own numbers); the stream worker has ended by
itself, so that there is nothing left to move. Ending is abrupt on purpose: every effect is idempotent and nothing is acknowledged
before it is durable. No alarm: while a part the events need says that it is away, and while a rebalance does not take too long.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams import metrics
from streams.address import reaching
from streams.guard import Guard

log = structlog.get_logger(__name__)

EXIT_STUCK = 75


def end_process(reason: str) -> None:
    """Leave at once with exit status 75 (a temporary failure)."""
    log.error("watchdog.stuck", reason=reason, exit_status=EXIT_STUCK)
    os._exit(EXIT_STUCK)


@dataclass(slots=True)
class Progress:
    """Judges from (committed, end) offsets whether a partition is stuck. Pure: ``at`` is seconds of any steady clock.

    A partition is stuck when it has lag and its committed offset has not moved for ``patience_s``.
    """

    patience_s: float
    _since: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)

    def observe(self, offsets: Mapping[tuple[str, int], tuple[int, int]], at: float) -> list[tuple[str, int]]:
        """Take one reading; returns the partitions that are stuck."""
        stuck = []
        for partition, (committed, end) in offsets.items():
            known = self._since.get(partition)
            if known is None or known[0] != committed or committed >= end:
                self._since[partition] = (committed, at)
            elif at - known[1] >= self.patience_s:
                stuck.append(partition)
        for gone in set(self._since) - set(offsets):
            del self._since[gone]
        return stuck

    def forget(self) -> None:
        """Begin anew: what was not moving until now had its reason."""
        self._since.clear()

    def age_s(self, partition: tuple[str, int], at: float) -> float:
        """Seconds since the last progress of a partition."""
        known = self._since.get(partition)
        return at - known[1] if known else 0.0


class Excuse:
    """Why no progress is no fault now: an event waits for a part that is away, or a rebalance is going on, but not for ever.

    Args:
        rebalancing: whether one is going on.
        longest_s: how long one may take.
        waits: whether an event was lately told to come again, by the monotonic clock.
    """

    def __init__(
        self, rebalancing: Callable[[], bool], *, longest_s: float, waits: Callable[[float], bool] = Guard.waits
    ) -> None:
        self._rebalancing, self._longest_s, self._waits = rebalancing, longest_s, waits
        self._since: float | None = None

    def __call__(self, at: float) -> bool:
        """Whether it holds at an instant of the monotonic clock."""
        if not self._rebalancing():
            self._since = None
        elif self._since is None:
            self._since = at
        return self._waits(at) or (self._since is not None and at - self._since < self._longest_s)


class LifeWatch:
    """Ends the process when the stream worker in it has ended without being told to.

    Args:
        death: why it does nothing any more; empty while it lives.
    """

    def __init__(self, death: Callable[[], str], *, every_s: float = 1.0, end: Callable[[str], None] = end_process) -> None:
        self._death, self._every_s, self._end = death, every_s, end

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            if reason := self._death():
                self._end(reason)


class LoopWatch:
    """A thread that ends the process when the event loop has not turned for ``patience_s``."""

    def __init__(self, *, patience_s: float, end: Callable[[str], None] = end_process) -> None:
        self._patience_s, self._end = patience_s, end
        self._beat = monotonic()
        self._stop = threading.Event()

    async def run(self) -> None:
        """Beat until cancelled."""
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        thread.start()
        try:
            while True:
                expected = monotonic() + 0.5
                await asyncio.sleep(0.5)
                self._beat = monotonic()
                metrics.LOOP_LAG_SECONDS.set(max(0.0, self._beat - expected))
        finally:
            self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            silent_s = monotonic() - self._beat
            if silent_s > self._patience_s:
                self._end(f"the event loop has not turned for {silent_s:.0f} s")


class ProgressWatch:
    """Asks the broker for the group's committed offsets and the topics' ends, and ends a worker that is stuck.

    Only partitions assigned to this worker count (``mine``): a group may have members elsewhere.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        group: str,
        topics: Sequence[str],
        mine: Callable[[], set[tuple[str, int]]],
        patience_s: float,
        every_s: float = 5.0,
        excused: Callable[[float], bool] = lambda _at: False,
        end: Callable[[str], None] = end_process,
    ) -> None:
        self._excused = excused
        self._bootstrap, self._group, self._topics, self._mine = bootstrap, group, topics, mine
        self._every_s, self._end = every_s, end
        self._progress = Progress(patience_s)

    async def run(self) -> None:
        """Watch until cancelled; a broker that is away is not the worker's fault."""
        while True:
            try:
                await self._watch()
            except (KafkaError, OSError) as error:
                log.info("watchdog.broker_away", error=repr(error))
                self._progress.forget()
                await asyncio.sleep(self._every_s)

    async def _watch(self) -> None:
        admin = AIOKafkaAdminClient(**reaching(self._bootstrap), client_id="kitchen-watchdog")
        consumer = AIOKafkaConsumer(**reaching(self._bootstrap), client_id="kitchen-watchdog", enable_auto_commit=False)
        try:
            await admin.start()
            await consumer.start()
            while True:
                await asyncio.sleep(self._every_s)
                await self._read(admin, consumer)
        finally:
            await consumer.stop()
            await admin.close()

    async def _read(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        mine = sorted(partition for partition in self._mine() if partition[0] in self._topics)
        partitions = [TopicPartition(topic, number) for topic, number in mine]
        if not partitions:  # whoever gets one back later begins anew, and nothing of ours lags
            self._progress.forget()
            self._publish({}, monotonic())
            return
        committed = await admin.list_consumer_group_offsets(self._group, partitions=partitions)
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        offsets: dict[tuple[str, int], tuple[int, int]] = {}
        for partition in partitions:
            known = committed.get(partition)
            done = known.offset if known is not None and known.offset >= 0 else begins[partition]
            offsets[partition.topic, partition.partition] = (max(done, begins[partition]), ends[partition])
        now = monotonic()
        if self._excused(now):
            self._progress.forget()
        stuck = self._progress.observe(offsets, now)
        self._publish(offsets, now)
        if stuck:
            named = ", ".join(f"{topic}[{number}]" for topic, number in stuck)
            self._end(f"no progress on {named} although records are waiting")

    def _publish(self, offsets: Mapping[tuple[str, int], tuple[int, int]], now: float) -> None:
        for topic in self._topics:
            rows = {partition: reading for partition, reading in offsets.items() if partition[0] == topic}
            metrics.STREAM_LAG.labels(topic).set(sum(end - done for done, end in rows.values()))
            ages = [self._progress.age_s(partition, now) for partition, (done, end) in rows.items() if done < end]
            metrics.COMMIT_AGE_SECONDS.labels(topic).set(max(ages, default=0.0))
