"""The way into Kafka: one idempotent producer that returns when the log has the record for good (``acks=all``)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from domain.errors import BadInput, Code, Unavailable
from streams.topics import MAX_MESSAGE_BYTES

log = structlog.get_logger(__name__)


class KafkaRecord(Protocol):
    """What a sink needs of a record."""

    @property
    def topic(self) -> str:
        """The record's topic."""

    @property
    def key(self) -> bytes | None:
        """The record's key."""

    @property
    def value(self) -> bytes | None:
        """The record's value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """The record's headers."""


class KafkaSink:
    """Writes records; ``put`` returns after Kafka's ack.

    Use as ``async with KafkaSink(bootstrap, client_id="gateway") as sink``. ``patience_s``: how long one request may take; a
    record that has no ack after twice that is given back as not taken, though the log may have it.
    """

    def __init__(self, bootstrap: str, *, client_id: str, linger_ms: int = 5, patience_s: float = 15.0) -> None:
        self._bootstrap, self._client_id, self._linger_ms = bootstrap, client_id, linger_ms
        self._patience_s = patience_s
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=self._linger_ms,
            max_batch_size=256 * 1024,
            max_request_size=MAX_MESSAGE_BYTES,
            request_timeout_ms=round(self._patience_s * 1000),
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise Unavailable(f"the stream log at {self._bootstrap} cannot be reached: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def put(self, record: KafkaRecord) -> None:
        """Write one record and wait for the ack.

        Raises:
            BadInput: E001 if it is too large ever to be taken.
            Unavailable: if the log did not take it; trying again may succeed.
        """
        await self.send(str(record.topic), key=record.key, value=record.value, headers=record.headers)

    async def put_all(self, records: Sequence[KafkaRecord]) -> list[Exception | None]:
        """Write several at once, in their order; returns, for each, what ``put`` would have raised, or None."""
        outcomes: list[Exception | None] = [None] * len(records)
        waiting: dict[int, asyncio.Future[object]] = {}
        if self._producer is None:
            return [Unavailable("the sink is not open") for _ in records]
        try:
            async with asyncio.timeout(2 * self._patience_s):
                for place, record in enumerate(records):
                    try:
                        waiting[place] = await self._producer.send(
                            str(record.topic), value=record.value, key=record.key, headers=list(record.headers)
                        )
                    except KafkaError as error:
                        outcomes[place] = _refusal(record, error)
                if waiting:
                    await asyncio.wait(waiting.values())
        except TimeoutError as error:
            for place in set(range(len(records))) - waiting.keys():
                outcomes[place] = outcomes[place] or _refusal(records[place], error)
        for place, future in waiting.items():
            if not future.done() or future.cancelled():
                outcomes[place] = _refusal(records[place], TimeoutError("no acknowledgement in time"))
            elif (failure := future.exception()) is not None:
                outcomes[place] = _refusal(records[place], failure)
        return outcomes

    async def send(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """``put`` by parts."""
        if self._producer is None:
            raise Unavailable("the sink is not open")
        try:
            async with asyncio.timeout(2 * self._patience_s):
                await self._producer.send_and_wait(topic, value=value, key=key, headers=list(headers))
        except MessageSizeTooLargeError as error:  # ours, before it is sent, or the log's answer
            raise BadInput(Code.MALFORMED, f"{len(value or b'')} bytes are more than the log takes", where=topic) from error
        except (TimeoutError, KafkaError) as error:
            raise Unavailable(f"the stream log did not take a record for {topic}: {error!r}") from error


def _refusal(record: KafkaRecord, error: BaseException) -> Exception:
    """What became of a record the log did not take: ours to mend, or the log's."""
    if isinstance(error, MessageSizeTooLargeError):  # ours, before it is sent, or the log's answer
        return BadInput(Code.MALFORMED, f"{len(record.value or b'')} bytes are more than the log takes", where=str(record.topic))
    return Unavailable(f"the stream log did not take a record for {record.topic}: {error!r}")
