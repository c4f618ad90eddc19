"""Findings: raise, attach, queue, or nothing (domain.md D.2, F.2, F.3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import BadInput, Code, Forbidden, IllegalTransition, NotFound
from domain.events import EventName, Lane
from domain.findings import EvidenceKind, EvidenceRef, FindingState
from domain.rules import Level
from domain.warnings import State
from tests.unit.casework.scene import (
    COLLEAGUE,
    FAR_INSPECTOR,
    INSPECTOR,
    MERCHANT,
    SUPERVISOR,
    Scene,
    photo,
)


def _state(scene: Scene, finding_id: str) -> FindingState:
    with scene.store.reading() as uow:
        found = uow.findings.get(finding_id)
    assert found is not None
    return found[1]


def test_an_automatic_finding_raises_a_warning_with_its_snapshot_and_a_24_hour_deadline(scene: Scene) -> None:
    finding = scene.finding(at=scene.now - timedelta(seconds=4))
    (event,) = scene.office.take_finding(finding, scene.now)
    warning = scene.warning(event.entity_id)
    assert event.name is EventName.WARNING_RAISED
    assert (warning.state, warning.raised_at) == (State.RAISED, scene.now)
    assert (warning.close_by, warning.rectify_by) == (scene.now + timedelta(hours=24), None)
    assert [item.sha256 for item in scene.evidence(warning.id)] == [finding.evidence[0].sha256]
    assert _state(scene, finding.id) is FindingState.RAISED
    (step,) = scene.audit(warning.id)
    assert (step.from_state, step.to_state, step.actor) == ("", "raised", "system")


def test_the_same_finding_again_has_no_effect(scene: Scene) -> None:
    finding = scene.finding()
    scene.office.take_finding(finding, scene.now)
    assert scene.office.take_finding(finding, scene.later(minutes=5)) == []
    assert scene.only_warning().version == 1


def test_a_further_finding_of_an_open_warning_attaches_and_reminds(scene: Scene) -> None:
    scene.office.take_finding(scene.finding(), scene.now)
    again = scene.finding(at=scene.later(minutes=31))
    (event,) = scene.office.take_finding(again, scene.now)
    warning = scene.only_warning()
    assert event.name is EventName.WARNING_ATTACHED
    assert _state(scene, again.id) is FindingState.ATTACHED
    assert len(scene.evidence(warning.id)) == 2
    assert warning.close_by == warning.raised_at + timedelta(hours=24)


@pytest.mark.parametrize(
    ("seen_after_closing", "warnings", "state"),
    [(timedelta(seconds=1), 2, FindingState.RAISED), (timedelta(seconds=-1), 1, FindingState.DISCARDED)],
    ids=["seen after the closing: a new one", "seen before it, told late: it was judged already"],
)
def test_after_closing_the_event_time_decides(
    scene: Scene, seen_after_closing: timedelta, warnings: int, state: FindingState
) -> None:
    first = scene.submitted()
    closed_at = scene.later(hours=1)
    scene.office.verify(first.id, INSPECTOR, ok=True, note="", now=closed_at)
    scene.later(minutes=1)
    finding = scene.finding(at=closed_at + seen_after_closing)
    scene.office.take_finding(finding, scene.now)
    assert (len(scene.warnings()), _state(scene, finding.id)) == (warnings, state)


def test_two_zones_are_two_warnings(scene: Scene) -> None:
    scene.raised()
    scene.raised(subject="cam-0a1b2c3d/store", zone="store")
    assert len(scene.warnings()) == 2


def test_a_finding_below_the_automatic_threshold_waits_for_a_reviewer(scene: Scene) -> None:
    finding = scene.finding(automatic=False, confidence=0.5)
    (event,) = scene.office.take_finding(finding, scene.now)
    assert event.name is EventName.FINDING_QUEUED
    assert scene.warnings() == []
    assert [item.id for item in scene.office.review_queue(INSPECTOR)] == [finding.id]
    assert scene.office.review_queue(FAR_INSPECTOR) == []


def test_a_confirmed_finding_starts_its_clocks_at_the_confirmation(scene: Scene) -> None:
    finding = scene.finding(automatic=False)
    scene.office.take_finding(finding, scene.now)
    (event,) = scene.office.confirm_review(finding.id, INSPECTOR, scene.later(hours=2))
    warning = scene.warning(event.entity_id)
    assert (warning.raised_at, warning.close_by) == (scene.now, scene.now + timedelta(hours=24))
    assert event.data.get("detection_to_alert_seconds") is None, "a person's time is not the machine's"
    assert scene.audit(warning.id)[0].actor == INSPECTOR.id


def test_a_rejected_finding_never_becomes_a_warning(scene: Scene) -> None:
    finding = scene.finding(automatic=False)
    scene.office.take_finding(finding, scene.now)
    scene.office.reject_review(finding.id, INSPECTOR, "店主的猫玩具", scene.now)
    with pytest.raises(IllegalTransition):
        scene.office.confirm_review(finding.id, COLLEAGUE, scene.now)
    assert (scene.warnings(), _state(scene, finding.id)) == ([], FindingState.DISCARDED)


@pytest.mark.parametrize(
    ("actor", "error"),
    [(MERCHANT, Forbidden), (FAR_INSPECTOR, NotFound)],
    ids=["a merchant reviews nothing", "an inspector of elsewhere is told that there is none"],
)
def test_only_an_inspector_of_the_region_reviews(scene: Scene, actor: object, error: type[Exception]) -> None:
    finding = scene.finding(automatic=False)
    scene.office.take_finding(finding, scene.now)
    with pytest.raises(error):
        scene.office.confirm_review(finding.id, actor, scene.now)  # type: ignore[arg-type]
    assert _state(scene, finding.id) is FindingState.REVIEW


def test_an_automatic_finding_without_its_snapshot_is_queued_and_cannot_be_confirmed(scene: Scene) -> None:
    lost = EvidenceRef(kind=EvidenceKind.SNAPSHOT, sha256="0" * 64, media_type="image/jpeg", at=scene.now)
    for evidence in ((), (lost,)):
        finding = scene.finding(at=scene.later(minutes=1), evidence=evidence)
        (event,) = scene.office.take_finding(finding, scene.now)
        assert event.name is EventName.FINDING_QUEUED
        with pytest.raises(BadInput) as refused:
            scene.office.confirm_review(finding.id, INSPECTOR, scene.now)
        assert refused.value.code is Code.SNAPSHOT_MISMATCH
    assert scene.warnings() == []


def test_a_rat_needs_two_different_people(scene: Scene) -> None:
    rat = scene.finding(rule="rodent", class_="rodent", violation_code="CV09", automatic=False)
    scene.office.take_finding(rat, scene.now)
    assert scene.office.confirm_review(rat.id, INSPECTOR, scene.now) == []
    with pytest.raises(Forbidden):
        scene.office.confirm_review(rat.id, INSPECTOR, scene.later(minutes=1))
    (event,) = scene.office.confirm_review(rat.id, SUPERVISOR, scene.now)
    assert event.name is EventName.WARNING_RAISED


def test_confirming_while_a_warning_is_open_attaches(scene: Scene) -> None:
    waiting = scene.finding(automatic=False)
    scene.office.take_finding(waiting, scene.now)
    warning = scene.raised(at=scene.later(minutes=11))
    (event,) = scene.office.confirm_review(waiting.id, INSPECTOR, scene.later(minutes=1))
    assert (event.name, event.entity_id) == (EventName.WARNING_ATTACHED, warning.id)


def test_a_finding_attached_while_the_merchant_acts_loses_nothing(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.acknowledge(warning.id, MERCHANT, scene.now)
    scene.office.take_finding(scene.finding(at=scene.later(minutes=31)), scene.now)
    scene.office.submit(warning.id, MERCHANT, "", [photo()], scene.now)
    assert (scene.warning(warning.id).state, len(scene.evidence(warning.id))) == (State.SUBMITTED, 3)


def test_a_general_finding_nobody_reviews_is_told_to_the_supervisor_and_then_expires(scene: Scene) -> None:
    hat = scene.finding(rule="no_hat", class_="no_hat", violation_code="CV01", level=Level.ORDINARY, automatic=False)
    scene.office.take_finding(hat, scene.now)
    assert scene.office.sweep(scene.later(hours=24)).events == ()
    told = [event.name for event in scene.office.sweep(scene.later(seconds=1)).events]
    assert told == [EventName.FINDING_ESCALATED]
    assert scene.office.sweep(scene.later(hours=47)).events == (), "once"
    assert [event.name for event in scene.office.sweep(scene.later(hours=1)).events] == [EventName.FINDING_EXPIRED]
    assert (_state(scene, hat.id), scene.warnings()) == (FindingState.EXPIRED_UNREVIEWED, [])
    assert scene.office.review_queue(INSPECTOR) == []
    assert [step.to_state for step in scene.audit(hat.id, "finding")] == ["review", "review", "expired_unreviewed"]
    with pytest.raises(IllegalTransition):
        scene.office.confirm_review(hat.id, INSPECTOR, scene.now)
    assert scene.office.sweep(scene.later(days=30)).reviews == 0


def test_a_serious_finding_is_escalated_after_two_hours_and_never_expires(scene: Scene) -> None:
    scene.subscribe(SUPERVISOR)
    rat = scene.finding(rule="rodent", class_="rodent", violation_code="CV09", automatic=False)
    scene.office.take_finding(rat, scene.now)
    scene.office.confirm_review(rat.id, INSPECTOR, scene.later(hours=1))  # of two
    assert [event.name for event in scene.office.sweep(scene.later(hours=1, seconds=1)).events] == [EventName.FINDING_ESCALATED]
    assert any(item.key.startswith(f"finding.escalated:{rat.id}:") for item in scene.outbox(Lane.NOTIFY))
    assert scene.office.sweep(scene.later(days=300)).events == ()
    (event,) = scene.office.confirm_review(rat.id, SUPERVISOR, scene.now)
    assert event.name is EventName.WARNING_RAISED


def test_what_was_decided_is_not_escalated(scene: Scene) -> None:
    one, other = scene.finding(automatic=False), scene.finding(at=scene.later(minutes=1), automatic=False)
    for finding in (one, other):
        scene.office.take_finding(finding, scene.now)
    scene.office.reject_review(one.id, INSPECTOR, "无", scene.now)
    scene.office.confirm_review(other.id, INSPECTOR, scene.now)
    scene.office.sweep(scene.later(hours=23))
    assert scene.office.sweep(scene.later(hours=3)).reviews == 0
