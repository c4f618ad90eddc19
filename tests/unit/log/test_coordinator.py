"""Groups over restarts of the log, static members, ids given first, and commits that have grown old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from streams.log.call import Peer
from streams.log.coordinator import Coordinator, Speaker
from streams.log.group import Joined, Joining, Proposal
from streams.log.metrics import Metrics
from streams.log.offsets import Committed, OffsetJournal, Position

DAY_S = 86_400


@dataclass
class Now:
    """The wall clock of a test."""

    seconds: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Opened:
    """A coordinator over its journal."""

    coordinator: Coordinator
    journal: OffsetJournal

    async def close(self) -> None:
        await self.coordinator.close()
        await self.journal.close()


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
async def opened(tmp_path: Path, now: Now) -> AsyncIterator[Callable[[], Opened]]:
    with ThreadPoolExecutor(2) as executor:

        def start() -> Opened:
            metrics = Metrics()
            journal = OffsetJournal(tmp_path / "offsets", executor, metrics)
            clock = asyncio.get_running_loop().time
            return Opened(Coordinator(journal, metrics, clock, now, first_join_wait_s=0.0), journal)

        yield start


def terms(member: str = "", instance: str | None = None, *, session_s: float = 10.0) -> Joining:
    return Joining(member, "worker", session_s, 5.0, "consumer", (Proposal("range", b"t"),), instance)


async def settled(log: Opened, peer: Peer, instance: str | None = None) -> Joined:
    """A group of one member with its assignment."""
    joined = await log.coordinator.join("g", terms(instance=instance), peer, id_first=False)
    speaker = Speaker("g", joined.member_id, peer, instance)
    synced = await log.coordinator.sync(speaker, joined.generation, {joined.member_id: b"all"})
    assert (joined.error, synced.error, synced.assignment) == (ErrorCode.none, ErrorCode.none, b"all")
    return joined


async def test_a_member_goes_on_after_a_restart_in_the_generation_it_had(opened: Callable[[], Opened]) -> None:
    log, peer = opened(), Peer()
    joined = await settled(log, peer)
    await log.close()
    again = opened()
    speaker = Speaker("g", joined.member_id, Peer())
    assert again.coordinator.heartbeat(speaker, joined.generation) is ErrorCode.none
    assert again.coordinator.may_commit("g", joined.member_id, joined.generation) is ErrorCode.none
    assert again.coordinator.may_commit("g", joined.member_id, joined.generation - 1) is ErrorCode.illegal_generation
    assert again.coordinator.may_commit("g", "stranger", joined.generation) is ErrorCode.unknown_member_id
    await again.close()


async def test_a_log_that_ends_is_not_a_member_that_leaves_but_a_lost_connection_is(opened: Callable[[], Opened]) -> None:
    log, peer = opened(), Peer()
    joined = await settled(log, peer)
    log.coordinator.connection_lost(Peer())
    assert log.coordinator.may_commit("g", joined.member_id, joined.generation) is ErrorCode.none
    log.coordinator.connection_lost(peer)
    assert log.coordinator.may_commit("g", joined.member_id, joined.generation) is ErrorCode.unknown_member_id
    await log.close()


async def test_the_generation_after_a_restart_is_never_one_that_was(opened: Callable[[], Opened]) -> None:
    log, peer = opened(), Peer()
    joined = await settled(log, peer)
    await log.journal.commit([(Position("g", "t", 0), Committed(5, "", 1_700_000_000))])
    log.coordinator.leave("g", joined.member_id)
    await log.close()
    again = opened()
    anew = await settled(again, Peer())
    assert anew.generation > joined.generation
    assert again.coordinator.may_commit("g", joined.member_id, joined.generation) is ErrorCode.unknown_member_id
    await again.close()


async def test_who_joins_without_an_id_is_given_one_to_come_back_with(opened: Callable[[], Opened]) -> None:
    log, peer = opened(), Peer()
    told = await log.coordinator.join("g", terms(), peer, id_first=True)
    assert told.error is ErrorCode.member_id_required
    joined = await log.coordinator.join("g", terms(told.member_id), peer, id_first=True)
    assert (joined.error, joined.member_id) == (ErrorCode.none, told.member_id)
    stranger = await log.coordinator.join("g", terms("made-up"), peer, id_first=True)
    assert stranger.error is ErrorCode.unknown_member_id
    await log.close()


async def test_a_static_member_comes_back_into_its_place_and_fences_its_predecessor(opened: Callable[[], Opened]) -> None:
    log, peer = opened(), Peer()
    joined = await settled(log, peer, "one")
    log.coordinator.connection_lost(peer)
    back = await log.coordinator.join("g", terms(instance="one"), Peer(), id_first=True)
    assert (back.error, back.generation, back.members) == (ErrorCode.none, joined.generation, ())
    assert back.leader == joined.member_id != back.member_id, "it must not take itself for the leader that assigns"
    synced = await log.coordinator.sync(Speaker("g", back.member_id, Peer(), "one"), back.generation, {})
    assert synced.assignment == b"all"
    old = Speaker("g", joined.member_id, peer, "one")
    assert log.coordinator.heartbeat(old, joined.generation) is ErrorCode.fenced_instance_id
    assert log.coordinator.may_commit("g", joined.member_id, joined.generation, "one") is ErrorCode.fenced_instance_id
    assert log.coordinator.leave("g", "", "one") is ErrorCode.none
    await log.close()


async def test_commits_outlive_their_group_by_the_retention_and_no_longer(opened: Callable[[], Opened], now: Now) -> None:
    log, peer = opened(), Peer()
    joined = await settled(log, peer)
    at = int(now.seconds)
    await log.journal.commit([(Position("g", "t", 0), Committed(5, "", at)), (Position("alone", "t", 0), Committed(7, "", at))])
    now.seconds += 8 * DAY_S
    assert await log.coordinator.expire(7 * DAY_S, now()) == 1, "only the group that never had a member"
    log.coordinator.leave("g", joined.member_id)
    assert await log.coordinator.expire(7 * DAY_S, now()) == 0, "its last member has gone this very moment"
    await asyncio.sleep(0)
    await log.journal.commit([])  # a sync after the group's own line
    assert await log.coordinator.expire(7 * DAY_S, now() + 6 * DAY_S) == 0
    assert await log.coordinator.expire(7 * DAY_S, now() + 7 * DAY_S) == 1
    assert not log.journal.groups()
    await log.close()


async def test_only_a_group_without_members_is_deleted(opened: Callable[[], Opened]) -> None:
    log, peer = opened(), Peer()
    joined = await settled(log, peer)
    assert await log.coordinator.delete("g") is ErrorCode.non_empty_group
    await log.journal.commit([(Position("g", "t", 0), Committed(5, ""))])
    log.coordinator.leave("g", joined.member_id)
    assert await log.coordinator.delete("g") is ErrorCode.none
    assert await log.coordinator.delete("g") is ErrorCode.group_id_not_found
    await log.close()
