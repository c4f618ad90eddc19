"""Asked first, listed later; minor errors; superior checks; and the national risk grade (R-12, C.6.2, C.7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from casework.assessment_registers import failed_items
from casework.consequences import guidance, listings, risk, superior, tasks
from casework.consequences.guidance import GuidanceState
from casework.consequences.risk import RiskState
from credit.leniency import Outcome
from credit.lists import Clue, ListingState
from credit.tasks import Finding
from domain.errors import BadInput, Forbidden, NotFound
from tests.unit.casework.consequences.street import LEADER, PUBLISHED, SECOND_INSPECTOR, command, found, ordered, publish, street
from tests.unit.casework.scene import FAR_INSPECTOR, INSPECTOR, MERCHANT, USCC, Scene

MONDAY = PUBLISHED
TOO_LATE = datetime.fromisoformat("2026-12-22T00:00:00+08:00")  # ten working days after Monday 7 December end with Monday 21
SECOND = timedelta(seconds=1)


def ask(scene: Scene, kind: str, at: datetime = MONDAY, **values: Any) -> str:
    said = {"kind": kind, "subject": "年报", **values}
    return str(ordered(scene, guidance.guide, USCC, actor=INSPECTOR, at=at, reason="现场核查", values=said).case.id)


def entered(scene: Scene, finding: str, at: datetime = MONDAY, **values: Any) -> Any:
    """A check that somebody asked for, with its result."""
    order = {"actor": INSPECTOR, "at": at, "values": {"due_by": (at + timedelta(days=3)).isoformat()}}
    clues = values.pop("clues", ())
    order["values"] |= {"clues": clues}
    task = ordered(scene, tasks.order_check, USCC, reason="消费者举报", **order)
    officer = next(one for one in (INSPECTOR, SECOND_INSPECTOR, LEADER) if one.id in task.case.officers)
    command(scene, "tasks", task.case.id, "start", officer, at)
    return command(scene, "tasks", task.case.id, "enter_result", officer, at, finding=finding, **values).filed


@pytest.mark.parametrize("kind", ["instant", "annual", "address"])
def test_what_is_corrected_within_ten_working_days_lists_nobody(scene: Scene, kind: str) -> None:
    case = ask(scene, kind, reachable_by_phone=True)
    scene.office.sweep(TOO_LATE - SECOND)
    command(scene, "guidances", case, "correct", INSPECTOR, TOO_LATE - SECOND)
    scene.office.sweep(TOO_LATE + timedelta(days=30))
    (told,) = found(scene, "guidances")
    assert (told.case.state, told.case.outcome) == (GuidanceState.CORRECTED, Outcome.NOT_LISTED)
    assert not found(scene, "listings")
    with scene.store.reading() as uow:
        assert len(uow.audit.of("reminder", case)) == 1  # they were asked, and it is written down (R-05a)


@pytest.mark.parametrize(("kind", "clue"), [("annual", Clue.DISCLOSURE), ("instant", Clue.DISCLOSURE), ("address", Clue.ADDRESS)])
def test_what_is_not_corrected_in_time_becomes_a_clue_and_never_a_listing(scene: Scene, kind: str, clue: Clue) -> None:
    case = ask(scene, kind, reachable_by_phone=True)
    scene.office.sweep(TOO_LATE - SECOND)
    assert not found(scene, "listings")
    with pytest.raises(BadInput, match="later than ten working days"):
        command(scene, "guidances", case, "correct", INSPECTOR, TOO_LATE)
    for _ in range(2):
        scene.office.sweep(TOO_LATE)
    scene.office.sweep(TOO_LATE + timedelta(days=300))
    (listing,) = found(scene, "listings")
    assert (listing.case.list, listing.case.clue, listing.case.state) == (listings.ABNORMAL, clue, ListingState.CLUE)
    assert listing.about["guidance"] == case
    assert [one.case.state for one in found(scene, "guidances")] == [GuidanceState.LAPSED]


def test_an_officer_may_write_down_later_what_was_corrected_in_time(scene: Scene) -> None:
    case = ask(scene, "annual")
    for day in ("2026-12-06", "2027-01-30"):  # before it was asked for, and in the future
        with pytest.raises(BadInput, match="since it was asked for"):
            command(scene, "guidances", case, "correct", INSPECTOR, TOO_LATE, corrected_on=day)
    told = command(scene, "guidances", case, "correct", INSPECTOR, TOO_LATE + timedelta(days=2), corrected_on="2026-12-21")
    assert told.filed.case.state is GuidanceState.CORRECTED


def test_whom_an_inspection_does_not_find_is_asked_by_telephone_or_becomes_a_clue(scene: Scene) -> None:
    entered(scene, "unreachable", reachable_by_phone=True)
    (asked,) = found(scene, "guidances")
    assert (asked.case.state, asked.case.kind) == (GuidanceState.ASKED, guidance.Kind.ADDRESS)
    scene.office.sweep(MONDAY + timedelta(hours=1))
    assert not found(scene, "listings")
    entered(scene, "unreachable", MONDAY + timedelta(days=1))  # and nobody answers
    scene.office.sweep(MONDAY + timedelta(days=1))
    (listing,) = found(scene, "listings")
    assert (listing.case.clue, listing.case.state) == (Clue.ADDRESS, ListingState.CLUE)


def test_only_an_officer_of_the_region_asks_and_the_merchant_sees_what_was_asked(scene: Scene) -> None:
    case = ask(scene, "annual")
    assert [one.case.id for one in found(scene, "guidances", MERCHANT)] == [case]
    with pytest.raises(NotFound):
        ordered(scene, guidance.guide, USCC, actor=FAR_INSPECTOR, at=MONDAY, reason="x", values={"kind": "annual"})
    with pytest.raises(Forbidden):
        ordered(scene, guidance.guide, USCC, actor=MERCHANT, at=MONDAY, reason="x", values={"kind": "annual"})
    with pytest.raises(Forbidden):
        command(scene, "guidances", case, "correct", MERCHANT, MONDAY)


FAILED = [{"key": "workshop.clothing", "ok": False}]


def test_a_minor_error_corrected_on_the_spot_is_recorded_as_no_problem_and_costs_nothing(scene: Scene) -> None:
    lenient = {"minor": True, "guided": True, "corrected": "on_the_spot"}
    filed = entered(scene, "ordered_to_correct", items=FAILED, **lenient)
    assert filed.case.finding is Finding.NO_PROBLEM
    assert filed.about["items"][0]["ok"] is False  # what was seen stays written down
    assert entered(scene, "no_problem", items=FAILED, **lenient).case.finding is Finding.NO_PROBLEM
    weekly = replace(filed.case, id="w", origin=tasks.Origin.WEEKLY, state=tasks.TaskState.PUBLISHED)
    with scene.store.writing() as uow:
        for case, finding in ((weekly, weekly.finding), (replace(weekly, id="v"), Finding.ORDERED_TO_CORRECT)):
            about = {**filed.about, "published_at": MONDAY.isoformat()}
            tasks.CABINET.add(uow, replace(filed, case=replace(case, finding=finding), about=about))
        uow.commit()
    with scene.store.reading() as uow:
        charged = failed_items(uow, USCC, since=MONDAY, before=TOO_LATE)
    assert [item.task_id for item in charged] == ["v"]  # XV16 counts what was not recorded leniently, and only that


def test_a_minor_error_corrected_later_is_ordered_to_correct_and_one_not_corrected_is_the_ordinary_result(scene: Scene) -> None:
    later = {"minor": True, "guided": True, "corrected": "later"}
    assert entered(scene, "no_problem", items=FAILED, **later).case.finding is Finding.ORDERED_TO_CORRECT
    with pytest.raises(BadInput, match="there was a problem"):
        entered(scene, "no_problem", items=FAILED, minor=True, guided=True)
    with pytest.raises(BadInput, match="there was a problem"):
        entered(scene, "no_problem", items=FAILED, minor=True, guided=False, corrected="on_the_spot")
    with pytest.raises(BadInput, match="no minor error"):
        entered(scene, "refused", **later)


def test_a_major_item_is_no_minor_error(scene: Scene) -> None:
    rulebook = scene.office.bureau.terms.rulebook
    major = next(key for key, (clause, _) in rulebook.checklist().items() if clause.check == "major")
    with pytest.raises(BadInput, match="not minor"):
        entered(scene, "no_problem", items=[{"key": major, "ok": False}], minor=True, guided=True, corrected="on_the_spot")


def test_what_a_superior_authority_checked_is_left_out_for_three_months_unless_there_is_a_clue(scene: Scene) -> None:
    values = {"authority": "市市场监督管理局", "on": "2026-10-08", "items": ["workshop.clothing"]}
    filed = ordered(scene, superior.record, USCC, actor=INSPECTOR, at=MONDAY, values=values)
    with pytest.raises(BadInput, match="a superior authority checked"):
        entered(scene, "ordered_to_correct", items=FAILED)
    assert entered(scene, "ordered_to_correct", items=FAILED, clues=["workshop.clothing"]).about["items"][0]["ok"] is False
    for days, asked in ((0, False), (31, False), (32, True)):  # 8 January: three months later
        at = MONDAY + timedelta(days=days)
        task = ordered(
            scene, tasks.order_check, USCC, actor=INSPECTOR, at=at, reason="x",
            values={"due_by": (at + timedelta(days=9)).isoformat()},
        )  # fmt: skip
        items = scene.office.bureau.ask(lambda work, task=task, at=at: superior.checklist(work, task, at.date()))
        assert ("workshop.clothing" in items) is asked
        assert len(items) > 5
    command(scene, "superior-checks", filed.case.id, "withdraw", LEADER, MONDAY, "录入错误")
    assert entered(scene, "ordered_to_correct", items=FAILED).about["items"][0]["ok"] is False


def test_the_weekly_evaluation_leaves_nothing_out(scene: Scene) -> None:
    values = {"authority": "市局", "on": "2026-12-01", "items": ["workshop.clothing"]}
    ordered(scene, superior.record, USCC, actor=INSPECTOR, at=MONDAY, values=values)
    one = ordered(scene, tasks.order_check, USCC, actor=INSPECTOR, at=MONDAY, reason="x", values={"due_by": TOO_LATE.isoformat()})
    for origin, left_out in (("weekly", 0), ("recheck", 0), ("drawn", 1), ("triggered", 1)):
        task = replace(one, case=replace(one.case, origin=tasks.Origin(origin)))
        spared = scene.office.bureau.ask(lambda work, task=task: superior.spared(work, task, MONDAY.date()))
        assert len(spared) == left_out, origin


def say_risk(scene: Scene, uscc: str, static: str, dynamic: str, at: datetime = MONDAY, **values: Any) -> risk.RiskCase:
    said = {"static": static, "dynamic": dynamic, **values}
    case: risk.RiskCase = ordered(scene, risk.record, uscc, actor=INSPECTOR, at=at, values=said).case
    return case


def test_two_levels_between_the_national_and_the_local_grade_open_a_review(scene: Scene) -> None:
    rows = [
        ("green", "10", "20", 0, RiskState.AGREED, "30 is A, green is the best"),
        ("green", "10", "20.1", 1, RiskState.AGREED, "one level apart is no reason"),
        ("green", "20", "25.5", 2, RiskState.REVIEW, "45.5 is C: two levels"),
        ("green", "40", "60", 3, RiskState.REVIEW, "D and the best"),
        ("red", "0", "0", 3, RiskState.REVIEW, "A and the worst: the other way round too"),
        ("provisional", "40", "60", None, RiskState.AGREED, "no grade to compare with"),
    ]
    shops = list(street(scene, {"green": 4, "red": 1, "provisional": 1}))
    for uscc, (_, static, dynamic, *_rest) in zip(shops, rows, strict=True):
        say_risk(scene, uscc, static, dynamic)
    assert {one.case.levels for one in found(scene, "risk-grades")} == {None}  # nothing is published yet
    publish(scene, {uscc: row[0] for uscc, row in zip(shops, rows, strict=True)})
    cases = {one.uscc: one.case for one in found(scene, "risk-grades")}
    for uscc, (_, _, _, levels, state, why) in zip(shops, rows, strict=True):
        assert (cases[uscc].levels, cases[uscc].state) == (levels, state), why


def test_a_review_is_settled_by_a_leader_and_asked_for_again_only_when_a_grade_changes(scene: Scene) -> None:
    (uscc,) = street(scene, {"green": 1})
    publish(scene, {uscc: "green"})
    scene.subscribe(LEADER)
    case = say_risk(scene, uscc, "20", "30")
    assert case.state is RiskState.REVIEW
    with pytest.raises(Forbidden):
        command(scene, "risk-grades", case.id, "settle", INSPECTOR, MONDAY, "x")
    command(scene, "risk-grades", case.id, "settle", LEADER, MONDAY, "本月已整改，风险等级待复评")
    assert publish(scene, {uscc: "green"}, at=MONDAY + timedelta(days=1)).reviews == 0
    assert say_risk(scene, uscc, "21", "30").state is RiskState.REVIEWED
    aftermath = publish(scene, {uscc: "red"}, month="2026-12", at=MONDAY + timedelta(days=31))
    assert aftermath.reviews == 0  # C and the worst: one level
    assert publish(scene, {uscc: "green"}, month="2027-01", at=MONDAY + timedelta(days=62)).reviews == 1
    titles = [one.payload["title"] for one in scene.outbox() if one.target == "webpush"]
    assert titles.count("国家风险等级与信用等级相差两级以上，请复核") == 2


def test_a_review_that_nobody_settles_is_told_once_more_after_ten_working_days(scene: Scene) -> None:
    (uscc,) = street(scene, {"green": 1})
    publish(scene, {uscc: "green"})
    say_risk(scene, uscc, "40", "60")
    (waiting,) = found(scene, "risk-grades")
    assert waiting.due_at == TOO_LATE
    for _ in range(2):
        scene.office.sweep(TOO_LATE)
    (told,) = found(scene, "risk-grades")
    assert (told.case.state, told.due_at, told.about["told_late"]) == (RiskState.REVIEW, None, True)
    assert not found(scene, "risk-grades", MERCHANT)
    with pytest.raises(BadInput, match="0 to 40"):
        say_risk(scene, uscc, "41", "0")
