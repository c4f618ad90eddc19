"""From published grades to drawn inspections and their public results."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest

from casework.consequences import tasks
from casework.consequences.draws import DrawState
from credit.tasks import Finding, TaskState
from domain.errors import BadInput, Conflict, Forbidden, IllegalTransition, NotFound
from domain.parties import Actor
from tests.unit.casework.consequences.street import (
    LEADER,
    PUBLISHED,
    SECOND_INSPECTOR,
    TOMORROW,
    command,
    found,
    ordered,
    publish,
    street,
)
from tests.unit.casework.scene import FAR_INSPECTOR, INSPECTOR, USCC, Scene

REFERENCE = {"green": 40, "blue": 85, "yellow": 20, "red": 2}
AFTER_DRAW = PUBLISHED + timedelta(minutes=11)


@pytest.fixture
def drawn(scene: Scene) -> Scene:
    publish(scene, street(scene, {"blue": 6}))
    scene.office.sweep(AFTER_DRAW)
    return scene


def test_the_reference_street_of_147_gets_31_visits(scene: Scene) -> None:
    # 0 of 40, ceil(85·20/100) = 17, ceil(20·50/100) = 10, 2 each of 2 (C.3)
    graded = street(scene, REFERENCE)
    publish(scene, graded)
    scene.office.sweep(AFTER_DRAW)
    visits = dict.fromkeys(REFERENCE, 0)
    for filed in found(scene, "tasks"):
        visits[graded[filed.case.uscc]] += 1
        assert filed.case.state is TaskState.ASSIGNED
        assert len(set(filed.case.officers)) == 2
    assert visits == {"green": 0, "blue": 17, "yellow": 10, "red": 4}
    with scene.store.reading() as uow:
        assert uow.audit.verify() > 0


def test_the_commitment_stands_in_the_trail_before_anybody_knows_the_seed(scene: Scene) -> None:
    publish(scene, street(scene, {"blue": 5}))
    (planned,) = found(scene, "draws")
    assert planned.case.state is DrawState.COMMITTED
    assert not found(scene, "tasks")
    scene.office.sweep(AFTER_DRAW)
    (told,) = found(scene, "draws")
    with scene.store.reading() as uow:
        first, second = uow.audit.of("draw", told.case.id)
    assert first.reason == f"commitment {hashlib.sha256(told.case.seed.encode()).hexdigest()}"
    assert second.reason == f"seed {told.case.seed}"
    ranked = sorted((u.id for u in told.case.units), key=lambda u: hashlib.sha256(f"{told.case.seed}|{u}".encode()).hexdigest())
    assert list(told.case.order) == ranked
    assert told.case.drawn == tuple(ranked[:1])


def test_publishing_the_same_month_again_draws_nobody_again(scene: Scene) -> None:
    graded = street(scene, REFERENCE)
    for minutes in (0, 1, 30):
        publish(scene, graded, at=PUBLISHED + timedelta(minutes=minutes))
        scene.office.sweep(PUBLISHED + timedelta(minutes=minutes + 11))
    assert len(found(scene, "tasks")) == 31
    assert len(found(scene, "rolls")) == 147


def test_the_two_checks_of_a_red_merchant_lie_seven_days_apart(scene: Scene) -> None:
    publish(scene, street(scene, {"red": 1}))
    scene.office.sweep(AFTER_DRAW)
    early, late = sorted(found(scene, "tasks"), key=lambda one: str(one.about.get("not_before", "")))
    assert late.about["not_before"] == "2026-12-14"
    one, two = (_officer(early.case.officers[0]), _officer(late.case.officers[0]))
    with pytest.raises(BadInput, match="may begin on 2026-12-14"):
        command(scene, "tasks", late.case.id, "start", two, PUBLISHED + TOMORROW)
    command(scene, "tasks", early.case.id, "start", one, PUBLISHED + 3 * TOMORROW)
    with pytest.raises(BadInput, match="less than 7 days"):
        command(scene, "tasks", late.case.id, "start", two, PUBLISHED + 9 * TOMORROW)
    command(scene, "tasks", late.case.id, "start", two, PUBLISHED + 10 * TOMORROW)


def test_whoever_becomes_red_late_in_the_month_has_one_check_carried_over(scene: Scene) -> None:
    publish(scene, street(scene, {"red": 1}), at=datetime.fromisoformat("2026-12-20T10:00:00+08:00"))
    scene.office.sweep(datetime.fromisoformat("2026-12-20T10:11:00+08:00"))
    dues = sorted((one.case.due_by.isoformat(), bool(one.about.get("carried"))) for one in found(scene, "tasks"))
    assert [carried for _, carried in dues] == [False, True]
    assert dues[1][0].startswith("2027-02-01T00:00:00+08:00")


def _officer(user_id: str) -> Actor:
    return next(one for one in (INSPECTOR, SECOND_INSPECTOR, LEADER) if one.id == user_id)


def test_an_inspection_from_its_start_to_its_recheck(drawn: Scene) -> None:
    task = found(drawn, "tasks")[0].case
    officer = _officer(task.officers[0])
    at = PUBLISHED + TOMORROW
    with pytest.raises(IllegalTransition):
        command(drawn, "tasks", task.id, "publish", officer, at)
    command(drawn, "tasks", task.id, "start", officer, at)
    items = [{"key": "workshop.clothing", "ok": False, "note": "一人未戴帽"}]
    with pytest.raises(BadInput, match="there was a problem"):
        command(drawn, "tasks", task.id, "enter_result", officer, at, finding="no_problem", items=items)
    told = command(drawn, "tasks", task.id, "enter_result", officer, at, finding="ordered_to_correct", items=items)
    assert told.filed.about["items"][0]["cites"] == "workshop@2026-1#clothing"
    assert told.filed.case.publish_by == datetime.fromisoformat("2027-01-06T00:00:00+08:00")  # 20 working days, New Year off
    with pytest.raises(BadInput, match="reason"):
        command(drawn, "tasks", task.id, "refuse_sign", officer, at)
    command(drawn, "tasks", task.id, "sign", officer, at)
    command(drawn, "tasks", task.id, "publish", officer, at + TOMORROW)
    by = at + 3 * TOMORROW
    command(drawn, "tasks", task.id, "order_rectification", officer, at + TOMORROW, "限期整改", recheck_by=by.isoformat())
    drawn.office.sweep(by)
    (waiting,) = found(drawn, "tasks", states=("recheck_due",))
    command(drawn, "tasks", waiting.case.id, "recheck", officer, by, passed=False)
    more = [one for one in found(drawn, "tasks") if one.case.origin == "recheck"]
    assert [one.case.state for one in more] == [TaskState.ASSIGNED]  # a failed recheck calls for another inspection


def test_officers_with_a_conflict_of_interest_are_not_sent(drawn: Scene) -> None:
    task = found(drawn, "tasks")[0]
    barred = task.case.officers[0]
    ordered(drawn, tasks.declare_conflict, task.uscc, actor=_officer(barred), at=AFTER_DRAW, reason="亲属经营")
    (again,) = found(drawn, "tasks", uscc=task.uscc)
    assert barred not in again.case.officers
    assert len(again.case.officers) == 2
    with pytest.raises(BadInput, match="conflict of interest"):
        command(drawn, "tasks", task.case.id, "assign", LEADER, AFTER_DRAW, officers=[barred, LEADER.id])


def test_who_is_not_sent_may_not_begin_and_who_is_elsewhere_does_not_see_it(drawn: Scene) -> None:
    task = found(drawn, "tasks")[0].case
    other = next(one for one in (INSPECTOR, SECOND_INSPECTOR, LEADER) if one.id not in task.officers)
    with pytest.raises(Forbidden):
        command(drawn, "tasks", task.id, "start", other, AFTER_DRAW)
    with pytest.raises(NotFound):
        command(drawn, "tasks", task.id, "start", FAR_INSPECTOR, AFTER_DRAW)
    assert not found(drawn, "tasks", FAR_INSPECTOR)


def test_a_token_makes_a_command_harmless_to_repeat(drawn: Scene) -> None:
    task = found(drawn, "tasks")[0].case
    officer = _officer(task.officers[0])
    first = command(drawn, "tasks", task.id, "start", officer, AFTER_DRAW, token="t1")
    again = command(drawn, "tasks", task.id, "start", officer, AFTER_DRAW + TOMORROW, token="t1")
    assert again.filed == first.filed
    with pytest.raises(Conflict):
        command(drawn, "tasks", task.id, "enter_result", officer, AFTER_DRAW, token="t1", finding=Finding.NO_PROBLEM)


def test_lateness_is_told_once_and_counted_for_the_regulator(drawn: Scene) -> None:
    end = datetime.fromisoformat("2027-01-01T00:00:00+08:00")
    before = tasks.figures(found(drawn, "tasks"), end - timedelta(seconds=1))
    assert (before.overdue, before.open) == (0, 2)
    for _ in range(2):
        drawn.office.sweep(end)
    after = tasks.figures(found(drawn, "tasks"), end)
    assert (after.overdue, after.due) == (2, 2)
    assert all(one.due_at is None for one in found(drawn, "tasks"))


def test_a_triggered_check_needs_a_reason_and_is_outside_the_ratio(scene: Scene) -> None:
    order = {"actor": INSPECTOR, "at": PUBLISHED, "values": {"due_by": (PUBLISHED + TOMORROW).isoformat()}}
    with pytest.raises(BadInput, match="say why"):
        ordered(scene, tasks.order_check, USCC, **order)
    filed = ordered(scene, tasks.order_check, USCC, reason="消费者举报", **order)
    assert (filed.case.state, filed.case.origin) == (TaskState.ASSIGNED, "triggered")
    with pytest.raises(NotFound):
        ordered(scene, tasks.order_check, USCC, **{**order, "actor": FAR_INSPECTOR}, reason="x")
