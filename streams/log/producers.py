"""Who produced what: producer id, epoch and sequence of the last batches, so that a retry is not stored twice.

The rule to know: the state is a function of the stored batches up to an offset. A snapshot is written only once all of
them are synced; a start takes it and adds the batches behind it, so it survives crashes, retention and compaction.
Sequences and their errors follow Kafka's idempotent producer (KIP-98, KIP-360).
"""

from __future__ import annotations

import struct
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from kio.schema.errors import ErrorCode

from streams.log.batch import BatchHeader
from streams.log.durable import checked, read_checked, replace_file
from streams.log.errors import Refused

BATCHES_REMEMBERED = 5
"""As many as an idempotent producer may have in flight."""
PRODUCERS_REMEMBERED = 2000
REMEMBERED_FOR = timedelta(days=1)
"""Kafka's ``producer.id.expiration.ms``: a producer silent for longer is forgotten."""
FILE = "producers"
_UP_TO = struct.Struct(">q")
_ENTRY = struct.Struct(">qhdB")
_SPAN = struct.Struct(">iiq")


class Span(NamedTuple):
    """One stored batch of a producer."""

    first_sequence: int
    last_sequence: int
    base_offset: int


@dataclass(slots=True)
class _Producer:
    epoch: int
    last_at: float
    spans: deque[Span] = field(default_factory=lambda: deque(maxlen=BATCHES_REMEMBERED))


class Producers:
    """The producers of one partition; the longest silent are forgotten first.

    Args:
        strict: refuse a gap in the sequence. A topic that may lose its tail (no fsync) must accept one.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self._strict = strict
        self._by_id: OrderedDict[int, _Producer] = OrderedDict()

    def duplicate_of(self, header: BatchHeader) -> int | None:
        """Judge a batch before it is stored.

        Returns:
            The base offset it was stored under before, or None if it is new.

        Raises:
            Refused: its epoch is old or its sequence does not follow.
        """
        known = self._by_id.get(header.producer_id) if header.producer_id >= 0 else None
        if known is None:
            return None
        if header.producer_epoch < known.epoch:
            raise Refused(ErrorCode.invalid_producer_epoch, f"producer {header.producer_id} has a newer epoch")
        if header.producer_epoch > known.epoch:
            if header.base_sequence != 0 and self._strict:
                raise Refused(ErrorCode.out_of_order_sequence_number, "a new epoch begins at sequence 0")
            return None
        for span in known.spans:
            if (span.first_sequence, span.last_sequence) == (header.base_sequence, header.last_sequence):
                return span.base_offset
        ahead = (header.base_sequence - known.spans[-1].last_sequence - 1) & 0x7FFFFFFF
        if ahead >= 2**30:
            raise Refused(ErrorCode.duplicate_sequence_number, "a batch older than those remembered")
        if ahead and self._strict:
            raise Refused(ErrorCode.out_of_order_sequence_number, f"{ahead} records are missing before this batch")
        return None

    def note(self, header: BatchHeader, base_offset: int, now: float) -> None:
        """Remember a batch that was stored; ``now`` in seconds since 1970."""
        if header.producer_id < 0:
            return
        known = self._by_id.get(header.producer_id)
        if known is None or known.epoch != header.producer_epoch:
            known = self._by_id[header.producer_id] = _Producer(header.producer_epoch, now)
        known.last_at = now
        known.spans.append(Span(header.base_sequence, header.last_sequence, base_offset))
        self._by_id.move_to_end(header.producer_id)
        if len(self._by_id) > PRODUCERS_REMEMBERED:
            self._by_id.popitem(last=False)

    def relax(self, *, strict: bool) -> None:
        """Refuse gaps from now on, or take them."""
        self._strict = strict

    def forget_silent(self, now: float) -> int:
        """Forget those who were silent for longer than a day; returns how many."""
        limit = now - REMEMBERED_FOR.total_seconds()
        forgotten = 0
        while self._by_id and next(iter(self._by_id.values())).last_at < limit:
            self._by_id.popitem(last=False)
            forgotten += 1
        return forgotten

    def snapshot(self, up_to: int) -> bytes:
        """The state after every batch below an offset, as bytes for ``save_snapshot``."""
        out = bytearray(_UP_TO.pack(up_to))
        for producer_id, known in self._by_id.items():
            out += _ENTRY.pack(producer_id, known.epoch, known.last_at, len(known.spans))
            for span in known.spans:
                out += _SPAN.pack(*span)
        return bytes(out)

    def restore(self, snapshot: bytes, below: int) -> int:
        """Replace the state by that of a snapshot.

        Args:
            snapshot: what ``snapshot`` gave.
            below: batches at or after this offset are not stored any more and are left out.

        Returns:
            The offset from which on batches must be noted.
        """
        self._by_id.clear()
        (up_to,) = _UP_TO.unpack_from(snapshot)
        position = _UP_TO.size
        while position < len(snapshot):
            producer_id, epoch, last_at, count = _ENTRY.unpack_from(snapshot, position)
            position += _ENTRY.size
            known = _Producer(epoch, last_at)
            for _ in range(count):
                span = Span(*_SPAN.unpack_from(snapshot, position))
                position += _SPAN.size
                if span.base_offset < below:
                    known.spans.append(span)
            if known.spans:
                self._by_id[producer_id] = known
        return min(int(up_to), below)


def save_snapshot(directory: Path, snapshot: bytes) -> None:
    """Put a snapshot in the place of the last one, once everything it speaks of is synced. Blocks."""
    replace_file(directory / FILE, checked(snapshot))


def saved_snapshot(directory: Path) -> bytes | None:
    """The last snapshot of a partition, or None if there is none that holds."""
    return read_checked(directory / FILE)
