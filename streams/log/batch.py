"""Record batches as bytes (Kafka message format 2): their header, their check, the stamp of an offset.

The rule to know: base offset and leader epoch lie *outside* the CRC, so the log writes them into a batch it
received and stores every other byte as it came. Records inside are only read to find a timestamp.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from crc32c import crc32c
from kio.schema.errors import ErrorCode

from streams.log.errors import Refused

Buffer = bytes | bytearray | memoryview | mmap.mmap

HEADER: Final = struct.Struct(">qiibIhiqqqhii")
HEADER_BYTES: Final = HEADER.size
_PREFIX_BYTES: Final = 12  # base offset and length: what the length field does not count
_CRC_FROM: Final = 21  # the checksum covers everything from the attributes on
_STAMP: Final = struct.Struct(">q")
_EPOCH: Final = struct.Struct(">i")
_COMPRESSION = 0x07
_TRANSACTIONAL = 0x10
_CONTROL = 0x20
_CODECS = range(5)


class BatchHeader(NamedTuple):
    """The first 61 bytes of a record batch, field by field."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.length + _PREFIX_BYTES

    @property
    def next_offset(self) -> int:
        """The offset after the batch's last record."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        """The sequence number of the last record; sequences wrap at 2^31."""
        return (self.base_sequence + self.last_offset_delta) & 0x7FFFFFFF


def read_header(buffer: Buffer, position: int = 0) -> BatchHeader:
    """Read the header at a position.

    Raises:
        struct.error: fewer than 61 bytes are left there.
    """
    return BatchHeader._make(HEADER.unpack_from(buffer, position))


def whole(buffer: Buffer, position: int, end: int) -> BatchHeader | None:
    """The header of the batch at a position if the batch is complete and its checksum holds, else None.

    Args:
        buffer: bytes of a segment.
        position: where the batch should begin.
        end: where the written bytes end.
    """
    if end - position < HEADER_BYTES:
        return None
    header = read_header(buffer, position)
    return header if _holds(header, buffer, position, end) else None


def _holds(header: BatchHeader, buffer: Buffer, position: int, end: int) -> bool:
    """Whether the batch of a header is complete and its checksum right."""
    if header.magic != 2 or header.length < HEADER_BYTES - _PREFIX_BYTES or position + header.length + _PREFIX_BYTES > end:
        return False
    if header.record_count < 1 or header.last_offset_delta < 0 or header.base_offset < 0:
        return False
    with memoryview(buffer) as view, view[position + _CRC_FROM : position + header.size] as covered:
        return crc32c(covered) == header.crc


def received(records: Buffer | None, max_bytes: int) -> BatchHeader:
    """Judge what a producer sent for one partition.

    Args:
        records: the bytes of the produce request; exactly one batch (Kafka's rule since produce version 3).
        max_bytes: the topic's limit for one batch.

    Returns:
        The batch's header.

    Raises:
        Refused: MESSAGE_TOO_LARGE, CORRUPT_MESSAGE, INVALID_RECORD or UNSUPPORTED_FOR_MESSAGE_FORMAT.
    """
    if records is None or len(records) < HEADER_BYTES:
        raise Refused(ErrorCode.corrupt_message, "the records are shorter than one batch header")
    header = read_header(records)
    if header.magic != 2:
        raise Refused(ErrorCode.unsupported_for_message_format, f"message format {header.magic}: only 2 is stored")
    if len(records) > max_bytes:
        raise Refused(ErrorCode.message_too_large, f"a batch of {len(records)} bytes; the topic takes {max_bytes}")
    if header.size < len(records):
        raise Refused(ErrorCode.invalid_record, "a produce request carries exactly one batch per partition")
    if not _holds(header, records, 0, len(records)):
        raise Refused(ErrorCode.corrupt_message, "the batch is incomplete or its checksum does not hold")
    if header.record_count != header.last_offset_delta + 1:
        raise Refused(ErrorCode.invalid_record, "record count and last offset delta do not agree")
    if header.attributes & (_TRANSACTIONAL | _CONTROL):
        raise Refused(ErrorCode.invalid_record, "transactional and control batches are not supported by this log")
    if header.attributes & _COMPRESSION not in _CODECS:
        raise Refused(ErrorCode.unsupported_compression_type, "unknown compression codec")
    return header


def stamped(records: Buffer, base_offset: int) -> bytearray:
    """A copy of a batch with its base offset set and leader epoch 0."""
    batch = bytearray(records)
    _STAMP.pack_into(batch, 0, base_offset)
    _EPOCH.pack_into(batch, _PREFIX_BYTES, 0)
    return batch


def first_since(batch: Buffer, timestamp_ms: int) -> tuple[int, int]:
    """The first record of a batch at or after a time.

    A compressed batch is not opened: its base offset is answered, which is never too late.

    Returns:
        Offset and timestamp (ms since 1970) of the record.
    """
    header = read_header(batch)
    if header.attributes & _COMPRESSION:
        return header.base_offset, header.max_timestamp
    for offset_delta, timestamp_delta in _record_times(batch, header.record_count):
        if header.base_timestamp + timestamp_delta >= timestamp_ms:
            return header.base_offset + offset_delta, header.base_timestamp + timestamp_delta
    return header.base_offset, header.max_timestamp


def _record_times(batch: Buffer, count: int) -> Iterator[tuple[int, int]]:
    """Offset and timestamp deltas of the records; ends early where the bytes make no sense."""
    position = HEADER_BYTES
    for _ in range(count):
        try:
            length, position = _varint(batch, position)
            timestamp_delta, after = _varint(batch, position + 1)
            offset_delta, _ = _varint(batch, after)
        except IndexError:
            return
        if length < 1:
            return
        yield offset_delta, timestamp_delta
        position += length


def _varint(buffer: Buffer, position: int) -> tuple[int, int]:
    """A zig-zag variable-length integer and the position after it."""
    raw = shift = 0
    while True:
        byte = buffer[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            return (raw >> 1) ^ -(raw & 1), position
        shift += 7
