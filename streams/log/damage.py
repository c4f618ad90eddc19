"""Bytes of a segment that are no sound batch although they were safe on disk once: bit rot, a lost block, a bad copy.

The rule to know: only what was *synced* can be damaged. Bytes after the last sync that make no sense are the torn
tail of a crash; nobody was told that they are safe, and they are cut.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final, NamedTuple

from streams.log.batch import BatchHeader, whole

_EPOCH_AND_MAGIC: Final = b"\x00\x00\x00\x00\x02"
_EPOCH_AT: Final = 12


class Damage(NamedTuple):
    """A stretch of a segment that is not served.

    Attributes:
        position: its first byte in the file.
        end: the byte after it; the same as ``position`` where bytes are missing altogether.
        offset: the first offset that may be lost.
        next_offset: the first offset after it that is readable again.
    """

    position: int
    end: int
    offset: int
    next_offset: int


class Sound(NamedTuple):
    """A batch whose checksum holds, and where it begins."""

    position: int
    header: BatchHeader


def survey(
    written: bytes | mmap.mmap, position: int, end: int, offset: int, safe_to: int, *, gaps: bool
) -> Iterator[Sound | Damage]:
    """Walk over bytes that should be batches.

    Args:
        written: the bytes.
        position: where the first batch should begin.
        end: where the bytes end.
        offset: the offset it should have.
        safe_to: records below this offset were synced: what is wrong there is damage, what is wrong after is a torn tail.
        gaps: offsets may be missing between batches, as compaction leaves them.

    Yields:
        Sound batches and damage, in order; it ends early at a torn tail.
    """
    while position < end:
        header = whole(written, position, end)
        if header is not None and _follows(header, offset, safe_to, gaps=gaps):
            yield Sound(position, header)
            position, offset = position + header.size, header.next_offset
            continue
        if offset >= safe_to:
            return
        after = _next_sound(written, position + 1, end, offset)
        resume, resume_offset = (after.position, after.header.base_offset) if after else (end, safe_to)
        yield Damage(position, resume, offset, resume_offset)
        position, offset = resume, resume_offset
    if offset < safe_to and not gaps:
        yield Damage(end, end, offset, safe_to)


def _follows(header: BatchHeader, offset: int, safe_to: int, *, gaps: bool) -> bool:
    """Neither base offset nor epoch is covered by the checksum, and both are the log's own: only these can be right."""
    if header.leader_epoch != 0:
        return False
    return header.base_offset == offset or (gaps and header.base_offset > offset and header.next_offset <= safe_to)


def _next_sound(written: bytes | mmap.mmap, position: int, end: int, offset: int) -> Sound | None:
    while (mark := written.find(_EPOCH_AND_MAGIC, position + _EPOCH_AT, end)) >= 0:
        position = mark - _EPOCH_AT
        header = whole(written, position, end)
        if header is not None and header.base_offset >= offset:
            return Sound(position, header)
        position += 1
    return None
