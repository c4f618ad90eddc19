"""What a partition needs besides appends and reads: sealing, retention, deletion, compaction, checks.

The rule to know: these never run twice at a time for one partition, and appends never wait for them. What blocks runs in
threads; the chain of segments is changed on the event loop only.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from streams.log.compaction import Pass, Stopped, grouped
from streams.log.durable import checked, read_checked_json, replace_file, sync_directory
from streams.log.metrics import Metrics
from streams.log.producers import save_snapshot
from streams.log.segment import Segment
from streams.log.settings import TopicSettings

if TYPE_CHECKING:
    from streams.log.partition import Partition

logger = structlog.get_logger(__name__)

FILE: Final = "state"
_PASSES_KEPT: Final = 64


class Compacted(NamedTuple):
    """One pass of compaction: up to which offset, and when (seconds since 1970)."""

    until: int
    at: float


@dataclass(slots=True)
class Notes:
    """What must be known of a partition that its records do not say.

    Attributes:
        start_offset: records below it were deleted by request.
        passes: of compaction, oldest first.
    """

    start_offset: int = 0
    passes: list[Compacted] = field(default_factory=list)

    @property
    def compacted_to(self) -> int:
        """Below this offset every key is unique."""
        return self.passes[-1].until if self.passes else 0

    def tombstones_below(self, compacted_before: float) -> int:
        """Below this offset what tombstones delete was gone by a time."""
        return max((each.until for each in self.passes if each.at <= compacted_before), default=0)

    def after(self, done: Compacted, compacted_before: float) -> Notes:
        """The notes with one more pass; passes that tell nothing more are left out."""
        passes = [*self.passes, done]
        while len(passes) > 1 and (passes[1].at <= compacted_before or len(passes) > _PASSES_KEPT):
            # Too many: of two neighbours the later stands for both, which keeps tombstones longer, never shorter.
            del passes[0]
        return Notes(self.start_offset, passes)

    def save(self, directory: Path) -> None:
        """Put them on disk. Blocks."""
        content = json.dumps({"start_offset": self.start_offset, "passes": self.passes}).encode()
        replace_file(directory / FILE, checked(content))


def load(directory: Path) -> Notes:
    """The notes of a partition; none is needed to read its records."""
    content = read_checked_json(directory / FILE)
    if content is None:
        if (directory / FILE).exists():
            logger.error(
                "log damaged",
                file=str(directory / FILE),
                advice="records that were deleted by request (DeleteRecords) and lie in kept segments are shown again",
            )
        return Notes()
    return Notes(int(content["start_offset"]), [Compacted(int(until), float(at)) for until, at in content["passes"]])


class Upkeep:
    """The upkeep of one partition.

    Args:
        partition: whose.
        notes: as they were found.
        executor: where short file work runs; long work gets a thread of its own.
        metrics: where it counts.
    """

    def __init__(self, partition: Partition, notes: Notes, executor: Executor, metrics: Metrics) -> None:
        self._partition = partition
        self._chain = partition.chain
        self._notes = notes
        self._executor = executor
        self._metrics = metrics
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._snapshot: bytes | None = None
        self._synced_noted = 0
        self._closing = False

    def roll(self) -> None:
        """Begin a new segment; the old one is sealed in the background.

        Raises:
            OSError: the disk did not take a new file; nothing changed.
        """
        self._chain.roll()
        self.keep_producers()
        task = asyncio.get_running_loop().create_task(self._seal_soon())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def keep_producers(self) -> None:
        """Save what is known of producers now before any segment is dropped or compacted: it can be replayed no more then."""
        self._snapshot = self._partition.producers.snapshot(self._chain.end_offset)

    async def sealed(self) -> None:
        """Wait until every full segment was sealed, or could not be."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def run(self, now: float) -> None:
        """Do what is due; ``now`` in seconds since 1970.

        Raises:
            OSError: the disk did not take part of it.
        """
        async with self._one_at_a_time:
            if self._is_old(now):
                self.roll()
            await self._seal()
            await self._drop(lambda oldest: self._is_expired(oldest, now))
            if self._partition.settings.compact and self._partition.failure is None:
                await self._compact(now)
            await self._verify_one()
            await self._note_synced()

    async def delete_before(self, offset: int) -> None:
        """Keep nothing below an offset; the file of what remains of it may stay until a later run.

        Raises:
            OSError: the new start could not be written down; nothing changed.
        """
        async with self._one_at_a_time:
            if offset <= self._chain.start_offset:
                return
            notes = Notes(offset, self._notes.passes)
            await self._blocking(lambda: notes.save(self._partition.directory))
            self._notes = notes
            self._chain.begin_at(offset)
            try:
                if self._chain.active.size and offset >= self._chain.end_offset:
                    self.roll()
                await self._seal()
                await self._drop(lambda oldest: oldest.end_offset <= offset)
            except OSError as problem:
                logger.warning("deleted records not freed yet", directory=str(self._partition.directory), problem=str(problem))

    async def close(self) -> None:
        """Let what runs come to an end, and make the next start quick."""
        self._closing = True
        await self.sealed()
        async with self._one_at_a_time:
            if self._partition.failure is not None:
                return
            active = self._chain.active
            snapshot = self._partition.producers.snapshot(active.end_offset)

            def finish() -> None:
                active.sync()
                save_snapshot(self._partition.directory, snapshot)
                self._chain.note_synced(active.end_offset)

            try:
                await self._seal()
                await self._blocking(finish)
            except OSError as problem:
                logger.warning("log not closed neatly", directory=str(self._partition.directory), problem=str(problem))

    async def _blocking(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def _seal_soon(self) -> None:
        async with self._one_at_a_time:
            try:
                await self._seal()
            except OSError as problem:
                logger.warning("log segment not sealed", directory=str(self._partition.directory), problem=str(problem))

    async def _seal(self) -> None:
        """Sync and seal full segments, the oldest first: a seal says that everything before is safe too."""
        full = [segment for segment in self._chain.segments[:-1] if not segment.sealed]
        snapshot, active = self._snapshot, self._chain.active
        try:
            for segment in full:
                await self._blocking(segment.sync)
            if snapshot is not None:
                await self._blocking(active.sync)
        except OSError as problem:
            self._partition.fail(problem)
            return
        for segment in full:
            await self._blocking(segment.seal)
        if snapshot is not None:
            await self._blocking(lambda: save_snapshot(self._partition.directory, snapshot))
            if self._snapshot is snapshot:
                self._snapshot = None

    def _is_old(self, now: float) -> bool:
        """Whether retention or compaction need the active segment to be closed."""
        begun, span = self._chain.active.first_append_at, age_of_closing(self._partition.settings)
        return bool(self._chain.active.size) and begun is not None and span is not None and begun + span.total_seconds() < now

    def _is_expired(self, segment: Segment, now: float) -> bool:
        settings = self._partition.settings
        if segment.end_offset <= self._chain.start_offset:
            return True
        if not settings.expires:
            return False
        if settings.retention_bytes is not None and self._chain.size - segment.size >= settings.retention_bytes:
            return True
        return settings.retention is not None and segment.last_append_at() + settings.retention.total_seconds() < now

    async def _drop(self, is_due: Callable[[Segment], bool]) -> None:
        """Delete whole old segments, never the active one."""
        while len(self._chain.segments) > 1 and self._chain.segments[0].sealed and is_due(self._chain.segments[0]):
            oldest = self._chain.drop_oldest()
            await self._blocking(lambda gone=oldest: _remove([gone]))  # type: ignore[misc]

    async def _compact(self, now: float) -> None:
        closed = self._compactable(now)
        dirty = sum(segment.size for segment in closed if segment.end_offset > self._notes.compacted_to)
        if not dirty or dirty < self._partition.settings.dirty_ratio * sum(segment.size for segment in closed):
            return
        begun = time.perf_counter()
        try:
            await self._compact_closed(closed, now)
        except Stopped:
            return
        finally:
            self._metrics.compaction_seconds += time.perf_counter() - begun
        self._metrics.compactions += 1

    def _compactable(self, now: float) -> Sequence[Segment]:
        lag_s = self._partition.settings.compaction_lag.total_seconds()
        closed: list[Segment] = []
        for segment in self._chain.segments[:-1]:
            young = lag_s and segment.last_append_at() + lag_s > now
            if not segment.sealed or segment.end_offset > self._partition.high_watermark or young:
                break
            closed.append(segment)
        return closed

    async def _compact_closed(self, closed: Sequence[Segment], now: float) -> None:
        compacted_before = now - self._partition.settings.delete_retention.total_seconds()
        work = Pass(
            from_offset=self._notes.compacted_to,
            start_offset=self._chain.start_offset,
            last_offset=closed[-1].end_offset - 1,
            tombstones_below=self._notes.tombstones_below(compacted_before),
            stop=lambda: self._closing,
        )
        for segment in closed:
            if not segment.verified:
                await asyncio.to_thread(segment.verify)
                self._chain.report(segment)
        await asyncio.to_thread(work.look, closed)
        affected = [segment for segment in closed if segment.base_offset < work.until]
        for group in list(grouped(affected, self._partition.settings.segment_bytes)):
            new = await asyncio.to_thread(work.rewrite, group)
            if new is not None:
                self._metrics.compacted_bytes += sum(segment.size for segment in group) - new.size
                self._chain.replace(group, new)
                await self._blocking(lambda gone=group: _remove(gone))  # type: ignore[misc]
        notes = self._notes.after(Compacted(work.until, now), compacted_before)
        await self._blocking(lambda: notes.save(self._partition.directory))
        self._notes = notes

    async def _verify_one(self) -> None:
        """Read one sealed segment that was not read since the start, so that damage is known before it is asked for."""
        for segment in self._chain.segments[:-1]:
            if segment.sealed and not segment.verified:
                await asyncio.to_thread(segment.verify)
                self._chain.report(segment)
                return

    async def _note_synced(self) -> None:
        synced = self._partition.synced_offset
        if self._partition.settings.fsync and synced > self._synced_noted:
            await self._blocking(lambda: self._chain.note_synced(synced))
            self._synced_noted = synced


def age_of_closing(settings: TopicSettings) -> timedelta | None:
    """How old a segment's first record may be before it is closed; None if only its size counts.

    A closed segment is an open file for as long as it is kept, so retention is cut in eight pieces at most.
    """
    spans = []
    if settings.compact:
        spans.append(settings.segment_age)
    if settings.expires and settings.retention is not None:
        spans.append(min(settings.retention, max(settings.segment_age, settings.retention / 8)))
    return min(spans, default=None)


def _remove(segments: Sequence[Segment]) -> None:
    """Delete files, each one durably before the next: a hole would look like damage."""
    for segment in segments:
        segment.unlink()
        sync_directory(segment.path.parent)
