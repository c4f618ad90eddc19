"""How the size of a transaction follows how long the last ones took."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.pace import LEAST, Pace


def test_a_slow_transaction_shrinks_the_next_to_what_fits() -> None:
    pace = Pace(target_s=0.2, most=500)
    assert pace.size == 500
    pace.took(500, 0.4)  # 1250 a second: 250 fit into 0.2 s
    assert pace.size == 250
    pace.took(250, 30.0)  # the database was away
    assert pace.size == LEAST, "smaller ones would only cost more for each event"


def test_quick_transactions_grow_it_to_the_most() -> None:
    pace, sizes = Pace(target_s=0.2, most=500), []
    pace.took(500, 30.0)
    for _ in range(3):
        pace.took(pace.size, pace.size / 5000)  # 5000 a second: 1000 would fit
        sizes.append(pace.size)
    assert sizes == [400, 500, 500]


def test_a_small_quick_one_says_nothing_about_large_ones() -> None:
    pace = Pace(target_s=0.2, most=500)
    pace.took(500, 30.0)
    pace.took(3, 0.001)
    assert pace.size == LEAST


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 100))))
def test_it_stays_within_its_bounds(takings: list[tuple[int, float]]) -> None:
    pace = Pace(target_s=0.2, most=500)
    for count, seconds in takings:
        pace.took(count, seconds)
        assert LEAST <= pace.size <= 500
