"""The outbox: told once, sent at least once, a relay that dies gives back what it took."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from domain.events import Lane
from store.ports import Store, UnitOfWork
from tests.contract.store.builders import NOW, delivery, warning

LEASE = timedelta(seconds=30)


def _claim(
    unit: UnitOfWork, after: timedelta = timedelta(), *, lanes: tuple[Lane, ...] = tuple(Lane), limit: int = 10
) -> list[str]:
    taken = unit.outbox.claim(NOW + after, lanes=lanes, limit=limit, lease_until=NOW + after + LEASE)
    return [item.key for item in taken]


def test_a_key_is_enqueued_once_even_after_it_was_sent(store: Store) -> None:
    with store.writing() as unit:
        assert unit.outbox.add(delivery())
        assert not unit.outbox.add(delivery(target="webhook"))
        (taken,) = unit.outbox.claim(NOW, lanes=tuple(Lane), limit=10, lease_until=NOW + LEASE)
        unit.outbox.done(taken.id, NOW)
        assert not unit.outbox.add(delivery())
        assert _claim(unit, timedelta(days=1)) == []


def test_entries_are_taken_in_the_order_they_were_enqueued_of_the_lanes_asked_for(store: Store) -> None:
    with store.writing() as unit:
        for n in range(6):
            lane = Lane.LIVE if n % 2 else Lane.KAFKA
            unit.outbox.add(delivery(key=str(n), lane=lane, next_attempt_at=NOW - timedelta(seconds=n)))
        assert _claim(unit, lanes=(Lane.LIVE,), limit=2) == ["1", "3"]
        assert _claim(unit, lanes=(Lane.KAFKA, Lane.LIVE)) == ["0", "2", "4"], "5 must not overtake 1 and 3"
        assert _claim(unit, lanes=()) == []


def test_nothing_is_taken_before_its_time(store: Store) -> None:
    with store.writing() as unit:
        unit.outbox.add(delivery(next_attempt_at=NOW + timedelta(microseconds=1)))
        assert _claim(unit) == []
        assert _claim(unit, timedelta(microseconds=1)) == ["delivery-1"]


def test_a_relay_that_dies_gives_back_what_it_took_when_the_lease_ends(store: Store) -> None:
    with store.writing() as unit:
        unit.outbox.add(delivery())
        assert _claim(unit) == ["delivery-1"]
        unit.commit()
    with store.writing() as unit:
        assert _claim(unit, LEASE - timedelta(microseconds=1)) == []
        (again,) = unit.outbox.claim(NOW + LEASE, lanes=tuple(Lane), limit=10, lease_until=NOW + 2 * LEASE)
        assert again.attempts == 2


def test_a_relay_that_dies_before_its_commit_has_taken_nothing(store: Store) -> None:
    with store.writing() as unit:
        unit.outbox.add(delivery())
        unit.commit()
    with store.writing() as unit:
        assert _claim(unit) == ["delivery-1"]
    with store.writing() as unit:
        assert _claim(unit) == ["delivery-1"]


def test_what_failed_is_tried_again_then_given_up_and_shown(store: Store) -> None:
    with store.writing() as unit:
        unit.outbox.add(delivery())
        (taken,) = unit.outbox.claim(NOW, lanes=tuple(Lane), limit=10, lease_until=NOW + LEASE)
        unit.outbox.retry(taken.id, next_attempt_at=NOW + timedelta(seconds=5), error="503 \x00")
        assert _claim(unit, timedelta(seconds=4)) == []
        (again,) = unit.outbox.claim(NOW + timedelta(seconds=5), lanes=tuple(Lane), limit=10, lease_until=NOW + LEASE)
        assert (again.attempts, again.last_error) == (2, "503 \ufffd")
        assert not unit.outbox.failed()
        unit.outbox.fail(again.id, at=NOW, error="410 gone")
        assert [item.last_error for item in unit.outbox.failed()] == ["410 gone"]
        assert unit.outbox.pending() == (0, None)
        assert _claim(unit, timedelta(days=1)) == []


def test_a_slow_relay_cannot_undo_what_another_settled(store: Store) -> None:
    with store.writing() as unit:
        unit.outbox.add(delivery())
        (taken,) = unit.outbox.claim(NOW, lanes=tuple(Lane), limit=10, lease_until=NOW)
        unit.outbox.done(taken.id, NOW)
        unit.outbox.retry(taken.id, next_attempt_at=NOW, error="late")
        unit.outbox.fail(taken.id, at=NOW, error="late")
        assert _claim(unit) == []
        assert not unit.outbox.failed()


def test_pending_says_how_many_wait_and_since_when(store: Store) -> None:
    with store.writing() as unit:
        assert unit.outbox.pending() == (0, None)
        unit.outbox.add(delivery(key="young", created_at=NOW + timedelta(seconds=1)))
        unit.outbox.add(delivery(key="old"))
        assert unit.outbox.pending() == (2, NOW)


def test_what_was_sent_long_ago_is_forgotten_a_bounded_number_at_a_time(store: Store) -> None:
    with store.writing() as unit:
        for n in range(5):
            unit.outbox.add(delivery(key=str(n)))
        for n, taken in enumerate(unit.outbox.claim(NOW, lanes=tuple(Lane), limit=10, lease_until=NOW)):
            if n < 3:
                unit.outbox.done(taken.id, NOW + timedelta(days=n))
            elif n == 3:
                unit.outbox.fail(taken.id, at=NOW, error="410 gone")
        assert not unit.outbox.has_done(NOW)
        assert unit.outbox.has_done(NOW + LEASE)
        assert unit.outbox.drop_done(NOW + timedelta(days=2), limit=1) == 1
        assert unit.outbox.drop_done(NOW + timedelta(days=2), limit=10) == 1
        assert not unit.outbox.has_done(NOW + timedelta(days=2))
        assert [unit.outbox.add(delivery(key=str(n))) for n in range(5)] == [True, True, False, False, False]
        assert len(unit.outbox.failed()) == 1, "what was given up stays for people to see"


@pytest.mark.parametrize("lane", [Lane.LIVE, Lane.KAFKA])
def test_in_a_lane_in_order_nothing_newer_overtakes_an_entry_a_killed_relay_still_holds(store: Store, lane: Lane) -> None:
    with store.writing() as unit:
        unit.outbox.add(delivery(key="old", lane=lane))
        assert _claim(unit, lanes=(lane,)) == ["old"]
        unit.outbox.add(delivery(key="new", lane=lane))
        unit.commit()
    with store.writing() as unit:
        assert not unit.outbox.due(lane, NOW)
        assert _claim(unit, lanes=(lane,)) == []
        assert unit.outbox.due(lane, NOW + LEASE)
        assert _claim(unit, LEASE, lanes=(lane,)) == ["old", "new"]


def test_a_notice_does_not_wait_for_an_older_one_that_was_put_off(store: Store) -> None:
    with store.writing() as unit:
        unit.outbox.add(delivery(key="old", lane=Lane.NOTIFY, next_attempt_at=NOW + LEASE))
        assert not unit.outbox.due(Lane.NOTIFY, NOW)
        unit.outbox.add(delivery(key="new", lane=Lane.NOTIFY))
        assert unit.outbox.due(Lane.NOTIFY, NOW)
        assert _claim(unit, lanes=(Lane.NOTIFY,)) == ["new"]


def test_two_relays_that_claim_a_lane_in_order_at_once_share_out_nothing(store: Store) -> None:
    with store.writing() as unit:
        for n in range(20):
            unit.outbox.add(delivery(key=str(n), lane=Lane.KAFKA))
        unit.commit()
    gate = threading.Barrier(4)

    def relay(_: int) -> list[str]:
        gate.wait(10)
        with store.writing() as unit:
            taken = _claim(unit, lanes=(Lane.KAFKA,), limit=5)
            unit.commit()
        return taken

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(relay, range(4)), key=len) == [[], [], [], ["0", "1", "2", "3", "4"]]


def test_what_waits_for_one_receiver_is_taken_together_and_can_be_given_back_untried(store: Store) -> None:
    with store.writing() as unit:
        for n in range(5):
            unit.outbox.add(delivery(key=str(n), recipient="mine" if n < 4 else "another"))
        unit.outbox.add(delivery(key="later", recipient="mine", next_attempt_at=NOW + timedelta(hours=1)))
        unit.outbox.add(delivery(key="live", recipient="mine", lane=Lane.LIVE))
        taken = unit.outbox.claim_of("webpush", "mine", NOW, limit=3, lease_until=NOW + LEASE)
        assert [item.key for item in taken] == ["0", "1", "2"]
        assert [item.attempts for item in taken] == [1, 1, 1]
        again = unit.outbox.claim_of("webpush", "mine", NOW, limit=9, lease_until=NOW + LEASE)
        assert [item.key for item in again] == ["3"], "what is leased is somebody else's"
        unit.outbox.put_back([item.id for item in taken], next_attempt_at=NOW + 2 * LEASE, why="waits")
        back = unit.outbox.claim_of("webpush", "mine", NOW + 2 * LEASE, limit=3, lease_until=NOW + 3 * LEASE)
        assert [(item.key, item.attempts, item.last_error) for item in back] == [(key, 1, "waits") for key in "012"]


def test_what_is_not_needed_any_more_is_settled_and_nothing_else(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.warnings.add(warning(id="warning-2", open_key="another"))
        rows = (
            ("warning.escalated:warning-1:delivered/3:x", "warning-1", Lane.NOTIFY),
            ("warning.escalated:warning-1:closed/3:x", "warning-1", Lane.NOTIFY),
            ("warning.escalated:warning-1:delivered/3:live", "warning-1", Lane.LIVE),
            ("warning.escalated:warning-2:delivered/3:x", "warning-2", Lane.NOTIFY),
            ("warning.raised:warning-1:1:x", "warning-1", Lane.NOTIFY),
        )
        for key, warning_id, lane in rows:
            unit.outbox.add(delivery(key=key, warning_id=warning_id, lane=lane))
        taken = {item.key: item.id for item in unit.outbox.claim(NOW, lanes=tuple(Lane), limit=9, lease_until=NOW)}
        assert unit.outbox.cancel("warning-1", "warning.escalated:warning-1:delivered/", NOW, why="told") == 1
        assert not unit.outbox.still_waits(taken[rows[0][0]])
        assert all(unit.outbox.still_waits(taken[key]) for key, _, _ in rows[1:])
        unit.outbox.retry(taken[rows[0][0]], next_attempt_at=NOW, error="a relay that was sending it")
        assert len(_claim(unit)) == 4, "and stays settled"


def test_red_warnings_nobody_was_told_of_are_counted(store: Store) -> None:
    hour = timedelta(hours=1)
    with store.writing() as unit:
        unit.warnings.add(warning(raised_at=NOW - hour))
        unit.warnings.add(warning(id="told", open_key="told", raised_at=NOW - hour, notified_at=NOW))
        unit.warnings.add(warning(id="new", open_key="new", raised_at=NOW))
        assert unit.warnings.undelivered(NOW) == 1
        assert unit.warnings.undelivered(NOW - hour) == 0
