"""Inspection tasks (domain.md D.6)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from credit import tasks as t
from domain.errors import BadInput, Forbidden, IllegalTransition
from tests.unit.credit.people import CLOCK, LEADER, MERCHANT, NOW, OFFICER, SECOND, USCC, WEEKDAYS, at

S = t.TaskState
MONTH_END = at(12, 1, 0)


def a_task(state=S.PLANNED, **changes):
    return t.Task(**{"id": "t", "uscc": USCC, "origin": t.Origin.DRAWN, "due_by": MONTH_END, "state": state, **changes})


def begun():
    drawn = t.drawn(a_task(), seed="2026-11", actor=CLOCK, now=NOW).case
    assigned = t.assign(drawn, ["o1", "o2"], actor=LEADER, now=NOW).case
    return t.start(assigned, actor=OFFICER, now=NOW).case


def entered(finding=t.Finding.NO_PROBLEM):
    return t.enter_result(begun(), finding, calendar=WEEKDAYS, actor=SECOND, now=NOW).case


def test_from_the_draw_to_the_published_result():
    signed = t.signed(entered(), merchant_signed=True, actor=OFFICER, now=NOW).case
    assert signed.publish_by == at(12, 15, 0), "20 working days after Monday 16 November end with Monday 14 December"
    assert t.publish(signed, actor=CLOCK, now=NOW).case.state is S.PUBLISHED


@pytest.mark.parametrize("officers", [[], ["o1"], ["o1", "o1"]])
def test_nobody_inspects_alone(officers):
    with pytest.raises(BadInput, match="too few"):
        t.assign(a_task(S.DRAWN), officers, actor=LEADER, now=NOW)


def test_only_those_sent_start_and_enter():
    with pytest.raises(Forbidden):
        t.start(a_task(S.ASSIGNED, officers=("o2", "o3")), actor=OFFICER, now=NOW)
    with pytest.raises(Forbidden):
        t.enter_result(begun(), t.Finding.NO_PROBLEM, calendar=WEEKDAYS, actor=LEADER, now=NOW)


def test_a_refused_signature_is_recorded_with_its_reason_and_stops_nothing():
    with pytest.raises(BadInput, match="reason"):
        t.signed(entered(), merchant_signed=False, actor=OFFICER, now=NOW)
    refused = t.signed(entered(), merchant_signed=False, reason="the owner left", actor=OFFICER, now=NOW).case
    assert t.publish(refused, actor=OFFICER, now=NOW).case.state is S.PUBLISHED


def test_a_trigger_needs_a_reason():
    with pytest.raises(BadInput, match="reason"):
        t.triggered(a_task(), actor=OFFICER, reason="", now=NOW)
    assert t.triggered(a_task(), actor=CLOCK, reason="a complaint about illness", now=NOW).case.state is S.TRIGGERED


def test_problems_are_checked_again():
    published = a_task(S.PUBLISHED, finding=t.Finding.ORDERED_TO_CORRECT)
    ordered = t.order_rectification(published, recheck_by=at(11, 30), actor=OFFICER, reason="the drain", now=NOW).case
    due = t.recheck_due(ordered, actor=CLOCK, now=at(11, 30)).case
    done = t.recheck(due, passed=True, actor=SECOND, now=at(11, 30))
    assert (done.case.state, done.transition.reason) == (S.RECHECK_DONE, "rectified")


@pytest.mark.parametrize(("finding", "recheck_by"), [(t.Finding.NO_PROBLEM, at(11, 30)), (t.Finding.ORDERED_TO_CORRECT, NOW)])
def test_nothing_is_rechecked_without_a_problem_or_in_the_past(finding, recheck_by):
    with pytest.raises(BadInput):
        t.order_rectification(a_task(S.PUBLISHED, finding=finding), recheck_by=recheck_by, actor=OFFICER, reason="x", now=NOW)


@pytest.mark.parametrize(
    ("state", "now", "late", "why"),
    [
        (S.DRAWN, MONTH_END - timedelta(seconds=1), False, "the last second of the month"),
        (S.DRAWN, MONTH_END, True, "24:00 has come"),
        (S.IN_PROGRESS, MONTH_END, True, "begun is not done"),
        (S.RESULT_ENTERED, MONTH_END, False, "done"),
        (S.CANCELLED, MONTH_END, False, "not to be done"),
    ],
)
def test_late_is_the_regulators_lateness(state, now, late, why):
    assert t.overdue(a_task(state), now) is late, why


@pytest.mark.parametrize("told_at", [at(11, 16, 0), at(11, 20), at(11, 22, 23, 59)])
def test_a_weekly_evaluation_is_due_when_its_week_ends(told_at):
    due_by = t.week_ends_by(told_at)
    assert due_by == at(11, 23, 0)
    assert t.overdue(a_task(S.ASSIGNED, origin=t.Origin.WEEKLY, due_by=due_by), due_by)


def test_a_result_that_is_not_public_in_time_is_late_too():
    waiting = entered()
    assert not t.publication_overdue(waiting, waiting.publish_by - timedelta(seconds=1))
    assert t.publication_overdue(waiting, waiting.publish_by)


def test_a_cancelled_task_says_why_and_is_a_leaders_decision():
    cancelled = t.cancel(a_task(S.ASSIGNED), actor=LEADER, reason="the shop has closed for good", now=NOW).case
    assert cancelled.state is S.CANCELLED
    with pytest.raises(IllegalTransition):
        t.cancel(entered(), actor=LEADER, reason="too late", now=NOW)
    with pytest.raises(Forbidden):
        t.cancel(a_task(), actor=MERCHANT, reason="no", now=NOW)


def test_every_result_has_its_published_words():
    assert set(t.FINDING_ZH) == set(t.Finding)
    assert t.FINDING_ZH[t.Finding.ORDERED_TO_CORRECT] == "发现问题已责令改正"
