"""ListGroups, DescribeGroups, DeleteGroups and OffsetDelete: what people and tools ask about consumer groups.

The rule to know: a group that has members is never touched from outside; its offsets are only for those who read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from kio.schema.delete_groups.v1 import request as delete_request
from kio.schema.delete_groups.v1 import response as delete_response
from kio.schema.describe_groups.v4 import request as describe_request
from kio.schema.describe_groups.v4 import response as describe_response
from kio.schema.errors import ErrorCode
from kio.schema.list_groups.v4 import request as list_request
from kio.schema.list_groups.v4 import response as list_response
from kio.schema.offset_delete.v0 import request as offsets_request
from kio.schema.offset_delete.v0 import response as offsets_response
from kio.schema.types import GroupId

from streams.log.call import Call, Handler, counted
from streams.log.coordinator import Coordinator
from streams.log.group import Group, GroupState
from streams.log.metrics import Metrics
from streams.log.offsets import OffsetJournal, Position
from streams.log.versions import NO_TIME

CONSUMER: Final = "consumer"
_COUNT: Final = struct.Struct(">hi")
_LENGTH: Final = struct.Struct(">h")


class GroupAdminCalls:
    """The calls about consumer groups.

    Args:
        coordinator: the groups.
        journal: committed offsets.
        metrics: where refusals are counted.
    """

    def __init__(self, coordinator: Coordinator, journal: OffsetJournal, metrics: Metrics) -> None:
        self._coordinator = coordinator
        self._journal = journal
        self._metrics = metrics

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {15: self.describe, 16: self.list, 42: self.delete, 47: self.delete_offsets}

    async def list(self, request: list_request.ListGroupsRequest, _: Call) -> list_response.ListGroupsResponse:
        """List the groups that have members or committed offsets, if wanted only those in certain states."""
        found = {name: (CONSUMER, str(GroupState.EMPTY)) for name in self._journal.groups()}
        found.update({group.name: (group.protocol_type, str(group.state)) for group in self._coordinator.groups()})
        return list_response.ListGroupsResponse(
            throttle_time=NO_TIME,
            error_code=ErrorCode.none,
            groups=tuple(
                list_response.ListedGroup(group_id=GroupId(name), protocol_type=kind, group_state=state)
                for name, (kind, state) in sorted(found.items())
                if not request.states_filter or state in request.states_filter
            ),
        )

    async def describe(
        self, request: describe_request.DescribeGroupsRequest, _: Call
    ) -> describe_response.DescribeGroupsResponse:
        """Show state and members of groups."""
        return describe_response.DescribeGroupsResponse(
            throttle_time=NO_TIME, groups=tuple(self._described(name) for name in request.groups)
        )

    async def delete(self, request: delete_request.DeleteGroupsRequest, _: Call) -> delete_response.DeleteGroupsResponse:
        """Delete groups without members, with their committed offsets."""
        results = []
        for name in request.groups_names:
            try:
                code = await self._coordinator.delete(name)
            except OSError:  # logged and counted by the journal
                code = ErrorCode.coordinator_not_available
            results.append(delete_response.DeletableGroupResult(group_id=name, error_code=counted(self._metrics.refusals, code)))
        return delete_response.DeleteGroupsResponse(throttle_time=NO_TIME, results=tuple(results))

    async def delete_offsets(
        self, request: offsets_request.OffsetDeleteRequest, _: Call
    ) -> offsets_response.OffsetDeleteResponse:
        """Take back single commits, of topics that no member reads."""
        group = self._coordinator.get(request.group_id)
        read = _topics_read(group) if group is not None else frozenset()
        code = ErrorCode.none
        if group is None and not self._journal.knows(request.group_id):
            code = ErrorCode.group_id_not_found
        elif group is not None and group.members and group.protocol_type != CONSUMER:
            code = ErrorCode.non_empty_group
        else:
            gone = [
                position
                for topic in request.topics
                if topic.name not in read
                for each in topic.partitions
                if (position := Position(request.group_id, topic.name, each.partition_index))
                in self._journal.of_group(request.group_id)
            ]
            try:
                await self._journal.take_back(gone)
            except OSError:  # logged and counted by the journal
                code = ErrorCode.coordinator_not_available
        return offsets_response.OffsetDeleteResponse(
            error_code=counted(self._metrics.refusals, code),
            throttle_time=NO_TIME,
            topics=tuple(
                offsets_response.OffsetDeleteResponseTopic(
                    name=topic.name,
                    partitions=tuple(
                        offsets_response.OffsetDeleteResponsePartition(
                            partition_index=each.partition_index,
                            error_code=ErrorCode.group_subscribed_to_topic if topic.name in read else ErrorCode.none,
                        )
                        for each in topic.partitions
                    ),
                )
                for topic in request.topics
                if code is ErrorCode.none
            ),
        )

    def _described(self, name: GroupId) -> describe_response.DescribedGroup:
        group = self._coordinator.get(name)
        if group is None:
            known = self._journal.knows(name)
            return describe_response.DescribedGroup(
                error_code=ErrorCode.none,
                group_id=name,
                group_state=GroupState.EMPTY if known else "Dead",
                protocol_type=CONSUMER if known else "",
                protocol_data="",
                members=(),
            )
        return describe_response.DescribedGroup(
            error_code=ErrorCode.none,
            group_id=name,
            group_state=group.state,
            protocol_type=group.protocol_type,
            protocol_data=group.protocol,
            members=tuple(
                describe_response.DescribedGroupMember(
                    member_id=member_id,
                    group_instance_id=member.terms.instance_id,
                    client_id=member.terms.client_id,
                    client_host=f"/{member.terms.host}",
                    member_metadata=dict(member.terms.proposals).get(group.protocol, b""),
                    member_assignment=member.assignment,
                )
                for member_id, member in group.members.items()
            ),
        )


def _topics_read(group: Group) -> frozenset[str]:
    """The topics that members of a consumer group subscribe to, from the beginning of their metadata."""
    found: set[str] = set()
    for member in group.members.values():
        for proposal in member.terms.proposals:
            found |= _subscribed(proposal.metadata)
    return frozenset(found)


def _subscribed(metadata: bytes) -> set[str]:
    """Topics of a ConsumerProtocolSubscription, which all versions begin with; none if it is something else."""
    try:
        _, count = _COUNT.unpack_from(metadata)
        position, topics = _COUNT.size, set()
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(metadata, position)
            position += _LENGTH.size
            if length < 0:
                return set()
            topics.add(metadata[position : position + length].decode())
            position += length
    except (struct.error, UnicodeDecodeError):
        return set()
    return topics
