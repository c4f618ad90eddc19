"""ListOffsets and OffsetForLeaderEpoch: where a partition begins and ends, and what lies at a time.

The rule to know: this log never had another leader. Its one epoch is 0, so nothing a client read was ever taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kio.schema.errors import ErrorCode
from kio.schema.list_offsets.v7 import request as offsets_request
from kio.schema.list_offsets.v7 import response as offsets_response
from kio.schema.offset_for_leader_epoch.v3 import request as epoch_request
from kio.schema.offset_for_leader_epoch.v3 import response as epoch_response
from kio.schema.types import TopicName
from kio.static.primitive import i32, i64

from streams.log.call import Call, Handler, counted
from streams.log.catalog import Catalog
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.versions import NO_TIME

_LATEST: Final = -1
_EARLIEST: Final = -2
_GREATEST_TIME: Final = -3
EPOCH: Final = 0


class LookupCalls:
    """The calls that find offsets.

    Args:
        catalog: the topics.
        metrics: where refusals are counted.
    """

    def __init__(self, catalog: Catalog, metrics: Metrics) -> None:
        self._catalog = catalog
        self._metrics = metrics

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {2: self.list_offsets, 23: self.epochs}

    async def list_offsets(self, request: offsets_request.ListOffsetsRequest, _: Call) -> offsets_response.ListOffsetsResponse:
        """Find the earliest, the latest, the newest by time, or the first offset since a time."""
        return offsets_response.ListOffsetsResponse(
            throttle_time=NO_TIME,
            topics=tuple(
                offsets_response.ListOffsetsTopicResponse(
                    name=topic.name,
                    partitions=tuple(self._found(topic.name, each) for each in topic.partitions),
                )
                for topic in request.topics
            ),
        )

    async def epochs(
        self, request: epoch_request.OffsetForLeaderEpochRequest, _: Call
    ) -> epoch_response.OffsetForLeaderEpochResponse:
        """Tell where an epoch ended: the only one at the end of the log, any other unknown (offset -1)."""
        return epoch_response.OffsetForLeaderEpochResponse(
            throttle_time=NO_TIME,
            topics=tuple(
                epoch_response.OffsetForLeaderTopicResult(
                    topic=topic.topic, partitions=tuple(self._epoch(topic.topic, each) for each in topic.partitions)
                )
                for topic in request.topics
            ),
        )

    def _found(
        self, topic: TopicName, each: offsets_request.ListOffsetsPartition
    ) -> offsets_response.ListOffsetsPartitionResponse:
        code, offset, timestamp = ErrorCode.none, -1, -1
        try:
            partition = self._catalog.partition(topic, each.partition_index)
            if each.timestamp == _LATEST:
                offset = partition.high_watermark
            elif each.timestamp == _EARLIEST:
                offset = partition.start_offset
            elif each.timestamp == _GREATEST_TIME:
                offset, timestamp = partition.latest_timestamp() or (-1, -1)
            elif each.timestamp >= 0:
                offset, timestamp = partition.offset_since(each.timestamp) or (-1, -1)
            else:
                code = ErrorCode.unsupported_version
        except Refused as refusal:
            code = refusal.code
        return offsets_response.ListOffsetsPartitionResponse(
            partition_index=each.partition_index,
            error_code=counted(self._metrics.refusals, code),
            timestamp=i64(timestamp),
            offset=i64(offset),
            leader_epoch=i32(EPOCH if offset >= 0 else -1),
        )

    def _epoch(self, topic: TopicName, each: epoch_request.OffsetForLeaderPartition) -> epoch_response.EpochEndOffset:
        code, epoch, end = ErrorCode.none, -1, -1
        try:
            partition = self._catalog.partition(topic, each.partition)
            if each.current_leader_epoch > EPOCH:
                code = ErrorCode.unknown_leader_epoch
            elif each.leader_epoch == EPOCH:
                epoch, end = EPOCH, partition.high_watermark
        except Refused as refusal:
            code = refusal.code
        return epoch_response.EpochEndOffset(
            error_code=counted(self._metrics.refusals, code),
            partition=each.partition,
            leader_epoch=i32(epoch),
            end_offset=i64(end),
        )
