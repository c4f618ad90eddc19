"""The gateway's way out: many records in one call to the log, and the order of each key kept whatever fails.

Each topic has one call on its way at a time; what comes meanwhile goes together with the next. What the log did not take is tried
again for ever, with growing pauses, and holds back later records of its own key only, so that a merchant's facts never overtake
each other here. How much may wait is bounded by the messages in hand (MQTT's window, ``Limits.waiting``), not by this.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from devices import metrics
from devices.connection import Delivery
from devices.judgement import Message
from devices.metrics import Result
from devices.sink import Record, Sink
from devices.window import Held
from domain.errors import BadInput

log = structlog.get_logger(__name__)

_LONGEST_PAUSE_S = 5.0
_ENOUGH = 50


@dataclass(slots=True, eq=False)
class Job:
    """One message in hand; ``left`` of its records are not safe yet."""

    delivery: Delivery
    held: Held | None
    received_at: datetime
    begun: float
    kind: str
    device_id: str
    result: Result = Result.IGNORED
    records: tuple[Record, ...] = ()
    left: int = 0

    @property
    def message(self) -> Message:
        """As judgement wants it."""
        delivery = self.delivery
        return Message(
            topic=delivery.topic,
            payload=delivery.payload,
            properties=delivery.properties,
            retained=delivery.retained,
            resumed=delivery.resumed,
        )


Entry = tuple[Record, Job]


@dataclass(slots=True, eq=False)
class _Lane:
    """One topic: what is to be written next, what failed and waits (in order), and the keys that wait with it."""

    fresh: list[Entry] = field(default_factory=list)
    late: list[Entry] = field(default_factory=list)
    keys: set[bytes] = field(default_factory=set)
    busy: bool = False
    patient: bool = False


class Writer:
    """Writes the records of jobs and says which jobs have all of theirs in the log.

    Args:
        sink: where records go.
        begin: runs a coroutine as a task; ends it when the gateway stops.
        written: told of jobs of which nothing more is to be written.
        bury: told that the log will never take a record of a job; the record to write in its place, if any.
        first_pause_s: before the first try again.
        linger_s: how long a few records wait for more when no call is on its way; a call costs as much as dozens of records.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        begin: Callable[[Coroutine[object, object, None]], None],
        written: Callable[[Sequence[Job]], None],
        bury: Callable[[Job, BadInput], Record | None],
        first_pause_s: float = 0.1,
        linger_s: float = 0.005,
    ) -> None:
        self._first_pause_s, self._linger_s = first_pause_s, linger_s
        self._sink, self._begin, self._written, self._bury = sink, begin, written, bury
        self._lanes: dict[str, _Lane] = {}

    def write(self, jobs: Iterable[Job]) -> None:
        """Take the records of some jobs, in their order."""
        empty = []
        touched = set()
        for job in jobs:
            job.left = len(job.records)
            if not job.left:
                empty.append(job)
            for record in job.records:
                self._lane(record.topic).fresh.append((record, job))
                touched.add(record.topic)
        for topic in touched:
            self._wake(topic)
        if empty:
            self._written(empty)

    def _lane(self, topic: str) -> _Lane:
        lane = self._lanes.get(topic)
        if lane is None:
            lane = self._lanes[topic] = _Lane()
        return lane

    def _wake(self, topic: str) -> None:
        lane = self._lanes[topic]
        if lane.fresh and not lane.busy:
            lane.busy = True
            self._begin(self._write_fresh(lane))

    async def _write_fresh(self, lane: _Lane) -> None:
        try:
            if self._linger_s and len(lane.fresh) < _ENOUGH:
                await asyncio.sleep(self._linger_s)
            while lane.fresh:
                entries, lane.fresh = lane.fresh, []
                if lane.keys:
                    lane.late += [entry for entry in entries if entry[0].key in lane.keys]
                    entries = [entry for entry in entries if entry[0].key not in lane.keys]
                failed = await self._put(entries) if entries else []
                lane.late += failed
                lane.keys.update(record.key for record, _ in failed)
                if lane.late and not lane.patient:
                    lane.patient = True
                    self._begin(self._write_late(lane))
        finally:
            lane.busy = False

    async def _write_late(self, lane: _Lane) -> None:
        """Try again what failed, and what waits behind it, until all is written."""
        pause = self._first_pause_s
        try:
            while lane.late:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, no secret
                entries, lane.late = lane.late, []
                metrics.PUT_RETRIES.inc(len(entries))
                failed = await self._put(entries)
                lane.late[:0] = failed
                lane.keys = {record.key for record, _ in lane.late}
                pause = min(pause * 2, _LONGEST_PAUSE_S) if len(failed) == len(entries) else self._first_pause_s
        finally:
            lane.patient = False

    async def _put(self, entries: Sequence[Entry]) -> list[Entry]:
        """Write; returns what the log did not take and may take later, in order."""
        outcomes = await self._outcomes([record for record, _ in entries])
        finished: list[Job] = []
        failed: list[Entry] = []
        error: Exception | None = None
        for entry, outcome in zip(entries, outcomes, strict=True):
            if outcome is None or (isinstance(outcome, BadInput) and not self._replaced(entry[1], outcome)):
                job = entry[1]
                job.left -= 1
                if not job.left:
                    finished.append(job)
            elif not isinstance(outcome, BadInput):
                failed.append(entry)
                error = outcome
        if error is not None:
            log.warning("gateway.put_failed", topic=failed[0][0].topic, records=len(failed), error=repr(error))
        if finished:
            self._written(finished)
        return failed

    def _replaced(self, job: Job, refused: BadInput) -> bool:
        letter = self._bury(job, refused)
        if letter is None:
            return False
        self._lane(letter.topic).fresh.append((letter, job))
        self._wake(letter.topic)
        return True

    async def _outcomes(self, records: Sequence[Record]) -> list[Exception | None]:
        try:
            return await self._sink.put_all(records)
        except Exception as error:  # noqa: BLE001 - whatever it is, no message must be lost
            return [error] * len(records)
