"""FindCoordinator, the calls of members of consumer groups, OffsetCommit and OffsetFetch.

The rule to know: this node coordinates every group. A commit is answered when it is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kio.schema.errors import ErrorCode
from kio.schema.find_coordinator.v2 import response as find_response
from kio.schema.find_coordinator.v4 import response as find_many_response
from kio.schema.heartbeat.v3 import request as heartbeat_request
from kio.schema.heartbeat.v3 import response as heartbeat_response
from kio.schema.join_group.v5 import request as join_request
from kio.schema.join_group.v5 import response as join_response
from kio.schema.leave_group.v3 import response as leave_response
from kio.schema.offset_commit.v7 import request as commit_request
from kio.schema.offset_commit.v7 import response as commit_response
from kio.schema.offset_fetch.v5 import request as offset_request
from kio.schema.offset_fetch.v5 import response as offset_response
from kio.schema.sync_group.v3 import request as sync_request
from kio.schema.sync_group.v3 import response as sync_response
from kio.schema.types import TopicName
from kio.static.primitive import i32, i64
from kio.static.protocol import Entity

from streams.log.call import NO_TRANSACTIONS, NODE_ID, Address, Call, Handler, counted
from streams.log.catalog import Catalog
from streams.log.coordinator import Coordinator, Speaker
from streams.log.errors import Refused
from streams.log.group import Joining, Proposal
from streams.log.metrics import Metrics
from streams.log.offsets import Committed, Line, OffsetJournal, Position
from streams.log.versions import NO_TIME

MAX_NOTE_BYTES: Final = 4096
_GROUP: Final = 0
_BATCHED_FIND: Final = 4
_BATCHED_LEAVE: Final = 3
_ID_FIRST: Final = 4


class GroupCalls:
    """The calls of consumer groups.

    Args:
        catalog: the topics.
        coordinator: the groups.
        journal: committed offsets.
        metrics: where refusals are counted.
        address: where clients are told to connect.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        catalog: Catalog,
        coordinator: Coordinator,
        journal: OffsetJournal,
        metrics: Metrics,
        *,
        address: Callable[[], Address],
        wall: Callable[[], float],
    ) -> None:
        self._catalog = catalog
        self._coordinator = coordinator
        self._journal = journal
        self._metrics = metrics
        self._address = address
        self._wall = wall

    def handlers(self) -> Mapping[int, Handler]:
        """The calls by API key."""
        return {
            8: self.commit,
            9: self.committed,
            10: self.find,
            11: self.join,
            12: self.heartbeat,
            13: self.leave,
            14: self.sync,
        }

    async def find(self, request: Any, call: Call) -> Entity:
        """Name this node, for one group or (version 4, KIP-699) several; refuse to coordinate transactions."""
        code, message = ErrorCode.none, None
        if getattr(request, "key_type", _GROUP) != _GROUP:
            code = counted(self._metrics.refusals, ErrorCode.transactional_id_authorization_failed)
            message = NO_TRANSACTIONS
        address = self._address()
        if call.version >= _BATCHED_FIND:
            coordinators = tuple(
                find_many_response.Coordinator(
                    key=key, node_id=NODE_ID, host=address.host, port=address.wire_port, error_code=code, error_message=message
                )
                for key in request.coordinator_keys
            )
            return find_many_response.FindCoordinatorResponse(throttle_time=NO_TIME, coordinators=coordinators)
        return find_response.FindCoordinatorResponse(
            throttle_time=NO_TIME,
            error_code=code,
            error_message=message,
            node_id=NODE_ID,
            host=address.host,
            port=address.wire_port,
        )

    async def join(self, request: join_request.JoinGroupRequest, call: Call) -> join_response.JoinGroupResponse:
        """Join; answered when the round is complete."""
        session_s = request.session_timeout.total_seconds()
        rebalance_s = request.rebalance_timeout.total_seconds()
        terms = Joining(
            request.member_id,
            call.client_id,
            session_s,
            rebalance_s if rebalance_s >= 0 else session_s,
            request.protocol_type,
            tuple(Proposal(each.name, each.metadata) for each in request.protocols),
            request.group_instance_id,
            call.peer.host,
        )
        joined = await self._coordinator.join(request.group_id, terms, call.peer, id_first=call.version >= _ID_FIRST)
        return join_response.JoinGroupResponse(
            throttle_time=NO_TIME,
            error_code=counted(self._metrics.refusals, joined.error),
            generation_id=i32(joined.generation),
            protocol_name=joined.protocol,
            leader=joined.leader,
            member_id=joined.member_id,
            members=tuple(
                join_response.JoinGroupResponseMember(
                    member_id=each.member_id, group_instance_id=each.instance_id, metadata=each.metadata
                )
                for each in joined.members
            ),
        )

    async def sync(self, request: sync_request.SyncGroupRequest, call: Call) -> sync_response.SyncGroupResponse:
        """Give or fetch the assignment; a follower's answer waits for the leader."""
        speaker = Speaker(request.group_id, request.member_id, call.peer, request.group_instance_id)
        assignments = {each.member_id: each.assignment for each in request.assignments}
        synced = await self._coordinator.sync(speaker, request.generation_id, assignments)
        return sync_response.SyncGroupResponse(
            throttle_time=NO_TIME,
            error_code=counted(self._metrics.refusals, synced.error),
            assignment=synced.assignment,
        )

    async def heartbeat(self, request: heartbeat_request.HeartbeatRequest, call: Call) -> heartbeat_response.HeartbeatResponse:
        """Note a sign of life."""
        speaker = Speaker(request.group_id, request.member_id, call.peer, request.group_instance_id)
        code = self._coordinator.heartbeat(speaker, request.generation_id)
        return heartbeat_response.HeartbeatResponse(throttle_time=NO_TIME, error_code=counted(self._metrics.refusals, code))

    async def leave(self, request: Any, call: Call) -> leave_response.LeaveGroupResponse:
        """Take a member out, or (version 3, KIP-345) several, by member id or instance id."""
        if call.version < _BATCHED_LEAVE:
            code = counted(self._metrics.refusals, self._coordinator.leave(request.group_id, request.member_id))
            return leave_response.LeaveGroupResponse(throttle_time=NO_TIME, error_code=code, members=())
        members = tuple(
            leave_response.MemberResponse(
                member_id=each.member_id,
                group_instance_id=each.group_instance_id,
                error_code=counted(
                    self._metrics.refusals,
                    self._coordinator.leave(request.group_id, each.member_id, each.group_instance_id),
                ),
            )
            for each in request.members
        )
        return leave_response.LeaveGroupResponse(throttle_time=NO_TIME, error_code=ErrorCode.none, members=members)

    async def commit(self, request: commit_request.OffsetCommitRequest, _: Call) -> commit_response.OffsetCommitResponse:
        """Commit offsets; answered when they are on disk."""
        allowed = self._coordinator.may_commit(
            request.group_id, request.member_id, request.generation_id_or_member_epoch, request.group_instance_id
        )
        codes: dict[tuple[str, int], ErrorCode] = {}
        entries: list[Line] = []
        now = int(self._wall())
        for topic in request.topics:
            for each in topic.partitions:
                code = allowed if allowed is not ErrorCode.none else self._commit_error(topic.name, each)
                codes[topic.name, each.partition_index] = code
                if code is ErrorCode.none:
                    position = Position(request.group_id, topic.name, each.partition_index)
                    entries.append((position, Committed(each.committed_offset, each.committed_metadata or "", now)))
        failed = False
        if entries:
            try:
                await self._journal.commit(entries)
            except OSError:  # logged and counted by the journal
                failed = True
        return commit_response.OffsetCommitResponse(
            throttle_time=NO_TIME,
            topics=tuple(
                commit_response.OffsetCommitResponseTopic(
                    name=topic.name,
                    partitions=tuple(
                        commit_response.OffsetCommitResponsePartition(
                            partition_index=each.partition_index,
                            error_code=counted(
                                self._metrics.refusals,
                                ErrorCode.coordinator_not_available if failed else codes[topic.name, each.partition_index],
                            ),
                        )
                        for each in topic.partitions
                    ),
                )
                for topic in request.topics
            ),
        )

    async def committed(self, request: offset_request.OffsetFetchRequest, _: Call) -> offset_response.OffsetFetchResponse:
        """Tell what a group has committed: for the partitions named, or all."""
        wanted: dict[str, list[int]] = {}
        if request.topics is None:
            for position in self._journal.of_group(request.group_id):
                wanted.setdefault(position.topic, []).append(position.partition)
        else:
            wanted = {topic.name: list(topic.partition_indexes) for topic in request.topics}
        return offset_response.OffsetFetchResponse(
            throttle_time=NO_TIME,
            topics=tuple(
                offset_response.OffsetFetchResponseTopic(
                    name=TopicName(name),
                    partitions=tuple(self._committed(Position(request.group_id, name, number)) for number in numbers),
                )
                for name, numbers in wanted.items()
            ),
        )

    def _commit_error(self, topic: str, each: commit_request.OffsetCommitRequestPartition) -> ErrorCode:
        try:
            self._catalog.partition(topic, each.partition_index)
        except Refused as refusal:
            return refusal.code
        if each.committed_offset < 0:
            return ErrorCode.invalid_request
        if len((each.committed_metadata or "").encode()) > MAX_NOTE_BYTES:
            return ErrorCode.offset_metadata_too_large
        return ErrorCode.none

    def _committed(self, position: Position) -> offset_response.OffsetFetchResponsePartition:
        committed = self._journal[position]
        return offset_response.OffsetFetchResponsePartition(
            partition_index=i32(position.partition),
            committed_offset=i64(committed.offset),
            metadata=committed.note,
            error_code=ErrorCode.none,
        )
