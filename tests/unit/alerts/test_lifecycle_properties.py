"""Whatever anybody orders in whatever order, a warning keeps its promises (domain.md D.1, section 0)."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts.deadlines import charge_due, due, flag, next_due_at
from alerts.lifecycle import Command, apply
from domain.errors import BadInput, Forbidden, IllegalTransition
from domain.parties import Actor, Role
from domain.rules import Level
from domain.warnings import Disposition, State
from tests.unit.alerts.builders import ACTORS, HOUR, REGION, RULES, T0, TICK, USCC, a_warning

TWO_FACED = (
    Actor(id="owner", role=Role.INSPECTOR, region="33"),  # the owner's own person with an officer's account
    Actor(id="staff", role=Role.SUPERVISOR),
)

DRAWN = {
    (State.RAISED, State.NOTIFIED),
    (State.RAISED, State.ACKNOWLEDGED),
    (State.NOTIFIED, State.ACKNOWLEDGED),
    (State.ACKNOWLEDGED, State.RECTIFYING),
    (State.RAISED, State.SUBMITTED),
    (State.NOTIFIED, State.SUBMITTED),
    (State.ACKNOWLEDGED, State.SUBMITTED),
    (State.RECTIFYING, State.SUBMITTED),
    (State.SUBMITTED, State.CLOSED),
    (State.SUBMITTED, State.RECTIFYING),
    (State.SUBMITTED, State.CONTROLLED),
    (State.CONTROLLED, State.CLOSED),
    (State.CONTROLLED, State.RECTIFYING),
    (State.CLOSED, State.RECTIFYING),
    (State.DISMISSED, State.RAISED),
}
OPEN = (State.RAISED, State.NOTIFIED, State.ACKNOWLEDGED, State.RECTIFYING, State.SUBMITTED, State.CONTROLLED)

STEPS = st.one_of(
    st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=6)),
    st.timedeltas(min_value=timedelta(), max_value=timedelta(days=35)),
    st.sampled_from([timedelta(), TICK, 12 * HOUR, 24 * HOUR]),
)


class WarningLife(RuleBasedStateMachine):
    """Random people give random commands while time passes and the sweep runs."""

    tries = Bundle("tries")

    @initialize(level=st.sampled_from(Level), limit=st.sampled_from([2, 4, 12]))
    def begin(self, level, limit):
        self.now = T0
        self.warning = a_warning(level=level, rectify_within=limit * HOUR)
        self.was_told_in_time = False

    @rule(step=STEPS)
    def time_passes(self, step):
        self.now += step

    @precondition(lambda self: self.warning.next_due_at is not None and self.warning.next_due_at > self.now)
    @rule(offset=st.sampled_from([-TICK, timedelta(), TICK]))
    def time_passes_to_a_deadline(self, offset):
        self.now = max(self.now, self.warning.next_due_at + offset)

    @rule()
    def the_sweep_runs(self):
        found = due(self.warning, RULES, self.now)
        swept = flag(self.warning, found, RULES)
        assert due(swept, RULES, self.now) == (), "what was flagged does not come again"
        assert swept.state is self.warning.state
        assert (swept.close_by, swept.rectify_by) == (self.warning.close_by, self.warning.rectify_by)
        self.warning = swept

    @rule(
        command=st.sampled_from(Command),
        actor=st.sampled_from([*ACTORS, *TWO_FACED]),
        ahead=st.none() | st.timedeltas(min_value=-HOUR, max_value=timedelta(days=31)),
        false_evidence=st.booleans(),
    )
    def somebody_orders(self, command, actor, ahead, false_evidence):
        before = self.warning
        until = None if ahead is None else self.now + ahead
        try:
            after = apply(before, command, actor=actor, rules=RULES, now=self.now, until=until, false_evidence=false_evidence)
        except (IllegalTransition, Forbidden, BadInput):
            assert self.warning == before
            return
        self.warning = after
        assert actor.may_see(uscc=USCC, region=REGION)
        self.check_jump(before, after, command)
        self.check_deadlines(before, after, command)
        self.check_people(before, command, actor)

    def check_jump(self, before, after, command):
        ended = command in (Command.DISMISS, Command.FILE_CASE)
        assert after.version == before.version + 1
        if ended:
            assert before.state in OPEN
            assert after.state is (State.DISMISSED if command is Command.DISMISS else State.CLOSED)
        elif before.state is after.state:
            assert command is Command.EXTEND or (command is Command.NOTIFY and before.notified_at is None)
        else:
            assert (before.state, after.state) in DRAWN

    def check_deadlines(self, before, after, command):
        anew = command is Command.REOPEN or (command is Command.VERIFY_FAIL and before.state is State.CONTROLLED)
        if not anew:
            assert after.close_by == before.close_by
        elif before.level is Level.RED:
            assert after.close_by == self.now + RULES.close_within
        moved = after.rectify_by != before.rectify_by
        if moved and after.rectify_by is not None:
            assert after.rectify_by > self.now, "no limit is ever set into the past"
        if not anew and before.notified_at is not None:
            assert after.notified_at == before.notified_at
        assert after.raised_at == before.raised_at

    def check_people(self, before, command, actor):
        if command in (Command.VERIFY_OK, Command.VERIFY_FAIL):
            assert actor.id != before.submitted_by
            assert actor.role in (Role.INSPECTOR, Role.SUPERVISOR)
        if command is Command.SUBMIT:
            assert self.warning.submitted_by == actor.id
            in_time = before.rectify_by is None or self.now <= before.rectify_by
            assert self.warning.on_time is in_time

    @invariant()
    def the_merchants_limit_lies_within_the_regulators(self):
        if self.warning.rectify_by is not None and self.warning.close_by is not None:
            assert self.warning.rectify_by <= self.warning.close_by

    @invariant()
    def red_has_a_close_by_and_ordinary_has_none(self):
        assert (self.warning.close_by is not None) is (self.warning.level is Level.RED)

    @invariant()
    def an_end_has_a_time_and_a_disposition(self):
        ended = self.warning.state in (State.CLOSED, State.DISMISSED)
        assert (self.warning.closed_at is not None) is ended
        assert ended or self.warning.disposition in (None, Disposition.CONTROLLED_LONG_TERM)

    @invariant()
    def the_index_knows_when_something_is_due(self):
        assert self.warning.next_due_at == next_due_at(self.warning, RULES)
        is_due = self.warning.next_due_at is not None and self.warning.next_due_at <= self.now
        assert bool(due(self.warning, RULES, self.now)) is is_due

    @invariant()
    def a_waiting_submission_and_a_dismissal_cost_nothing(self):
        if self.warning.state in (State.SUBMITTED, State.DISMISSED, State.RAISED):
            assert not charge_due(self.warning, self.now)


WarningLife.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestWarningLife = WarningLife.TestCase
