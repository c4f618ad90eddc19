"""What is due when (domain.md D.1, section 0)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.deadlines import Due, charge_due, due, flag, next_due_at, rectified_on_time
from alerts.lifecycle import Command, apply
from domain.parties import SYSTEM
from domain.rules import Level
from domain.warnings import Disposition, State
from tests.unit.alerts.builders import HOUR, INSPECTOR, OWNER, RULES, T0, TICK, a_warning

MINUTE = timedelta(minutes=1)


def told(hours=1, **changes):
    return apply(a_warning(**changes), Command.NOTIFY, actor=SYSTEM, rules=RULES, now=T0 + hours * HOUR)


def submitted(warning, hours):
    return apply(warning, Command.SUBMIT, actor=OWNER, rules=RULES, now=T0 + hours * HOUR)


def test_reminders_come_at_half_three_quarters_and_the_end():
    warning = a_warning()
    assert due(warning, RULES, T0 + 12 * HOUR - TICK) == ()
    for hours, what in ((12, Due.REMIND_50), (18, Due.REMIND_75), (24, Due.REMIND_100)):
        now = T0 + hours * HOUR
        assert warning.next_due_at == now
        assert due(warning, RULES, now) == (what,)
        warning = flag(warning, (what,), RULES)
        assert due(warning, RULES, now) == ()


def test_the_merchant_is_reminded_of_its_own_limit_from_the_delivery_on():
    warning = told()
    for hours, what in ((7, Due.RECTIFY_50), (10, Due.RECTIFY_75)):
        now = T0 + hours * HOUR
        assert due(warning, RULES, now - TICK) == ()
        assert (warning.next_due_at, due(warning, RULES, now)) == (now, (what,))
        warning = flag(warning, (what,), RULES)
    assert due(warning, RULES, T0 + 12 * HOUR) == (Due.REMIND_50,), "the other clock has its own"
    assert due(warning, RULES, T0 + 13 * HOUR) == (Due.REMIND_50, Due.RECTIFY_100)
    assert not set(due(submitted(told(), 2), RULES, T0 + 11 * HOUR)), "who has submitted is not reminded"


def test_a_limit_cut_by_the_24_hours_is_reminded_of_over_what_is_left():
    warning = told(hours=16)
    assert warning.rectify_by == warning.close_by
    assert Due.RECTIFY_50 not in due(warning, RULES, T0 + 20 * HOUR - TICK)
    assert Due.RECTIFY_50 in due(warning, RULES, T0 + 20 * HOUR)


def test_a_sweep_that_slept_gives_one_reminder_of_each_clock_not_three():
    warning = told()
    expected = (Due.RECTIFY_100, Due.RECTIFY_OVERDUE, Due.REMIND_100, Due.CLOSURE_OVERDUE)
    assert due(warning, RULES, T0 + 30 * HOUR) == expected


def test_being_overdue_escalates_and_is_flagged_once():
    warning = told()
    late = flag(warning, due(warning, RULES, T0 + 13 * HOUR + TICK), RULES)
    assert (late.rectify_overdue, late.closure_overdue, late.escalation_level) == (True, False, 1)
    later = flag(late, due(late, RULES, T0 + 24 * HOUR + TICK), RULES)
    assert (later.rectify_overdue, later.closure_overdue, later.escalation_level) == (True, True, 2)
    assert later.next_due_at is None
    assert (later.version, later.close_by) == (warning.version + 2, warning.close_by)
    assert flag(later, (), RULES) is later


@pytest.mark.parametrize("late_by", [timedelta(), TICK])
def test_the_deadline_itself_is_not_overdue(late_by):
    warning = told()
    assert (Due.RECTIFY_OVERDUE in due(warning, RULES, T0 + 13 * HOUR + late_by)) is bool(late_by)
    assert (Due.CLOSURE_OVERDUE in due(warning, RULES, T0 + 24 * HOUR + late_by)) is bool(late_by)


def test_a_submission_stops_the_merchants_clock_but_not_the_regulators():
    warning = submitted(told(), 5)
    assert due(warning, RULES, T0 + 25 * HOUR) == (Due.REMIND_100, Due.CLOSURE_OVERDUE)


def test_reminders_of_a_reopened_warning_count_from_the_reopening():
    closed = apply(told(), Command.FILE_CASE, actor=INSPECTOR, rules=RULES, now=T0 + 2 * HOUR)
    warning = apply(closed, Command.REOPEN, actor=INSPECTOR, rules=RULES, now=T0 + 100 * HOUR)
    assert due(warning, RULES, T0 + 106 * HOUR - TICK) == ()
    assert warning.next_due_at == T0 + 106 * HOUR
    assert due(warning, RULES, T0 + 106 * HOUR) == (Due.RECTIFY_50,)
    assert Due.REMIND_50 in due(warning, RULES, T0 + 112 * HOUR)


def test_a_control_falls_due_at_its_end_once_and_close_by_no_longer():
    until = T0 + timedelta(days=5)
    controlled = apply(submitted(told(), 5), Command.CONTROL, actor=INSPECTOR, rules=RULES, now=T0 + 6 * HOUR, until=until)
    assert due(controlled, RULES, until - TICK) == ()
    assert controlled.next_due_at == until
    assert due(controlled, RULES, until) == (Due.CONTROL_ENDED,)
    ended = flag(controlled, (Due.CONTROL_ENDED,), RULES)
    assert (ended.next_due_at, ended.closure_overdue, ended.state) == (None, False, State.CONTROLLED)


def test_an_ordinary_warning_knows_only_the_merchants_limit():
    warning = told(rule="no_workwear", level=Level.ORDINARY)
    assert warning.next_due_at == T0 + 13 * HOUR + TICK
    assert due(warning, RULES, T0 + 1000 * HOUR) == (Due.RECTIFY_OVERDUE,)


def _oracle(warning, now: datetime) -> set[str]:
    """Section D.1 once more, in other words than the code's, over plain comparisons."""
    if warning.state in (State.CLOSED, State.DISMISSED):
        return set()
    if warning.state is State.CONTROLLED:
        ended = warning.controlled_until is not None and now >= warning.controlled_until
        return {"control"} if ended and warning.reminded_percent < 100 else set()
    found = set()
    waits = warning.state in (State.NOTIFIED, State.ACKNOWLEDGED, State.RECTIFYING)
    if waits and warning.rectify_by and now > warning.rectify_by and not warning.rectify_overdue:
        found.add("rectify")
    if waits and warning.rectify_by and not warning.rectify_overdue:
        gone = 100 - 100 * ((warning.rectify_by - now) / timedelta(hours=12))
        reached = max((p for p in (50, 75, 100) if p <= gone), default=0)
        if reached > (warning.rectify_reminded_percent or 0):
            found.add("remind the merchant")
    if warning.close_by:
        if now > warning.close_by and not warning.closure_overdue:
            found.add("closure")
        passed = 100 - 100 * ((warning.close_by - now) / timedelta(hours=24))
        reached = max((p for p in (50, 75, 100) if p <= passed), default=0)
        if reached > warning.reminded_percent:
            found.add("remind")
    return found


minutes = st.integers(min_value=-60, max_value=48 * 60).map(lambda n: T0 + n * MINUTE)


@given(
    state=st.sampled_from(State),
    close_by=st.none() | minutes,
    rectify_by=st.none() | minutes,
    controlled_until=st.none() | minutes,
    rectify_overdue=st.booleans(),
    closure_overdue=st.booleans(),
    reminded_percent=st.sampled_from([0, 50, 75, 100]),
    rectify_reminded_percent=st.sampled_from([None, 50, 75, 100]),
)
@settings(max_examples=60, deadline=None)
def test_next_due_at_is_the_first_instant_a_brute_force_search_finds(**attributes):
    warning = replace(a_warning(), notified_at=T0 - timedelta(days=3), **attributes)
    start = T0 - timedelta(hours=26)
    grid = [start + n * MINUTE + tick for n in range(76 * 60) for tick in (timedelta(), TICK)]
    first = next((at for at in grid if _oracle(warning, at)), None)
    assert next_due_at(warning, RULES) == first
    if first is not None:
        assert due(warning, RULES, first - TICK) == ()
        assert due(warning, RULES, first)


CHARGES = [
    # (state, disposition, rectify_by, close_by, now, charged, why) in hours after T0
    (State.CLOSED, Disposition.VERIFIED, 13, 24, 2, True, "verified: the violation is confirmed"),
    (State.CLOSED, Disposition.CASE_FILED, None, 24, 2, True, "case filed, even if nobody could be told"),
    (State.CONTROLLED, Disposition.CONTROLLED_LONG_TERM, 13, 24, 2, True, "under long-term control"),
    (State.DISMISSED, Disposition.DISMISSED, 13, 24, 99, False, "a false positive costs nothing"),
    (State.NOTIFIED, None, 13, 24, 24.5, True, "both passed without a submission"),
    (State.RECTIFYING, None, 13, 24, 24.5, True, "both passed without a submission"),
    (State.NOTIFIED, None, 13, 24, 24, False, "closing at exactly close_by would be on time"),
    (State.NOTIFIED, None, 13, 24, 14, False, "only the merchant's limit has passed"),
    (State.NOTIFIED, None, None, 24, 99, False, "told after close_by: no limit ever ran"),
    (State.RAISED, None, None, 24, 99, False, "never told"),
    (State.SUBMITTED, None, 13, 24, 99, False, "handed in: the regulator is late, not the merchant"),
    (State.ACKNOWLEDGED, None, 13, None, 13.5, True, "ordinary: only the merchant's limit counts"),
    (State.ACKNOWLEDGED, None, 13, None, 13, False, "ordinary, exactly at the limit"),
]


@pytest.mark.parametrize(("state", "disposition", "rectify_by", "close_by", "now", "charged", "why"), CHARGES)
def test_a_deduction_is_proposed_when_confirmed_or_when_both_clocks_ran_out(
    state, disposition, rectify_by, close_by, now, charged, why
):
    warning = replace(
        a_warning(),
        state=state,
        disposition=disposition,
        rectify_by=None if rectify_by is None else T0 + rectify_by * HOUR,
        close_by=None if close_by is None else T0 + close_by * HOUR,
    )
    assert charge_due(warning, T0 + now * HOUR) is charged, why


@pytest.mark.parametrize(
    ("steps", "at", "kept", "why"),
    [
        ([(Command.SUBMIT, OWNER, 5)], 6, True, "handed in on time"),
        ([(Command.SUBMIT, OWNER, 14)], 15, False, "handed in late"),
        ([], 14, False, "limit passed, nothing handed in"),
        ([], 2, None, "the limit still runs"),
        ([(Command.FILE_CASE, INSPECTOR, 2)], 99, None, "case filed while the limit ran"),
        ([(Command.FILE_CASE, INSPECTOR, 14)], 99, False, "case filed after the limit had passed"),
        ([(Command.SUBMIT, OWNER, 5), (Command.VERIFY_FAIL, INSPECTOR, 6)], 14, False, "sent back, then nothing"),
        ([(Command.SUBMIT, OWNER, 5), (Command.VERIFY_FAIL, INSPECTOR, 25)], 99, None, "sent back too late to redo it"),
    ],
)
def test_how_the_merchant_kept_the_limit(steps, at, kept, why):
    warning = told()
    for command, actor, hours in steps:
        warning = apply(warning, command, actor=actor, rules=RULES, now=T0 + hours * HOUR)
    assert rectified_on_time(warning, T0 + at * HOUR) is kept, why
