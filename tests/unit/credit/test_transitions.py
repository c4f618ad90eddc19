"""What holds for every lifecycle (domain.md D, E.7, F.21)."""

from __future__ import annotations

import pytest

from credit import commitments, lists, measures, repair, rolls, tasks
from credit.transitions import Lifecycle
from domain.errors import BadInput, Forbidden, IllegalTransition
from domain.parties import Role
from tests.unit.credit.people import CLOCK, LEADER, MERCHANT, NOW, OFFICER, USCC

LIVES = {
    "commitment": (commitments.LIFE, commitments.CommitmentState, commitments.CommitmentCommand),
    "repair": (repair.LIFE, repair.RepairState, repair.RepairCommand),
    "task": (tasks.LIFE, tasks.TaskState, tasks.TaskCommand),
    "listing": (lists.LIFE, lists.ListingState, lists.ListingCommand),
    "measure": (measures.LIFE, measures.ProposalState, measures.ProposalCommand),
    "roll": (rolls.LIFE, rolls.EntryState, rolls.EntryCommand),
}
EVERY = pytest.mark.parametrize(("life", "states", "commands"), LIVES.values(), ids=LIVES)


@EVERY
def test_every_state_is_reached_and_every_command_has_somebody(life: Lifecycle, states, commands):
    reached = {next(iter(states))}
    for _ in states:
        reached |= {after for state in reached for after in life.steps.get(state, {}).values()}
    assert reached == set(states)
    used = {command for steps in life.steps.values() for command in steps}
    assert used == set(commands) == set(life.who)
    assert all(life.who.values())
    assert life.reasoned <= used


PUNITIVE = {
    "commitment": {"find_false", "revoke", "record_breach"},
    "repair": {"reject", "revoke"},
    "task": {"order_rectification"},
    "listing": {"give_notice", "list", "publish", "refuse_removal"},
    "measure": {"notify", "decide", "execute"},
    "roll": {"publish"},
}


@pytest.mark.parametrize("name", LIVES)
def test_nothing_punitive_is_done_by_the_system_or_the_merchant(name):
    life, _, commands = LIVES[name]
    named = {command for command in commands if command.value in PUNITIVE[name]}
    assert len(named) == len(PUNITIVE[name])
    for command in named:
        assert not life.who[command] & {Role.SYSTEM, Role.MERCHANT, Role.STAFF}


def test_a_refused_step_changes_nothing_and_says_why():
    entry = rolls.RollEntry(id="e", uscc=USCC, month="2026-11", roll=rolls.Roll.BLACK_LIST, grade="red")
    for actor in (CLOCK, OFFICER, MERCHANT):
        with pytest.raises(Forbidden, match=actor.role.value):
            rolls.decide(entry, published=True, actor=actor, reason="red", now=NOW)
    with pytest.raises(IllegalTransition, match="withdraw is not possible"):
        rolls.withdraw(entry, actor=LEADER, reason="x", now=NOW)
    with pytest.raises(BadInput, match="reason"):
        rolls.decide(entry, published=True, actor=LEADER, reason=" \t", now=NOW)
    assert entry.state is rolls.EntryState.PROPOSED


def test_a_step_is_recorded_with_who_when_and_why():
    entry = rolls.RollEntry(id="e", uscc=USCC, month="2026-11", roll=rolls.Roll.RED_LIST, grade="green")
    told = rolls.decide(entry, published=True, actor=LEADER, reason=" score 93.1 ", now=NOW).transition
    assert (told.entity, told.entity_id, told.command) == ("roll entry", "e", "publish")
    assert (told.before, told.after, told.at) == ("proposed", "published", NOW)
    assert (told.actor, told.actor_role, told.reason) == ("l", Role.SUPERVISOR, "score 93.1")


def test_what_somebody_may_do_is_told_for_their_buttons():
    assert tasks.LIFE.commands(tasks.TaskState.IN_PROGRESS, Role.INSPECTOR) == (tasks.TaskCommand.ENTER_RESULT,)
    assert tasks.LIFE.commands(tasks.TaskState.IN_PROGRESS, Role.MERCHANT) == ()
