"""Deductions: proposed once per fact, never final by themselves (domain.md section 0.3, C.4, F.1, F.2)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.deductions import Deduction, DeductionState
from domain.errors import Forbidden, IllegalTransition, NotFound
from domain.events import EventName, Lane
from domain.records import BatchState
from tests.unit.casework.scene import (
    COLLEAGUE,
    FAR_INSPECTOR,
    INSPECTOR,
    MERCHANT,
    STRANGER,
    SUPERVISOR,
    USCC,
    Scene,
    names,
    photo,
)


def _closed(scene: Scene, **finding: object) -> str:
    warning = scene.submitted(**finding)
    scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now)
    return warning.id


def test_a_confirmed_camera_warning_costs_its_class(scene: Scene) -> None:
    _closed(scene)
    (entry,) = scene.deductions()
    assert (entry.violation_code, entry.points, entry.month) == ("CV10", Decimal("1.0"), "2026-11")


def test_at_most_three_of_a_class_are_counted_per_camera_and_day(scene: Scene) -> None:
    for number in range(5):
        scene.later(minutes=11)
        _closed(scene, subject=f"cam-0a1b2c3d/zone{number}", zone=f"zone{number}")
    assert sum(entry.points for entry in scene.deductions()) == 3
    scene.later(days=1)
    _closed(scene)
    assert sum(entry.points for entry in scene.deductions()) == 4, "the next day counts anew"


def test_a_merchant_who_does_nothing_is_charged_with_the_overdue_part_when_both_clocks_have_passed(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=13))
    assert scene.deductions() == [], "rectify_by alone has passed"
    report = scene.office.sweep(scene.later(hours=12))
    assert EventName.DEDUCTION_PROPOSED in [event.name for event in report.events]
    (entry,) = scene.deductions()
    assert (entry.points, entry.components["overdue"]) == (Decimal("1.5"), "0.5")
    scene.office.sweep(scene.later(hours=1))
    assert len(scene.deductions()) == 1


def test_closing_after_that_charges_nothing_more(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    scene.office.submit(warning.id, MERCHANT, "", [photo()], scene.later(hours=1))
    scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.later(hours=1))
    assert len(scene.deductions()) == 1


def test_a_merchant_who_submitted_in_time_is_not_charged_for_a_late_regulator(scene: Scene) -> None:
    scene.submitted()
    report = scene.office.sweep(scene.later(hours=30))
    assert EventName.CLOSURE_OVERDUE in [event.name for event in report.events]
    assert scene.deductions() == []


def test_a_merchant_who_was_never_told_is_not_charged(scene: Scene) -> None:
    scene.raised()
    scene.office.sweep(scene.later(hours=30))
    assert scene.deductions() == []


def test_a_dismissal_takes_the_proposal_back(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    scene.office.dismiss(warning.id, INSPECTOR, "是顾客的导盲犬", scene.later(hours=1))
    (entry,) = scene.deductions()
    assert (entry.state, entry.note) == (DeductionState.WITHDRAWN, "dismiss: 是顾客的导盲犬")
    assert [step.to_state for step in scene.audit(entry.id, "deduction")] == ["proposed", "withdrawn"]
    assert scene.office.score(USCC, "2026-11").score_if_confirmed == 100


def test_a_final_entry_waits_for_a_person_when_its_warning_is_reopened(scene: Scene) -> None:
    warning_id = _closed(scene)
    (entry,) = scene.deductions()
    after_window = entry.objection_until + timedelta(hours=1)
    scene.office.confirm_deduction(entry.id, COLLEAGUE, after_window)
    scene.office.reopen(warning_id, INSPECTOR, "新证据", after_window)
    assert [known.state for known in scene.deductions()] == [DeductionState.FINAL]
    scene.office.reverse_deduction(entry.id, SUPERVISOR, "误判", after_window)
    assert scene.office.score(USCC, "2026-11").score == 100


def test_the_same_lot_is_charged_once_in_a_month(scene: Scene) -> None:
    first = scene.expired_sale()
    scene.office.file_case(first.id, INSPECTOR, "案", scene.later(minutes=1))
    scene.later(minutes=1)
    scene.office.take_observation(scene.weighing(), scene.now)
    (second,) = scene.warnings(state="open")
    filed = scene.office.file_case(second.id, INSPECTOR, "案", scene.later(minutes=1))
    assert filed.deduction is None
    assert len(scene.deductions()) == 1


def test_a_second_lot_in_the_month_costs_half_as_much_again(scene: Scene) -> None:
    for lot in ("L1", "L2"):
        scene.office.take_observation(scene.batch(lot), scene.now)
        scene.later(hours=2)
        scene.office.take_observation(scene.weighing(lot), scene.now)
        (warning,) = scene.warnings(state="open")
        scene.office.file_case(warning.id, INSPECTOR, "案", scene.now)
    assert [entry.points for entry in scene.deductions()] == [Decimal("15.0"), Decimal("22.5")]


def _a_lot_expired_in_store(scene: Scene, lot: str) -> str:
    """The id of the warning about a lot that expires in an hour, raised half an hour after that."""
    scene.office.take_observation(scene.batch(lot, state="in_store"), scene.now)
    scene.office.sweep(scene.later(minutes=90))
    (warning,) = scene.warnings(state="open")
    assert warning.violation_code == "XV03"
    return warning.id


def _verified(scene: Scene, warning_id: str) -> Deduction:
    scene.office.submit(warning_id, MERCHANT, "已隔离", [photo()], scene.later(minutes=5))
    closed = scene.office.verify(warning_id, INSPECTOR, ok=True, note="", now=scene.later(minutes=1))
    assert closed.deduction is not None
    return closed.deduction


@pytest.mark.parametrize(
    ("set_apart_at", "points"),
    [(80, "0"), (95, "7.5")],
    ids=["set apart before the warning, told after it: waived", "set apart after the warning: that is rectifying"],
)
def test_only_what_the_merchant_set_apart_before_the_warning_is_a_report_of_their_own(
    scene: Scene, set_apart_at: int, points: str
) -> None:
    _verified(scene, _a_lot_expired_in_store(scene, "L1"))  # the first of the month is waived as such
    start = scene.now
    warning_id = _a_lot_expired_in_store(scene, "L2")
    scene.later(minutes=10)
    moved = scene.move("L2", "in_store", "quarantined", 5000, at=start + timedelta(minutes=set_apart_at))
    scene.office.take_observation(moved, scene.now)
    assert _verified(scene, warning_id).points == Decimal(points)


def test_an_officers_verification_is_no_report_of_the_merchants_own(scene: Scene) -> None:
    _verified(scene, _a_lot_expired_in_store(scene, "L1"))
    warning_id = _a_lot_expired_in_store(scene, "L2")
    assert _verified(scene, warning_id).points == Decimal("7.5")
    scene.office.reopen(warning_id, INSPECTOR, "又上架", scene.later(minutes=1))
    assert scene.batch_of("L2").state is BatchState.QUARANTINED, "booked by the first verification, within the hour"
    assert _verified(scene, warning_id).points == Decimal("7.5")


def test_an_objection_is_decided_by_somebody_else(scene: Scene) -> None:
    _closed(scene)
    (entry,) = scene.deductions()
    scene.office.object_deduction(entry.id, MERCHANT, "不是我店的猫", scene.later(hours=1))
    late = entry.objection_until + timedelta(hours=1)
    with pytest.raises(Forbidden):
        scene.office.confirm_deduction(entry.id, INSPECTOR, late)  # verified the warning
    scene.office.withdraw_deduction(entry.id, SUPERVISOR, "成立", late)
    assert scene.deductions()[0].state is DeductionState.WITHDRAWN


@pytest.mark.parametrize(
    ("actor", "error"),
    [(STRANGER, NotFound), (FAR_INSPECTOR, NotFound), (MERCHANT, Forbidden)],
    ids=["another merchant knows of none", "nor does an inspector of elsewhere", "its merchant does not confirm it"],
)
def test_who_may_not_decide(scene: Scene, actor: object, error: type[Exception]) -> None:
    _closed(scene)
    (entry,) = scene.deductions()
    with pytest.raises(error):
        scene.office.confirm_deduction(entry.id, actor, entry.objection_until + timedelta(hours=1))  # type: ignore[arg-type]
    assert scene.deductions() == [entry]


def test_an_objection_after_the_window_is_refused(scene: Scene) -> None:
    _closed(scene)
    (entry,) = scene.deductions()
    with pytest.raises(IllegalTransition):
        scene.office.object_deduction(entry.id, MERCHANT, "late", entry.objection_until + timedelta(seconds=1))


def test_a_deduction_is_told_to_the_ledgers_topic_and_the_live_pages(scene: Scene) -> None:
    warning_id = _closed(scene)
    (record,) = [item for item in scene.outbox(Lane.KAFKA) if item.target == "deductions"]
    assert (record.recipient, record.payload["deduction"]["warning"]) == (USCC, warning_id)
    assert [item.payload["event"] for item in scene.outbox(Lane.LIVE)][-1] == "deduction.proposed"


def test_a_score_of_nobody_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotFound):
        scene.office.score("91350100M000100Y43", "2026-11")


def test_what_turns_out_graver_after_it_was_charged_replaces_the_milder_entry_at_once_and_once(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(state="in_store"), scene.now)
    scene.office.sweep(scene.later(hours=2))
    warning = scene.only_warning()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    assert [(entry.violation_code, entry.state) for entry in scene.deductions()] == [("XV03", DeductionState.PROPOSED)]
    sold = scene.office.take_observation(scene.weighing(), scene.now)
    assert names(sold) == [
        EventName.WARNING_ATTACHED,
        EventName.DEDUCTION_PROPOSED,
        EventName.DEDUCTION_WITHDRAWN,
    ]
    charged = {(entry.violation_code, entry.state, entry.points) for entry in scene.deductions()}
    assert charged == {
        ("XV03", DeductionState.WITHDRAWN, Decimal(0)),
        ("XV04", DeductionState.PROPOSED, Decimal("22.5")),  # with the overdue half
    }
    scene.office.take_observation(scene.weighing(), scene.later(minutes=5))
    scene.office.sweep(scene.later(hours=1))
    scene.office.submit(warning.id, MERCHANT, "", [photo()], scene.later(minutes=1))
    closed = scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.later(minutes=1))
    assert closed.deduction is None
    assert {(entry.violation_code, entry.state, entry.points) for entry in scene.deductions()} == charged
    assert scene.office.score(USCC, "2026-11").score_if_confirmed == Decimal("77.5")


def test_what_a_person_withdrew_is_not_proposed_again_until_the_warning_is_reopened(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    (entry,) = scene.deductions()
    scene.office.object_deduction(entry.id, MERCHANT, "不是我店的猫", scene.later(minutes=1))
    scene.office.withdraw_deduction(entry.id, SUPERVISOR, "成立", scene.later(minutes=1))
    scene.office.take_finding(scene.finding(at=scene.later(minutes=20)), scene.now)
    scene.office.file_case(warning.id, INSPECTOR, "案", scene.later(minutes=1))
    assert [known.state for known in scene.deductions()] == [DeductionState.WITHDRAWN]
    scene.office.reopen(warning.id, INSPECTOR, "新证据", scene.later(minutes=1))
    assert scene.office.file_case(warning.id, INSPECTOR, "案", scene.later(minutes=1)).deduction is not None
    assert [known.state for known in scene.deductions()] == [DeductionState.WITHDRAWN, DeductionState.PROPOSED]


def test_what_a_supervisor_reversed_is_not_proposed_again(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    (entry,) = scene.deductions()
    after_window = entry.objection_until + timedelta(hours=1)
    scene.office.confirm_deduction(entry.id, COLLEAGUE, after_window)
    scene.office.reverse_deduction(entry.id, SUPERVISOR, "误判", after_window)
    scene.later(days=7)
    scene.office.take_finding(scene.finding(), scene.now)
    assert [known.state for known in scene.deductions()] == [DeductionState.REVERSED]


def _two_lots_sold_after_their_expiry(scene: Scene) -> list[Deduction]:
    for lot in ("L1", "L2"):
        scene.office.take_observation(scene.batch(lot), scene.now)
        scene.later(hours=2)
        scene.office.take_observation(scene.weighing(lot), scene.now)
        (warning,) = scene.warnings(state="open")
        scene.office.file_case(warning.id, INSPECTOR, "案", scene.now)
    return scene.deductions()


def test_when_the_first_of_a_month_is_withdrawn_the_second_costs_as_the_first(scene: Scene) -> None:
    first, second = _two_lots_sold_after_their_expiry(scene)
    scene.office.object_deduction(second.id, MERCHANT, "不是我店的", scene.later(minutes=1))
    ruling = scene.office.withdraw_deduction(first.id, SUPERVISOR, "误判", scene.later(minutes=1))
    assert names(ruling.events) == [EventName.DEDUCTION_WITHDRAWN, EventName.DEDUCTION_PROPOSED]
    after = scene.deductions()[1]
    assert (after.state, after.ordinal, after.points) == (DeductionState.OBJECTED, 1, Decimal("15.0"))
    step = scene.audit(second.id, "deduction")[-1]
    assert (step.from_state, step.to_state, step.reason, step.actor) == ("objected", "objected", "recomputed", "system")
    late = second.objection_until + timedelta(hours=1)
    final = scene.office.confirm_deduction(second.id, SUPERVISOR, late, note="不成立").deduction
    assert (final.points, scene.office.score(USCC, "2026-11").score) == (Decimal("15.0"), 85)


def test_a_reopened_warning_takes_its_place_in_the_count_away_too(scene: Scene) -> None:
    first, _ = _two_lots_sold_after_their_expiry(scene)
    scene.office.reopen(first.warning_id, INSPECTOR, "新证据", scene.later(minutes=1))
    assert [entry.points for entry in scene.deductions() if entry.state is DeductionState.PROPOSED] == [Decimal("15.0")]


def test_the_milder_entry_of_a_fact_stands_again_when_the_graver_one_is_withdrawn(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(state="in_store"), scene.now)
    scene.office.sweep(scene.later(hours=2))
    scene.office.delivered(scene.only_warning().id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    scene.office.take_observation(scene.weighing(), scene.now)
    milder, graver = sorted(scene.deductions(), key=lambda entry: entry.violation_code)
    scene.office.withdraw_deduction(graver.id, SUPERVISOR, "秤上选错了批次", scene.later(minutes=1))
    after = {entry.violation_code: (entry.state, entry.points) for entry in scene.deductions()}
    assert after == {"XV03": (DeductionState.PROPOSED, Decimal("7.5")), "XV04": (DeductionState.WITHDRAWN, graver.points)}
    assert [step.reason for step in scene.audit(milder.id, "deduction")][-1] == "recomputed"


def test_a_final_entry_stays_as_it_was_confirmed_when_an_earlier_one_is_reversed(scene: Scene) -> None:
    first, second = _two_lots_sold_after_their_expiry(scene)
    late = second.objection_until + timedelta(hours=1)
    scene.office.confirm_deduction(first.id, COLLEAGUE, late)
    scene.office.confirm_deduction(second.id, COLLEAGUE, late)
    scene.office.reverse_deduction(first.id, SUPERVISOR, "误判", late)
    assert [entry.points for entry in scene.deductions()] == [Decimal("15.0"), Decimal("22.5")]


def test_a_charge_that_overtook_a_submission_made_in_time_is_taken_back(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.later(hours=23))
    sent_at = scene.later(minutes=59)  # the photos are still on their way when the sweep comes
    scene.office.sweep(scene.later(hours=2))
    (entry,) = scene.deductions()
    assert entry.state is DeductionState.PROPOSED
    outcome = scene.office.submit(warning.id, MERCHANT, "清理完毕", [photo()], sent_at)
    assert (outcome.warning.on_time, names(outcome.events)[-1]) == (True, EventName.DEDUCTION_WITHDRAWN)
    (entry,) = scene.deductions()
    assert entry.state is DeductionState.WITHDRAWN


def test_a_charge_proposed_before_a_submission_stays(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.later(hours=23))
    scene.office.sweep(scene.later(hours=2))
    scene.office.submit(warning.id, MERCHANT, "清理完毕", [photo()], scene.later(minutes=1))
    (entry,) = scene.deductions()
    assert entry.state is DeductionState.PROPOSED
