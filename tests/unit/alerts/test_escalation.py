"""Chains of escalation: which one, when, and what ends them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from alerts.deadlines import Due, due, flag, next_due_at
from alerts.escalation import Chain, begun, due_steps, taken, waiting
from alerts.lifecycle import Command, apply
from domain.escalation import Escalation, QuietHours, Step, Until
from domain.parties import SYSTEM, Role
from domain.rules import Level
from tests.unit.alerts.builders import HOUR, INSPECTOR, OWNER, RULES, T0, TICK, a_warning

MINUTE = timedelta(minutes=1)
STEPS = (
    Step(after=30 * MINUTE, until=Until.DELIVERED, roles=(Role.SUPERVISOR,), channels=("sms",)),
    Step(after=2 * HOUR, until=Until.ACKNOWLEDGED, roles=(Role.INSPECTOR,)),
    Step(after=5 * HOUR, until=Until.SUBMITTED, roles=(Role.INSPECTOR,)),
    Step(after=22 * HOUR, until=Until.CLOSED, roles=(Role.SUPERVISOR,)),
)
RED = Chain(name="red", levels=frozenset({Level.RED}), steps=STEPS)
NIGHT = QuietHours(begins=time(21, 30), ends=time(6, 30))


def raised(**changes):
    return begun(a_warning(**changes), (RED,))


def after(warning, command, hours, actor=OWNER):
    return apply(warning, command, actor=actor, rules=RULES, now=T0 + hours * HOUR)


def pending(warning):
    return [number for _, number in waiting(warning)]


@pytest.mark.parametrize(
    ("chain", "concerns", "why"),
    [
        (Chain(name="c", steps=STEPS), True, "no filter"),
        (Chain(name="c", steps=STEPS, levels=frozenset({Level.ORDINARY})), False, "another level"),
        (Chain(name="c", steps=STEPS, rules=frozenset({"pest_or_pet"})), True, "this rule"),
        (Chain(name="c", steps=STEPS, rules=frozenset({"RW1"})), False, "another rule"),
        (Chain(name="c", steps=STEPS, region="3302"), True, "this region"),
        (Chain(name="c", steps=STEPS, region="3702"), False, "another region"),
    ],
)
def test_a_chain_concerns_what_it_names(chain, concerns, why):
    assert (begun(a_warning(), (chain,)).escalation is not None) is concerns, why


def test_the_first_chain_that_concerns_a_warning_is_laid_down_in_it():
    first = Chain(name="first", steps=STEPS[:1], region="3702")
    running = begun(a_warning(), (first, RED, Chain(name="last", steps=()))).escalation
    assert running == Escalation(chain="red", steps=STEPS, started_at=T0)


def test_what_has_come_ends_the_steps_that_wait_for_it_and_no_others():
    warning = raised()
    assert pending(warning) == [0, 1, 2, 3]
    told = after(warning, Command.NOTIFY, 0.1, SYSTEM)
    assert pending(told) == [1, 2, 3]
    seen = after(told, Command.ACKNOWLEDGE, 0.2)
    assert pending(seen) == [2, 3]
    assert pending(after(seen, Command.SUBMIT, 0.3)) == [3]
    assert pending(after(seen, Command.DISMISS, 0.3, INSPECTOR)) == []
    assert pending(after(warning, Command.SUBMIT, 0.3)) == [3], "who submits was told and has seen it"


def test_a_step_is_due_at_its_instant_and_once():
    warning = raised()
    assert next_due_at(warning, RULES) == T0 + 30 * MINUTE
    assert due(warning, RULES, T0 + 30 * MINUTE - TICK) == ()
    now = T0 + 3 * HOUR
    assert (due(warning, RULES, now), due_steps(warning, now)) == ((Due.ESCALATE,), (0, 1))
    flagged = flag(warning, (Due.ESCALATE,), RULES, steps=due_steps(warning, now))
    assert due(flagged, RULES, now) == ()
    assert flagged.next_due_at == T0 + 5 * HOUR


def test_a_step_after_a_failed_verification_is_taken_if_its_time_has_passed():
    warning = after(raised(), Command.SUBMIT, 1)
    assert 2 not in due_steps(warning, T0 + 6 * HOUR)
    back = after(warning, Command.VERIFY_FAIL, 6, INSPECTOR)
    assert 2 in due_steps(back, T0 + 6 * HOUR)


def test_reopening_starts_the_same_chain_anew():
    warning = taken(raised(), (0, 1))
    closed = after(warning, Command.DISMISS, 1, INSPECTOR)
    again = after(closed, Command.REOPEN, 50, INSPECTOR)
    assert again.escalation == Escalation(chain="red", steps=STEPS, started_at=T0 + 50 * HOUR)
    assert next_due_at(again, RULES) == T0 + 50.5 * HOUR


def test_a_running_chain_comes_back_from_its_json_form_the_same():
    running = Escalation(chain="c", steps=STEPS, started_at=T0, quiet=NIGHT, done=(0, 2))
    assert Escalation.from_wire(running.to_wire()) == running


def shanghai(day, hour, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("at", "over_at", "why"),
    [
        (shanghai(20, 12), shanghai(20, 12), "by day"),
        (shanghai(20, 21, 29), shanghai(20, 21, 29), "just before"),
        (shanghai(20, 21, 30), shanghai(21, 6, 30), "it begins: until tomorrow"),
        (shanghai(20, 23, 59), shanghai(21, 6, 30), "before midnight"),
        (shanghai(30, 23, 59), datetime(2026, 11, 30, 22, 30, tzinfo=UTC), "over the end of a month"),
        (shanghai(21, 0), shanghai(21, 6, 30), "at midnight"),
        (shanghai(21, 6, 29), shanghai(21, 6, 30), "just before its end"),
        (shanghai(21, 6, 30), shanghai(21, 6, 30), "its end is not quiet any more"),
    ],
)
def test_quiet_hours_run_over_midnight_on_shanghais_clock(at, over_at, why):
    assert NIGHT.over_at(at) == over_at, why


@pytest.mark.parametrize(("hour", "over"), [(12, 12), (13, 15), (14, 15), (15, 15)])
def test_quiet_hours_may_lie_within_a_day(hour, over):
    assert QuietHours(begins=time(13), ends=time(15)).over_at(shanghai(20, hour)) == shanghai(20, over)


def test_quiet_hours_put_off_an_ordinary_warning_and_never_a_red_one():
    at = shanghai(20, 21)
    chain = replace(RED, levels=frozenset(), quiet=NIGHT)
    red = begun(a_warning(now=at), (chain,))
    ordinary = begun(a_warning(now=at, rule="no_workwear", level=Level.ORDINARY), (chain,))
    assert waiting(red)[0][0] == at + 30 * MINUTE
    assert waiting(ordinary)[0][0] == shanghai(21, 6, 30)


@pytest.mark.parametrize(
    ("steps", "tells"),
    [(STEPS, True), (STEPS[1:], False), ((replace(STEPS[0], after=31 * MINUTE),), False), ((), False)],
)
def test_whether_a_chain_tells_that_nobody_was_reached(steps, tells):
    assert replace(RED, steps=steps).tells_undelivered() is tells
