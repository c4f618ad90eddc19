"""From findings to warnings (domain.md F.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.raising import Merge, attach, merge, raise_warning
from domain.findings import Reason, ReasonCode
from domain.rules import Level
from domain.warnings import State
from tests.unit.alerts.builders import HOUR, REGION, RULES, T0, TICK, a_finding, a_warning


def test_the_clock_counts_from_the_raising_not_from_the_sighting():
    finding = a_finding(event_time=T0 - 50 * HOUR)
    warning = raise_warning(finding, region=REGION, rules=RULES, warning_id="w", now=T0)
    assert (warning.raised_at, warning.close_by, warning.event_time) == (T0, T0 + 24 * HOUR, T0 - 50 * HOUR)
    assert (warning.state, warning.notified_at, warning.rectify_by, warning.version) == (State.RAISED, None, None, 1)
    assert warning.next_due_at == T0 + 12 * HOUR
    assert warning.open_key == finding.open_key


def test_an_ordinary_warning_has_no_close_by_and_nothing_to_come():
    warning = a_warning(rule="no_workwear", level=Level.ORDINARY)
    assert (warning.close_by, warning.next_due_at) == (None, None)


@pytest.mark.parametrize(
    ("rule", "hours"), [("RW1", 4), ("RW2", 2), ("pest_or_pet", 12), ("RW5", 12), ("a-rule-since-removed", 12)]
)
def test_the_merchants_limit_is_the_rules(rule, hours):
    assert a_warning(rule=rule).rectify_within == hours * HOUR


ENDED = T0 + 10 * HOUR
MERGES = [
    (None, T0, Merge.RAISE, "nothing there yet"),
    (State.RAISED, T0 + HOUR, Merge.ATTACH, "one open warning per key"),
    (State.SUBMITTED, T0 + HOUR, Merge.ATTACH, "submitted is open"),
    (State.CONTROLLED, T0 + HOUR, Merge.ATTACH, "controlled is open"),
    (State.NOTIFIED, T0 - HOUR, Merge.ATTACH, "late, but of the same open fact"),
    (State.CLOSED, ENDED + TICK, Merge.RAISE, "seen again after it was closed"),
    (State.DISMISSED, ENDED + timedelta(days=9), Merge.RAISE, "seen again after it was dismissed"),
    (State.CLOSED, ENDED, Merge.IGNORE, "seen before it was closed: judged already"),
    (State.CLOSED, T0, Merge.IGNORE, "a replay, or a device that was away"),
]


@pytest.mark.parametrize(("state", "event_time", "verdict", "why"), MERGES)
def test_merging_is_decided_by_event_time(state, event_time, verdict, why):
    ended = ENDED if state in (State.CLOSED, State.DISMISSED) else None
    existing = None if state is None else replace(a_warning(), state=state, closed_at=ended)
    assert merge(existing, a_finding(event_time=event_time)) is verdict, why


def test_a_camera_episode_is_its_own_incident_but_what_is_said_of_one_lot_is_one():
    assert a_warning(id="f-1").incident_id != a_warning(id="f-2").incident_id
    lot = {"camera": None, "zone": None, "subject": "L1"}
    assert a_warning(id="f-1", rule="RW1", **lot).incident_id == a_warning(id="f-2", rule="RW2", **lot).incident_id
    assert a_warning(rule="RW1", camera=None, subject="L2").incident_id != a_warning(rule="RW1", **lot).incident_id


def test_goods_in_store_that_turn_out_sold_make_the_open_warning_graver_never_milder():
    in_store = a_warning(rule="RW2", violation_code="XV03", camera=None)
    sale = a_finding(rule="RW2", violation_code="XV04", camera=None, why=Reason(code=ReasonCode.PRODUCT_EXPIRED_ON_SALE))
    graver = attach(in_store, sale)
    assert (graver.violation_code, graver.why.code) == ("XV04", ReasonCode.PRODUCT_EXPIRED_ON_SALE)
    assert (graver.close_by, graver.id, graver.version) == (in_store.close_by, in_store.id, in_store.version + 1)
    milder = a_finding(rule="RW2", violation_code="XV03", camera=None)
    assert attach(graver, milder) is graver
    assert attach(graver, sale) is graver
