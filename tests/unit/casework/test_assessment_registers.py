"""Evaluations, trainings and sales reach the month by themselves: from the desks that record them to a published score."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from casework.assessment import Assessor
from casework.assessment_snapshot import take
from casework.assessment_wiring import following
from casework.consequences import standing, training
from domain.parties import BusinessForm
from domain.time import format_instant
from tests.unit.casework.assessing import assessor_of
from tests.unit.casework.assessing import configuration as assessing_configuration
from tests.unit.casework.consequences.street import LEADER, command, found, ordered, street
from tests.unit.casework.scene import INSPECTOR, USCC, Scene

DAY = timedelta(days=1)
MONDAY = datetime.fromisoformat("2026-11-02T09:00:00+08:00")
CUT = datetime.fromisoformat("2026-12-01T00:00:00+08:00")
IN_WINDOW = CUT + timedelta(hours=10)
PUBLISH = datetime.fromisoformat("2026-12-07T10:00:00+08:00")


def evaluated(scene: Scene, at: datetime) -> tuple[str, str]:
    """A workshop whose evaluation of the week finds two faults, published a day later; merchant and task."""
    (uscc,) = street(scene, {"blue": 1}, "xiangshan", BusinessForm.WORKSHOP)
    scene.office.sweep(at)
    (task,) = [one.case for one in found(scene, "tasks") if one.case.origin == "weekly"]
    officer = next(one for one in (INSPECTOR, LEADER) if one.id in task.officers)
    command(scene, "tasks", task.id, "start", officer, at)
    items = [
        {"key": "workshop.clothing", "ok": False},
        {"key": "workshop.pests", "ok": False},
        {"key": "supervision.complaints", "ok": True},
    ]
    command(scene, "tasks", task.id, "enter_result", officer, at, finding="ordered_to_correct", items=items)
    command(scene, "tasks", task.id, "sign", officer, at)
    command(scene, "tasks", task.id, "publish", officer, at + DAY)
    return uscc, task.id


def violations(assessor: Assessor, uscc: str, month: str, now: datetime) -> list[tuple[str, str]]:
    """What a merchant is charged with in a frozen month: code and subject."""
    run = assessor.drive(assessor.begin("xiangshan", month, now).id, now)
    with assessor.store.reading() as uow:
        inputs = uow.assessments.inputs(run.id, uscc)
    assert inputs is not None
    return [(each["code"], each["subject"]) for each in inputs.facts["violations"]]


def test_a_failed_evaluation_is_charged_once_by_gravity(scene: Scene) -> None:
    uscc, task = evaluated(scene, MONDAY)
    assessor = assessor_of(scene.store)
    charged = [("XV16", f"{task}/workshop.clothing"), ("XV16", f"{task}/workshop.pests")]
    for _ in range(2):
        assert sorted(violations(assessor, uscc, "2026-11", IN_WINDOW)) == charged
    with scene.store.reading() as uow:
        result = uow.assessments.result("xiangshan-2026-11-v1", uscc)
    assert result is not None
    assert str(result.score) == "94.50"  # minor 0.5 and major 5
    assert violations(assessor, uscc, "2026-12", IN_WINDOW + 31 * DAY) == []


def test_a_missed_training_is_charged_as_it_stood_at_the_cut(scene: Scene) -> None:
    (uscc,) = street(scene, {"blue": 1}, "xiangshan", BusinessForm.WORKSHOP)
    begins = MONDAY + DAY
    values = {"title": "添加剂", "begins_at": begins.isoformat(), "form": "workshop"}
    plan = ordered(scene, training.plan, "330211", actor=INSPECTOR, at=MONDAY, values=values)
    (invited,) = [one.case for one in found(scene, "attendances", LEADER, uscc=uscc)]
    command(scene, "attendances", invited.id, "miss", INSPECTOR, begins)
    command(scene, "attendances", invited.id, "excuse", INSPECTOR, CUT + DAY, "住院")  # after the cut: a matter for an objection
    assert violations(assessor_of(scene.store), uscc, "2026-11", CUT + 2 * DAY) == [("XV18", plan.case.id)]


def test_an_excuse_before_the_cut_costs_nothing(scene: Scene) -> None:
    (uscc,) = street(scene, {"blue": 1}, "xiangshan", BusinessForm.WORKSHOP)
    values = {"title": "添加剂", "begins_at": (MONDAY + DAY).isoformat(), "form": "workshop"}
    ordered(scene, training.plan, "330211", actor=INSPECTOR, at=MONDAY, values=values)
    (invited,) = [one.case for one in found(scene, "attendances", LEADER, uscc=uscc)]
    command(scene, "attendances", invited.id, "miss", INSPECTOR, MONDAY + DAY)
    command(scene, "attendances", invited.id, "excuse", INSPECTOR, CUT - DAY, "住院")
    assert violations(assessor_of(scene.store), uscc, "2026-11", IN_WINDOW) == []


def test_sales_without_a_trace_record_lower_the_coverage(scene: Scene) -> None:

    now = scene.now
    with scene.store.reading() as uow:
        merchant = uow.merchants.get(USCC)
    assert merchant is not None
    batches = [scene.batch(lot, at=now, expires_at=format_instant(now + 30 * DAY)) for lot in ("L1", "L2")]
    sales = [scene.weighing("L1" if n else "L2", at=now + timedelta(minutes=n)) for n in range(10)]
    made = {"trace_code": "T1", "lot": "L1", "inputs": [], "produced_at": format_instant(now - DAY)}
    made |= {"expires_at": format_instant(now + DAY), "producer_uscc": USCC}
    trace = scene.envelope("trace.record", made, event_time=format_instant(now))
    for each in (*batches, *sales, trace):
        scene.office.take_observation(each, now + timedelta(hours=1))
    with scene.store.reading() as uow:
        lens = assessor_of(scene.store).lens("xiangshan")
        facts = take(uow, lens, [merchant], "2026-11", cut_at=CUT)[USCC].facts
        before = take(uow, lens, [merchant], "2026-11", cut_at=now)[USCC].facts
    assert [each["coverage"] for each in facts["violations"] if each["code"] == "XV14"] == ["90"]
    assert [each for each in before["violations"] if each["code"] == "XV14"] == []  # what came later is not known


def test_supervision_began_with_the_first_record_and_not_with_the_first_grade(scene: Scene) -> None:
    (quiet, early) = street(scene, {"blue": 2}, "xiangshan", BusinessForm.WORKSHOP)
    seen_at = datetime.fromisoformat("2026-11-19T12:00:00+08:00")
    with scene.store.writing() as uow:
        word = scene.envelope("cam.status", {"online": True}, event_time=format_instant(seen_at))
        uow.observations.add(replace(word, uscc=early))
        uow.commit()
    assessor = Assessor(
        scene.store,
        schemes=assessing_configuration().ratings,
        contents=assessor_of(scene.store)._contents,
        rules=assessing_configuration().rules,
        assessing=assessing_configuration().assessments,
        calendar=assessing_configuration().calendar,
        follow=following(scene.office.desk),
    )
    run = assessor.drive(assessor.begin("xiangshan", "2026-12", PUBLISH + 31 * DAY).id, PUBLISH + 31 * DAY)
    assessor.publish(run.id, LEADER, PUBLISH + 31 * DAY)
    with scene.store.reading() as uow:
        known = standing.known(uow)
    assert known[early].case.known_since == date(2026, 11, 19)
    assert known[quiet].case.known_since == date(2026, 12, 1)
