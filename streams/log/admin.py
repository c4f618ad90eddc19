"""What an administrator changes or asks: partitions, settings, records to delete, the node, its disk.

The rule to know: a refused topic or setting stops no other of the same request, as with Apache Kafka; and nothing is done
for a request that only asks whether it could be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from kio.schema.alter_configs.v1 import request as alter_request
from kio.schema.alter_configs.v1 import response as alter_response
from kio.schema.create_partitions.v1 import request as partitions_request
from kio.schema.create_partitions.v1 import response as partitions_response
from kio.schema.delete_records.v1 import request as records_request
from kio.schema.delete_records.v1 import response as records_response
from kio.schema.describe_cluster.v0 import request as cluster_request
from kio.schema.describe_cluster.v0 import response as cluster_response
from kio.schema.describe_log_dirs.v2 import request as dirs_request
from kio.schema.describe_log_dirs.v2 import response as dirs_response
from kio.schema.errors import ErrorCode
from kio.schema.incremental_alter_configs.v1 import request as change_request
from kio.schema.incremental_alter_configs.v1 import response as change_response
from kio.schema.types import TopicName
from kio.static.primitive import i32, i64

from streams.log.call import CLUSTER_ID, NODE_ID, Address, Call, Handler, counted
from streams.log.catalog import Catalog
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.versions import NO_TIME

_TOPIC_RESOURCE: Final = 2
_SET: Final = 0
_DELETE: Final = 1
_APPEND: Final = 2
_SUBTRACT: Final = 3
_LISTS: Final = frozenset({"cleanup.policy"})
"""Configs that are lists, which alone may be appended to."""


class AdminCalls:
    """The calls of administrators beside those of ``TopicCalls``.

    Args:
        catalog: the topics.
        metrics: where refusals are counted.
        address: where clients are told to connect.
        directory: where the log is kept, as it is told.
    """

    def __init__(self, catalog: Catalog, metrics: Metrics, address: Callable[[], Address], directory: Path) -> None:
        self._catalog = catalog
        self._metrics = metrics
        self._address = address
        self._directory = directory

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {
            21: self.delete_records,
            33: self.alter_configs,
            35: self.log_dirs,
            37: self.create_partitions,
            44: self.change_configs,
            60: self.cluster,
        }

    async def create_partitions(
        self, request: partitions_request.CreatePartitionsRequest, _: Call
    ) -> partitions_response.CreatePartitionsResponse:
        """Give topics more partitions."""
        results = []
        for topic in request.topics:
            code, message = ErrorCode.none, None
            try:
                await self._catalog.grow(topic.name, topic.count, dry_run=request.validate_only)
            except Refused as refusal:
                code, message = counted(self._metrics.refusals, refusal.code), refusal.message
            results.append(
                partitions_response.CreatePartitionsTopicResult(name=topic.name, error_code=code, error_message=message)
            )
        return partitions_response.CreatePartitionsResponse(throttle_time=NO_TIME, results=tuple(results))

    async def alter_configs(self, request: alter_request.AlterConfigsRequest, _: Call) -> alter_response.AlterConfigsResponse:
        """Set a topic's settings anew; what the request does not name goes back to its default."""
        results = []
        for resource in request.resources:
            changes = {each.name: each.value for each in resource.configs}
            code, message = await self._altered(
                resource.resource_type, resource.resource_name, changes, replace=True, dry_run=request.validate_only
            )
            results.append(
                alter_response.AlterConfigsResourceResponse(
                    error_code=code,
                    error_message=message,
                    resource_type=resource.resource_type,
                    resource_name=resource.resource_name,
                )
            )
        return alter_response.AlterConfigsResponse(throttle_time=NO_TIME, responses=tuple(results))

    async def change_configs(
        self, request: change_request.IncrementalAlterConfigsRequest, _: Call
    ) -> change_response.IncrementalAlterConfigsResponse:
        """Change single settings of a topic (KIP-339)."""
        results = []
        for resource in request.resources:
            try:
                changes = self._changes(resource)
            except Refused as refusal:
                code, message = self._told(refusal)
            else:
                code, message = await self._altered(
                    resource.resource_type, resource.resource_name, changes, replace=False, dry_run=request.validate_only
                )
            results.append(
                change_response.AlterConfigsResourceResponse(
                    error_code=code,
                    error_message=message,
                    resource_type=resource.resource_type,
                    resource_name=resource.resource_name,
                )
            )
        return change_response.IncrementalAlterConfigsResponse(throttle_time=NO_TIME, responses=tuple(results))

    async def delete_records(
        self, request: records_request.DeleteRecordsRequest, _: Call
    ) -> records_response.DeleteRecordsResponse:
        """Take the records before an offset away."""
        topics = []
        for topic in request.topics:
            partitions = []
            for each in topic.partitions:
                code, start = ErrorCode.none, -1
                try:
                    start = await self._catalog.partition(topic.name, each.partition_index).delete_before(each.offset)
                except Refused as refusal:
                    code = counted(self._metrics.refusals, refusal.code)
                partitions.append(
                    records_response.DeleteRecordsPartitionResult(
                        partition_index=each.partition_index, low_watermark=i64(start), error_code=code
                    )
                )
            topics.append(records_response.DeleteRecordsTopicResult(name=topic.name, partitions=tuple(partitions)))
        return records_response.DeleteRecordsResponse(throttle_time=NO_TIME, topics=tuple(topics))

    async def cluster(
        self, _request: cluster_request.DescribeClusterRequest, _: Call
    ) -> cluster_response.DescribeClusterResponse:
        """Name the one node."""
        address = self._address()
        return cluster_response.DescribeClusterResponse(
            throttle_time=NO_TIME,
            error_code=ErrorCode.none,
            cluster_id=CLUSTER_ID,
            controller_id=NODE_ID,
            brokers=(cluster_response.DescribeClusterBroker(broker_id=NODE_ID, host=address.host, port=address.wire_port),),
        )

    async def log_dirs(self, request: dirs_request.DescribeLogDirsRequest, _: Call) -> dirs_response.DescribeLogDirsResponse:
        """Say how many bytes each partition takes."""
        wanted: dict[str, set[int]] | None = None
        if request.topics is not None:
            wanted = {topic.topic: set(topic.partitions) for topic in request.topics}
        topics = tuple(
            dirs_response.DescribeLogDirsTopic(
                name=TopicName(topic.name),
                partitions=tuple(
                    dirs_response.DescribeLogDirsPartition(
                        partition_index=i32(number), partition_size=i64(partition.size), offset_lag=i64(0), is_future_key=False
                    )
                    for number, partition in enumerate(topic.partitions)
                    if wanted is None or number in wanted[topic.name]
                ),
            )
            for topic in self._catalog
            if wanted is None or topic.name in wanted
        )
        result = dirs_response.DescribeLogDirsResult(error_code=ErrorCode.none, log_dir=str(self._directory), topics=topics)
        return dirs_response.DescribeLogDirsResponse(throttle_time=NO_TIME, results=(result,))

    async def _altered(
        self, kind: int, name: str, changes: Mapping[str, str | None], *, replace: bool, dry_run: bool
    ) -> tuple[ErrorCode, str | None]:
        try:
            _judge(kind)
            await self._catalog.alter(name, changes, replace_all=replace, dry_run=dry_run)
        except Refused as refusal:
            return self._told(refusal)
        return ErrorCode.none, None

    def _told(self, refusal: Refused) -> tuple[ErrorCode, str | None]:
        return counted(self._metrics.refusals, refusal.code), refusal.message

    def _changes(self, resource: change_request.AlterConfigsResource) -> dict[str, str | None]:
        """The operations on single configs as new values; None goes back to the default.

        Raises:
            Refused: INVALID_REQUEST or INVALID_CONFIG.
        """
        _judge(resource.resource_type)
        present = self._catalog.settings(resource.resource_name).configs()
        changes: dict[str, str | None] = {}
        for each in resource.configs:
            if each.name in changes:
                raise Refused(ErrorCode.invalid_request, f"{each.name} is named more than once")
            if each.config_operation == _DELETE:
                changes[each.name] = None
                continue
            if each.value is None:
                raise Refused(ErrorCode.invalid_request, f"{each.name} has no value")
            changes[each.name] = _value(each.name, each.config_operation, each.value, present.get(each.name, ""))
        return changes


def _judge(kind: int) -> None:
    if kind != _TOPIC_RESOURCE:
        raise Refused(
            ErrorCode.invalid_request, "only settings of topics can be changed here; those of the node are its command line's"
        )


def _value(name: str, operation: int, value: str, present: str) -> str:
    if operation == _SET:
        return value
    if operation not in (_APPEND, _SUBTRACT):
        raise Refused(ErrorCode.invalid_request, f"there is no operation {operation}")
    if name not in _LISTS:
        raise Refused(ErrorCode.invalid_config, f"{name} is no list; set it")
    before, named = [each for each in present.split(",") if each], value.split(",")
    if operation == _APPEND:
        return ",".join(before + [each for each in named if each not in before])
    return ",".join(each for each in before if each not in named)
