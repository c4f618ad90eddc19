"""Credit repair (domain.md D.5, C.6.4, R-13, R-14, F.19)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

import configs
from credit import repair as r
from credit.repair_profile import Condition, Penalty, Standing, eligibility
from domain.errors import BadInput, Forbidden, IllegalTransition
from tests.unit.credit.people import CLOCK, DAY, LEADER, MERCHANT, NOW, OFFICER, STRANGER, USCC, WEEKDAYS, at

PROFILES = configs.load(configs.demo_directory()).consequences.repair_profiles
SAMR, GOV = PROFILES["samr_2021"], PROFILES["gov_2025"]
S = r.RepairState
PUBLISHED = date(2026, 1, 15)
EVERYTHING = frozenset(Condition)

STANDINGS = [
    # profile, class, kind, field, today, standing, from, why
    (SAMR, "other", "fine", "trade", date(2026, 7, 14), Standing.TOO_EARLY, date(2026, 7, 15), "a day short of six months"),
    (SAMR, "other", "fine", "trade", date(2026, 7, 15), Standing.ELIGIBLE, date(2026, 7, 15), "six months"),
    (SAMR, "other", "fine", "food", date(2027, 1, 14), Standing.TOO_EARLY, date(2027, 1, 15), "food: a year"),
    (SAMR, "other", "fine", "food", date(2027, 1, 15), Standing.ELIGIBLE, date(2027, 1, 15), "to the day"),
    (SAMR, "other", "suspension", "food", date(2027, 1, 15), Standing.EXCLUDED, None, "a suspension is not repaired"),
    (SAMR, "other", "fine", "food", date(2029, 1, 15), Standing.ENDED, None, "three years have passed"),
    (SAMR, "warning_only", "warning", "food", date(2026, 2, 1), Standing.NOT_PUBLISHED, None, "never shown"),
    (SAMR, "low_fine", "fine", "food", date(2026, 4, 14), Standing.ENDS_BY_ITSELF, None, "three months, no application"),
    (SAMR, "low_fine", "fine", "food", date(2026, 4, 15), Standing.ENDED, None, "it has ended by itself"),
    (GOV, "minor", "fine", "food", date(2026, 1, 15), Standing.ELIGIBLE, date(2026, 1, 15), "as soon as the duties are done"),
    (GOV, "general", "fine", "trade", date(2026, 4, 15), Standing.ELIGIBLE, date(2026, 4, 15), "three months"),
    # C.6.4, gov_2025: "general: 3 months – 1 year", "earliest request: after the minimum publication period"; the year for food
    # stands in the column of samr_2021 only, and here it would be the whole publication.
    (GOV, "general", "fine", "food", date(2026, 4, 14), Standing.TOO_EARLY, date(2026, 4, 15), "a day short of three months"),
    (GOV, "general", "fine", "food", date(2026, 4, 15), Standing.ELIGIBLE, date(2026, 4, 15), "food as any other field"),
    (GOV, "general", "fine", "food", date(2027, 1, 15), Standing.ENDED, None, "a year has passed"),
    (GOV, "serious", "fine", "food", date(2027, 1, 14), Standing.TOO_EARLY, date(2027, 1, 15), "a day short of a year"),
    (GOV, "serious", "fine", "food", date(2027, 1, 15), Standing.ELIGIBLE, date(2027, 1, 15), "one year of three"),
]


@pytest.mark.parametrize(("profile", "class_", "kind", "field", "today", "standing", "from_on", "why"), STANDINGS)
def test_when_a_repair_may_be_asked_for(profile, class_, kind, field, today, standing, from_on, why):
    penalty = Penalty(id="p", uscc=USCC, kind=kind, class_=class_, field=field, published_on=PUBLISHED)
    told = eligibility(penalty, profile, today)
    assert (told.standing, told.from_on) == (standing, from_on), why


def test_a_class_the_profile_does_not_know_is_refused():
    with pytest.raises(BadInput, match="no class"):
        eligibility(
            Penalty(id="p", uscc=USCC, kind="fine", class_="minor", field="food", published_on=PUBLISHED), SAMR, PUBLISHED
        )


def a_repair(state=S.ELIGIBLE, **changes):
    return r.Repair(**{"id": "r", "uscc": USCC, "penalty_id": "p", "notice_id": "n", "state": state, **changes})


def applied(now=NOW, shown=EVERYTHING):
    return r.apply(a_repair(), shown=shown, calendar=WEEKDAYS, actor=MERCHANT, now=now).case


def test_a_complete_application_is_decided_the_same_day():
    case = applied()
    assert case.decide_by == at(11, 17, 0)
    accepted = r.accept(case, actor=OFFICER, now=NOW).case
    checked = r.check(accepted, SAMR, actor=OFFICER, now=NOW).case
    approved = r.approve(checked, actor=OFFICER, now=at(11, 16, 17)).case
    assert (approved.state, approved.effective_on) == (S.APPROVED, date(2026, 11, 17))
    assert r.decided_the_same_day(approved, WEEKDAYS) is True
    assert [r.counts(approved, day) for day in (date(2026, 11, 16), date(2026, 11, 17))] == [True, False]
    assert r.withdrawn_from_screens_by(approved) == at(11, 17, 17)
    assert r.publish(approved, actor=CLOCK, now=NOW).case.state is S.PUBLISHED


def test_a_supplement_stops_the_clock_and_starts_it_anew():
    case = applied(shown={Condition.DUTIES_PERFORMED})
    asked = r.request_supplement(case, actor=OFFICER, reason="the receipt is missing", now=NOW).case
    assert (asked.state, asked.decide_by) == (S.SUPPLEMENT_REQUESTED, None)
    back = r.supplement(asked, shown=EVERYTHING, calendar=WEEKDAYS, actor=MERCHANT, now=at(11, 20, 16)).case
    assert (back.state, back.decide_by) == (S.APPLIED, at(11, 24, 0)), "Friday 16:00: by the end of Monday"
    assert back.applied_at == NOW
    assert back.shown == EVERYTHING


def test_what_is_not_shown_is_named():
    accepted = r.accept(applied(shown={Condition.DUTIES_PERFORMED, Condition.HARM_REMOVED}), actor=OFFICER, now=NOW).case
    with pytest.raises(BadInput, match="no_further_penalty, on_no_list"):
        r.check(accepted, SAMR, actor=OFFICER, now=NOW)
    with pytest.raises(BadInput, match="commitment_letter"):
        r.check(accepted, GOV, actor=OFFICER, now=NOW)


def test_a_rejected_or_withdrawn_one_may_be_asked_for_again():
    rejected = r.reject(applied(), actor=OFFICER, reason="the fine is unpaid", now=NOW).case
    assert r.apply(rejected, shown=EVERYTHING, calendar=WEEKDAYS, actor=MERCHANT, now=NOW + DAY).case.state is S.APPLIED
    taken_back = r.withdraw(applied(), actor=MERCHANT, now=NOW).case
    assert r.apply(taken_back, shown=EVERYTHING, calendar=WEEKDAYS, actor=MERCHANT, now=NOW).case.state is S.APPLIED
    with pytest.raises(BadInput, match="reason"):
        r.reject(applied(), actor=OFFICER, reason="", now=NOW)


def test_one_obtained_by_false_documents_is_revoked_and_its_time_begins_anew():
    approved = a_repair(S.PUBLISHED, effective_on=date(2026, 11, 1))
    with pytest.raises(Forbidden):
        r.revoke(approved, actor=OFFICER, reason="forged receipt", evidence_ids=["e"], now=NOW)
    revoked = r.revoke(approved, actor=LEADER, reason="forged receipt", evidence_ids=["e"], now=NOW).case
    assert r.counts(revoked, date(2026, 11, 16)), "the record is restored"
    penalty = Penalty(id="p", uscc=USCC, kind="fine", class_="other", field="trade", published_on=PUBLISHED)
    assert r.become_eligible(revoked, penalty, SAMR, actor=CLOCK, now=at(5, 15, year=2027)) is None
    moved = r.become_eligible(revoked, penalty, SAMR, actor=CLOCK, now=at(5, 16, year=2027))
    assert moved is not None
    assert moved.case.state is S.ELIGIBLE


def test_it_becomes_eligible_only_when_the_time_has_passed():
    penalty = Penalty(id="p", uscc=USCC, kind="fine", class_="other", field="food", published_on=PUBLISHED)
    waiting = a_repair(S.ELIGIBLE_PENDING)
    assert r.become_eligible(waiting, penalty, SAMR, actor=CLOCK, now=NOW) is None
    assert r.become_eligible(waiting, penalty, SAMR, actor=CLOCK, now=at(1, 15, year=2027)) is not None


def test_only_the_merchant_itself_asks_and_steps_are_not_skipped():
    with pytest.raises(Forbidden):
        r.apply(a_repair(), shown=EVERYTHING, calendar=WEEKDAYS, actor=STRANGER, now=NOW)
    for step in (lambda: r.approve(applied(), actor=OFFICER, now=NOW), lambda: r.accept(a_repair(), actor=OFFICER, now=NOW)):
        with pytest.raises(IllegalTransition):
            step()


def test_the_statutory_limits_lie_behind_the_same_day_target():
    accepted, decided = r.statutory(SAMR, NOW, WEEKDAYS)
    assert accepted.by == at(11, 19, 0), "two working days after Monday 16"
    assert decided.by == at(12, 10, 0), "fifteen more: Thursday 19 November is the first, Wednesday 9 December the last"
    assert accepted.by > applied().decide_by


def test_a_decision_is_not_served_without_its_repair_notice():
    r.check_service("p", r.Service(decision_delivery_id="d", notice_delivery_id="d"))
    for notice in ("", "e"):
        with pytest.raises(IllegalTransition, match="repair notice"):
            r.check_service("p", r.Service(decision_delivery_id="d", notice_delivery_id=notice))


def test_a_late_decision_is_told_as_late():
    late = replace(applied(), decided_at=at(11, 17, 0) + timedelta(seconds=1))
    assert r.decided_the_same_day(late, WEEKDAYS) is False
    assert r.decided_the_same_day(applied(), WEEKDAYS) is None
