"""Record batches for tests, encoded by aiokafka: an encoder that is not ours."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.record.default_records import DefaultRecordBatchBuilder


def batch(
    values: Iterable[bytes],
    *,
    producer_id: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    timestamp_ms: int = 1_700_000_000_000,
    compression: int = 0,
    transactional: bool = False,
) -> bytes:
    """One batch as a producer sends it; the records are a millisecond apart."""
    builder = DefaultRecordBatchBuilder(2, compression, int(transactional), producer_id, epoch, sequence, 16 * 1024 * 1024)
    for number, value in enumerate(values):
        builder.append(number, timestamp_ms + number, None, value, [])
    return bytes(builder.build())


def keyed_batch(
    records: Iterable[tuple[bytes | None, bytes | None]],
    *,
    producer_id: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    timestamp_ms: int = 1_700_000_000_000,
    compression: int = 0,
) -> bytes:
    """One batch of records with keys; a value of None is a tombstone. Each record carries a header."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, producer_id, epoch, sequence, 16 * 1024 * 1024)
    for number, (key, value) in enumerate(records):
        builder.append(number, timestamp_ms + number, key, value, [("from", b"test")])
    return bytes(builder.build())
