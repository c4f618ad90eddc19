"""Where the gateway puts what it has judged: records for the stream log, and the port they go through.

``put`` returning is the promise the MQTT acknowledgement rests on: it must not return before the log has the record safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record for a Kafka topic; key and headers are UTF-8."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Sink(Protocol):
    """Takes records; many calls run at the same time, so an implementation may batch them."""

    async def put(self, record: Record) -> None:
        """Write a record; return when it is acknowledged.

        Raises:
            BadInput: the record can never be written (too large): the gateway dead-letters it.
            Exception: anything else means not now; the gateway tries again and does not acknowledge meanwhile.
        """

    async def put_all(self, records: Sequence[Record]) -> list[Exception | None]:
        """``put`` several in their order; returns, for each, what ``put`` would have raised, or None."""
