"""The way into Kafka: one idempotent producer that returns when the log has the record for good (``acks=all``)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from domain.errors import BadInput, Code, Unavailable
from streams.address import reaching
from streams.batches import Batch, KafkaRecord, size_bytes, sort_into_batches
from streams.topics import MAX_MESSAGE_BYTES, ensure_topics

log = structlog.get_logger(__name__)

_PAUSE_S = 0.5


class KafkaSink:
    """Writes records; ``put`` returns after Kafka's ack.

    Use as ``async with KafkaSink(bootstrap, client_id="gateway") as sink``. ``patience_s``: how long one request may take; a
    record that has no ack after twice that is given back as not taken, though the log may have it. ``waits``: a log that is away
    at first is no error; until it is there everything is ``Unavailable``.
    """

    def __init__(
        self, bootstrap: str, *, client_id: str, linger_ms: int = 5, patience_s: float = 15.0, waits: bool = False
    ) -> None:
        self._bootstrap, self._client_id, self._linger_ms = bootstrap, client_id, linger_ms
        self._patience_s, self._waits = patience_s, waits
        self._producer: AIOKafkaProducer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._making: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            self._producer = await self._started()
        except Unavailable as error:
            if not self._waits:
                raise
            log.warning("sink.waits", client=self._client_id, error=str(error))
            self._opening = asyncio.create_task(self._open_later())
        return self

    async def _open_later(self) -> None:
        while self._producer is None:
            await asyncio.sleep(_PAUSE_S)
            with suppress(Unavailable):
                self._producer = await self._started()

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **reaching(self._bootstrap),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=self._linger_ms,
            max_batch_size=256 * 1024,
            max_request_size=MAX_MESSAGE_BYTES,
            request_timeout_ms=round(self._patience_s * 1000),
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise Unavailable(f"the stream log at {self._bootstrap} cannot be reached: {error}") from error
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def __aexit__(self, *_: object) -> None:
        under_way = [task for task in (self._opening, self._making) if task is not None]
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
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
        """Write several at once; records of one key in their order, none after one of its partition that failed.

        Returns:
            For each what ``put`` would have raised, or None. What was given back as not taken may still come into the log, before
            anything that is put later for the same partition.
        """
        if self._producer is None:
            return [Unavailable("the sink is not open") for _ in records]
        outcomes: list[Exception | None] = [None] * len(records)
        by_topic: dict[str, list[tuple[int, KafkaRecord]]] = {}
        for place, record in enumerate(records):
            if size_bytes(record) > MAX_MESSAGE_BYTES:
                outcomes[place] = _refusal(record, MessageSizeTooLargeError())
                continue
            by_topic.setdefault(str(record.topic), []).append((place, record))
            outcomes[place] = _LATE
        works = [self._put_topic(topic, own, outcomes) for topic, own in by_topic.items()]
        try:
            async with asyncio.timeout(2 * self._patience_s):
                await _together(works)
        except TimeoutError:
            pass
        for place, outcome in enumerate(outcomes):
            self._look_after(outcome)
            if outcome is not None and not isinstance(outcome, BadInput | Unavailable):
                outcomes[place] = _refusal(records[place], outcome)
        return outcomes

    async def _put_topic(self, topic: str, records: Sequence[tuple[int, KafkaRecord]], outcomes: list[Exception | None]) -> None:
        assert self._producer is not None
        try:
            partitions = tuple(sorted(await self._producer.partitions_for(topic)))
        except KafkaError as error:
            for place, _ in records:
                outcomes[place] = error
            return
        batches = sort_into_batches(records, partitions, self._producer.create_batch)
        await _together([self._put_partition(topic, number, own, outcomes) for number, own in batches.items()])

    async def _put_partition(
        self, topic: str, partition: int, batches: Sequence[Batch], outcomes: list[Exception | None]
    ) -> None:
        """Write batches one after the other; after one that failed for now the rest is not tried."""
        assert self._producer is not None
        failure: Exception | None = None
        for batch in batches:
            taken: Exception | None = failure
            if failure is None:
                try:
                    await (await self._producer.send_batch(batch.builder, topic, partition=partition))
                except MessageSizeTooLargeError as error:  # a batch beyond the topic's bound holds one record: the next may pass
                    taken = error
                except KafkaError as error:
                    taken = failure = error
            for place in batch.places:
                outcomes[place] = taken

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
            self._look_after(error)
            raise Unavailable(f"the stream log did not take a record for {topic}: {error!r}") from error

    def _look_after(self, outcome: Exception | None) -> None:
        """Create a topic that somebody deleted, for what comes next; workers look only when they start."""
        if isinstance(outcome, UnknownTopicOrPartitionError) and (self._making is None or self._making.done()):
            self._making = asyncio.create_task(self._make_topics())

    async def _make_topics(self) -> None:
        log.warning("sink.topic_missing", client=self._client_id)
        try:
            await ensure_topics(self._bootstrap, attempts=1)
        except Unavailable as error:
            log.warning("sink.waits", client=self._client_id, error=str(error))


_LATE = TimeoutError("no acknowledgement in time")


async def _together(works: Sequence[Coroutine[object, object, None]]) -> None:
    """Do all at the same time; a single one, which is the rule, without a task of its own."""
    if len(works) == 1:
        await works[0]
    elif works:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)


def _refusal(record: KafkaRecord, error: BaseException) -> Exception:
    """What became of a record the log did not take: ours to mend, or the log's."""
    if isinstance(error, MessageSizeTooLargeError):  # ours, before it is sent, or the log's answer
        return BadInput(Code.MALFORMED, f"{len(record.value or b'')} bytes are more than the log takes", where=str(record.topic))
    return Unavailable(f"the stream log did not take a record for {record.topic}: {error!r}")
