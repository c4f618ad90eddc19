"""When a worker counts as stuck."""

import asyncio
from contextlib import suppress

from streams.watchdog import Excuse, LifeWatch, Progress

A, B = ("findings", 0), ("observations", 1)


def test_a_partition_whose_commit_does_not_move_while_records_wait_is_stuck():
    progress = Progress(patience_s=10)
    assert progress.observe({A: (5, 9)}, 0) == []
    assert progress.observe({A: (5, 9)}, 9.9) == []
    assert progress.observe({A: (5, 12)}, 10) == [A]


def test_progress_of_one_record_is_enough():
    progress = Progress(patience_s=10)
    progress.observe({A: (5, 9)}, 0)
    assert progress.observe({A: (6, 9)}, 9) == []
    assert progress.observe({A: (6, 9)}, 18) == []
    assert progress.observe({A: (6, 9)}, 19) == [A]


def test_an_idle_topic_is_not_stuck_and_the_clock_starts_when_records_come():
    progress = Progress(patience_s=10)
    progress.observe({A: (9, 9)}, 0)
    assert progress.observe({A: (9, 9)}, 100) == []
    assert progress.observe({A: (9, 10)}, 105) == []
    assert progress.observe({A: (9, 10)}, 110) == [A]


def test_a_partition_given_to_another_worker_is_forgotten():
    progress = Progress(patience_s=10)
    progress.observe({A: (5, 9), B: (1, 2)}, 0)
    progress.observe({B: (2, 2)}, 5)
    assert progress.observe({A: (5, 9), B: (2, 2)}, 11) == []
    assert progress.age_s(A, 14) == 3


def test_what_was_not_moving_for_a_good_reason_begins_anew_afterwards():
    progress = Progress(patience_s=10)
    progress.observe({A: (5, 9)}, 0)
    progress.forget()
    assert progress.observe({A: (5, 9)}, 15) == []
    assert progress.observe({A: (5, 9)}, 24) == []
    assert progress.observe({A: (5, 9)}, 25) == [A]


def test_a_rebalance_is_an_excuse_but_not_for_ever():
    going_on = True
    excuse = Excuse(lambda: going_on, longest_s=10, waits=lambda _at: False)
    assert [excuse(at) for at in (0, 5, 9.9, 10, 60)] == [True, True, True, False, False]
    going_on = False
    assert not excuse(61)
    going_on = True
    assert excuse(62), "the next one has its own time"


def test_waiting_for_a_part_that_is_away_is_an_excuse_as_long_as_it_says_so():
    excuse = Excuse(lambda: False, longest_s=10, waits=lambda at: at < 100)
    assert [excuse(at) for at in (0, 99, 100)] == [True, True, False]


async def test_a_worker_that_has_ended_by_itself_ends_its_process():
    ended: list[str] = []
    deaths = iter(["", "", "it crashed"])
    watch = asyncio.ensure_future(LifeWatch(lambda: next(deaths, ""), every_s=0, end=ended.append).run())
    async with asyncio.timeout(5):
        while not ended:  # noqa: ASYNC110 - polls with a bound
            await asyncio.sleep(0)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    assert ended == ["it crashed"]
