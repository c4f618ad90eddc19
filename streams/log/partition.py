"""One partition: what may be appended and read of its segments, and when an append is safe.

The rule to know: of a durable topic nothing is shown to consumers before it is synced. A consumer that had read
and committed past a record which a power cut then takes back would skip the record written in its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

import structlog
from kio.schema.errors import ErrorCode

from streams.log.batch import Buffer, received, stamped
from streams.log.chain import Chain
from streams.log.commit import GroupCommit
from streams.log.damage import Damage
from streams.log.durable import PASSING
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.producers import Producers, saved_snapshot
from streams.log.record import has_record_without_key
from streams.log.segment import Segment
from streams.log.settings import TopicSettings
from streams.log.upkeep import Upkeep
from streams.log.upkeep import load as load_upkeep

logger = structlog.get_logger(__name__)


class Appended(NamedTuple):
    """Where a batch lies, and the future of its sync (None if it is as safe as it will be)."""

    base_offset: int
    synced: asyncio.Future[None] | None


class Partition:
    """An append-only sequence of record batches in a directory of its own.

    Args:
        directory: holds the segments; made if it is not there.
        settings: how the topic is kept.
        executor: where syncs run.
        metrics: where appends, syncs and drops are counted.

    Raises:
        Damaged: the directory holds something that is no segment of a partition.
    """

    def __init__(self, directory: Path, settings: TopicSettings, executor: Executor, metrics: Metrics) -> None:
        self.directory = directory
        self.settings = settings
        self.watchers: set[asyncio.Event] = set()
        self._executor = executor
        self._metrics = metrics
        self._failure: str | None = None
        self._dirty: list[Segment] = []
        self._syncing: list[Segment] = []
        self._syncing_to = 0
        self._commit = GroupCommit(self._begin_sync, executor, self._end_sync)
        notes = load_upkeep(directory)
        self.chain = Chain(directory, notes.start_offset, metrics, sync=settings.fsync)
        self.producers = Producers(strict=settings.fsync)
        known_to = self._replay()
        self._upkeep = Upkeep(self, notes, executor, metrics)
        if known_to < self.chain.active.base_offset:
            self._upkeep.keep_producers()
        self.high_watermark = self.end_offset
        """Offset below which records are shown."""
        self.synced_offset = self.end_offset if settings.fsync else 0
        """Offset below which records are known to be on disk."""

    @property
    def start_offset(self) -> int:
        """Offset of the oldest record kept."""
        return self.chain.start_offset

    @property
    def end_offset(self) -> int:
        """Offset the next record will get."""
        return self.chain.end_offset

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return self.chain.size

    @property
    def segment_count(self) -> int:
        """How many files hold it."""
        return len(self.chain.segments)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What is known to be damaged and is not served."""
        return tuple(damage for segment in self.chain.segments for damage in segment.damage)

    @property
    def failure(self) -> str | None:
        """Why the partition takes no more, if so."""
        return self._failure

    def append(self, records: Buffer | None, now: float) -> Appended:
        """Store what a producer sent.

        Args:
            records: one record batch as received.
            now: seconds since 1970.

        Returns:
            Its base offset (of the first time, for a retry that was stored before) and the sync to wait for.

        Raises:
            Refused: the batch is not acceptable, or the disk did not take it (KAFKA_STORAGE_ERROR).
        """
        if self._failure is not None:
            raise Refused(ErrorCode.kafka_storage_error, self._failure)
        header = received(records, self.settings.max_message_bytes)
        assert records is not None
        before = self.producers.duplicate_of(header)
        if before is not None:
            self._metrics.duplicate_batches += 1
            return Appended(before, self._commit.request() if before >= self.high_watermark else None)
        header = header._replace(base_offset=self.end_offset, leader_epoch=0)
        batch = stamped(records, header.base_offset)
        if self.settings.compact and has_record_without_key(header, batch):
            raise Refused(ErrorCode.invalid_record, "a record of a compacted topic must have a key")
        try:
            if self.chain.active.size and self.chain.active.size + len(batch) > self.settings.segment_bytes:
                self._upkeep.roll()
            self.chain.active.append(batch, header, now)
        except OSError as problem:
            raise self._not_taken(problem) from problem
        self.producers.note(header, header.base_offset, now)
        self._metrics.appended_batches += 1
        self._metrics.appended_records += header.record_count
        self._metrics.appended_bytes += header.size
        if not self.settings.fsync:
            self._show(self.end_offset)
            return Appended(header.base_offset, None)
        if self.chain.active not in self._dirty:
            self._dirty.append(self.chain.active)
        return Appended(header.base_offset, self._commit.request())

    def read(self, offset: int, max_bytes: int, *, at_least_one: bool, may_wait: bool = True) -> bytes:
        """Bytes of batches from the one that holds an offset on (or the next there is), within one segment.

        Raises:
            Refused: OFFSET_OUT_OF_RANGE, or KAFKA_STORAGE_ERROR if the disk does not give them.
            BlockingIOError: ``may_wait`` is False and the disk would have to be waited for.
        """
        if not self.start_offset <= offset <= self.end_offset:
            raise Refused(ErrorCode.offset_out_of_range, f"kept are {self.start_offset} to {self.end_offset}, not {offset}")
        return self._read(self.chain.since(offset), offset, max_bytes, at_least_one=at_least_one, may_wait=may_wait)

    async def fetch(self, offset: int, max_bytes: int, *, at_least_one: bool) -> bytes:
        """As ``read``, but another thread waits for the disk where the bytes are not in memory.

        Raises:
            Refused: OFFSET_OUT_OF_RANGE, or KAFKA_STORAGE_ERROR if the disk does not give them.
        """
        try:
            return self.read(offset, max_bytes, at_least_one=at_least_one, may_wait=False)
        except BlockingIOError:
            pinned = [segment.pin() for segment in self.chain.since(offset)]
        try:
            return await asyncio.to_thread(self._read, pinned, offset, max_bytes, at_least_one=at_least_one, may_wait=True)
        finally:
            for segment in pinned:
                segment.unpin()

    def offset_since(self, timestamp_ms: int) -> tuple[int, int] | None:
        """Offset and timestamp of the first visible record at or after a time, or None."""
        for segment in self.chain.since(self.start_offset):
            found = segment.offset_since(timestamp_ms)
            if found is not None:
                offset = max(found[0], self.start_offset)
                return (offset, found[1]) if offset < self.high_watermark else None
        return None

    def latest_timestamp(self) -> tuple[int, int] | None:
        """Offset and timestamp of the first record of the latest time, or None if there is no record."""
        latest = max((segment.max_timestamp for segment in self.chain.segments), default=-1)
        return None if latest < 0 else self.offset_since(latest)

    async def delete_before(self, offset: int) -> int:
        """Delete records below an offset, for good: also after a restart they are not shown.

        Args:
            offset: the first record to keep; -1 stands for the high watermark.

        Returns:
            The offset of the oldest record kept now.

        Raises:
            Refused: OFFSET_OUT_OF_RANGE, POLICY_VIOLATION for a compacted topic, KAFKA_STORAGE_ERROR.
        """
        if not self.settings.expires:
            raise Refused(ErrorCode.policy_violation, "the topic is only compacted: send a record without a value for the key")
        wanted = self.high_watermark if offset == -1 else offset
        if not 0 <= wanted <= self.high_watermark:
            raise Refused(ErrorCode.offset_out_of_range, f"shown are 0 to {self.high_watermark}, not {offset}")
        if self._failure is not None:
            raise Refused(ErrorCode.kafka_storage_error, self._failure)
        try:
            await self._upkeep.delete_before(wanted)
        except OSError as problem:
            raise Refused(ErrorCode.kafka_storage_error, f"the disk did not take the new start: {problem}") from problem
        return self.start_offset

    def apply(self, settings: TopicSettings) -> None:
        """Keep the topic otherwise from now on."""
        if settings.fsync and not self.settings.fsync:  # what was shown without a sync is synced with the next batch
            self._dirty = [segment for segment in self.chain.segments if not segment.sealed]
        self.settings = settings
        self.producers.relax(strict=settings.fsync)

    async def housekeep(self, now: float) -> None:
        """Seal, drop, compact and check what is due; ``now`` in seconds since 1970.

        Raises:
            OSError: the disk did not take part of it; the rest is done the next time.
        """
        if self._failure is None:
            self._metrics.expired_producers += self.producers.forget_silent(now)
            await self._upkeep.run(now)

    async def sealed(self) -> None:
        """Wait until every full segment was sealed, or could not be."""
        await self._upkeep.sealed()

    async def close(self) -> None:
        """Wait for syncs under way, then close the files."""
        await self._commit.idle()
        await self._upkeep.close()
        for segment in self.chain.segments:
            segment.retire()
        self._failure = self._failure or "the partition is closed"

    def wake(self) -> None:
        """Let those who wait for records look again."""
        for watcher in self.watchers:
            watcher.set()

    def fail(self, problem: BaseException) -> None:
        """Take no more: after a failed sync nobody can say what is on disk (the kernel may drop the pages)."""
        if self._failure is None:
            self._failure = f"the disk failed under {self.directory} ({problem}); restart the log once it is sound"
            self._metrics.failed_partitions += 1
        self._metrics.sync_failures += 1
        logger.error("log sync failed", directory=str(self.directory), problem=str(problem))

    def _read(self, segments: Sequence[Segment], offset: int, max_bytes: int, *, at_least_one: bool, may_wait: bool) -> bytes:
        for segment in segments:
            if max(offset, segment.base_offset) >= self.high_watermark:
                break
            try:
                found = segment.read(offset, max_bytes, self.high_watermark, at_least_one=at_least_one, may_wait=may_wait)
            except BlockingIOError:
                raise
            except OSError as problem:
                logger.warning("log read failed", file=str(segment.path), problem=str(problem))
                raise Refused(ErrorCode.kafka_storage_error, f"the disk did not give the batch: {problem}") from problem
            if segment.damage:
                self.chain.report(segment)
            if found:
                return found
        return b""

    def _not_taken(self, problem: OSError) -> Refused:
        self._metrics.storage_failures += 1
        if problem.errno not in PASSING:
            self.fail(problem)
        logger.warning("log append failed", directory=str(self.directory), problem=str(problem))
        return Refused(ErrorCode.kafka_storage_error, f"the disk did not take the batch: {problem}")

    def _replay(self) -> int:
        """Know the producers again: the last snapshot, and every batch behind it; returns the offset of the snapshot."""
        snapshot = saved_snapshot(self.directory)
        known_to = 0 if snapshot is None else self.producers.restore(snapshot, self.end_offset)
        for segment in self.chain.since(known_to):
            appended_at = segment.last_append_at()
            for header in segment.headers():
                if header.base_offset >= known_to:
                    self.producers.note(header, header.base_offset, appended_at)
        return known_to

    def _begin_sync(self) -> Callable[[], None]:
        files = self._syncing = [segment.pin() for segment in self._dirty if not segment.sealed]
        self._dirty = []
        self._syncing_to = self.end_offset
        failure = self._failure

        def sync() -> None:
            if failure is not None:
                raise OSError(failure)
            begun = time.perf_counter()
            for segment in files:
                segment.sync()
            self._metrics.sync_seconds += time.perf_counter() - begun

        return sync

    def _end_sync(self, problem: BaseException | None) -> None:
        self._metrics.syncs += 1
        for segment in self._syncing:
            segment.unpin()
        self._syncing = []
        if problem is None:
            self.synced_offset = max(self.synced_offset, self._syncing_to)
            self._show(self._syncing_to)
        else:
            self.fail(problem)

    def _show(self, offset: int) -> None:
        if offset > self.high_watermark:
            self.high_watermark = offset
            self.wake()
