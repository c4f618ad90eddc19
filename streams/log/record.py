"""The records inside a batch: where each begins and ends, its key, and whether it deletes that key.

The rule to know: a record is copied as it lies, never encoded anew. Its offset and time are differences to the batch's
header, and the header keeps its base offset and base time whatever is left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from crc32c import crc32c

from streams.log.batch import HEADER, HEADER_BYTES, BatchHeader

MAX_OPENED_BYTES: Final = 64 * 1024 * 1024
_CODEC: Final = 0x07
_GZIP: Final = 1
_GZIP_WINDOW: Final = 31  # zlib's number for "with a gzip header"
_CRC_AT: Final = 17
_CRC_FROM: Final = 21
_CRC: Final = struct.Struct(">I")


class Record(NamedTuple):
    """One record of a batch.

    Attributes:
        start: where it begins in the opened records.
        end: where it ends.
        offset_delta: its offset less the batch's base offset.
        timestamp_delta: its time (ms) less the batch's base time.
        key: None if it has none.
        tombstone: it has no value.
    """

    start: int
    end: int
    offset_delta: int
    timestamp_delta: int
    key: bytes | None
    tombstone: bool


def opened(header: BatchHeader, batch: bytes | bytearray | memoryview) -> bytes | None:
    """The records' bytes of a batch.

    Returns:
        None if they cannot be read here: compressed with another codec than gzip, larger than 64 MiB, or nonsense.
    """
    packed = bytes(batch[HEADER_BYTES : header.size])
    codec = header.attributes & _CODEC
    if codec == 0:
        return packed
    if codec != _GZIP:
        return None
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = unpacking.decompress(packed, MAX_OPENED_BYTES)
    except zlib.error:
        return None
    return content if unpacking.eof else None


def records_of(header: BatchHeader, content: bytes) -> list[Record] | None:
    """The records of a batch from its opened bytes, or None if these are not as many records as it says."""
    try:
        records = list(_records(content, header.record_count))
    except IndexError:
        return None
    return records if records and records[-1].end == len(content) else None


def has_record_without_key(header: BatchHeader, batch: bytes | bytearray | memoryview) -> bool:
    """Whether a batch holds a record without a key; False where it cannot be opened."""
    content = opened(header, batch)
    records = None if content is None else records_of(header, content)
    return records is not None and any(record.key is None for record in records)


def reduced(header: BatchHeader, content: bytes, kept: Sequence[Record]) -> bytes:
    """The batch with only some of its records.

    Args:
        header: of the batch as it was; offsets, times, producer and sequence stay as they are in it.
        content: its opened records.
        kept: at least one of them, in order.

    Returns:
        A batch with its checksum, compressed as it was.
    """
    records = b"".join(content[record.start : record.end] for record in kept)
    if header.attributes & _CODEC == _GZIP:
        packing = zlib.compressobj(wbits=_GZIP_WINDOW)
        records = packing.compress(records) + packing.flush()
    changed = header._replace(
        length=header.length - (header.size - HEADER_BYTES) + len(records),
        max_timestamp=max(header.base_timestamp + record.timestamp_delta for record in kept),
        record_count=len(kept),
        crc=0,
    )
    batch = bytearray(HEADER.pack(*changed)) + records
    _CRC.pack_into(batch, _CRC_AT, crc32c(memoryview(batch)[_CRC_FROM:]))
    return bytes(batch)


def _records(content: bytes, count: int) -> Iterator[Record]:
    end = 0
    for _ in range(count):
        start = end
        length, position = _varint(content, start)
        end = position + length
        timestamp_delta, position = _varint(content, position + 1)
        offset_delta, position = _varint(content, position)
        key_length, position = _varint(content, position)
        key = None
        if key_length >= 0:
            key = content[position : position + key_length]
            position += key_length
        value_length, position = _varint(content, position)
        if length < 1 or position > end or end > len(content):
            raise IndexError(start)
        yield Record(start, end, offset_delta, timestamp_delta, key, value_length < 0)


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A zig-zag variable-length integer and the position after it."""
    byte = content[position]
    position += 1
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), position
    raw, shift = byte & 0x7F, 7
    while True:
        byte = content[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            return (raw >> 1) ^ -(raw & 1), position
        shift += 7
