"""The groups in time: connections, timers and held answers around the pure state machine of ``group``.

The rule to know: a member belongs to the connection it last spoke on. When that connection ends, the member has left,
so a worker that died and came back gets its partitions without waiting for its own ghost.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Hashable
from typing import Final

from kio.schema.errors import ErrorCode

from streams.log.group import Group, GroupState, Joined, Joining, Proposal, Synced
from streams.log.metrics import Metrics

MAX_SESSION_S: Final = 1800.0


class Coordinator:
    """All consumer groups of the log.

    Args:
        metrics: where rebalances and expiries are counted.
        clock: monotonic seconds, the event loop's.
        first_join_wait_s: how long an empty group waits for a second member.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float], *, first_join_wait_s: float) -> None:
        self._metrics = metrics
        self._clock = clock
        self._first_join_wait_s = first_join_wait_s
        self._groups: dict[str, Group] = {}
        self._owners: dict[str, tuple[Hashable, str]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def groups(self) -> list[Group]:
        """The groups that have members, or had some since the start."""
        return list(self._groups.values())

    def get(self, name: str) -> Group | None:
        """The group of a name, if it has or had members."""
        return self._groups.get(name)

    async def join(self, group: str, terms: Joining, connection: Hashable) -> Joined:
        """Join a group; returns when the round is complete.

        Args:
            group: the group id.
            terms: what the member says; an empty member id asks for one.
            connection: whose end means the member's.
        """
        if not group:
            return Joined(ErrorCode.invalid_group_id, member_id=terms.member_id)
        if not 0 < terms.session_s <= MAX_SESSION_S:
            return Joined(ErrorCode.invalid_session_timeout, member_id=terms.member_id)
        found = self._groups.get(group)
        if terms.member_id and (found is None or terms.member_id not in found.members):
            return Joined(ErrorCode.unknown_member_id, member_id=terms.member_id)
        if found is None:
            found = self._groups[group] = Group(group, first_join_wait_s=self._first_join_wait_s)
        if not terms.member_id:
            terms = _named(terms)
        reply: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        self._owners[terms.member_id] = (connection, group)
        found.join(terms, reply, self._clock())
        self._settle()
        return await reply

    async def sync(
        self, group: str, member_id: str, generation: int, assignments: dict[str, bytes], connection: Hashable
    ) -> Synced:
        """Give (as leader) or fetch the assignment of a generation."""
        found = self._groups.get(group)
        if found is None:
            return Synced(ErrorCode.unknown_member_id)
        reply: asyncio.Future[Synced] = asyncio.get_running_loop().create_future()
        self._spoke(found, member_id, connection)
        found.sync(member_id, generation, assignments, reply, self._clock())
        self._settle()
        return await reply

    def heartbeat(self, group: str, member_id: str, generation: int, connection: Hashable) -> ErrorCode:
        """Note a sign of life."""
        found = self._groups.get(group)
        if found is None:
            return ErrorCode.unknown_member_id
        self._spoke(found, member_id, connection)
        return found.heartbeat(member_id, generation, self._clock())

    def leave(self, group: str, member_id: str) -> ErrorCode:
        """Take a member out."""
        found = self._groups.get(group)
        if found is None:
            return ErrorCode.unknown_member_id
        error = found.leave(member_id, self._clock())
        self._settle()
        return error

    def may_commit(self, group: str, member_id: str, generation: int) -> ErrorCode:
        """Judge an OffsetCommit."""
        found = self._groups.get(group)
        if found is None:
            return ErrorCode.none if generation < 0 else ErrorCode.unknown_member_id
        return found.may_commit(member_id, generation, self._clock())

    def connection_lost(self, connection: Hashable) -> None:
        """Let the members that last spoke on a connection leave."""
        for member_id, (owner, group) in list(self._owners.items()):
            if owner is connection and (found := self._groups.get(group)) is not None:
                found.leave(member_id, self._clock())
        self._settle()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _spoke(self, group: Group, member_id: str, connection: Hashable) -> None:
        if member_id in group.members:
            self._owners[member_id] = (connection, group.name)

    def _settle(self) -> None:
        """After any change: forget what is gone, count, and set the timer for what is due next."""
        now = self._clock()
        for group in list(self._groups.values()):
            group.tick(now)
            self._metrics.rebalances += group.rebalances
            self._metrics.expired_members += group.expired
            group.rebalances = group.expired = 0
            if group.state is GroupState.EMPTY and not group.members:
                del self._groups[group.name]
        self._owners = {
            member_id: (connection, name)
            for member_id, (connection, name) in self._owners.items()
            if (found := self._groups.get(name)) is not None and member_id in found.members
        }
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = min((moment for group in self._groups.values() if (moment := group.due_at) is not None), default=None)
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._settle)


def _named(terms: Joining) -> Joining:
    member_id = f"{terms.client_id or 'member'}-{uuid.uuid4()}"
    return Joining(member_id, terms.client_id, terms.session_s, terms.rebalance_s, terms.protocol_type, _unique(terms.proposals))


def _unique(proposals: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """Each way of assigning once, the first mention counting."""
    return tuple({proposal.name: proposal for proposal in reversed(proposals)}.values())[::-1]
