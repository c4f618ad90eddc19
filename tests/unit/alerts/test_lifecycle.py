"""The state machine of a warning, case by case (domain.md D.1, section 0)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.lifecycle import FROM, MAY, Command, apply, possible
from domain.errors import BadInput, Forbidden, IllegalTransition
from domain.parties import SYSTEM, Actor, Role
from domain.rules import Level
from domain.warnings import OPEN_STATES, Disposition, State
from tests.unit.alerts.builders import (
    ACTORS,
    HOUR,
    INSPECTOR,
    OTHER_INSPECTOR,
    OTHER_OWNER,
    OWNER,
    RULES,
    STAFF,
    SUPERVISOR,
    T0,
    TICK,
    a_warning,
)

C = Command


def run(warning, *steps):
    """Apply (command, actor, at[, keywords]) in turn; ``at`` in hours after T0 or an instant."""
    for command, actor, at, *rest in steps:
        now = T0 + at * HOUR if isinstance(at, int | float) else at
        warning = apply(warning, command, actor=actor, rules=RULES, now=now, **(rest[0] if rest else {}))
    return warning


NOTIFIED = (C.NOTIFY, SYSTEM, 1)
SUBMITTED = (C.SUBMIT, OWNER, 5)


def test_the_straight_way_from_raised_to_closed():
    warning = run(a_warning(), NOTIFIED, (C.ACKNOWLEDGE, OWNER, 2), (C.START, OWNER, 3), SUBMITTED, (C.VERIFY_OK, INSPECTOR, 6))
    assert (warning.state, warning.disposition, warning.on_time) == (State.CLOSED, Disposition.VERIFIED, True)
    assert (warning.notified_at, warning.acknowledged_at, warning.submitted_at, warning.closed_at) == (
        T0 + HOUR,
        T0 + 2 * HOUR,
        T0 + 5 * HOUR,
        T0 + 6 * HOUR,
    )
    assert warning.close_by == T0 + 24 * HOUR
    assert warning.rectify_by == T0 + 13 * HOUR
    assert warning.version == 6
    assert warning.next_due_at is None


@pytest.mark.parametrize(
    ("hours", "limit", "why"),
    [
        (0, 12, "the rule's 12 h from the delivery"),
        (11.5, 23.5, "late delivery moves the limit"),
        (13, 24, "never beyond close_by"),
        (24, None, "at close_by nothing is left: no limit runs"),
        (30, None, "told after close_by: the merchant cannot be late"),
    ],
)
def test_the_merchants_limit_runs_from_the_first_confirmed_delivery(hours, limit, why):
    warning = run(a_warning(), (C.NOTIFY, SYSTEM, hours))
    assert warning.rectify_by == (None if limit is None else T0 + limit * HOUR), why
    assert warning.close_by == T0 + 24 * HOUR


@pytest.mark.parametrize(("command", "state"), [(C.ACKNOWLEDGE, State.ACKNOWLEDGED), (C.SUBMIT, State.SUBMITTED)])
def test_acknowledging_and_submitting_imply_delivery(command, state):
    warning = run(a_warning(), (command, OWNER, 2))
    assert (warning.state, warning.notified_at, warning.rectify_by) == (state, T0 + 2 * HOUR, T0 + 14 * HOUR)


def test_a_second_delivery_is_no_transition_and_moves_no_clock():
    warning = run(a_warning(), NOTIFIED)
    with pytest.raises(IllegalTransition):
        run(warning, (C.NOTIFY, SYSTEM, 2))
    acknowledged = run(warning, (C.ACKNOWLEDGE, OWNER, 2))
    assert acknowledged.notified_at == T0 + HOUR


@pytest.mark.parametrize(("late_by", "on_time"), [(timedelta(), True), (TICK, False), (-TICK, True)])
def test_a_submission_at_exactly_the_limit_is_on_time(late_by, on_time):
    warning = run(a_warning(), NOTIFIED, (C.SUBMIT, STAFF, T0 + 13 * HOUR + late_by))
    assert warning.on_time is on_time
    assert warning.rectify_overdue is not on_time


@pytest.mark.parametrize("command", [C.VERIFY_OK, C.DISMISS, C.FILE_CASE])
@pytest.mark.parametrize(("late_by", "overdue"), [(timedelta(), False), (TICK, True)])
def test_closing_at_exactly_close_by_is_on_time(command, late_by, overdue):
    warning = run(a_warning(), NOTIFIED, SUBMITTED, (command, INSPECTOR, T0 + 24 * HOUR + late_by))
    assert warning.closure_overdue is overdue
    assert warning.closed_at == T0 + 24 * HOUR + late_by


@pytest.mark.parametrize(
    ("failed_at", "limit", "why"),
    [
        (6, 13, "the old limit is later than an hour from now"),
        (12.5, 13.5, "an hour from the failure"),
        (23.5, 24, "never beyond close_by"),
        (25, None, "the regulator was late: no limit runs for the merchant"),
    ],
)
def test_a_failed_on_time_submission_gets_a_new_limit(failed_at, limit, why):
    warning = run(a_warning(), NOTIFIED, SUBMITTED, (C.VERIFY_FAIL, INSPECTOR, failed_at))
    assert warning.rectify_by == (None if limit is None else T0 + limit * HOUR), why
    assert (warning.state, warning.attempt, warning.submitted_at, warning.submitted_by) == (State.RECTIFYING, 2, None, None)
    assert warning.close_by == T0 + 24 * HOUR


def test_after_a_late_regulator_the_second_submission_is_still_on_time():
    warning = run(a_warning(), NOTIFIED, SUBMITTED, (C.VERIFY_FAIL, INSPECTOR, 25), (C.SUBMIT, OWNER, 40))
    assert warning.on_time is True


def test_a_failed_late_submission_stays_late():
    warning = run(a_warning(), NOTIFIED, (C.SUBMIT, OWNER, 14), (C.VERIFY_FAIL, INSPECTOR, 15), (C.SUBMIT, OWNER, 15.5))
    assert (warning.rectify_by, warning.on_time, warning.rectify_overdue) == (T0 + 13 * HOUR, False, True)


def test_a_sweep_that_was_quicker_does_not_make_a_submission_in_time_late():
    flagged = replace(run(a_warning(), NOTIFIED), rectify_overdue=True)  # while the request was under way
    warning = run(flagged, (C.SUBMIT, OWNER, 13))
    assert (warning.rectify_by, warning.on_time, warning.rectify_overdue) == (T0 + 13 * HOUR, True, False)


def test_false_evidence_gets_no_new_limit_and_is_late_from_the_old_one():
    failed = (C.VERIFY_FAIL, INSPECTOR, 14, {"false_evidence": True})
    warning = run(a_warning(), NOTIFIED, SUBMITTED, failed)
    assert (warning.rectify_by, warning.on_time, warning.rectify_overdue) == (T0 + 13 * HOUR, False, True)


def test_what_follows_false_evidence_is_late_once_the_old_limit_has_passed():
    failed = (C.VERIFY_FAIL, INSPECTOR, 14, {"false_evidence": True})
    warning = run(a_warning(), NOTIFIED, SUBMITTED, failed, (C.SUBMIT, OWNER, 14.5))
    assert (warning.on_time, warning.rectify_overdue) == (False, True)


def test_nobody_verifies_what_they_submitted():
    both = Actor(id=OWNER.id, role=Role.INSPECTOR, region="33")
    warning = run(a_warning(), NOTIFIED, SUBMITTED)
    for command in (C.VERIFY_OK, C.VERIFY_FAIL):
        with pytest.raises(Forbidden, match="submitted"):
            run(warning, (command, both, 6))


def test_a_control_counts_as_closed_and_is_verified_only_at_its_end():
    until = T0 + timedelta(days=10)
    warning = run(a_warning(), NOTIFIED, SUBMITTED, (C.CONTROL, INSPECTOR, 6, {"until": until}))
    assert (warning.state, warning.disposition, warning.controlled_until) == (
        State.CONTROLLED,
        Disposition.CONTROLLED_LONG_TERM,
        until,
    )
    with pytest.raises(IllegalTransition):
        run(warning, (C.VERIFY_OK, INSPECTOR, until - TICK))
    closed = run(warning, (C.VERIFY_OK, INSPECTOR, until))
    assert (closed.state, closed.closure_overdue) == (State.CLOSED, False)


def test_a_control_that_failed_starts_both_clocks_anew():
    until = T0 + timedelta(days=10)
    warning = run(
        a_warning(), NOTIFIED, SUBMITTED, (C.CONTROL, INSPECTOR, 6, {"until": until}), (C.VERIFY_FAIL, SUPERVISOR, until + HOUR)
    )
    assert (warning.state, warning.attempt, warning.disposition) == (State.RECTIFYING, 2, None)
    assert (warning.close_by, warning.rectify_by) == (until + 25 * HOUR, until + 13 * HOUR)


@pytest.mark.parametrize("until", [None, T0 + 6 * HOUR, T0 + 6 * HOUR + timedelta(days=30) + TICK])
def test_a_control_plan_ends_within_thirty_days(until):
    warning = run(a_warning(), NOTIFIED, SUBMITTED)
    with pytest.raises(BadInput):
        run(warning, (C.CONTROL, INSPECTOR, 6, {"until": until}))


def test_reopening_a_closed_warning_sets_both_deadlines_anew():
    closed = run(a_warning(), NOTIFIED, (C.SUBMIT, OWNER, 14), (C.VERIFY_OK, INSPECTOR, 25))
    warning = run(closed, (C.REOPEN, INSPECTOR, 100))
    assert (warning.state, warning.close_by, warning.rectify_by) == (State.RECTIFYING, T0 + 124 * HOUR, T0 + 112 * HOUR)
    assert (warning.rectify_overdue, warning.closure_overdue, warning.escalation_level) == (False, False, 0)
    assert (warning.closed_at, warning.disposition, warning.attempt) == (None, None, 2)
    assert warning.raised_at == T0


def test_a_reopened_warning_may_be_extended_anew():
    closed = run(a_warning(), NOTIFIED, (C.EXTEND, INSPECTOR, 2), (C.FILE_CASE, INSPECTOR, 3))
    warning = run(closed, (C.REOPEN, INSPECTOR, 10), (C.EXTEND, INSPECTOR, 11))
    assert (warning.extended, warning.rectify_by) == (True, T0 + 28 * HOUR)


def test_reopening_a_dismissed_warning_waits_for_a_new_delivery():
    dismissed = run(a_warning(), NOTIFIED, (C.DISMISS, INSPECTOR, 2))
    warning = run(dismissed, (C.REOPEN, INSPECTOR, 50))
    assert (warning.state, warning.close_by, warning.rectify_by, warning.notified_at) == (
        State.RAISED,
        T0 + 74 * HOUR,
        None,
        None,
    )
    assert run(warning, (C.NOTIFY, SYSTEM, 51)).rectify_by == T0 + 63 * HOUR


def test_a_case_filed_before_anybody_was_told_starts_no_limit_when_reopened():
    closed = run(a_warning(), (C.FILE_CASE, INSPECTOR, 1))
    warning = run(closed, (C.REOPEN, INSPECTOR, 2))
    assert (warning.state, warning.rectify_by) == (State.RECTIFYING, None)
    told = run(warning, (C.NOTIFY, SYSTEM, 3))
    assert (told.state, told.rectify_by) == (State.RECTIFYING, T0 + 15 * HOUR)


@pytest.mark.parametrize(("late_by", "possible_then"), [(timedelta(), True), (TICK, False)])
def test_reopening_is_possible_for_thirty_days(late_by, possible_then):
    closed = run(a_warning(), (C.DISMISS, INSPECTOR, 2))
    at = T0 + 2 * HOUR + timedelta(days=30) + late_by
    if possible_then:
        assert run(closed, (C.REOPEN, INSPECTOR, at)).state is State.RAISED
    else:
        with pytest.raises(IllegalTransition):
            run(closed, (C.REOPEN, INSPECTOR, at))


def test_an_extension_is_at_most_half_the_limit():
    warning = run(a_warning(rule="RW1", camera=None), NOTIFIED)  # 4 h: until T0 + 5 h
    assert run(warning, (C.EXTEND, INSPECTOR, 2)).rectify_by == T0 + 7 * HOUR
    assert run(warning, (C.EXTEND, INSPECTOR, 2, {"until": T0 + 6 * HOUR})).rectify_by == T0 + 6 * HOUR
    with pytest.raises(BadInput):
        run(warning, (C.EXTEND, INSPECTOR, 2, {"until": T0 + 7 * HOUR + TICK}))
    with pytest.raises(BadInput):
        run(warning, (C.EXTEND, INSPECTOR, 2, {"until": T0 + 5 * HOUR}))


def test_an_extension_leaves_two_hours_before_close_by():
    warning = run(a_warning(), (C.NOTIFY, SYSTEM, 6))  # 12 h: until T0 + 18 h, half would be T0 + 24 h
    assert run(warning, (C.EXTEND, INSPECTOR, 7)).rectify_by == T0 + 22 * HOUR
    with pytest.raises(BadInput):
        run(warning, (C.EXTEND, INSPECTOR, 7, {"until": T0 + 22 * HOUR + TICK}))
    late = run(a_warning(), (C.NOTIFY, SYSTEM, 11))  # until T0 + 23 h: nothing left to give
    with pytest.raises(IllegalTransition):
        run(late, (C.EXTEND, INSPECTOR, 12))


def test_an_extension_is_given_once_and_before_expiry():
    warning = run(a_warning(), NOTIFIED)
    with pytest.raises(IllegalTransition):
        run(warning, (C.EXTEND, INSPECTOR, 2), (C.EXTEND, INSPECTOR, 3))
    with pytest.raises(IllegalTransition):
        run(warning, (C.EXTEND, INSPECTOR, T0 + 13 * HOUR + TICK))


def test_an_ordinary_warning_has_no_regulators_clock():
    warning = run(a_warning(rule="no_workwear", level=Level.ORDINARY), NOTIFIED)
    assert (warning.close_by, warning.rectify_by) == (None, T0 + 13 * HOUR)
    assert run(warning, (C.EXTEND, INSPECTOR, 2)).rectify_by == T0 + 19 * HOUR
    closed = run(warning, SUBMITTED, (C.VERIFY_OK, INSPECTOR, 500))
    assert closed.closure_overdue is False


ROLES = {
    C.NOTIFY: {OWNER, STAFF, INSPECTOR, SUPERVISOR, SYSTEM},
    C.ACKNOWLEDGE: {OWNER},
    C.START: {OWNER},
    C.SUBMIT: {OWNER, STAFF},
    C.VERIFY_OK: {INSPECTOR, SUPERVISOR},
    C.VERIFY_FAIL: {INSPECTOR, SUPERVISOR},
    C.DISMISS: {INSPECTOR, SUPERVISOR},
    C.FILE_CASE: {INSPECTOR, SUPERVISOR},
    C.CONTROL: {INSPECTOR, SUPERVISOR},
    C.REOPEN: {INSPECTOR, SUPERVISOR},
    C.EXTEND: {INSPECTOR, SUPERVISOR},
}

A_STATE_FOR = {
    C.NOTIFY: (),
    C.ACKNOWLEDGE: (NOTIFIED,),
    C.START: (NOTIFIED, (C.ACKNOWLEDGE, OWNER, 2)),
    C.SUBMIT: (NOTIFIED,),
    C.VERIFY_OK: (NOTIFIED, (C.SUBMIT, STAFF, 2)),
    C.VERIFY_FAIL: (NOTIFIED, (C.SUBMIT, STAFF, 2)),
    C.DISMISS: (NOTIFIED,),
    C.FILE_CASE: (NOTIFIED,),
    C.CONTROL: (NOTIFIED, (C.SUBMIT, STAFF, 2)),
    C.REOPEN: ((C.DISMISS, INSPECTOR, 2),),
    C.EXTEND: (NOTIFIED,),
}


@pytest.mark.parametrize("actor", ACTORS, ids=lambda actor: actor.id)
@pytest.mark.parametrize("command", Command)
def test_every_command_is_for_its_roles_and_their_own_warnings_only(command, actor):
    warning = run(a_warning(), *A_STATE_FOR[command])
    keywords = {"until": T0 + 48 * HOUR} if command is C.CONTROL else {}
    if actor in ROLES[command]:
        assert run(warning, (command, actor, 3, keywords)).version == warning.version + 1
    else:
        with pytest.raises(Forbidden):
            run(warning, (command, actor, 3, keywords))


def test_strangers_are_refused_before_anything_is_told():
    closed = run(a_warning(), (C.DISMISS, INSPECTOR, 1))
    for actor, command in ((OTHER_OWNER, C.ACKNOWLEDGE), (OTHER_INSPECTOR, C.DISMISS)):
        with pytest.raises(Forbidden):
            run(closed, (command, actor, 2))


PATHS = {
    State.RAISED: (),
    State.NOTIFIED: (NOTIFIED,),
    State.ACKNOWLEDGED: (NOTIFIED, (C.ACKNOWLEDGE, OWNER, 2)),
    State.RECTIFYING: (NOTIFIED, (C.ACKNOWLEDGE, OWNER, 2), (C.START, OWNER, 2)),
    State.SUBMITTED: (NOTIFIED, (C.SUBMIT, STAFF, 2)),
    State.CONTROLLED: (NOTIFIED, (C.SUBMIT, STAFF, 2), (C.CONTROL, INSPECTOR, 2, {"until": T0 + 72 * HOUR})),
    State.CLOSED: ((C.FILE_CASE, INSPECTOR, 2),),
    State.DISMISSED: ((C.DISMISS, INSPECTOR, 2),),
}

LEGAL = {
    State.RAISED: {C.NOTIFY, C.ACKNOWLEDGE, C.SUBMIT, C.DISMISS, C.FILE_CASE},
    State.NOTIFIED: {C.ACKNOWLEDGE, C.SUBMIT, C.DISMISS, C.FILE_CASE, C.EXTEND},
    State.ACKNOWLEDGED: {C.START, C.SUBMIT, C.DISMISS, C.FILE_CASE, C.EXTEND},
    State.RECTIFYING: {C.SUBMIT, C.DISMISS, C.FILE_CASE, C.EXTEND},
    State.SUBMITTED: {C.VERIFY_OK, C.VERIFY_FAIL, C.CONTROL, C.DISMISS, C.FILE_CASE},
    State.CONTROLLED: {C.DISMISS, C.FILE_CASE},
    State.CLOSED: {C.REOPEN},
    State.DISMISSED: {C.REOPEN},
}


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("state", State)
def test_from_every_state_exactly_the_drawn_ways_lead_on(state, command):
    warning = run(a_warning(), *PATHS[state])
    assert warning.state is state
    actor = SYSTEM if command is C.NOTIFY else next(a for a in (OWNER, SUPERVISOR) if a.role in MAY[command])
    keywords = {"until": T0 + 48 * HOUR} if command is C.CONTROL else {}
    if command in LEGAL[state]:
        assert run(warning, (command, actor, 3, keywords)) != warning
    else:
        with pytest.raises(IllegalTransition) as refusal:
            run(warning, (command, actor, 3, keywords))
        assert (refusal.value.state, refusal.value.command) == (state.value, command.value)


def test_the_table_of_states_names_every_command_and_dismissal_from_any_open_state():
    assert set(FROM) == set(MAY) == set(Command)
    assert FROM[C.DISMISS] == FROM[C.FILE_CASE] == OPEN_STATES


def test_a_page_offers_exactly_what_the_machine_would_allow():
    warning = run(a_warning(), NOTIFIED)
    assert possible(warning, OWNER, T0 + 2 * HOUR, RULES) == {C.ACKNOWLEDGE, C.SUBMIT}
    assert possible(warning, INSPECTOR, T0 + 2 * HOUR, RULES) == {C.DISMISS, C.FILE_CASE, C.EXTEND}
    assert possible(warning, OTHER_OWNER, T0 + 2 * HOUR, RULES) == frozenset()
    submitted = run(warning, SUBMITTED)
    assert C.CONTROL in possible(submitted, SUPERVISOR, T0 + 6 * HOUR, RULES)
