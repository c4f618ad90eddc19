"""Who produced what: producer id, epoch and sequence of the last batches, so that a retry is not stored twice.

The rule to know: the state is a function of the stored batches, so it is rebuilt from the file after a crash.
Sequences and their errors follow Kafka's idempotent producer (KIP-98, KIP-360).
"""

from __future__ import annotations

import struct
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from kio.schema.errors import ErrorCode

from streams.log.batch import BatchHeader
from streams.log.errors import Refused

BATCHES_REMEMBERED = 5
"""As many as an idempotent producer may have in flight."""
PRODUCERS_REMEMBERED = 2000
_ENTRY = struct.Struct(">qhB")
_SPAN = struct.Struct(">iiq")


class Span(NamedTuple):
    """One stored batch of a producer."""

    first_sequence: int
    last_sequence: int
    base_offset: int


@dataclass(slots=True)
class _Producer:
    epoch: int
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

    def note(self, header: BatchHeader, base_offset: int) -> None:
        """Remember a batch that was stored."""
        if header.producer_id < 0:
            return
        known = self._by_id.get(header.producer_id)
        if known is None or known.epoch != header.producer_epoch:
            known = self._by_id[header.producer_id] = _Producer(header.producer_epoch)
        known.spans.append(Span(header.base_sequence, header.last_sequence, base_offset))
        self._by_id.move_to_end(header.producer_id)
        if len(self._by_id) > PRODUCERS_REMEMBERED:
            self._by_id.popitem(last=False)

    def snapshot(self) -> bytes:
        """The state as bytes, for the seal of a segment."""
        out = bytearray()
        for producer_id, known in self._by_id.items():
            out += _ENTRY.pack(producer_id, known.epoch, len(known.spans))
            for span in known.spans:
                out += _SPAN.pack(*span)
        return bytes(out)

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot."""
        self._by_id.clear()
        position = 0
        while position < len(snapshot):
            producer_id, epoch, count = _ENTRY.unpack_from(snapshot, position)
            position += _ENTRY.size
            known = self._by_id[producer_id] = _Producer(epoch)
            for _ in range(count):
                known.spans.append(Span(*_SPAN.unpack_from(snapshot, position)))
                position += _SPAN.size
