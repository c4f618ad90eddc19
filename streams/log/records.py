"""Produce, Fetch and InitProducerId.

The rule to know: a produce answer waits for the sync of a durable topic, a fetch answer waits for records; neither
holds up any other connection, nor any bytes: the records of a produce request are let go once they are stored, and a fetch
takes room only when it reads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from kio.schema.errors import ErrorCode
from kio.schema.fetch.v11 import request as fetch_request
from kio.schema.fetch.v11 import response as fetch_response
from kio.schema.init_producer_id.v1 import request as producer_id_request
from kio.schema.init_producer_id.v1 import response as producer_id_response
from kio.schema.produce.v8 import request as produce_request
from kio.schema.produce.v8 import response as produce_response
from kio.schema.types import ProducerId, TopicName
from kio.static.primitive import Records, i16, i32, i64

from streams.log.call import NO_TRANSACTIONS, Call, Handler, counted
from streams.log.catalog import Catalog
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.partition import Appended, Partition
from streams.log.versions import NO_TIME

MAX_FETCH_WAIT_S: Final = 30.0
_ACKS: Final = (-1, 0, 1)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What became of one partition of a produce request."""

    topic: TopicName
    index: i32
    start_offset: int
    outcome: Appended | Refused


class RecordCalls:
    """The calls that move records.

    Args:
        catalog: the topics.
        metrics: where fetched bytes and refusals are counted.
        fetch_bytes: how many bytes of records one fetch is answered with at most; one batch is always whole.
    """

    def __init__(self, catalog: Catalog, metrics: Metrics, fetch_bytes: int) -> None:
        self._catalog = catalog
        self._metrics = metrics
        self._fetch_bytes = fetch_bytes

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {0: self.produce, 1: self.fetch, 22: self.init_producer_id}

    async def produce(self, request: produce_request.ProduceRequest, _: Call) -> produce_response.ProduceResponse | None:
        """Append one batch per partition; answer when all are as safe as their topics promise."""
        now = time.time()
        stored = [self._store(request, topic.name, each, now) for topic in request.topic_data for each in topic.partition_data]
        wants_answer = request.acks != 0
        del request  # its records are stored
        if not wants_answer:
            return None
        syncs = {each.outcome.synced for each in stored if isinstance(each.outcome, Appended) and each.outcome.synced}
        if syncs:
            await asyncio.wait(syncs)
        by_topic: dict[TopicName, list[produce_response.PartitionProduceResponse]] = {}
        for each in stored:
            by_topic.setdefault(each.topic, []).append(self._produced(each))
        return produce_response.ProduceResponse(
            responses=tuple(
                produce_response.TopicProduceResponse(name=name, partition_responses=tuple(partitions))
                for name, partitions in by_topic.items()
            )
        )

    async def fetch(self, request: fetch_request.FetchRequest, call: Call) -> fetch_response.FetchResponse:
        """Read records; wait up to the client's limit until there are as many bytes as it wants."""
        if request.session_epoch > 0:
            return fetch_response.FetchResponse(
                throttle_time=NO_TIME,
                error_code=counted(self._metrics.refusals, ErrorCode.fetch_session_id_not_found),
                responses=(),
            )
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + min(max(request.max_wait.total_seconds(), 0.0), MAX_FETCH_WAIT_S)
        arrival = asyncio.Event()
        most_bytes = max(min(request.max_bytes, self._fetch_bytes), 0)
        watched = self._watched(request)
        for partition in watched:
            partition.watchers.add(arrival)
        try:
            while True:
                await call.share.enter(most_bytes)
                arrival.clear()
                topics, size, refused = await self._read(request, most_bytes)
                left_s = give_up_at - loop.time()
                if size >= min(request.min_bytes, most_bytes) or refused or left_s <= 0:
                    break
                del topics
                call.share.leave()
                await _wait(arrival, left_s)
        finally:
            for partition in watched:
                partition.watchers.discard(arrival)
        self._metrics.fetched_bytes += size
        return fetch_response.FetchResponse(throttle_time=NO_TIME, error_code=ErrorCode.none, responses=topics)

    async def init_producer_id(
        self, request: producer_id_request.InitProducerIdRequest, _: Call
    ) -> producer_id_response.InitProducerIdResponse:
        """Give a producer an id of its own; refuse one that wants transactions."""
        if request.transactional_id is not None:
            code = counted(self._metrics.refusals, ErrorCode.transactional_id_authorization_failed)
            return producer_id_response.InitProducerIdResponse(throttle_time=NO_TIME, error_code=code, producer_epoch=i16(-1))
        return producer_id_response.InitProducerIdResponse(
            throttle_time=NO_TIME,
            error_code=ErrorCode.none,
            producer_id=ProducerId(await self._catalog.new_producer_id()),
            producer_epoch=i16(0),
        )

    def _store(
        self,
        request: produce_request.ProduceRequest,
        topic: TopicName,
        each: produce_request.PartitionProduceData,
        now: float,
    ) -> _Stored:
        start_offset = -1
        try:
            _judge(request)
            partition = self._catalog.partition(topic, each.index)
            outcome: Appended | Refused = partition.append(each.records, now)
            start_offset = partition.start_offset
        except Refused as refusal:
            counted(self._metrics.refusals, refusal.code)
            outcome = refusal.with_traceback(None)  # which would hold the records
        return _Stored(topic, each.index, start_offset, outcome)

    def _produced(self, each: _Stored) -> produce_response.PartitionProduceResponse:
        outcome = each.outcome
        if isinstance(outcome, Appended) and outcome.synced is not None and (problem := outcome.synced.exception()):
            counted(self._metrics.refusals, ErrorCode.kafka_storage_error)
            outcome = Refused(ErrorCode.kafka_storage_error, str(problem))
        if isinstance(outcome, Refused):
            return produce_response.PartitionProduceResponse(
                index=each.index,
                error_code=outcome.code,
                base_offset=i64(-1),
                record_errors=(),
                error_message=outcome.message,
            )
        return produce_response.PartitionProduceResponse(
            index=each.index,
            error_code=ErrorCode.none,
            base_offset=cast("i64", outcome.base_offset),
            log_start_offset=cast("i64", each.start_offset),
            record_errors=(),
        )

    def _watched(self, request: fetch_request.FetchRequest) -> set[Partition]:
        watched = set()
        for topic in request.topics:
            found = self._catalog.get(topic.topic)
            for each in topic.partitions:
                if found is not None and 0 <= each.partition < len(found.partitions):
                    watched.add(found.partitions[each.partition])
        return watched

    async def _read(
        self, request: fetch_request.FetchRequest, most_bytes: int
    ) -> tuple[tuple[fetch_response.FetchableTopicResponse, ...], int, bool]:
        """One look at every partition asked for: the answer's topics, bytes in them, whether any was refused."""
        size = 0
        refused = False
        topics = []
        for topic in request.topics:
            partitions = []
            for each in topic.partitions:
                found = await self._fetched(topic.topic, each, most_bytes - size, at_least_one=size == 0)
                size += len(found.records or b"")
                refused = refused or found.error_code is not ErrorCode.none
                partitions.append(found)
            topics.append(fetch_response.FetchableTopicResponse(topic=topic.topic, partitions=tuple(partitions)))
        return tuple(topics), size, refused

    async def _fetched(
        self, topic: TopicName, each: fetch_request.FetchPartition, left_bytes: int, *, at_least_one: bool
    ) -> fetch_response.PartitionData:
        start = end = -1
        records = b""
        code = ErrorCode.none
        try:
            partition = self._catalog.partition(topic, each.partition)
            start, end = partition.start_offset, partition.high_watermark
            max_bytes = max(min(each.partition_max_bytes, left_bytes), 0)
            if max_bytes or at_least_one:
                records = await partition.fetch(each.fetch_offset, max_bytes, at_least_one=at_least_one)
        except Refused as refusal:
            code = counted(self._metrics.refusals, refusal.code)
        return fetch_response.PartitionData(
            partition_index=each.partition,
            error_code=code,
            high_watermark=i64(end),
            last_stable_offset=i64(end),
            log_start_offset=i64(start),
            aborted_transactions=None,
            records=Records(records),
        )


def _judge(request: produce_request.ProduceRequest) -> None:
    if request.acks not in _ACKS:
        raise Refused(ErrorCode.invalid_required_acks, f"acks must be -1, 0 or 1, not {request.acks}")
    if request.transactional_id is not None:
        raise Refused(ErrorCode.transactional_id_authorization_failed, NO_TRANSACTIONS)


async def _wait(arrival: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer."""
    try:
        async with asyncio.timeout(seconds):
            await arrival.wait()
    except TimeoutError:
        return
