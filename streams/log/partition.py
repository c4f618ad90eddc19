"""One partition: its segments in order, what may be read of them, and when an append is safe.

The rule to know: of a durable topic nothing is shown to consumers before it is synced. A consumer that had read
and committed past a record which a power cut then takes back would skip the record written in its place.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

import structlog
from kio.schema.errors import ErrorCode

from streams.log.batch import Buffer, received, stamped
from streams.log.commit import GroupCommit
from streams.log.errors import Damaged, Refused
from streams.log.metrics import Metrics
from streams.log.producers import Producers
from streams.log.segment import SUFFIX, Segment
from streams.log.settings import TopicSettings

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
        self._producers = Producers(strict=settings.fsync)
        self._failure: str | None = None
        self._dirty: list[Segment] = []
        self._syncing_to = 0
        self._sealing: set[asyncio.Future[None]] = set()
        self._commit = GroupCommit(self._begin_sync, executor, self._end_sync)
        self._segments = self._open_segments()
        self.high_watermark = self.end_offset
        """Offset below which records are shown."""

    @property
    def start_offset(self) -> int:
        """Offset of the oldest record kept."""
        return self._segments[0].base_offset

    @property
    def end_offset(self) -> int:
        """Offset the next record will get."""
        return self._segments[-1].end_offset

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self._segments)

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
        before = self._producers.duplicate_of(header)
        if before is not None:
            self._metrics.duplicate_batches += 1
            return Appended(before, self._commit.request() if before >= self.high_watermark else None)
        header = header._replace(base_offset=self.end_offset)
        try:
            if self._segments[-1].size and self._segments[-1].size + len(records) > self.settings.segment_bytes:
                self._roll()
            self._segments[-1].append(stamped(records, header.base_offset), header, now)
        except OSError as problem:
            logger.warning("log append failed", directory=str(self.directory), problem=str(problem))
            raise Refused(ErrorCode.kafka_storage_error, f"the disk did not take the batch: {problem}") from problem
        self._producers.note(header, header.base_offset)
        self._metrics.appended_batches += 1
        self._metrics.appended_records += header.record_count
        self._metrics.appended_bytes += header.size
        if not self.settings.fsync:
            self._show(self.end_offset)
            return Appended(header.base_offset, None)
        if self._segments[-1] not in self._dirty:
            self._dirty.append(self._segments[-1])
        return Appended(header.base_offset, self._commit.request())

    def read(self, offset: int, max_bytes: int, *, at_least_one: bool) -> bytes:
        """Bytes of batches from the one that holds an offset on, within one segment.

        Raises:
            Refused: OFFSET_OUT_OF_RANGE.
        """
        if not self.start_offset <= offset <= self.end_offset:
            raise Refused(ErrorCode.offset_out_of_range, f"kept are {self.start_offset} to {self.end_offset}, not {offset}")
        if offset >= self.high_watermark:
            return b""
        segment = self._segments[bisect_right(self._segments, offset, key=lambda each: each.end_offset)]
        try:
            return segment.read(offset, max_bytes, self.high_watermark, at_least_one=at_least_one)
        except OSError as problem:
            logger.warning("log read failed", file=str(segment.path), problem=str(problem))
            raise Refused(ErrorCode.kafka_storage_error, f"the disk did not give the batch: {problem}") from problem

    def offset_since(self, timestamp_ms: int) -> tuple[int, int] | None:
        """Offset and timestamp of the first visible record at or after a time, or None."""
        for segment in self._segments:
            found = segment.offset_since(timestamp_ms)
            if found is not None:
                return found if found[0] < self.high_watermark else None
        return None

    def drop_expired(self, now: float) -> None:
        """Delete whole old segments that retention does not keep; call it inside the event loop.

        Args:
            now: seconds since 1970.
        """
        retention = self.settings.retention
        if self.settings.compact or self._failure is not None:
            return
        begun = self._segments[-1].first_append_at
        if retention is not None and begun is not None and begun + retention.total_seconds() < now:
            self._roll()
        while len(self._segments) > 1 and self._segments[0].sealed and self._is_expired(self._segments[0], now):
            oldest = self._segments.pop(0)
            self._metrics.dropped_segments += 1
            self._metrics.dropped_bytes += oldest.size
            oldest.remove()

    async def close(self) -> None:
        """Wait for syncs under way, then close the files."""
        await self._commit.idle()
        if self._sealing:
            await asyncio.wait(self._sealing)
        for segment in self._segments:
            segment.close()
        self._failure = self._failure or "the partition is closed"

    def wake(self) -> None:
        """Let those who wait for records look again."""
        for watcher in self.watchers:
            watcher.set()

    def _open_segments(self) -> list[Segment]:
        self.directory.mkdir(parents=True, exist_ok=True)
        paths = sorted(self.directory.glob(f"*{SUFFIX}"))
        segments: list[Segment] = []
        for number, path in enumerate(paths):
            if not path.stem.isdigit():
                raise Damaged(f"{path} is not a segment of the log; move it away and start again")
            segment = Segment.open(path, lambda header: self._producers.note(header, header.base_offset), self._restore)
            if segments and segment.base_offset < segments[-1].end_offset:
                raise Damaged(f"{path} begins before {segments[-1].path} ends; restore the directory from a copy")
            if segment.cut_bytes:
                self._metrics.recovered_cut_bytes += segment.cut_bytes
                logger.warning("log tail cut", file=str(path), kept_bytes=segment.size, cut_bytes=segment.cut_bytes)
            if not segment.sealed and number + 1 < len(paths):
                segment.seal(self._producers.snapshot())
            elif not segment.sealed and self.settings.fsync:
                segment.sync()  # what a killed process left in the page cache must be safe before it is shown
            segments.append(segment)
        return segments or [Segment.create(self.directory, 0)]

    def _restore(self, snapshot: bytes) -> None:
        self._producers.restore(snapshot)

    def _is_expired(self, segment: Segment, now: float) -> bool:
        limit, retention = self.settings.retention_bytes, self.settings.retention
        if limit is not None and self.size - segment.size >= limit:
            return True
        return retention is not None and segment.last_append_at() + retention.total_seconds() < now

    def _roll(self) -> None:
        """Begin a new segment; the old one is sealed in the background."""
        full = self._segments[-1]
        self._segments.append(Segment.create(self.directory, full.end_offset))
        loop = asyncio.get_running_loop()
        sealing = loop.run_in_executor(self._executor, full.seal, self._producers.snapshot())
        self._sealing.add(sealing)
        sealing.add_done_callback(self._sealed)

    def _sealed(self, sealing: asyncio.Future[None]) -> None:
        self._sealing.discard(sealing)
        problem = sealing.exception()
        if problem is not None:
            logger.error("log segment not sealed", directory=str(self.directory), problem=str(problem))

    def _begin_sync(self) -> Callable[[], None]:
        files, self._dirty = self._dirty, []
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
        if problem is None:
            self._show(self._syncing_to)
            return
        # After a failed sync nobody can say what is on disk (the kernel may drop the pages): take no more.
        self._metrics.sync_failures += 1
        self._failure = f"a sync of {self.directory} failed ({problem}); restart the log once the disk is sound"
        logger.error("log sync failed", directory=str(self.directory), problem=str(problem))

    def _show(self, offset: int) -> None:
        if offset > self.high_watermark:
            self.high_watermark = offset
            self.wake()
