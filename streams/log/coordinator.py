"""The groups in time: connections, timers, held answers and the disk around the pure state machine of ``group``.

The rule to know: a dynamic member belongs to the connection it last spoke on. When that connection ends, the member has left,
so a worker that died and came back gets its partitions without waiting for its own ghost. A static member stays until its
session is over. An assignment is told when the generation is on disk: a restart of the log ends no generation, and no commit
of an older one is taken after it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from kio.schema.errors import ErrorCode

from streams.log.call import Peer
from streams.log.group import Group, GroupState, Joined, Joining, Proposal, Synced
from streams.log.metrics import Metrics
from streams.log.offsets import OffsetJournal
from streams.log.snapshot import restored, taken

MAX_SESSION_S: Final = 1800.0
MAX_GROUPS: Final = 2000
MAX_NAME: Final = 1024


@dataclass(frozen=True, slots=True)
class Speaker:
    """The member that a request says it comes from, and the connection it came on."""

    group: str
    member_id: str
    peer: Peer
    instance_id: str | None = None


class Coordinator:
    """All consumer groups of the log.

    Args:
        journal: what is kept of them.
        metrics: where rebalances and expiries are counted.
        clock: monotonic seconds, the event loop's.
        wall: seconds since 1970.
        first_join_wait_s: how long an empty group waits for a second member.
    """

    def __init__(
        self,
        journal: OffsetJournal,
        metrics: Metrics,
        clock: Callable[[], float],
        wall: Callable[[], float],
        *,
        first_join_wait_s: float,
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._wall = wall
        self._first_join_wait_s = first_join_wait_s
        self._groups: dict[str, Group] = {}
        self._owners: dict[str, tuple[Peer, str]] = {}
        self._settled: dict[str, int] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        for name in journal.groups():
            kept = journal.kept(name)
            if kept is not None:
                self._groups[name] = restored(kept, clock(), first_join_wait_s=first_join_wait_s)
        self._settle()

    def groups(self) -> list[Group]:
        """The groups that have members, or had some."""
        return list(self._groups.values())

    def get(self, name: str) -> Group | None:
        """The group of a name, if it has or had members."""
        return self._groups.get(name)

    async def join(self, group: str, terms: Joining, peer: Peer, *, id_first: bool) -> Joined:
        """Join a group; returns when the round is complete.

        Args:
            group: the group id.
            terms: what the member says; an empty member id asks for one.
            peer: whose end means the member's.
            id_first: the client joins with an empty id only to be given one (JoinGroup 4 and later, KIP-394).
        """
        refusal = self._refusal(group, terms)
        if refusal is not ErrorCode.none:
            return Joined(refusal, member_id=terms.member_id)
        found = self._groups.get(group)
        if found is None:
            found = self._groups[group] = Group(group, first_join_wait_s=self._first_join_wait_s)
        now = self._clock()
        given = not terms.member_id
        terms = replace(terms, member_id=terms.member_id or _new_id(terms), proposals=_unique(terms.proposals))
        back = given and terms.instance_id is not None and terms.instance_id in found.instances
        self._owners[terms.member_id] = (peer, group)
        if given and id_first and terms.instance_id is None:
            code = found.expect(terms.member_id, terms.session_s, now)
            self._settle()
            return Joined(code, member_id=terms.member_id)
        reply: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        if back:
            found.replace(terms, reply, now)
        else:
            found.join(terms, reply, now)
        self._settle()
        return await reply

    async def sync(self, speaker: Speaker, generation: int, assignments: dict[str, bytes]) -> Synced:
        """Give (as leader) or fetch the assignment of a generation."""
        found, refusal = self._member(speaker)
        if found is None:
            return Synced(refusal)
        reply: asyncio.Future[Synced] = asyncio.get_running_loop().create_future()
        found.sync(speaker.member_id, generation, assignments, reply, self._clock())
        self._settle()
        synced = await reply
        self._keep(found)  # once more, if the disk refused it before
        if synced.error is ErrorCode.none and (keeping := self._keeping.get(speaker.group)) is not None:
            await asyncio.wait([keeping])
            if keeping.exception() is not None:
                return Synced(ErrorCode.coordinator_not_available)
        return synced

    def heartbeat(self, speaker: Speaker, generation: int) -> ErrorCode:
        """Note a sign of life."""
        found, refusal = self._member(speaker)
        return refusal if found is None else found.heartbeat(speaker.member_id, generation, self._clock())

    def leave(self, group: str, member_id: str, instance_id: str | None = None) -> ErrorCode:
        """Take a member out; a static one may be named by its instance id alone."""
        found = self._groups.get(group)
        if found is None:
            return ErrorCode.unknown_member_id
        if instance_id is not None and not member_id:
            member_id = found.instances.get(instance_id, "")
        refusal = found.fenced(member_id, instance_id)
        if refusal is not ErrorCode.none:
            return refusal
        error = found.leave(member_id, self._clock())
        self._settle()
        return error

    def may_commit(self, group: str, member_id: str, generation: int, instance_id: str | None = None) -> ErrorCode:
        """Judge an OffsetCommit."""
        if not group or len(group) > MAX_NAME:
            return ErrorCode.invalid_group_id
        found = self._groups.get(group)
        if found is None:
            if generation >= 0:
                return ErrorCode.illegal_generation
            full = not self._journal.knows(group) and len(self._journal.groups()) >= MAX_GROUPS
            return ErrorCode.group_max_size_reached if full else ErrorCode.none
        refusal = found.fenced(member_id, instance_id)
        return found.may_commit(member_id, generation, self._clock()) if refusal is ErrorCode.none else refusal

    def connection_lost(self, peer: Peer) -> None:
        """Let the dynamic members that last spoke on a connection leave."""
        if self._closed:  # the log ends, not its clients
            return
        lost = [(member_id, group) for member_id, (owner, group) in self._owners.items() if owner is peer]
        for member_id, name in lost:
            found = self._groups.get(name)
            member = found.members.get(member_id) if found is not None else None
            if found is not None and (member is None or member.terms.instance_id is None):
                found.leave(member_id, self._clock())
        if lost:
            self._settle()

    async def delete(self, name: str) -> ErrorCode:
        """Forget a group without members, and what it committed."""
        found = self._groups.get(name)
        if found is not None and found.members:
            return ErrorCode.non_empty_group
        if not self._journal.knows(name):
            return ErrorCode.group_id_not_found
        await self._forget(name)
        return ErrorCode.none

    async def expire(self, retention_s: float, now: float) -> int:
        """Take back commits of groups that have long had no member, and forget groups without any.

        Args:
            retention_s: how long a commit outlives the later of its own time and its group's last member.
            now: seconds since 1970.

        Returns:
            How many commits were taken back.
        """
        taken_back = 0
        for name in sorted(self._journal.groups()):
            found, kept = self._groups.get(name), self._journal.kept(name)
            if name in self._keeping or (found is not None and not found.idle):
                continue
            emptied_at = kept["at"] if kept is not None else 0
            commits = self._journal.of_group(name)
            old = [position for position, each in commits.items() if max(each.at, emptied_at) + retention_s <= now]
            taken_back += len(old)
            if len(old) < len(commits):
                await self._journal.take_back(old)
            elif old or emptied_at + retention_s <= now:
                await self._forget(name)
        return taken_back

    async def close(self) -> None:
        """Stop the timer; members stay what they are over a restart."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._keeping:
            await asyncio.wait(self._keeping.values())

    def _refusal(self, group: str, terms: Joining) -> ErrorCode:
        """Why a member may not even ask."""
        if not group or len(group) > MAX_NAME:
            return ErrorCode.invalid_group_id
        if not 0 < terms.session_s <= MAX_SESSION_S:
            return ErrorCode.invalid_session_timeout
        found = self._groups.get(group)
        if not terms.member_id:
            full = found is None and len(self._groups) >= MAX_GROUPS
            return ErrorCode.group_max_size_reached if full else ErrorCode.none
        if found is not None and terms.instance_id is not None and terms.instance_id in found.instances:
            return found.fenced(terms.member_id, terms.instance_id)
        known = found is not None and found.knows(terms.member_id)
        return ErrorCode.none if known else ErrorCode.unknown_member_id

    def _member(self, speaker: Speaker) -> tuple[Group | None, ErrorCode]:
        """The group that a call of a member is about, or why not; the member now speaks on this connection."""
        found = self._groups.get(speaker.group)
        if found is None:
            return None, ErrorCode.unknown_member_id
        refusal = found.fenced(speaker.member_id, speaker.instance_id)
        if refusal is not ErrorCode.none:
            return None, refusal
        if speaker.member_id in found.members:
            self._owners[speaker.member_id] = (speaker.peer, speaker.group)
        return found, ErrorCode.none

    def _settle(self) -> None:
        """After any change: keep and count what is new, forget what is gone, and set the timer for what is due next."""
        now = self._clock()
        for group in list(self._groups.values()):
            group.tick(now)
            self._metrics.rebalances += group.rebalances
            self._metrics.expired_members += group.expired
            group.rebalances = group.expired = 0
            self._keep(group)
            if group.idle and not self._journal.knows(group.name) and group.name not in self._keeping:
                del self._groups[group.name]
                self._settled.pop(group.name, None)
        self._owners = {
            member_id: (peer, name)
            for member_id, (peer, name) in self._owners.items()
            if (found := self._groups.get(name)) is not None and found.knows(member_id)
        }
        self._metrics.groups = len(self._groups)
        self._metrics.group_members = sum(len(group.members) for group in self._groups.values())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = min((moment for group in self._groups.values() if (moment := group.due_at) is not None), default=None)
        if due is not None and not self._closed:
            self._timer = asyncio.get_running_loop().call_at(due, self._settle)

    def _keep(self, group: Group) -> None:
        """Write a group down if it has settled since; one that leaves nothing behind is forgotten instead."""
        name = group.name
        unsettled = group.state not in (GroupState.STABLE, GroupState.EMPTY)  # a round is under way
        if self._settled.get(name, 0) == group.settled or unsettled or self._closed:
            return
        self._settled[name] = group.settled
        if group.state is GroupState.EMPTY and not self._journal.of_group(name):
            keeping = asyncio.create_task(self._journal.commit([{"ended": name}]))
        else:
            keeping = asyncio.create_task(self._journal.commit([taken(group, self._wall())]))
        self._keeping[name] = keeping
        keeping.add_done_callback(lambda done: self._kept(name, done))

    def _kept(self, name: str, keeping: asyncio.Task[None]) -> None:
        refused = not keeping.cancelled() and keeping.exception() is not None  # logged and counted by the journal
        if self._keeping.get(name) is not keeping:
            return
        del self._keeping[name]
        if refused:
            self._settled.pop(name, None)  # it is written down with the next change, or when a member asks again
        else:
            self._settle()

    async def _forget(self, name: str) -> None:
        group = self._groups.pop(name, None)
        self._settled.pop(name, None)
        try:
            await self._journal.forget_group(name)
        except OSError:
            if group is not None:
                self._groups.setdefault(name, group)
            raise


def _new_id(terms: Joining) -> str:
    return f"{(terms.instance_id or terms.client_id or 'member')[:200]}-{uuid.uuid4()}"


def _unique(proposals: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """Each way of assigning once, the first mention counting."""
    return tuple({proposal.name: proposal for proposal in reversed(proposals)}.values())[::-1]
