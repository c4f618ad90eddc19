"""What is remembered of a segment beside its bytes: every few kilobytes an entry, and the file that keeps the entries.

The rule to know: an entry's checksum covers every byte of its stretch, also base offsets, which a batch's own checksum
leaves out. So a read of a sealed segment is proven with one checksum per stretch, whatever the size of the batches.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crc32c import crc32c

from streams.log.batch import BatchHeader, Buffer
from streams.log.damage import Damage
from streams.log.durable import checked, read_checked, replace_file

INDEX_INTERVAL_BYTES: Final = 16 * 1024
SUFFIX: Final = ".seal"
_HEAD: Final = struct.Struct(">4sqqqII")
_DAMAGE: Final = struct.Struct(">qqqq")
_MAGIC: Final = b"KLS2"


@dataclass(slots=True)
class Index:
    """The entries of one segment, column by column.

    Attributes:
        offsets: offset of the first batch of each stretch.
        positions: where the stretch begins.
        times: the largest timestamp (ms) before it.
        checksums: of all its bytes.
    """

    offsets: array[int] = field(default_factory=lambda: array("q"))
    positions: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    checksums: array[int] = field(default_factory=lambda: array("I"))

    def note(self, header: BatchHeader, batch: Buffer, position: int, latest_before: int) -> None:
        """Take note of the batch that begins at a position."""
        if self.positions and position - self.positions[-1] < INDEX_INTERVAL_BYTES:
            self.checksums[-1] = crc32c(batch, self.checksums[-1])
            return
        self.offsets.append(header.base_offset)
        self.positions.append(position)
        self.times.append(latest_before)
        self.checksums.append(crc32c(batch))

    def extend(self, damaged: Buffer, position: int, offset: int, latest_before: int) -> None:
        """Take note of bytes that are no batch, so that the stretches cover the file."""
        if not self.positions:
            self.offsets.append(offset)
            self.positions.append(position)
            self.times.append(latest_before)
            self.checksums.append(0)
        self.checksums[-1] = crc32c(damaged, self.checksums[-1])

    def entry_of(self, offset: int) -> int:
        """The stretch that holds an offset if any does."""
        return max(bisect_right(self.offsets, offset) - 1, 0)

    def end_of(self, entry: int, size: int) -> int:
        """Where a stretch ends, in a file of a size."""
        return self.positions[entry + 1] if entry + 1 < len(self.positions) else size


@dataclass(frozen=True, slots=True)
class Seal:
    """What a seal file says: the segment will not change any more, and this is what it is."""

    size: int
    end_offset: int
    max_timestamp: int
    index: Index
    damage: Sequence[Damage] = ()

    def write(self, path: Path) -> None:
        """Put it on disk. Blocks."""
        columns = (self.index.offsets, self.index.positions, self.index.times, self.index.checksums)
        head = _HEAD.pack(_MAGIC, self.size, self.end_offset, self.max_timestamp, len(self.index.offsets), len(self.damage))
        body = head + b"".join(column.tobytes() for column in columns) + b"".join(_DAMAGE.pack(*each) for each in self.damage)
        replace_file(path, checked(body))


def read_seal(path: Path) -> Seal | None:
    """The seal of a file, or None if there is none that holds."""
    body = read_checked(path)
    if body is None or len(body) < _HEAD.size:
        return None
    magic, size, end_offset, max_timestamp, entries, damages = _HEAD.unpack_from(body)
    index = Index()
    columns = (index.offsets, index.positions, index.times, index.checksums)
    if magic != _MAGIC or len(body) != _HEAD.size + entries * sum(c.itemsize for c in columns) + damages * _DAMAGE.size:
        return None
    position = _HEAD.size
    for column in columns:
        column.frombytes(body[position : position + entries * column.itemsize])
        position += entries * column.itemsize
    damage = [Damage(*_DAMAGE.unpack_from(body, position + number * _DAMAGE.size)) for number in range(damages)]
    return Seal(size, end_offset, max_timestamp, index, damage)
