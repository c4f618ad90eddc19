"""Red and black lists, listings, pushes to the departments, and the court."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from casework.consequences import listings, pushes, records
from credit.lists import ListingState
from credit.pushes import PushKind
from credit.rolls import EntryState, Roll
from domain.errors import BadInput, Conflict, Forbidden, IllegalTransition, NotFound
from domain.parties import SYSTEM, Actor, Role
from tests.unit.casework.consequences.street import LEADER, PUBLISHED, TOMORROW, command, found, ordered, publish, street
from tests.unit.casework.scene import INSPECTOR, MERCHANT, STRANGER, USCC, Scene, configuration

MONDAY = PUBLISHED  # 2026-12-07 is one
COURT = Actor(id="u-court", role=Role.DEPARTMENT, department="court")
TAX = Actor(id="u-tax", role=Role.DEPARTMENT, department="tax")


def clue(scene: Scene, at: datetime = MONDAY, **values: Any) -> str:
    said = {"violation_listed": True, "heavier_penalty": True, **values}
    filed = ordered(scene, listings.open_clue, USCC, actor=INSPECTOR, at=at, reason="较重行政处罚", values=said)
    return str(filed.case.id)


def listed(scene: Scene) -> str:
    case = clue(scene)
    command(scene, "listings", case, "review", INSPECTOR, MONDAY)
    command(scene, "listings", case, "give_notice", INSPECTOR, MONDAY, "拟列入")
    after = datetime.fromisoformat("2026-12-15T00:00:00+08:00")  # Tuesday to Monday: five working days
    command(scene, "listings", case, "list", LEADER, after, "事实清楚")
    command(scene, "listings", case, "publish", LEADER, after)
    return case


def test_grades_propose_places_and_a_named_leader_decides_them(scene: Scene) -> None:
    publish(scene, street(scene, {"green": 2, "red": 1, "blue": 1}))
    places = {filed.case.uscc: filed.case for filed in found(scene, "rolls")}
    assert [places[uscc].roll for uscc in ("GR0000", "RE0000", "BL0000")] == [Roll.RED_LIST, Roll.BLACK_LIST, Roll.STANDARD_UNIT]
    assert all(one.state is EntryState.PROPOSED for one in places.values())
    black = places["RE0000"].id
    with pytest.raises(BadInput, match="reason"):
        command(scene, "rolls", black, "publish", LEADER, MONDAY)
    with pytest.raises(Forbidden):
        command(scene, "rolls", black, "publish", INSPECTOR, MONDAY, "曝光")
    told = command(scene, "rolls", black, "publish", LEADER, MONDAY, "连续两月不合格")
    assert (told.filed.case.state, told.filed.decided_by) == (EntryState.PUBLISHED, LEADER.id)
    with pytest.raises(IllegalTransition):
        command(scene, "rolls", black, "refuse", LEADER, MONDAY, "x")


def test_a_correction_moves_an_undecided_place_and_marks_a_decided_one(scene: Scene) -> None:
    graded = street(scene, {"green": 2})
    publish(scene, graded)
    command(scene, "rolls", "2026-11|GR0001", "publish", LEADER, MONDAY, "守信")
    publish(scene, {"GR0000": "yellow", "GR0001": "yellow"}, at=MONDAY + TOMORROW)
    places = {filed.case.uscc: filed for filed in found(scene, "rolls")}
    assert places["GR0000"].case.roll is Roll.WARNING_UNIT
    assert places["GR0001"].case.state is EntryState.PUBLISHED
    assert places["GR0001"].about["corrected_grade"] == "yellow"


def test_the_sweep_alone_never_lists_exposes_or_punishes(scene: Scene) -> None:
    publish(scene, street(scene, {"red": 3}))
    clue(scene)
    for days in range(0, 900, 30):
        scene.office.sweep(MONDAY + timedelta(days=days))
    assert all(one.case.state is EntryState.PROPOSED for one in found(scene, "rolls"))
    assert [one.case.state for one in found(scene, "listings")] == [ListingState.CLUE]


def test_the_database_refuses_a_listing_that_nobody_decided(scene: Scene) -> None:
    case = clue(scene)
    filed = next(one for one in found(scene, "listings") if one.case.id == case)
    forged = replace(filed, case=replace(filed.case, state=ListingState.LISTED, version=2), decided_by=SYSTEM.id)
    with pytest.raises(Exception, match="decided_by_a_person"), scene.store.writing() as uow:
        listings.CABINET.save(uow, forged, expected_version=1)


def test_nobody_is_listed_before_they_could_defend_themselves(scene: Scene) -> None:
    case = clue(scene)
    with pytest.raises(NotFound):  # a clue is nobody's business yet
        scene.office.bureau.tell("listings", case, MERCHANT)
    command(scene, "listings", case, "review", INSPECTOR, MONDAY)
    command(scene, "listings", case, "give_notice", INSPECTOR, MONDAY, "拟列入")
    with pytest.raises(NotFound):
        command(scene, "listings", case, "state_case", STRANGER, MONDAY, "不是我")
    command(scene, "listings", case, "state_case", MERCHANT, MONDAY + TOMORROW, "已整改")
    with pytest.raises(BadInput, match="may still state"):
        command(scene, "listings", case, "list", LEADER, datetime.fromisoformat("2026-12-14T23:59:59+08:00"), "x")
    told = scene.office.bureau.tell("listings", case, LEADER)
    assert told.filed.case.defended == ("已整改",)
    assert [step.to_state for step in told.history] == ["clue", "review", "advance_notice", "advance_notice"]


def test_a_listing_is_pushed_to_thirty_departments_and_so_is_its_end(scene: Scene) -> None:
    case = listed(scene)
    assert len(configuration().departments) == 30
    assert len(found(scene, "pushes")) == 30
    assert [one.case.state for one in found(scene, "listings")] == [ListingState.PUSHED]
    (mine,) = found(scene, "pushes", TAX)
    with pytest.raises(NotFound):
        command(scene, "pushes", mine.case.id, "acknowledge", COURT, MONDAY)
    at = mine.case.push.sent_at
    assert at is not None
    command(scene, "pushes", mine.case.id, "acknowledge", TAX, at + TOMORROW, feedback="已列为重点")
    later = at + timedelta(days=400)
    with pytest.raises(BadInput, match="early removal"):
        command(scene, "listings", case, "ask_removal", MERCHANT, at + timedelta(days=300), "已整改")
    command(scene, "listings", case, "ask_removal", MERCHANT, later, "已整改")
    command(scene, "listings", case, "remove", LEADER, later, "整改到位")
    removal = [one for one in found(scene, "pushes") if one.case.push.kind is PushKind.REMOVED]
    assert len(removal) == 30
    assert [one.case.state for one in found(scene, "listings")] == [ListingState.UNPUSHED]


def test_a_department_that_was_told_of_a_removal_is_asked_daily_until_it_answers(scene: Scene) -> None:
    case = listed(scene)
    at = datetime.fromisoformat("2028-01-10T09:00:00+08:00")
    command(scene, "listings", case, "ask_removal", MERCHANT, at, "已整改")
    command(scene, "listings", case, "remove", LEADER, at, "整改到位")
    (removal,) = [one for one in found(scene, "pushes", TAX) if one.case.push.kind is PushKind.REMOVED]
    for days, asked in ((0, 0), (1, 1), (1, 1), (2, 2)):
        scene.office.sweep(at + timedelta(days=days))
        (now,) = [one for one in found(scene, "pushes", TAX) if one.case.id == removal.case.id]
        assert now.about.get("chased", 0) == asked
    command(scene, "pushes", removal.case.id, "acknowledge", TAX, at + timedelta(days=2))
    scene.office.sweep(at + timedelta(days=9))
    (now,) = [one for one in found(scene, "pushes", TAX) if one.case.id == removal.case.id]
    assert now.about.get("chased", 0) == 2


def test_who_answers_late_is_counted(scene: Scene) -> None:
    listed(scene)
    messages = found(scene, "pushes")
    late = scene.office.bureau.ask(lambda work: pushes.answers(work, messages, MONDAY + timedelta(days=30)))
    assert sum(one.late for one in late) == 30
    early = scene.office.bureau.ask(lambda work: pushes.answers(work, messages, MONDAY + timedelta(days=9)))
    assert sum(one.late for one in early) == 0


def debtor(scene: Scene, actor: Actor = COURT, at: datetime = MONDAY, **values: Any) -> Any:
    said = {"type": "debtor", "doc_no": "(2026)执1号", "decided_on": "2026-12-01", **values}
    return ordered(scene, records.submit, USCC, actor=actor, at=at, values=said)


def test_a_courts_news_is_under_review_at_once_and_the_court_reads_the_outcome(scene: Scene) -> None:
    record = debtor(scene)
    (filed,) = found(scene, "listings")
    assert (filed.case.state, filed.case.clue) == (ListingState.REVIEW, "court")
    assert filed.due_at == datetime.fromisoformat("2026-12-09T00:00:00+08:00")  # one working day
    command(scene, "listings", filed.case.id, "drop", INSPECTOR, MONDAY, "已履行")
    (told,) = found(scene, "credit-records", COURT)
    assert (told.case.id, told.about["feedback"]) == (record.case.id, "not_listed")


def test_a_department_submits_what_its_duty_list_names_and_late_ones_stand_against_it(scene: Scene) -> None:
    with pytest.raises(BadInput, match="does not submit"):
        debtor(scene, TAX)
    record = debtor(scene)
    assert debtor(scene).case.id == record.case.id
    with pytest.raises(Conflict):
        debtor(scene, content="另一份")
    late = debtor(scene, doc_no="(2026)执2号", decided_on="2026-10-01")
    assert (record.case.late, late.case.late) == (False, True)
    told = {one.department: one for one in scene.office.bureau.ask(lambda work: records.submissions(work, "2026-12"))}
    assert (told["court"].submitted, told["court"].late, told["court"].missing) == (2, 1, ())
    assert told["tax"].missing == ("tax",)


def test_the_export_for_the_publicity_system_is_csv_without_formulas(scene: Scene) -> None:
    debtor(scene, content="=cmd()", amount_fen=123456)
    rows = found(scene, "credit-records", LEADER)
    text = scene.office.bureau.ask(lambda work: records.necips(work, rows, MONDAY))
    header, line = text.removeprefix("\ufeff").split("\r\n")[:2]
    assert header.split(",") == list(records.NECIPS_COLUMNS)
    assert line.split(",")[0] == USCC
    assert line.endswith("市中级人民法院,'=cmd(),1234.56")
