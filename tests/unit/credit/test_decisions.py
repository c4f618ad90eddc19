"""Who decides about a deduction, and when (domain.md D.9, E.7, F.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from credit.decisions import confirm, object_to, reverse, withdraw
from domain.deductions import DeductionState
from domain.errors import Forbidden, IllegalTransition
from domain.parties import SYSTEM, Actor, Role
from tests.unit.credit.builders import USCC, an_entry

REGION = "330211"
ENTRY = an_entry("XV04")
IN_WINDOW = ENTRY.objection_until
AFTER = ENTRY.objection_until + timedelta(microseconds=1)

OWNER = Actor(id="owner", role=Role.MERCHANT, uscc=USCC)
STAFF = Actor(id="staff", role=Role.STAFF, uscc=USCC)
STRANGER = Actor(id="stranger", role=Role.MERCHANT, uscc="91330211MA2XYZ993K")
INSPECTOR = Actor(id="inspector", role=Role.INSPECTOR, region="3302")
FAR = Actor(id="far", role=Role.INSPECTOR, region="3702")
SUPERVISOR = Actor(id="supervisor", role=Role.SUPERVISOR)
EVERYBODY = (OWNER, STAFF, STRANGER, INSPECTOR, FAR, SUPERVISOR, SYSTEM)


def do_object(entry, actor, now=IN_WINDOW):
    return object_to(entry, actor=actor, region=REGION, note="not mine", now=now)


def do_confirm(entry, actor, now=AFTER, **keywords):
    return confirm(entry, actor=actor, region=REGION, now=now, **keywords)


def do_withdraw(entry, actor, now=IN_WINDOW, **keywords):
    return withdraw(entry, actor=actor, region=REGION, note="wrong lot", now=now, **keywords)


def do_reverse(entry, actor, now=AFTER, **keywords):
    return reverse(entry, actor=actor, region=REGION, note="on appeal", now=now, **keywords)


def in_state(state):
    return replace(ENTRY, state=state, confirmed_by="inspector" if state is DeductionState.FINAL else None)


@pytest.mark.parametrize(
    ("decide", "state", "may"),
    [
        (do_object, DeductionState.PROPOSED, {OWNER}),
        (do_confirm, DeductionState.PROPOSED, {INSPECTOR, SUPERVISOR}),
        (do_withdraw, DeductionState.PROPOSED, {INSPECTOR, SUPERVISOR}),
        (do_reverse, DeductionState.FINAL, {SUPERVISOR}),
    ],
)
@pytest.mark.parametrize("actor", EVERYBODY, ids=lambda actor: actor.id)
def test_every_decision_is_for_its_roles_and_never_the_systems(decide, state, may, actor):
    entry = in_state(state)
    if actor in may:
        assert decide(entry, actor).version == entry.version + 1
    else:
        with pytest.raises(Forbidden):
            decide(entry, actor)


S = DeductionState


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize(
    ("decide", "actor", "from_states", "to_state"),
    [
        (do_object, OWNER, {S.PROPOSED}, S.OBJECTED),
        (do_confirm, SUPERVISOR, {S.PROPOSED, S.OBJECTED}, S.FINAL),
        (do_withdraw, SUPERVISOR, {S.PROPOSED, S.OBJECTED}, S.WITHDRAWN),
        (do_reverse, SUPERVISOR, {S.FINAL}, S.REVERSED),
    ],
)
def test_only_the_drawn_ways_lead_on(decide, actor, from_states, to_state, state):
    if state in from_states:
        assert decide(in_state(state), actor).state is to_state
    else:
        with pytest.raises(IllegalTransition):
            decide(in_state(state), actor)


def test_the_window_belongs_to_the_merchant_to_its_last_instant():
    assert do_object(ENTRY, OWNER, IN_WINDOW).state is S.OBJECTED
    with pytest.raises(IllegalTransition):
        do_object(ENTRY, OWNER, AFTER)
    with pytest.raises(IllegalTransition):
        do_confirm(ENTRY, INSPECTOR, IN_WINDOW)
    final = do_confirm(ENTRY, INSPECTOR, AFTER)
    assert (final.state, final.confirmed_by, final.decided_at) == (S.FINAL, "inspector", AFTER)


def test_an_objected_entry_too_waits_for_the_end_of_the_window():
    with pytest.raises(IllegalTransition):
        do_confirm(do_object(ENTRY, OWNER), SUPERVISOR, IN_WINDOW)


def test_an_objection_is_decided_by_somebody_who_took_no_part():
    objected = do_object(ENTRY, OWNER)
    for decide in (do_confirm, do_withdraw):
        with pytest.raises(Forbidden):
            decide(objected, INSPECTOR, involved={"inspector"})
        assert decide(objected, SUPERVISOR, involved={"inspector"}).decided_at is not None
    assert do_confirm(ENTRY, INSPECTOR, involved={"inspector"}).state is S.FINAL, "without an objection it is their case"


def test_nobody_reverses_what_they_confirmed_themselves():
    final = do_confirm(ENTRY, SUPERVISOR)
    with pytest.raises(Forbidden):
        do_reverse(final, SUPERVISOR)
    other = replace(SUPERVISOR, id="other")
    assert do_reverse(final, other).state is S.REVERSED
    with pytest.raises(Forbidden):
        do_reverse(final, other, involved={"other"})


def test_what_was_charged_stays_written_after_a_reversal():
    reversed_ = do_reverse(do_confirm(ENTRY, INSPECTOR), SUPERVISOR)
    assert (reversed_.points, reversed_.confirmed_by, reversed_.note) == (ENTRY.points, "inspector", "on appeal")
