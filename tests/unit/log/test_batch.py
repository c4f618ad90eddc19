"""What a producer may send for one partition, and what is refused with which code."""

from __future__ import annotations

import struct

import pytest
from kio.schema.errors import ErrorCode

from streams.log.batch import first_since, read_header, received, stamped, whole
from streams.log.errors import Refused
from tests.contract.log.batches import batch

GOOD = batch([b"one", b"two"])


def changed(position: int, value: bytes) -> bytes:
    return GOOD[:position] + value + GOOD[position + len(value) :]


REFUSED = [
    (None, ErrorCode.corrupt_message, "no records at all"),
    (b"", ErrorCode.corrupt_message, "empty records"),
    (GOOD[:60], ErrorCode.corrupt_message, "shorter than a header"),
    (GOOD[:-1], ErrorCode.corrupt_message, "truncated"),
    (GOOD + GOOD, ErrorCode.invalid_record, "two batches"),
    (changed(16, b"\x01"), ErrorCode.unsupported_for_message_format, "message format 1"),
    (changed(70, b"\xff"), ErrorCode.corrupt_message, "a flipped byte in a record"),
    (changed(8, struct.pack(">i", -5)), ErrorCode.invalid_record, "a negative length"),
    (changed(8, struct.pack(">i", 2**31 - 1)), ErrorCode.corrupt_message, "a length past the end"),
    (batch([b"x"], transactional=True, producer_id=1, epoch=0, sequence=0), ErrorCode.invalid_record, "a transaction"),
    (batch([b"x" * 5000]), ErrorCode.message_too_large, "larger than the topic takes"),
]


@pytest.mark.parametrize(("records", "code", "reason"), REFUSED, ids=[case[2] for case in REFUSED])
def test_a_bad_batch_is_refused(records: bytes | None, code: ErrorCode, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        received(records, 4096)
    assert refused.value.code is code, reason


def test_a_good_batch_is_taken_and_its_stamp_leaves_the_checksum_true() -> None:
    header = received(GOOD, 4096)
    assert (header.record_count, header.size) == (2, len(GOOD))
    ready = stamped(GOOD, 77)
    assert whole(ready, 0, len(ready)) == header._replace(base_offset=77, leader_epoch=0)


def test_a_compressed_batch_is_not_opened_to_find_a_time() -> None:
    packed = stamped(batch([b"v" * 100] * 3, compression=1, timestamp_ms=1000), 50)
    assert read_header(packed).attributes & 7 == 1
    assert first_since(packed, 1002) == (50, 1002)
