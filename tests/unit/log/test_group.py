"""The group state machine: told what members say and what time it is, it answers them as Kafka would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kio.schema.errors import ErrorCode

from streams.log.group import Follower, Group, GroupState, Joined, Joining, Proposal, Synced
from tests.unit.log.length import times

T = TypeVar("T")
SESSION_S = 10.0
REBALANCE_S = 30.0


@dataclass
class Answer(Generic[T]):
    """A reply that remembers what it was given."""

    given: list[T] = field(default_factory=list)

    def done(self) -> bool:
        return bool(self.given)

    def set_result(self, result: T, /) -> None:
        assert not self.given, "answered twice"
        self.given.append(result)

    @property
    def result(self) -> T:
        assert self.given, "not answered"
        return self.given[0]


def terms(member: str, *protocols: str, kind: str = "consumer", session_s: float = SESSION_S) -> Joining:
    proposals = tuple(Proposal(name, member.encode()) for name in protocols or ("range",))
    return Joining(member, "client", session_s, REBALANCE_S, kind, proposals)


def join(group: Group, member: str, now: float, *protocols: str) -> Answer[Joined]:
    answer: Answer[Joined] = Answer()
    group.join(terms(member, *protocols), answer, now)
    return answer


def sync(group: Group, member: str, now: float, assignments: dict[str, bytes] | None = None) -> Answer[Synced]:
    answer: Answer[Synced] = Answer()
    group.sync(member, group.generation, assignments or {}, answer, now)
    return answer


def stable(*members: str, now: float = 0.0) -> Group:
    group = Group("g", first_join_wait_s=0.1)
    for member in members:
        join(group, member, now)
    group.tick(now + 0.1)
    followers = [sync(group, member, now + 0.1) for member in members[1:]]
    sync(group, members[0], now + 0.1, {member: member.encode() for member in members})
    assert group.state is GroupState.STABLE
    assert all(each.result.error is ErrorCode.none for each in followers)
    return group


def test_a_first_round_waits_a_moment_and_tells_only_the_leader_who_is_there() -> None:
    group = Group("g", first_join_wait_s=0.1)
    first, second = join(group, "a", 0.0), join(group, "b", 0.05)
    assert not first.done()
    assert group.due_at == pytest.approx(0.1)
    group.tick(0.1)
    assert first.result.members == (Follower("a", None, b"a"), Follower("b", None, b"b"))
    assert second.result == Joined(ErrorCode.none, 1, "range", "a", "b", ())


def test_followers_are_held_until_the_leader_has_assigned() -> None:
    group = Group("g", first_join_wait_s=0.0)
    join(group, "a", 0.0)
    join(group, "b", 0.0)
    join(group, "a", 0.0)
    follower = sync(group, "b", 1.0)
    assert not follower.done()
    leader = sync(group, "a", 2.0, {"a": b"0", "b": b"1"})
    assert (leader.result.assignment, follower.result.assignment) == (b"0", b"1")
    assert group.state is GroupState.STABLE


def test_a_newcomer_makes_the_others_join_again_with_a_new_generation() -> None:
    group = stable("a", "b")
    newcomer = join(group, "c", 5.0)
    assert group.heartbeat("a", 1, 5.0) is ErrorCode.rebalance_in_progress
    assert sync(group, "a", 5.0).result.error is ErrorCode.rebalance_in_progress
    again = [join(group, member, 6.0) for member in ("a", "b")]
    assert [each.result.generation for each in (newcomer, *again)] == [2, 2, 2]
    assert group.heartbeat("a", 1, 7.0) is ErrorCode.illegal_generation


def test_who_does_not_join_again_in_time_is_dropped() -> None:
    group = stable("a", "b")
    newcomer = join(group, "c", 5.0)
    for now in (10.0, 18.0, 26.0, 34.0):
        assert group.heartbeat("b", 1, now) is ErrorCode.rebalance_in_progress
        group.heartbeat("a", 1, now)
        group.tick(now)
    assert not newcomer.done()
    group.tick(35.0)
    assert newcomer.result.leader == "c"
    assert set(group.members) == {"c"}
    assert group.heartbeat("a", 1, 36.0) is ErrorCode.unknown_member_id


def test_silence_longer_than_the_session_ends_a_member() -> None:
    group = stable("a", "b")
    group.heartbeat("a", 1, 9.0)
    assert group.due_at == pytest.approx(10.1)
    group.tick(10.1)
    assert set(group.members) == {"a"}
    assert group.heartbeat("a", 1, 11.0) is ErrorCode.rebalance_in_progress


def test_a_member_held_in_a_join_does_not_expire() -> None:
    group = stable("a", "b")
    waiting = join(group, "c", 1.0)
    for now in range(2, 30):
        group.heartbeat("a", 1, float(now))
        group.tick(float(now))
    assert "c" in group.members
    assert not waiting.done()


def test_the_last_one_to_leave_empties_the_group() -> None:
    group = stable("a")
    assert group.leave("a", 3.0) is ErrorCode.none
    assert (group.state, group.due_at) == (GroupState.EMPTY, None)
    assert group.leave("a", 3.0) is ErrorCode.unknown_member_id


def test_the_leaders_leaving_gives_the_others_a_new_leader() -> None:
    group = stable("a", "b")
    group.leave("a", 3.0)
    assert join(group, "b", 3.1).result.leader == "b"


def test_a_follower_that_lost_its_answer_gets_it_again_without_a_new_round() -> None:
    group = stable("a", "b")
    assert join(group, "b", 3.0).result == Joined(ErrorCode.none, 1, "range", "a", "b", ())
    assert group.state is GroupState.STABLE


def test_a_leader_that_joins_again_wants_a_new_round() -> None:
    group = stable("a", "b")
    join(group, "a", 3.0)
    assert group.state is GroupState.PREPARING


def test_the_protocol_is_what_most_members_like_best_of_what_all_offer() -> None:
    group = Group("g", first_join_wait_s=0.1)
    join(group, "a", 0.0, "sticky", "range", "robin")
    join(group, "b", 0.0, "robin", "range")
    join(group, "c", 0.0, "robin", "range")
    group.tick(0.1)
    assert group.protocol == "robin"


def test_a_member_with_nothing_in_common_is_refused() -> None:
    group = stable("a")
    assert join(group, "b", 1.0, "other").result.error is ErrorCode.inconsistent_group_protocol
    answer: Answer[Joined] = Answer()
    group.join(terms("c", kind="connect"), answer, 1.0)
    assert answer.result.error is ErrorCode.inconsistent_group_protocol
    assert set(group.members) == {"a"}


@pytest.mark.parametrize(
    ("member", "generation", "outcome", "reason"),
    [
        ("a", 1, ErrorCode.none, "a member in its generation"),
        ("a", 0, ErrorCode.illegal_generation, "an old generation"),
        ("x", 1, ErrorCode.unknown_member_id, "a stranger"),
        ("", -1, ErrorCode.unknown_member_id, "a client that assigns by itself, in a group that has members"),
    ],
)
def test_a_commit_is_judged(member: str, generation: int, outcome: ErrorCode, reason: str) -> None:
    assert stable("a").may_commit(member, generation, 1.0) is outcome, reason


def test_anybody_may_commit_for_an_empty_group_without_a_generation() -> None:
    assert Group("g", first_join_wait_s=0.1).may_commit("", -1, 0.0) is ErrorCode.none


class AnyOrder(RuleBasedStateMachine):
    """Members do anything in any order; the group answers once, agrees with itself, and never stays stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.group = Group("g", first_join_wait_s=0.5)
        self.joins: list[Answer[Joined]] = []
        self.syncs: list[Answer[Synced]] = []
        self.generation = 0

    names = st.sampled_from(["a", "b", "c", "d"])

    @rule(name=names, protocols=st.sampled_from([("range",), ("range", "robin"), ("robin", "range")]))
    def join(self, name: str, protocols: tuple[str, ...]) -> None:
        self.joins.append(join(self.group, name, self.now, *protocols))

    @rule(name=names, old=st.booleans())
    def sync(self, name: str, old: bool) -> None:
        answer: Answer[Synced] = Answer()
        assignments = {member: member.encode() for member in self.group.members}
        self.group.sync(name, self.group.generation - old, assignments, answer, self.now)
        self.syncs.append(answer)
        if answer.done() and answer.result.error is ErrorCode.none:
            assert answer.result.assignment == name.encode()

    @rule(name=names)
    def heartbeat(self, name: str) -> None:
        known = name in self.group.members
        assert (self.group.heartbeat(name, self.group.generation, self.now) is ErrorCode.unknown_member_id) is not known

    @rule(name=names)
    def leave(self, name: str) -> None:
        self.group.leave(name, self.now)
        assert name not in self.group.members

    @rule(seconds=st.floats(0.01, 40))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.group.tick(self.now)

    @precondition(lambda self: self.group.members)
    @rule()
    def wait_for_the_end(self) -> None:
        """Left alone, every held answer comes and a silent group empties."""
        for _ in range(20):
            due = self.group.due_at
            if due is None:
                break
            self.now = max(self.now, due)
            self.group.tick(self.now)
        assert not self.group.members
        assert all(each.done() for each in (*self.joins, *self.syncs))

    @invariant()
    def agrees_with_itself(self) -> None:
        group = self.group
        assert (group.state is GroupState.EMPTY) == (not group.members)
        assert group.generation >= self.generation
        self.generation = group.generation
        if group.state in (GroupState.COMPLETING, GroupState.STABLE):
            assert group.leader in group.members
            assert all(each.joining is None for each in group.members.values())
        if group.state is not GroupState.COMPLETING:
            assert all(each.syncing is None for each in group.members.values())


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=times(40), stateful_step_count=30, deadline=None)
