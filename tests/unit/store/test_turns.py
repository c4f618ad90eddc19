"""The order of turns."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from store.turns import Turns
from tests.e2e.product import until


def test_who_asked_first_comes_first() -> None:
    turns, order = Turns(), list[int]()

    def take(number: int) -> None:
        assert turns.acquire(10)
        order.append(number)
        turns.release()

    assert turns.acquire(1)
    with ThreadPoolExecutor(5) as pool:
        for number in range(5):
            pool.submit(take, number)
            until(lambda: len(turns._waiting) > number, within_s=10, what="it waits", every_s=0.001)  # noqa: B023
        turns.release()
    assert order == [0, 1, 2, 3, 4]
    assert turns.acquire(0)


def test_one_that_writes_again_and_again_lets_another_in_between() -> None:
    turns, stop, rounds = Turns(), threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            assert turns.acquire(10)
            rounds[0] += 1
            turns.release()

    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(write)
        for _ in range(200):
            assert turns.acquire(10)
            turns.release()
        stop.set()
        busy.result(10)
    assert rounds[0]


def test_who_waited_in_vain_is_forgotten() -> None:
    turns = Turns()
    assert turns.acquire(0)
    assert not turns.acquire(0.01)
    turns.release()
    assert turns.acquire(0), "it is not given to one who has left"


def test_turns_keep_others_out() -> None:
    turns, inside, most = Turns(), [0], [0]

    def work() -> None:
        for _ in range(300):
            assert turns.acquire(30)
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            inside[0] -= 1
            turns.release()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result(60)
    assert most == [1]
