"""Proposals of the cumulative ledger (domain.md C.5, F.21); which are proposed is tested with the rating."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit import measures as m
from domain.errors import BadInput, Forbidden
from tests.unit.credit.people import CLOCK, LEADER, NOW, OFFICER, USCC, WEEKDAYS, at

S = m.ProposalState
THRESHOLDS = tuple(
    m.Threshold(points=Decimal(points), measure=measure, days=days)
    for points, measure, days in [
        (24, m.Measure.INTERVIEW, ()),
        (40, m.Measure.SUSPENSION, (3, 7)),
        (60, m.Measure.BID_BAN, ()),
        (80, m.Measure.CLEAR_OUT, ()),
    ]
)


def a_proposal(state=S.PROPOSED, threshold="40", **changes):
    known = {"id": "p", "uscc": USCC, "measure": m.Measure.SUSPENSION, "threshold": Decimal(threshold), "points": Decimal(41)}
    return m.Proposal(**{**known, "proposed_at": NOW, "state": state, **changes})


def test_a_measure_is_taken_by_a_leader_after_the_hearing():
    told = m.notify(a_proposal(), calendar=WEEKDAYS, actor=OFFICER, reason="41 points", now=NOW).case
    assert told.hearing_until == at(11, 20, 0), "Tuesday, Wednesday, Thursday"
    with pytest.raises(BadInput, match="heard"):
        m.decide(told, taken=True, actor=LEADER, reason="x", now=at(11, 20, 0) - timedelta(seconds=1))
    with pytest.raises(Forbidden):
        m.decide(told, taken=True, actor=OFFICER, reason="x", now=at(11, 20))
    decided = m.decide(told, taken=True, actor=LEADER, reason="third time", now=at(11, 20, 0)).case
    assert (decided.state, decided.decided_by) == (S.DECIDED, "l")
    assert m.execute(decided, actor=OFFICER, now=NOW).case.state is S.EXECUTED


def test_nothing_is_decided_without_the_merchant_having_been_told():
    with pytest.raises(Exception, match="decide is not possible"):
        m.decide(a_proposal(), taken=True, actor=LEADER, reason="x", now=NOW)
    assert m.decide(a_proposal(), taken=False, actor=LEADER, reason="one bad month", now=NOW).case.state is S.REFUSED


@pytest.mark.parametrize(
    ("state", "total", "after", "why"),
    [
        (S.PROPOSED, "39.9", S.WITHDRAWN, "no longer reached"),
        (S.NOTIFIED, "0", S.WITHDRAWN, "while the hearing runs"),
        (S.DECIDED, "39.9", S.WITHDRAWN, "decided, not yet carried out"),
        (S.EXECUTED, "39.9", S.CORRECTED, "carried out: a corrective record"),
        (S.PROPOSED, "40", None, "still reached"),
        (S.REFUSED, "0", None, "nothing to take back"),
    ],
)
def test_a_reversal_takes_back_what_is_no_longer_reached(state, total, after, why):
    moved = m.after_reversal([a_proposal(state)], Decimal(total), actor=CLOCK, now=NOW)
    assert [each.case.state for each in moved] == ([] if after is None else [after]), why
    assert all(each.transition.reason == f"below_threshold: {total} < 40" for each in moved)


@given(st.decimals(0, 120, places=1), st.decimals(0, 120, places=1), st.integers(0, 3))
def test_what_is_proposed_is_reached_and_was_not_before(before, rise, suspensions):
    after = before + rise
    told = m.proposals(before, after, THRESHOLDS, suspensions=suspensions)
    reached = {each.measure for each in m.reached(after, THRESHOLDS)}
    assert {each.measure for each in told} <= reached
    assert len(told) <= 2
    crossed = [each for each in THRESHOLDS if before < each.points <= after]
    assert bool(told) is bool(crossed)
    if told:
        assert (m.Measure.BID_BAN in {each.measure for each in told}) is (after >= 60)
        ladder = [each.measure for each in crossed if each.measure is not m.Measure.BID_BAN]
        assert [each.measure for each in told if each.measure is not m.Measure.BID_BAN] == ladder[-1:]


@pytest.mark.parametrize(
    ("before", "after", "proposed", "why"),
    [
        ("20", "70", ["suspension", "bid_ban"], "three thresholds at once: the gravest of this round, and the ban for the next"),
        ("0", "60", ["suspension", "bid_ban"], "exactly 60"),
        ("0", "59.9", ["suspension"], "a tenth short of the ban"),
        ("20", "45", ["suspension"], "the graver of two takes the place of the milder"),
        ("39.9", "79.9", ["suspension", "bid_ban"], "a tenth short of clearing out"),
        ("20", "85", ["clear_out", "bid_ban"], "clearing out implies the ban"),
        ("45", "70", ["bid_ban"], "the suspension was proposed before"),
        ("65", "85", ["clear_out", "bid_ban"], "the ban stands: whoever keeps the proposals has it already"),
        ("70", "79.9", [], "nothing new"),
    ],
)
def test_every_step_up_proposes_the_gravest_measure_and_from_60_on_the_bid_ban(before, after, proposed, why):
    told = m.proposals(Decimal(before), Decimal(after), THRESHOLDS)
    assert [each.measure.value for each in told] == proposed, why
