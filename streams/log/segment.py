"""One file of record batches, and how it is written, read and found as a crash may have left it.

The rule to know: only the last segment of a partition is written. An older one carries a *seal* beside it, written after
its bytes were synced; with a seal that holds, it is trusted at start and every read of it is proven against the seal.
Without one every batch's checksum is read again.

A compacted segment is named ``FIRST-UNTIL-GENERATION.segment``: it stands for every offset from FIRST to UNTIL, also for
those it no longer holds, and for every file of a lower generation that begins there.
"""

from __future__ import annotations

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

from crc32c import crc32c

from streams.log.batch import HEADER_BYTES, BatchHeader, Buffer, first_since, read_header
from streams.log.damage import Damage, Sound, survey
from streams.log.durable import sync_directory, write_at
from streams.log.seal import INDEX_INTERVAL_BYTES, Index, Seal, read_seal
from streams.log.seal import SUFFIX as SEAL_SUFFIX

SUFFIX: Final = ".segment"


class SegmentName(NamedTuple):
    """What the name of a segment's file says; ``until`` is None for one that was never compacted."""

    base_offset: int
    until: int | None = None
    generation: int = 0

    @classmethod
    def of(cls, path: Path) -> SegmentName | None:
        """The name of a file, or None if it is no segment's."""
        parts = path.stem.split("-")
        if not all(part.isdecimal() for part in parts) or len(parts) not in (1, 3):
            return None
        return cls(*(int(part) for part in parts))

    def file(self) -> str:
        """The name of the file."""
        if self.until is None:
            return f"{self.base_offset:020d}{SUFFIX}"
        return f"{self.base_offset:020d}-{self.until:020d}-{self.generation}{SUFFIX}"


class Segment:
    """One file; made by ``create``, ``open`` or compaction.

    Attributes:
        path: the file.
        name: what its name says.
        base_offset: the first offset it stands for.
        end_offset: the offset after the last it stands for.
        size: bytes of it that count.
        max_timestamp: latest record timestamp (ms), -1 while empty.
        first_append_at: seconds since 1970 of the first append, None while empty.
        sealed: it will not change any more and says so on disk.
        cut_bytes: how many bytes of a torn tail were dropped when it was opened.
        damage: stretches that are not served, in order as far as they are known.
        verified: every byte of it was proven since it was opened.
    """

    def __init__(self, path: Path, name: SegmentName, descriptor: int) -> None:
        self.path = path
        self.name = name
        self.base_offset = self.end_offset = name.base_offset
        self.size = 0
        self.max_timestamp = -1
        self.first_append_at: float | None = None
        self.sealed = False
        self.cut_bytes = 0
        self.damage: list[Damage] = []
        self.verified = False
        self._descriptor = descriptor
        self._readers = 0
        self._retired = False
        self._name_synced = False
        self._syncing = threading.Lock()
        self._sync_problem: OSError | None = None
        self._index = Index()

    @classmethod
    def create(cls, directory: Path, base_offset: int) -> Segment:
        """Begin an empty file."""
        name = SegmentName(base_offset)
        path = directory / name.file()
        path.with_suffix(SEAL_SUFFIX).unlink(missing_ok=True)  # left by a file of this name that a crash took back
        return cls(path, name, os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640))

    @classmethod
    def open(cls, path: Path, name: SegmentName, safe_to: int) -> Segment:
        """Open a file as a crash may have left it.

        Args:
            path: the file.
            name: what its name says.
            safe_to: records below this offset were synced, as far as the partition knows from elsewhere.

        Returns:
            The segment, with a torn tail cut and with damage noted.
        """
        segment = cls(path, name, os.open(path, os.O_RDWR | os.O_CLOEXEC))
        status = os.fstat(segment._descriptor)
        seal = read_seal(path.with_suffix(SEAL_SUFFIX))
        if seal is not None and seal.size == status.st_size:
            segment._trust(seal)
        else:
            segment._recover(status.st_size, max(safe_to, seal.end_offset if seal else 0, name.until or 0))
        if segment.size:
            segment.first_append_at = status.st_mtime
        return segment

    def append(self, batch: bytes | bytearray | memoryview, header: BatchHeader, now: float) -> None:
        """Write a stamped batch at the end.

        Args:
            batch: the bytes, base offset set.
            header: their header, base offset set.
            now: seconds since 1970.

        Raises:
            OSError: nothing was appended (disk full, failing disk).
        """
        try:
            write_at(self._descriptor, batch, self.size)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self._take(header, batch)
        if self.first_append_at is None:
            self.first_append_at = now

    def read(self, offset: int, max_bytes: int, below: int, *, at_least_one: bool, may_wait: bool = True) -> bytes:
        """Bytes from the batch that holds an offset on; the last batch may be cut short, as Kafka does it.

        Args:
            offset: first record wanted.
            max_bytes: how much to read at most.
            below: records at or after this offset are not shown.
            at_least_one: give the first batch whole even if it is larger than ``max_bytes``.
            may_wait: wait for the disk where the bytes are not in memory.

        Raises:
            BlockingIOError: ``may_wait`` is False and the bytes are not in memory.
        """
        if self.sealed and below >= self.end_offset:
            return self._proven_read(offset, max_bytes, at_least_one=at_least_one, may_wait=may_wait)
        position = self._locate(offset)
        limit = self.size if below >= self.end_offset else self._locate(below)
        if position >= limit:
            return b""
        if at_least_one:
            max_bytes = max(max_bytes, read_header(os.pread(self._descriptor, HEADER_BYTES, position)).size)
        return os.pread(self._descriptor, min(max_bytes, limit - position), position)

    def offset_since(self, timestamp_ms: int) -> tuple[int, int] | None:
        """Offset and timestamp of the first record at or after a time, or None."""
        if self.max_timestamp < timestamp_ms:
            return None
        for entry in range(max(bisect_left(self._index.times, timestamp_ms) - 1, 0), len(self._index.positions)):
            start, content = self._stretch(entry)
            for position, header in self._batches(content, start):
                if header.max_timestamp >= timestamp_ms:
                    batch = os.pread(self._descriptor, header.size, position)
                    return first_since(batch, timestamp_ms)
        return None

    def headers(self) -> Iterator[BatchHeader]:
        """Header of every batch that is not damaged. Blocks."""
        with self._mapped() as written:
            yield from (header for _, header in self._batches(written, 0))

    def batches(self) -> Iterator[tuple[BatchHeader, bytes]]:
        """Every batch that is not damaged, with its header. Blocks."""
        with self._mapped() as written:
            for position, header in self._batches(written, 0):
                yield header, bytes(written[position : position + header.size])

    def _mapped(self) -> mmap.mmap | memoryview:
        """The bytes that count, without reading them yet."""
        if not self.size:
            return memoryview(b"")
        return mmap.mmap(self._descriptor, self.size, access=mmap.ACCESS_READ)

    def verify(self) -> None:
        """Read everything and note what is damaged. Blocks; only for a sealed segment."""
        for entry in range(len(self._index.positions)):
            self._proven(entry, entry + 1, may_wait=True)
        self.verified = True

    def last_append_at(self) -> float:
        """Seconds since 1970 of the last append, by the file's own time: a device's clock has no say in retention."""
        return os.fstat(self._descriptor).st_mtime

    def sync(self) -> None:
        """Put the bytes, and at the first time the name, on disk. Blocks; call it off the event loop.

        Raises:
            OSError: now, or at an earlier call: the kernel tells a failure once, and what it dropped stays lost.
        """
        with self._syncing:
            if self._sync_problem is not None:
                raise self._sync_problem
            try:
                if not self._name_synced:
                    sync_directory(self.path.parent)
                    self._name_synced = True
                os.fdatasync(self._descriptor)
            except OSError as problem:
                self._sync_problem = problem
                raise

    def seal(self) -> None:
        """Write down, beside bytes that were synced, what they are. Blocks; call it off the event loop."""
        seal = Seal(self.size, self.end_offset, self.max_timestamp, self._index, self.damage)
        seal.write(self.path.with_suffix(SEAL_SUFFIX))
        self.sealed = True

    def finish(self, end_offset: int, appended_at: float) -> None:
        """Close a draft that stands for every offset below one. Blocks."""
        self.end_offset = end_offset
        os.utime(self._descriptor, (appended_at, appended_at))
        os.fsync(self._descriptor)

    def take_name(self) -> None:
        """Seal a draft under its name, then give it the name. Blocks."""
        draft, self.path = self.path, self.path.with_name(self.name.file())
        self.seal()
        draft.rename(self.path)
        self._name_synced = True

    def pin(self) -> Self:
        """Keep the file open while another thread reads it; on the event loop only."""
        self._readers += 1
        return self

    def unpin(self) -> None:
        """The other thread is done."""
        self._readers -= 1
        if self._retired and not self._readers:
            self.close()

    def retire(self) -> None:
        """Close the file as soon as no other thread reads it; on the event loop only."""
        self._retired = True
        if not self._readers:
            self.close()

    def unlink(self) -> None:
        """Delete the file and its seal. Blocks."""
        self.path.with_suffix(SEAL_SUFFIX).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take(self, header: BatchHeader, batch: bytes | bytearray | memoryview) -> None:
        """Take note of the batch that begins at ``size``."""
        self._index.note(header, batch, self.size, self.max_timestamp)
        self.size += header.size
        self.end_offset = header.next_offset
        self.max_timestamp = max(self.max_timestamp, header.max_timestamp)

    def _locate(self, offset: int) -> int:
        """Position of the batch that holds an offset or, if none does, of the next one."""
        if not self._index.positions or offset < self._index.offsets[0]:
            return 0
        entry = self._index.entry_of(offset)
        start, content = self._stretch(entry)
        for position, header in self._batches(content, start):
            if header.next_offset > offset:
                return position
        return self._index.end_of(entry, self.size)

    def _stretch(self, entry: int) -> tuple[int, bytes | bytearray]:
        """Where a stretch begins, and enough of its bytes to read every header in it."""
        start = self._index.positions[entry]
        if self.sealed:
            return start, self._proven(entry, entry + 1, may_wait=True)
        length = self._index.end_of(entry, self.size) - start
        return start, os.pread(self._descriptor, min(length, INDEX_INTERVAL_BYTES + HEADER_BYTES), start)

    def _batches(self, content: Buffer, start: int) -> Iterator[tuple[int, BatchHeader]]:
        """Position in the file and header of every batch in bytes from ``start`` on, stepping over damage."""
        position, end = start, start + len(content)
        while position + HEADER_BYTES <= end:
            skip = next((each.end for each in self.damage if each.position <= position < each.end), None)
            if skip is not None:
                position = skip
                continue
            header = read_header(content, position - start)
            yield position, header
            position += header.size

    def _proven_read(self, offset: int, max_bytes: int, *, at_least_one: bool, may_wait: bool) -> bytes:
        positions = self._index.positions
        for entry in range(self._index.entry_of(offset), len(positions)):
            start = positions[entry]
            content = self._proven(entry, bisect_left(positions, start + max_bytes, entry + 1), may_wait=may_wait)
            with memoryview(content) as view, view[: self._index.end_of(entry, self.size) - start] as first:
                for position, header in self._batches(first, start):
                    if header.next_offset > offset:
                        limit = min((each.position for each in self.damage if each.position > position), default=self.size)
                        wanted = max(max_bytes, header.size) if at_least_one else max_bytes
                        return bytes(view[position - start : min(position + wanted, limit) - start])
        return b""

    def _proven(self, entry: int, stop: int, *, may_wait: bool) -> bytes | bytearray:
        """The bytes of some stretches; where their checksum does not hold, the damage is noted."""
        start, end = self._index.positions[entry], self._index.end_of(stop - 1, self.size)
        content = self._pread(end - start, start, may_wait=may_wait)
        with memoryview(content) as view:
            for number in range(entry, stop):
                part = view[self._index.positions[number] - start : self._index.end_of(number, self.size) - start]
                found = crc32c(part)
                if found != self._index.checksums[number]:
                    self._examine(number, bytes(part))
                    self._index.checksums[number] = found
                part.release()
        return content

    def _pread(self, length: int, position: int, *, may_wait: bool) -> bytes | bytearray:
        if may_wait:
            return os.pread(self._descriptor, length, position)
        content = bytearray(length)
        try:
            got = os.preadv(self._descriptor, [content], position, os.RWF_NOWAIT)
        except (NotImplementedError, AttributeError):
            return os.pread(self._descriptor, length, position)
        except OSError as problem:
            if isinstance(problem, BlockingIOError):
                raise
            return os.pread(self._descriptor, length, position)  # a file system that cannot say
        if got < length and position + got < self.size:
            raise BlockingIOError(f"{self.path} is only partly in memory")
        del content[got:]
        return content

    def _examine(self, entry: int, content: bytes) -> None:
        """Find out which batches of a stretch are still sound; everything else in it is damage."""
        start = self._index.positions[entry]
        last = entry + 1 >= len(self._index.offsets)
        until = self.end_offset if last else self._index.offsets[entry + 1]
        gaps = self.name.until is not None
        found = survey(content, 0, len(content), self._index.offsets[entry], until, gaps=gaps)
        fresh = [
            each._replace(position=each.position + start, end=each.end + start) for each in found if isinstance(each, Damage)
        ]
        end = self._index.end_of(entry, self.size)
        kept = [each for each in self.damage if not (start <= each.position < end)]
        self.damage = sorted([*kept, *fresh])

    def _recover(self, size: int, safe_to: int) -> None:
        if size:
            with mmap.mmap(self._descriptor, size, access=mmap.ACCESS_READ) as written, memoryview(written) as view:
                for each in survey(written, 0, size, self.base_offset, safe_to, gaps=self.name.until is not None):
                    if isinstance(each, Sound):
                        with view[each.position : each.position + each.header.size] as batch:
                            self._take(each.header, batch)
                    else:
                        self._note_damage(each, view)
        elif safe_to > self.base_offset and self.name.until is None:
            self.damage.append(Damage(0, 0, self.base_offset, safe_to))
        if self.damage or self.name.until is not None:
            self.end_offset = max(self.end_offset, safe_to)
        self.cut_bytes = size - self.size
        if self.cut_bytes:
            os.ftruncate(self._descriptor, self.size)
            os.fsync(self._descriptor)

    def _note_damage(self, damage: Damage, view: memoryview) -> None:
        self.damage.append(damage)
        with view[damage.position : damage.end] as lost:
            self._index.extend(lost, damage.position, damage.offset, self.max_timestamp)
        self.size = damage.end
        self.end_offset = damage.next_offset

    def _trust(self, seal: Seal) -> None:
        self._index, self.damage = seal.index, list(seal.damage)
        self.size, self.end_offset, self.max_timestamp = seal.size, seal.end_offset, seal.max_timestamp
        self.sealed = self._name_synced = True
