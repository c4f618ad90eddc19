"""Listing and joint punishment (domain.md D.7, C.6.3, R-10, R-11), and the monthly roll (C.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit import lists as x
from credit import pushes as p
from credit import rolls
from credit.transitions import LEADERS
from domain.errors import BadInput, Forbidden, IllegalTransition
from tests.unit.credit.people import CLOCK, DAY, LEADER, MERCHANT, NOW, OFFICER, STRANGER, USCC, WEEKDAYS, at

TERMS = x.ListingTerms(name="serious_dishonesty")
S = x.ListingState


def a_listing(state=S.CLUE, **changes):
    known = {"id": "x", "uscc": USCC, "list": "serious_dishonesty", "clue": x.Clue.PENALTY, "state": state, "came_at": NOW}
    return x.Listing(**{**known, "violation_listed": True, "heavier_penalty": True, **changes})


def noticed():
    reviewed = x.review(a_listing(), actor=CLOCK, now=NOW).case
    return x.give_notice(reviewed, TERMS, calendar=WEEKDAYS, actor=OFFICER, reason="fine of 200 000 yuan", now=NOW).case


def pushed():
    listed = x.decide(noticed(), listed=True, actor=LEADER, reason="Order 44 art. 5", now=at(11, 24, 0)).case
    return x.pushed(x.publish(listed, actor=LEADER, now=at(11, 24)).case, actor=CLOCK, now=at(11, 24)).case


def test_the_notice_lasts_five_working_days_and_nobody_decides_before():
    case = noticed()
    assert case.notice_ends_at == at(11, 24, 0), "Tuesday 17 to Monday 23"
    with pytest.raises(BadInput, match="state their case"):
        x.decide(case, listed=True, actor=LEADER, reason="now", now=at(11, 24, 0) - timedelta(seconds=1))
    assert x.decide(case, listed=True, actor=LEADER, reason="now", now=at(11, 24, 0)).case.state is S.LISTED


@pytest.mark.parametrize("actor", [CLOCK, OFFICER, MERCHANT])
def test_only_a_leader_lists(actor):
    with pytest.raises(Forbidden):
        x.decide(noticed(), listed=True, actor=actor, reason="x", now=at(11, 25))


def test_a_listing_needs_a_reason():
    with pytest.raises(BadInput, match="reason"):
        x.decide(noticed(), listed=True, actor=LEADER, reason="", now=at(11, 25))


@pytest.mark.parametrize(
    ("changes", "terms", "fits"),
    [
        ({}, TERMS, True),
        ({"heavier_penalty": False}, TERMS, False),
        ({"violation_listed": False}, TERMS, False),
        ({"heavier_penalty": False, "clue": x.Clue.COURT}, TERMS, True),
        ({"heavier_penalty": False, "violation_listed": False}, replace(TERMS, heavier_penalty=False), True),
    ],
)
def test_a_listing_needs_the_violation_and_the_heavier_penalty(changes, terms, fits):
    case = a_listing(S.REVIEW, **changes)
    if fits:
        assert x.give_notice(case, terms, calendar=WEEKDAYS, actor=OFFICER, reason="x", now=NOW).case.state is S.ADVANCE_NOTICE
    else:
        with pytest.raises(BadInput, match="heavier penalty"):
            x.give_notice(case, terms, calendar=WEEKDAYS, actor=OFFICER, reason="x", now=NOW)


def test_the_merchant_may_speak_until_the_notice_ends():
    spoken = x.state_case(noticed(), actor=MERCHANT, text="the meat was not ours", now=at(11, 23, 23)).case
    assert spoken.defended == ("the meat was not ours",)
    with pytest.raises(BadInput, match="ended"):
        x.state_case(spoken, actor=MERCHANT, text="and", now=at(11, 24, 0, 1))
    with pytest.raises(Forbidden):
        x.state_case(spoken, actor=STRANGER, text="me too", now=NOW)


def test_a_courts_event_is_looked_into_by_the_next_working_day():
    friday = a_listing(clue=x.Clue.COURT, came_at=at(11, 20, 17))
    assert x.review_deadline(friday, TERMS, WEEKDAYS).by == at(11, 24, 0)


def test_what_is_dropped_is_not_listed():
    assert x.decide(noticed(), listed=False, actor=OFFICER, reason="another's meat", now=NOW).case.state is S.NOT_LISTED


def test_it_lasts_three_years_and_its_end_may_be_asked_for_after_one():
    case = pushed()
    assert x.listing_ends_by(case, TERMS) == at(11, 24, 0, year=2029)
    assert x.early_removal_from(case, TERMS) == date(2027, 11, 24)
    with pytest.raises(BadInput, match="2027-11-24"):
        x.ask_removal(case, TERMS, actor=MERCHANT, reason="all mended", now=at(11, 23, 23, year=2027))
    asked = x.ask_removal(case, TERMS, actor=MERCHANT, reason="all mended", now=at(11, 24, 0, year=2027)).case
    refused = x.decide_removal(asked, granted=False, actor=LEADER, reason="the fine is unpaid", now=NOW).case
    assert refused.state is S.PUSHED
    removed = x.decide_removal(asked, granted=True, actor=LEADER, reason="all mended", now=at(11, 25, year=2027)).case
    assert (removed.state, removed.ended_at) == (S.REMOVED, at(11, 25, year=2027))
    assert x.expire(case, TERMS, actor=CLOCK, now=at(11, 24, 0, year=2029) - timedelta(seconds=1)) is None
    expired = x.expire(case, TERMS, actor=CLOCK, now=at(11, 24, 0, year=2029))
    assert expired is not None
    assert expired.case.state is S.EXPIRED


def test_every_department_is_told_and_whoever_was_told_is_told_of_the_end():
    case = pushed()
    first = p.pushes(case, ["tax", "court", "finance"])
    assert [(push.department, push.kind) for push in first] == [(name, p.PushKind.LISTED) for name in ("tax", "court", "finance")]
    assert p.pushes(case, ["tax", "court", "finance", "water"], first) == (
        p.Push(listing_id="x", department="water", kind=p.PushKind.LISTED, due_at=case.listed_at),
    )
    sent = [replace(push, sent_at=NOW) for push in first[:2]]
    removed = replace(case, state=S.REMOVED, ended_at=NOW)
    ends = p.pushes(removed, ["tax", "court", "finance"], [*sent, first[2]])
    assert [(push.department, push.kind) for push in ends] == [("tax", p.PushKind.REMOVED), ("court", p.PushKind.REMOVED)]
    assert p.pushes(a_listing(S.REVIEW), ["tax"]) == ()


def test_clocks_of_a_push():
    push = p.Push(listing_id="x", department="tax", kind=p.PushKind.REMOVED, due_at=NOW)
    assert not p.push_overdue(push, TERMS, NOW + DAY)
    assert p.push_overdue(push, TERMS, NOW + DAY + timedelta(seconds=1))
    sent = replace(push, sent_at=NOW)
    assert not p.push_overdue(sent, TERMS, NOW + 9 * DAY)
    assert [p.ack_overdue(sent, TERMS, WEEKDAYS, now) for now in (at(11, 23, 23), at(11, 24, 0))] == [False, True]
    acked = replace(sent, acked_at=NOW)
    assert not p.ack_overdue(acked, TERMS, WEEKDAYS, at(12, 24))
    assert [p.chase_due(sent, now) for now in (at(11, 16, 23), at(11, 17, 0))] == [False, True]
    assert not p.chase_due(replace(sent, chased_at=at(11, 17, 8)), at(11, 17, 20)), "once a day"
    assert not p.chase_due(acked, at(11, 20))
    assert not p.chase_due(replace(sent, kind=p.PushKind.LISTED), at(11, 20))


@given(
    st.lists(st.tuples(st.sampled_from(list(x.ListingCommand)), st.sampled_from([MERCHANT, OFFICER, LEADER, CLOCK])), max_size=14)
)
def test_nobody_comes_on_the_list_but_by_a_leader(tried):
    case, by = a_listing(), set()
    for command, actor in tried:
        try:
            case = x.LIFE.move(case, command, actor=actor, reason="x", now=NOW).case
            by.add((command, actor.role))
        except (IllegalTransition, Forbidden):
            continue
    if case.state in x.ON_LIST:
        assert any(command is x.ListingCommand.LIST and role in LEADERS for command, role in by)


MEASURES = {"green": {"list": "red_list"}, "blue": {"list": "standard_unit"}, "red": {"list": "black_list"}, "provisional": {}}


def test_grades_propose_places_on_the_roll_and_a_leader_publishes_red_and_black():
    entries = rolls.enrol({"b": "red", "a": "green", "c": "blue", "d": "provisional", "e": "unrated"}, MEASURES, "2026-11")
    assert [(entry.uscc, entry.roll.value) for entry in entries] == [
        ("a", "red_list"),
        ("b", "black_list"),
        ("c", "standard_unit"),
    ]
    assert [rolls.shown(entry) for entry in entries] == [False, False, True]
    black = entries[1]
    with pytest.raises(Forbidden):
        rolls.decide(black, published=True, actor=CLOCK, reason="red", now=NOW)
    published = rolls.decide(black, published=True, actor=LEADER, reason="score 51.2", now=NOW).case
    assert rolls.shown(published)
    assert published.decided_by == "l"
    assert not rolls.shown(rolls.withdraw(published, actor=LEADER, reason="reversed on appeal", now=NOW).case)
    assert not rolls.shown(rolls.decide(black, published=False, actor=LEADER, reason="closed", now=NOW).case)
