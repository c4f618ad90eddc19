"""Metadata, CreateTopics, DeleteTopics and DescribeConfigs.

The rule to know: only Metadata creates a topic nobody created, and only where the log was started so and the client
does not forbid it. Produce never does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kio.schema.create_topics.v4 import request as create_request
from kio.schema.create_topics.v4 import response as create_response
from kio.schema.delete_topics.v3 import request as delete_request
from kio.schema.delete_topics.v3 import response as delete_response
from kio.schema.describe_configs.v2 import request as configs_request
from kio.schema.describe_configs.v2 import response as configs_response
from kio.schema.errors import ErrorCode
from kio.schema.metadata.v8 import request as metadata_request
from kio.schema.metadata.v8 import response as metadata_response
from kio.schema.types import TopicName
from kio.static.primitive import i8, i32

from streams.log.call import CLUSTER_ID, NODE_ID, Address, Call, Handler, counted
from streams.log.catalog import Catalog, StoredTopic
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.offsets import OffsetJournal
from streams.log.settings import TopicSettings
from streams.log.versions import NO_TIME

_TOPIC_RESOURCE: Final = 2
_BROKER_RESOURCE: Final = 4
_SET_ON_TOPIC: Final = i8(1)
_DEFAULT: Final = i8(5)


class TopicCalls:
    """The calls about topics.

    Args:
        catalog: the topics.
        journal: committed offsets; those of a deleted topic are taken back.
        metrics: where refusals are counted.
        address: where clients are told to connect.
        auto_create: whether Metadata creates topics.
    """

    def __init__(
        self,
        catalog: Catalog,
        journal: OffsetJournal,
        metrics: Metrics,
        address: Callable[[], Address],
        *,
        auto_create: bool,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._metrics = metrics
        self._address = address
        self._auto_create = auto_create

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {3: self.metadata, 19: self.create, 20: self.delete, 32: self.describe_configs}

    async def metadata(self, request: metadata_request.MetadataRequest, call: Call) -> metadata_response.MetadataResponse:
        """Tell who leads what: this node, everything."""
        create = self._auto_create and request.allow_auto_topic_creation
        if request.topics is None or (call.version == 0 and not request.topics):
            found = [_described(topic) for topic in self._catalog]
        else:
            found = [await self._described(each.name, create=create) for each in request.topics]
        address = self._address()
        return metadata_response.MetadataResponse(
            throttle_time=NO_TIME,
            brokers=(metadata_response.MetadataResponseBroker(node_id=NODE_ID, host=address.host, port=address.wire_port),),
            cluster_id=CLUSTER_ID,
            controller_id=NODE_ID,
            topics=tuple(found),
        )

    async def create(self, request: create_request.CreateTopicsRequest, _: Call) -> create_response.CreateTopicsResponse:
        """Create topics, each on its own: one refused does not stop the others."""
        results = []
        names = [topic.name for topic in request.topics]
        for topic in request.topics:
            code, message = ErrorCode.none, None
            try:
                await self._create(topic, names.count(topic.name), dry_run=request.validate_only)
            except Refused as refusal:
                code, message = counted(self._metrics.refusals, refusal.code), refusal.message
            results.append(create_response.CreatableTopicResult(name=topic.name, error_code=code, error_message=message))
        return create_response.CreateTopicsResponse(throttle_time=NO_TIME, topics=tuple(results))

    async def delete(self, request: delete_request.DeleteTopicsRequest, _: Call) -> delete_response.DeleteTopicsResponse:
        """Delete topics with their records and the offsets committed for them."""
        results = []
        for name in request.topic_names:
            code = ErrorCode.none
            try:
                self._catalog.settings(name)
                await self._journal.forget_topic(name)  # first: a topic of that name made later must not begin in its middle
                await self._catalog.delete(name)
                await self._journal.forget_topic(name)
            except OSError:  # logged and counted by the journal
                code = counted(self._metrics.refusals, ErrorCode.kafka_storage_error)
            except Refused as refusal:
                code = counted(self._metrics.refusals, refusal.code)
            results.append(delete_response.DeletableTopicResult(name=name, error_code=code))
        return delete_response.DeleteTopicsResponse(throttle_time=NO_TIME, responses=tuple(results))

    async def describe_configs(
        self, request: configs_request.DescribeConfigsRequest, _: Call
    ) -> configs_response.DescribeConfigsResponse:
        """Show the settings in force, of topics and of this node (the defaults)."""
        return configs_response.DescribeConfigsResponse(
            throttle_time=NO_TIME, results=tuple(self._configs(each) for each in request.resources)
        )

    async def _described(self, name: TopicName, *, create: bool) -> metadata_response.MetadataResponseTopic:
        topic = self._catalog.get(name)
        code = ErrorCode.unknown_topic_or_partition
        if topic is None and create:
            try:
                topic = await self._catalog.create(name)
            except Refused as refusal:
                topic, code = self._catalog.get(name), refusal.code
        if topic is not None:
            return _described(topic)
        return metadata_response.MetadataResponseTopic(error_code=counted(self._metrics.refusals, code), name=name, partitions=())

    async def _create(self, topic: create_request.CreatableTopic, mentions: int, *, dry_run: bool) -> None:
        if mentions > 1:
            raise Refused(ErrorCode.invalid_request, "the request names the topic more than once")
        if topic.replication_factor not in (-1, 1):
            raise Refused(ErrorCode.invalid_replication_factor, "this log is one node: the replication factor is 1")
        partitions = len(topic.assignments) or topic.num_partitions
        configs = {each.name: each.value for each in topic.configs}
        await self._catalog.create(topic.name, partitions, configs, dry_run=dry_run)

    def _configs(self, resource: configs_request.DescribeConfigsResource) -> configs_response.DescribeConfigsResult:
        code, message = ErrorCode.none, None
        values: dict[str, str] = {}
        given: Mapping[str, str] = {}
        topic = self._catalog.get(resource.resource_name)
        if resource.resource_type == _BROKER_RESOURCE:
            values = {"auto.create.topics.enable": str(self._auto_create).lower(), **TopicSettings().configs()}
        elif resource.resource_type != _TOPIC_RESOURCE:
            code, message = ErrorCode.invalid_request, "only topics and brokers have configs here"
        elif topic is None:
            code, message = ErrorCode.unknown_topic_or_partition, f"there is no topic {resource.resource_name!r}"
        else:
            given = topic.configs
            values = {**given, **topic.settings.configs()}
        wanted = resource.configuration_keys
        return configs_response.DescribeConfigsResult(
            error_code=counted(self._metrics.refusals, code),
            error_message=message,
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
            configs=tuple(
                configs_response.DescribeConfigsResourceResult(
                    name=name,
                    value=value,
                    read_only=True,
                    config_source=_SET_ON_TOPIC if name in given else _DEFAULT,
                    is_sensitive=False,
                    synonyms=(),
                )
                for name, value in sorted(values.items())
                if not wanted or name in wanted
            ),
        )


def _described(topic: StoredTopic) -> metadata_response.MetadataResponseTopic:
    return metadata_response.MetadataResponseTopic(
        error_code=ErrorCode.none,
        name=TopicName(topic.name),
        partitions=tuple(
            metadata_response.MetadataResponsePartition(
                error_code=ErrorCode.none,
                partition_index=i32(number),
                leader_id=NODE_ID,
                replica_nodes=(NODE_ID,),
                isr_nodes=(NODE_ID,),
            )
            for number in range(len(topic.partitions))
        ),
    )
