"""SIGTERM: what is in hand is finished, committed, and the group left at once; a clean stop replays nothing."""

import asyncio
import signal
import time

import pytest

from streams.drain import Hand
from tests.contract.streams.parts import committed, feed, log_at, planted, until

pytestmark = pytest.mark.service

EVENTS = 3000
SESSION_S = 30.0
"""A member that does not say goodbye keeps its partitions for so long."""


async def test_a_worker_told_to_stop_in_the_middle_replays_nothing_and_the_next_one_begins_at_once(tmp_path):
    how = {"group": "drain", "wait_s": 0.25, "session_s": SESSION_S}
    async with log_at(tmp_path) as address:
        await feed(address, "findings", EVENTS)
        with planted(address, tmp_path, **how) as first:
            await until(lambda: len(first.effects) >= EVENTS // 5, "it is in the middle")
            asked_at = time.monotonic()
            first.signal(signal.SIGTERM)
            assert await first.ended() == 0, first.said
            stopped_s = time.monotonic() - asked_at
            taken = len(first.effects)
        assert taken < EVENTS, "it was stopped in the middle"
        assert await committed(address, "drain", "findings") == taken
        assert stopped_s < 5
        with planted(address, tmp_path, **how | {"wait_s": 0.0}) as second:
            await until(lambda: len(second.effects) > taken, "the next one begins")
            assert time.monotonic() - asked_at < SESSION_S / 2, "it need not wait for the session of the first to expire"
            await until(lambda: len(second.effects) == EVENTS, "all are taken")
            replays = sum(second.effects.values()) - EVENTS
    print(f"\nstopped in {stopped_s:.2f} s after {taken} of {EVENTS}; replays {replays}")  # noqa: T201
    assert replays == 0


async def test_what_takes_longer_than_the_grace_is_left_and_comes_again(tmp_path):
    how = {"group": "long", "grace_s": 0.5}
    async with log_at(tmp_path) as address:
        await feed(address, "findings", 40)
        with planted(address, tmp_path, mode="thread", **how) as stuck:
            await until(lambda: bool(stuck.effects), "it is in hand")
            asked_at = time.monotonic()
            stuck.signal(signal.SIGTERM)
            assert await stuck.ended(within_s=10) == 0, stuck.said
        assert time.monotonic() - asked_at < 8
        with planted(address, tmp_path, **how) as second:
            await until(lambda: len(second.effects) == 40, "nothing is lost")


async def test_the_drain_waits_for_what_is_in_hand_and_lets_nothing_new_begin():
    hand = Hand()
    assert hand.take()
    draining = asyncio.ensure_future(hand.drained(within_s=5))
    await asyncio.sleep(0)
    assert not hand.take()
    assert not draining.done()
    hand.give()
    assert await draining
    assert await hand.drained(within_s=0), "nothing is in hand"


async def test_a_drain_that_takes_too_long_says_so():
    hand = Hand()
    hand.take()
    assert not await hand.drained(within_s=0.01)
