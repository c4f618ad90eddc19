"""Rates per device, blocking after wrong signatures, and the order of acknowledgements."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from devices.limits import Limits, Rates, SignatureWatch
from devices.window import Window
from tests.unit.devices.things import NOW, SIGNING, device

LIMITS = Limits(events_per_second=20, burst=5, longest_wait=timedelta(seconds=1))


def test_a_burst_passes_and_then_each_message_waits_its_turn():
    rates = Rates(LIMITS, LIMITS.events_per_second)
    waits = [rates.take("cam", NOW).total_seconds() for _ in range(8)]
    assert waits == [0, 0, 0, 0, 0, 0.05, 0.1, 0.15]


def test_a_steady_device_below_its_rate_never_waits():
    rates = Rates(LIMITS, LIMITS.events_per_second)
    assert not any(rates.take("cam", NOW + timedelta(milliseconds=50 * n)) for n in range(200))


def test_one_loud_device_does_not_slow_another():
    rates = Rates(LIMITS, LIMITS.events_per_second)
    for _ in range(100):
        rates.take("loud", NOW)
    assert not rates.take("quiet", NOW)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=200))
def test_no_wait_is_longer_than_the_bound(gaps_ms):
    rates, now = Rates(LIMITS, LIMITS.events_per_second), NOW
    for gap in gaps_ms:
        now += timedelta(milliseconds=gap)
        assert rates.take("cam", now) <= LIMITS.longest_wait


def test_a_dropped_message_costs_nothing():
    rates = Rates(LIMITS, LIMITS.events_per_second)
    for _ in range(5):
        rates.take("cam", NOW)
    for _ in range(50):
        assert rates.take("cam", NOW)
        rates.give_back("cam", NOW)
    assert not rates.take("cam", NOW + timedelta(milliseconds=51))


def test_an_alarm_is_given_once_a_minute():
    rates = Rates(LIMITS, LIMITS.events_per_second)
    assert [rates.alarm("cam", NOW + timedelta(seconds=s)) for s in (0, 1, 59, 60, 61)] == [True, False, False, True, False]


def test_three_wrong_signatures_within_ten_minutes_block_a_device():
    watch = SignatureWatch(Limits())
    assert [watch.failed(SIGNING.id, SIGNING, NOW + timedelta(minutes=m)) for m in (0, 4, 9)] == [False, False, True]
    assert watch.blocked(SIGNING.id, SIGNING)


def test_three_wrong_signatures_over_a_longer_time_do_not():
    watch = SignatureWatch(Limits())
    assert not any(watch.failed(SIGNING.id, SIGNING, NOW + timedelta(minutes=m)) for m in (0, 6, 12, 18))
    assert not watch.blocked(SIGNING.id, SIGNING)


def test_a_new_key_ends_the_block():
    watch = SignatureWatch(Limits())
    for _ in range(3):
        watch.failed(SIGNING.id, SIGNING, NOW)
    assert not watch.blocked(SIGNING.id, device(SIGNING.id, key=b"new"))
    assert not watch.blocked(SIGNING.id, SIGNING)


@given(st.permutations(list(range(1, 9))))
def test_acknowledgements_leave_in_the_order_the_messages_came(order):
    window = Window()
    held = {mid: window.begin(1, mid, "t", b"x") for mid in range(1, 9)}
    left = [mid for done in order for mid in window.finish(1, held[done])]
    assert left == list(range(1, 9))
    assert len(window) == 0


def test_a_message_sent_again_while_it_is_in_hand_is_known():
    window = Window()
    held = window.begin(1, 5, "t", b"x")
    assert window.begin(1, 5, "t", b"x") is None
    assert window.finish(1, held) == [5]
    assert window.begin(1, 5, "t", b"x") is not None


def test_two_messages_under_one_packet_id_are_both_taken_and_both_acknowledged():
    window = Window()
    first, second = window.begin(1, 5, "t", b"x"), window.begin(1, 5, "t", b"y")
    assert window.finish(1, second) == []
    assert window.finish(1, first) == [5, 5]


def test_nothing_of_an_old_connection_is_acknowledged_on_a_new_one():
    window = Window()
    old, new = window.begin(1, 5, "t", b"x"), window.begin(2, 5, "t", b"x")
    assert window.finish(1, old) == []
    assert window.finish(2, new) == [5]
