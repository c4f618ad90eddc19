"""One consumer group: who is in it, which generation, who has which assignment. Pure: no clock, no sockets.

The rule to know: a JoinGroup and a follower's SyncGroup are *held*. The group keeps a reply for each and answers it
when the round is complete, so a member waiting on a reply is alive however long its session timeout is. A static member
(one with an instance id, KIP-345) that comes back takes its predecessor's place, and the predecessor is fenced.

    EMPTY ──join──► PREPARING ──all joined, or time is up──► COMPLETING ──leader syncs──► STABLE
      ▲                 ▲  ▲                                     │                          │
      └──last leaves────┘  └──────────join, leave, expiry────────┴──────────────────────────┘
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeVar

from kio.schema.errors import ErrorCode

T_contra = TypeVar("T_contra", contravariant=True)

MAX_MEMBERS: Final = 500
"""Members and expected members of one group (Kafka's ``group.max.size``, which has no bound there)."""


class GroupState(StrEnum):
    """Kafka's names, as ListGroups and DescribeGroups show them."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


class Reply(Protocol[T_contra]):
    """Where a held answer goes; an asyncio future is one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, result: T_contra, /) -> None:
        """Give the answer."""


class Proposal(NamedTuple):
    """One way of assigning that a member offers, with what it wants assigned."""

    name: str
    metadata: bytes


class Follower(NamedTuple):
    """One member as the leader is told of it."""

    member_id: str
    instance_id: str | None
    metadata: bytes


class Joined(NamedTuple):
    """Answer to a JoinGroup; members only for the leader."""

    error: ErrorCode
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    member_id: str = ""
    members: tuple[Follower, ...] = ()
    """Everybody with the metadata of the protocol chosen."""


class Synced(NamedTuple):
    """Answer to a SyncGroup."""

    error: ErrorCode
    assignment: bytes = b""


@dataclass(frozen=True, slots=True)
class Joining:
    """What a JoinGroup says.

    Args:
        member_id: as the coordinator gave it; never empty here.
        client_id: the client's name for itself.
        session_s: silence after which the member is taken for dead.
        rebalance_s: how long the others wait for it to join again.
        protocol_type: ``consumer`` for consumers.
        proposals: what it offers, best first.
        instance_id: of a static member, which keeps its place while it is away.
        host: where it connects from, for people to read.
    """

    member_id: str
    client_id: str
    session_s: float
    rebalance_s: float
    protocol_type: str
    proposals: tuple[Proposal, ...]
    instance_id: str | None = None
    host: str = ""


@dataclass(slots=True)
class Member:
    """One member as the group knows it; ``heard_at`` in the coordinator's monotonic seconds.

    ``synced`` says whether it has asked for its assignment in this generation.
    """

    terms: Joining
    heard_at: float
    joining: Reply[Joined] | None = None
    syncing: Reply[Synced] | None = None
    assignment: bytes = b""
    synced: bool = False


class Group:
    """The group's state machine.

    Args:
        name: the group id.
        first_join_wait_s: how long an empty group waits after its first join for others to come.

    Attributes:
        settled: counts the moments worth keeping over a restart: a generation assigned, or the last member gone.
    """

    def __init__(self, name: str, *, first_join_wait_s: float) -> None:
        self.name = name
        self.state = GroupState.EMPTY
        self.generation = 0
        self.protocol_type = ""
        self.protocol = ""
        self.leader = ""
        self.members: dict[str, Member] = {}
        self.instances: dict[str, str] = {}
        self.rebalances = 0
        self.expired = 0
        self.settled = 0
        self._expected: dict[str, float] = {}
        self._first_join_wait_s = first_join_wait_s
        self._not_before = 0.0
        self._join_by = 0.0
        self._sync_by = 0.0

    def expect(self, member_id: str, session_s: float, now: float) -> ErrorCode:
        """Note a member id that was given out and must be brought back in a JoinGroup (KIP-394)."""
        if len(self.members) + len(self._expected) >= MAX_MEMBERS:
            return ErrorCode.group_max_size_reached
        self._expected[member_id] = now + session_s
        return ErrorCode.member_id_required

    def knows(self, member_id: str) -> bool:
        """Whether a member id was given out by this group and is still good."""
        return member_id in self.members or member_id in self._expected

    @property
    def idle(self) -> bool:
        """Whether nobody is here and nobody is expected."""
        return not self.members and not self._expected

    def fenced(self, member_id: str, instance_id: str | None) -> ErrorCode:
        """Whether another process has taken the place of this static member."""
        if instance_id is None:
            return ErrorCode.none
        holder = self.instances.get(instance_id)
        if holder is None:
            return ErrorCode.unknown_member_id
        return ErrorCode.none if holder == member_id else ErrorCode.fenced_instance_id

    def replace(self, terms: Joining, reply: Reply[Joined], now: float) -> None:
        """Let a static member that came back take its predecessor's place, without a new round if nothing changed.

        Args:
            terms: with the new member id and the instance id of the predecessor.
            reply: where the answer goes.
            now: monotonic seconds.
        """
        assert terms.instance_id is not None
        before, leader = self.instances[terms.instance_id], self.leader
        if not self._fits(terms, instead_of=before):
            reply.set_result(Joined(ErrorCode.inconsistent_group_protocol, member_id=terms.member_id))
            return
        member = self.members.pop(before)
        _answer(member.joining, Joined(ErrorCode.fenced_instance_id, member_id=before))
        _answer(member.syncing, Synced(ErrorCode.fenced_instance_id))
        member.joining = member.syncing = None
        self.members[terms.member_id] = member
        self.instances[terms.instance_id] = terms.member_id
        if leader == before:
            self.leader = terms.member_id
        if self.state is GroupState.STABLE and terms.proposals == member.terms.proposals:
            member.terms, member.heard_at = terms, now
            self.settled += 1
            # The leader's old name: a leader that came back must not take itself for one and assign (as Kafka before 3.3).
            reply.set_result(Joined(ErrorCode.none, self.generation, self.protocol, leader, terms.member_id))
            return
        if self.state is not GroupState.PREPARING:
            self._prepare(now)
        self.join(terms, reply, now)

    def join(self, terms: Joining, reply: Reply[Joined], now: float) -> None:
        """Take a JoinGroup; the reply comes when the round is complete.

        Args:
            terms: what the member says.
            reply: where the answer goes.
            now: monotonic seconds.
        """
        if not self._fits(terms):
            reply.set_result(Joined(ErrorCode.inconsistent_group_protocol, member_id=terms.member_id))
            return
        member = self.members.get(terms.member_id)
        if member is not None and self._joined_already(member, terms):
            member.heard_at = now
            reply.set_result(self._joined(terms.member_id))
            return
        if not self.members:
            self.protocol_type = terms.protocol_type
            self._not_before = now + self._first_join_wait_s
        if member is None:
            if len(self.members) >= MAX_MEMBERS:
                reply.set_result(Joined(ErrorCode.group_max_size_reached, member_id=terms.member_id))
                return
            member = self.members[terms.member_id] = Member(terms, now)
        self._expected.pop(terms.member_id, None)
        if terms.instance_id is not None:
            self.instances[terms.instance_id] = terms.member_id
        _answer(member.joining, Joined(ErrorCode.rebalance_in_progress, member_id=terms.member_id))
        member.terms, member.joining, member.heard_at = terms, reply, now
        if self.state is not GroupState.PREPARING:
            self._prepare(now)
        self._join_by = max(self._join_by, now + terms.rebalance_s)
        self._complete_if_due(now)

    def sync(self, member_id: str, generation: int, assignments: dict[str, bytes], reply: Reply[Synced], now: float) -> None:
        """Take a SyncGroup: the leader's answers everybody, a follower's waits for it."""
        error = self._judge(member_id, generation)
        if error is ErrorCode.none and self.state in (GroupState.PREPARING, GroupState.EMPTY):
            error = ErrorCode.rebalance_in_progress
        if error is not ErrorCode.none:
            reply.set_result(Synced(error))
            return
        member = self.members[member_id]
        member.heard_at, member.synced = now, True
        if self.state is GroupState.STABLE:
            reply.set_result(Synced(ErrorCode.none, member.assignment))
            return
        _answer(member.syncing, Synced(ErrorCode.rebalance_in_progress))
        member.syncing = reply
        if member_id == self.leader:
            self.state = GroupState.STABLE
            self.settled += 1
            for each_id, each in self.members.items():
                each.assignment = assignments.get(each_id, b"")
                each.heard_at = now
                _answer(each.syncing, Synced(ErrorCode.none, each.assignment))
                each.syncing = None

    def heartbeat(self, member_id: str, generation: int, now: float) -> ErrorCode:
        """Note a sign of life; REBALANCE_IN_PROGRESS tells the member to join again."""
        error = self._judge(member_id, generation)
        if error is not ErrorCode.none:
            return error
        self.members[member_id].heard_at = now
        return ErrorCode.rebalance_in_progress if self.state is GroupState.PREPARING else ErrorCode.none

    def leave(self, member_id: str, now: float) -> ErrorCode:
        """Take a member out at its own wish, or because its connection is gone."""
        if self._expected.pop(member_id, None) is not None:
            self._complete_if_due(now)
            return ErrorCode.none
        if member_id not in self.members:
            return ErrorCode.unknown_member_id
        self._remove([member_id], now)
        return ErrorCode.none

    def may_commit(self, member_id: str, generation: int, now: float) -> ErrorCode:
        """Judge an OffsetCommit; one without a generation comes from a client that assigns by itself."""
        if generation < 0:
            return ErrorCode.none if not self.members else ErrorCode.unknown_member_id
        error = self._judge(member_id, generation)
        if error is not ErrorCode.none:
            return error
        self.members[member_id].heard_at = now
        return ErrorCode.rebalance_in_progress if self.state is GroupState.COMPLETING else ErrorCode.none

    def tick(self, now: float) -> None:
        """Let time pass: expire the silent, end a round that waited long enough."""
        for member_id in [each_id for each_id, until in self._expected.items() if until <= now]:
            del self._expected[member_id]
        silent = [each_id for each_id, each in self.members.items() if _expires_at(each) <= now]
        if self._awaits_sync() and self._sync_by <= now:  # alive, but it never asked for its assignment
            silent += [each_id for each_id, each in self.members.items() if not each.synced and each_id not in silent]
        if silent:
            self.expired += len(silent)
            self._remove(silent, now)
        self._complete_if_due(now)

    @property
    def due_at(self) -> float | None:
        """When ``tick`` has something to do next, in monotonic seconds."""
        moments = [_expires_at(each) for each in self.members.values()]
        moments += self._expected.values()
        if self._awaits_sync():
            moments.append(self._sync_by)
        if self.state is GroupState.PREPARING:
            moments.append(self._not_before if self._everybody_joined() else self._join_by)
        finite = [moment for moment in moments if moment != float("inf")]
        return min(finite, default=None)

    def _awaits_sync(self) -> bool:
        return self.state in (GroupState.COMPLETING, GroupState.STABLE) and not all(each.synced for each in self.members.values())

    def _judge(self, member_id: str, generation: int) -> ErrorCode:
        if member_id not in self.members:
            return ErrorCode.unknown_member_id
        return ErrorCode.none if generation == self.generation else ErrorCode.illegal_generation

    def _fits(self, terms: Joining, *, instead_of: str = "") -> bool:
        """Whether there is a way of assigning that this and every other member offers."""
        if not terms.protocol_type or not terms.proposals:
            return False
        others = [each for each_id, each in self.members.items() if each_id not in (terms.member_id, instead_of)]
        if not others:
            return True
        return terms.protocol_type == self.protocol_type and bool(
            _offered(terms).intersection(*(_offered(each.terms) for each in others))
        )

    def _joined_already(self, member: Member, terms: Joining) -> bool:
        """Whether the member only missed its answer: a round is done and nothing it says is new.

        The leader of a stable group that joins again wants a new round (its subscription's partitions changed).
        """
        if terms.proposals != member.terms.proposals:
            return False
        if self.state is GroupState.COMPLETING:
            return True
        return self.state is GroupState.STABLE and terms.member_id != self.leader

    def _prepare(self, now: float) -> None:
        self.state = GroupState.PREPARING
        self._join_by = now + max(each.terms.rebalance_s for each in self.members.values())
        for each in self.members.values():
            _answer(each.syncing, Synced(ErrorCode.rebalance_in_progress))
            each.syncing = None

    def _everybody_joined(self) -> bool:
        return not self._expected and all(each.joining is not None for each in self.members.values())

    def _complete_if_due(self, now: float) -> None:
        if self.state is not GroupState.PREPARING or now < self._not_before:
            return
        if not self._everybody_joined() and now < self._join_by:
            return
        late = [each_id for each_id, each in self.members.items() if each.joining is None]
        self.expired += len(late)
        for each_id in late:
            self._forget(each_id)
        self.generation += 1
        self.rebalances += 1
        if not self.members:
            self._empty()
            return
        self.protocol = self._chosen_protocol()
        if self.leader not in self.members:
            self.leader = next(iter(self.members))
        self.state = GroupState.COMPLETING
        self._sync_by = now + max(each.terms.rebalance_s for each in self.members.values())
        for each_id, each in self.members.items():
            each.heard_at, each.assignment, each.synced = now, b"", False
            _answer(each.joining, self._joined(each_id))
            each.joining = None

    def _chosen_protocol(self) -> str:
        """What most members like best among what all offer."""
        members = list(self.members.values())
        common = _offered(members[0].terms).intersection(*(_offered(each.terms) for each in members))
        votes = Counter(next(proposal.name for proposal in each.terms.proposals if proposal.name in common) for each in members)
        return votes.most_common(1)[0][0]

    def _joined(self, member_id: str) -> Joined:
        members: tuple[Follower, ...] = ()
        if member_id == self.leader:
            members = tuple(
                Follower(each_id, each.terms.instance_id, dict(each.terms.proposals)[self.protocol])
                for each_id, each in self.members.items()
            )
        return Joined(ErrorCode.none, self.generation, self.protocol, self.leader, member_id, members)

    def _remove(self, member_ids: list[str], now: float) -> None:
        for member_id in member_ids:
            member = self._forget(member_id)
            _answer(member.joining, Joined(ErrorCode.unknown_member_id, member_id=member_id))
            _answer(member.syncing, Synced(ErrorCode.unknown_member_id))
        if not self.members:
            self.generation += 1
            self._empty()
        elif self.state in (GroupState.STABLE, GroupState.COMPLETING):
            self._prepare(now)
        else:
            self._complete_if_due(now)

    def _forget(self, member_id: str) -> Member:
        member = self.members.pop(member_id)
        instance_id = member.terms.instance_id
        if instance_id is not None and self.instances.get(instance_id) == member_id:
            del self.instances[instance_id]
        return member

    def _empty(self) -> None:
        self.state = GroupState.EMPTY
        self.settled += 1
        self.protocol = self.leader = ""


def _offered(terms: Joining) -> set[str]:
    return {proposal.name for proposal in terms.proposals}


def _expires_at(member: Member) -> float:
    if member.joining is not None or member.syncing is not None:
        return float("inf")
    return member.heard_at + member.terms.session_s


def _answer(reply: Reply[T_contra] | None, result: T_contra) -> None:
    if reply is not None and not reply.done():
        reply.set_result(result)
