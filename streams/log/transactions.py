"""The calls of transactions, each refused by name.

The rule to know: they are served so that a client learns at once that there are none, instead of waiting for an answer that
does not come. The code is one that every client takes for final: TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kio.schema.add_offsets_to_txn.v2 import request as offsets_request
from kio.schema.add_offsets_to_txn.v2 import response as offsets_response
from kio.schema.add_partitions_to_txn.v2 import request as partitions_request
from kio.schema.add_partitions_to_txn.v2 import response as partitions_response
from kio.schema.end_txn.v2 import request as end_request
from kio.schema.end_txn.v2 import response as end_response
from kio.schema.errors import ErrorCode
from kio.schema.txn_offset_commit.v2 import request as commit_request
from kio.schema.txn_offset_commit.v2 import response as commit_response

from streams.log.call import Call, Handler, counted
from streams.log.metrics import Metrics
from streams.log.versions import NO_TIME

REFUSAL: Final = ErrorCode.transactional_id_authorization_failed


class TransactionCalls:
    """The calls of transactions.

    Args:
        metrics: where refusals are counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {24: self.add_partitions, 25: self.add_offsets, 26: self.end, 28: self.commit}

    async def add_partitions(
        self, request: partitions_request.AddPartitionsToTxnRequest, _: Call
    ) -> partitions_response.AddPartitionsToTxnResponse:
        """Refuse every partition."""
        return partitions_response.AddPartitionsToTxnResponse(
            throttle_time=NO_TIME,
            results_by_topic_v3_and_below=tuple(
                partitions_response.AddPartitionsToTxnTopicResult(
                    name=topic.name,
                    results_by_partition=tuple(
                        partitions_response.AddPartitionsToTxnPartitionResult(
                            partition_index=number, partition_error_code=self._refused()
                        )
                        for number in topic.partitions
                    ),
                )
                for topic in request.v3_and_below_topics
            ),
        )

    async def add_offsets(
        self, _request: offsets_request.AddOffsetsToTxnRequest, _: Call
    ) -> offsets_response.AddOffsetsToTxnResponse:
        """Refuse."""
        return offsets_response.AddOffsetsToTxnResponse(throttle_time=NO_TIME, error_code=self._refused())

    async def end(self, _request: end_request.EndTxnRequest, _: Call) -> end_response.EndTxnResponse:
        """Refuse."""
        return end_response.EndTxnResponse(throttle_time=NO_TIME, error_code=self._refused())

    async def commit(self, request: commit_request.TxnOffsetCommitRequest, _: Call) -> commit_response.TxnOffsetCommitResponse:
        """Refuse every partition."""
        return commit_response.TxnOffsetCommitResponse(
            throttle_time=NO_TIME,
            topics=tuple(
                commit_response.TxnOffsetCommitResponseTopic(
                    name=topic.name,
                    partitions=tuple(
                        commit_response.TxnOffsetCommitResponsePartition(
                            partition_index=each.partition_index, error_code=self._refused()
                        )
                        for each in topic.partitions
                    ),
                )
                for topic in request.topics
            ),
        )

    def _refused(self) -> ErrorCode:
        return counted(self._metrics.refusals, REFUSAL)
