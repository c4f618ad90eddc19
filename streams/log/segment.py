"""One file of record batches, and what is remembered of it: where every few kilobytes begin.

The rule to know: only the last segment of a partition is written. An older one carries a *seal* beside it (its
index and the producers' state), written after its bytes were synced; with a valid seal it is trusted at start,
without one every batch's checksum is read again.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Final

from crc32c import crc32c

from streams.log.batch import HEADER_BYTES, BatchHeader, first_since, read_header, whole

INDEX_INTERVAL_BYTES: Final = 16 * 1024
SUFFIX: Final = ".segment"
_SEAL_SUFFIX: Final = ".seal"
_SEAL: Final = struct.Struct(">4sqqqIII")
_SEAL_MAGIC: Final = b"KLS1"


class Segment:
    """One file; made by ``create`` or ``open``.

    Attributes:
        path: the file; its name is its base offset.
        base_offset: offset of its first record.
        end_offset: offset after its last record.
        size: bytes of whole batches in it.
        max_timestamp: latest record timestamp (ms), -1 while empty.
        first_append_at: seconds since 1970 of the first append, None while empty.
        sealed: it will not change any more and says so on disk.
        cut_bytes: how many bytes of a torn or corrupt tail were dropped when it was opened.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.base_offset = self.end_offset = int(path.stem)
        self.size = 0
        self.max_timestamp = -1
        self.first_append_at: float | None = None
        self.sealed = False
        self.cut_bytes = 0
        self._descriptor = descriptor
        self._name_synced = False
        self._offsets = array("q")
        self._positions = array("q")
        self._times = array("q")  # the largest timestamp before each indexed batch

    @classmethod
    def create(cls, directory: Path, base_offset: int) -> Segment:
        """Begin an empty file."""
        path = directory / f"{base_offset:020d}{SUFFIX}"
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640))

    @classmethod
    def open(cls, path: Path, observe: Callable[[BatchHeader], None], restore: Callable[[bytes], None]) -> Segment:
        """Open a file as a crash may have left it.

        Args:
            path: the file.
            observe: told of every batch that is read again because there is no valid seal.
            restore: given the producers' state of a valid seal instead.

        Returns:
            The segment, its tail cut at the first batch that is incomplete or corrupt.
        """
        segment = cls(path, os.open(path, os.O_RDWR | os.O_CLOEXEC))
        status = os.fstat(segment._descriptor)
        snapshot = segment._read_seal(status.st_size)
        if snapshot is not None:
            restore(snapshot)
        else:
            segment._recover(status.st_size, observe)
        if segment.size:
            segment.first_append_at = status.st_mtime
        return segment

    def append(self, batch: bytes | bytearray, header: BatchHeader, now: float) -> None:
        """Write a stamped batch at the end.

        Args:
            batch: the bytes, base offset set.
            header: their header, base offset set.
            now: seconds since 1970.

        Raises:
            OSError: nothing was appended (disk full, failing disk).
        """
        try:
            written = 0
            with memoryview(batch) as view:
                while written < len(batch):
                    written += os.pwrite(self._descriptor, view[written:], self.size + written)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self._index(header)
        if self.first_append_at is None:
            self.first_append_at = now

    def read(self, offset: int, max_bytes: int, below: int, *, at_least_one: bool) -> bytes:
        """Bytes from the batch that holds an offset on; the last batch may be cut short, as Kafka does it.

        Args:
            offset: first record wanted.
            max_bytes: how much to read at most.
            below: records at or after this offset are not shown.
            at_least_one: give the first batch whole even if it is larger than ``max_bytes``.
        """
        position = self._locate(offset)
        limit = self.size if below >= self.end_offset else self._locate(below)
        if position >= limit:
            return b""
        if at_least_one:
            max_bytes = max(max_bytes, self._header(position).size)
        return os.pread(self._descriptor, min(max_bytes, limit - position), position)

    def offset_since(self, timestamp_ms: int) -> tuple[int, int] | None:
        """Offset and timestamp of the first record at or after a time, or None."""
        if self.max_timestamp < timestamp_ms:
            return None
        entry = max(bisect_left(self._times, timestamp_ms) - 1, 0)
        position = self._positions[entry]
        while position < self.size:
            header = self._header(position)
            if header.max_timestamp >= timestamp_ms:
                return first_since(os.pread(self._descriptor, header.size, position), timestamp_ms)
            position += header.size
        return None

    def last_append_at(self) -> float:
        """Seconds since 1970 of the last append, by the file's own time: a device's clock has no say in retention."""
        return os.fstat(self._descriptor).st_mtime

    def sync(self) -> None:
        """Put the bytes, and at the first time the name, on disk. Blocks; call it off the event loop."""
        if not self._name_synced:
            sync_directory(self.path.parent)
            self._name_synced = True
        os.fdatasync(self._descriptor)

    def seal(self, snapshot: bytes) -> None:
        """Sync, and write down the index and the producers' state. Blocks; call it off the event loop."""
        self.sync()
        head = _SEAL.pack(_SEAL_MAGIC, self.size, self.end_offset, self.max_timestamp, len(self._offsets), len(snapshot), 0)
        body = head + self._offsets.tobytes() + self._positions.tobytes() + self._times.tobytes() + snapshot
        replace_file(self.path.with_suffix(_SEAL_SUFFIX), body + struct.pack(">I", crc32c(body)))
        self.sealed = True

    def remove(self) -> None:
        """Close and delete the file and its seal."""
        self.close()
        self.path.with_suffix(_SEAL_SUFFIX).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _header(self, position: int) -> BatchHeader:
        return read_header(os.pread(self._descriptor, HEADER_BYTES, position))

    def _index(self, header: BatchHeader) -> None:
        """Take note of the batch that begins at ``size``."""
        if not self._positions or self.size - self._positions[-1] >= INDEX_INTERVAL_BYTES:
            self._offsets.append(header.base_offset)
            self._positions.append(self.size)
            self._times.append(self.max_timestamp)
        self.size += header.size
        self.end_offset = header.next_offset
        self.max_timestamp = max(self.max_timestamp, header.max_timestamp)

    def _locate(self, offset: int) -> int:
        """Position of the batch that holds an offset or, if none does, of the next one."""
        entry = bisect_right(self._offsets, offset) - 1
        if entry < 0:
            return 0
        start = self._positions[entry]
        stop = self._positions[entry + 1] if entry + 1 < len(self._positions) else self.size
        chunk = os.pread(self._descriptor, min(stop - start, INDEX_INTERVAL_BYTES + HEADER_BYTES), start)
        position = 0
        while position + HEADER_BYTES <= len(chunk):
            header = read_header(chunk, position)
            if header.next_offset > offset:
                return start + position
            position += header.size
        return stop

    def _recover(self, size: int, observe: Callable[[BatchHeader], None]) -> None:
        if size:
            with mmap.mmap(self._descriptor, size, access=mmap.ACCESS_READ) as written:
                while (header := whole(written, self.size, size)) is not None:
                    # Neither field is covered by the checksum, and both are ours: only these values can be right.
                    if header.base_offset != self.end_offset or header.leader_epoch != 0:
                        break
                    self._index(header)
                    observe(header)
        self.cut_bytes = size - self.size
        if self.cut_bytes:
            os.ftruncate(self._descriptor, self.size)
            os.fsync(self._descriptor)

    def _read_seal(self, size: int) -> bytes | None:
        """Take the index from a valid seal; returns the producers' state in it."""
        try:
            sealed = self.path.with_suffix(_SEAL_SUFFIX).read_bytes()
        except FileNotFoundError:
            return None
        if len(sealed) < _SEAL.size + 4 or crc32c(sealed[:-4]) != int.from_bytes(sealed[-4:], "big"):
            return None
        magic, sealed_size, end_offset, max_timestamp, entries, _, _ = _SEAL.unpack_from(sealed)
        if magic != _SEAL_MAGIC or sealed_size != size:
            return None
        width = entries * 8
        for number, column in enumerate((self._offsets, self._positions, self._times)):
            column.frombytes(sealed[_SEAL.size + number * width : _SEAL.size + (number + 1) * width])
        self.size, self.end_offset, self.max_timestamp = size, end_offset, max_timestamp
        self.sealed = self._name_synced = True
        return sealed[_SEAL.size + 3 * width : -4]


def sync_directory(directory: Path) -> None:
    """Put the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file so that a crash leaves the old or the new one, never a mixture."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)
