"""How fast one receiver is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.gateways import Limit
from casework.pacing import Gate

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ROBOT = ("dingtalk", "team")
MINUTE = timedelta(minutes=1)


@given(messages=st.integers(1, 12), arrivals=st.lists(st.integers(0, 20), max_size=60))
def test_in_no_span_are_there_more_than_the_limit_says_and_nobody_waits_for_ever(messages, arrivals):
    gate, now, sent = Gate({"dingtalk": Limit(messages=messages, within=MINUTE)}), NOW, []
    for seconds in arrivals:
        now += timedelta(seconds=seconds)
        while not gate.room(ROBOT, now):
            opens_at = gate.opens_at(ROBOT, now)
            assert now < opens_at <= now + MINUTE
            now = opens_at
        gate.passed(ROBOT, now)
        sent.append(now)
    for at in sent:
        assert sum(at <= other < at + MINUTE for other in sent) <= messages


def test_each_receiver_has_its_own_room_and_a_channel_without_a_limit_has_any():
    gate = Gate({"dingtalk": Limit(messages=2, within=MINUTE)})
    gate.passed(ROBOT, NOW)
    assert (gate.room(ROBOT, NOW), gate.room(("dingtalk", "other"), NOW)) == (0, 1)
    assert gate.room(("webhook", "team"), NOW) is None


def test_who_asked_to_be_left_alone_has_no_room_until_then():
    gate = Gate({})
    gate.shut(ROBOT, NOW + MINUTE)
    assert (gate.room(ROBOT, NOW), gate.opens_at(ROBOT, NOW)) == (0, NOW + MINUTE)
    assert gate.room(ROBOT, NOW + MINUTE) is None


def test_receivers_that_have_all_their_room_back_are_forgotten():
    gate = Gate({"sms": Limit(messages=10, within=MINUTE)}, most=100)
    for n in range(500):
        gate.passed(("sms", str(n)), NOW + n * MINUTE)
    assert len(gate._full_at) <= 101
