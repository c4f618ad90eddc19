"""A warning's life through the office: who may do what, what each step writes, and the whole way to the score."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from casework.photos import Photo
from domain.deductions import DeductionState
from domain.errors import BadInput, Code, Forbidden, IllegalTransition, NotFound
from domain.events import EventName, Lane
from domain.findings import EvidenceKind
from domain.parties import Actor
from domain.rules import Level
from domain.warnings import Disposition, State
from tests.unit.casework.scene import (
    COLLEAGUE,
    FAR_INSPECTOR,
    INSPECTOR,
    MERCHANT,
    STAFF,
    STRANGER,
    SUPERVISOR,
    USCC,
    Scene,
    photo,
)


def test_the_whole_way_from_a_sale_of_expired_goods_to_the_score(scene: Scene) -> None:
    office = scene.office
    warning = scene.expired_sale()
    raised_at = scene.now

    told = office.delivered(warning.id, scene.later(minutes=1)).warning
    assert (told.state, told.notified_at) == (State.NOTIFIED, scene.now)
    assert told.rectify_by == scene.now + timedelta(hours=2), "RW2 gives the merchant 2 h from delivery (C.4)"
    office.acknowledge(warning.id, MERCHANT, scene.later(minutes=5))
    office.start(warning.id, MERCHANT, scene.later(minutes=5))
    submitted = office.submit(warning.id, STAFF, "已下架封存", [photo()], scene.later(minutes=30)).warning
    assert (submitted.on_time, submitted.attempt) == (True, 1)
    closed = office.verify(warning.id, INSPECTOR, ok=True, note="现场核实", now=scene.later(hours=1))
    assert (closed.warning.state, closed.warning.disposition) == (State.CLOSED, Disposition.VERIFIED)
    assert closed.warning.close_by == raised_at + timedelta(hours=24)

    entry = closed.deduction
    assert entry is not None
    assert (entry.violation_code, entry.points, entry.state) == ("XV04", Decimal("15.0"), DeductionState.PROPOSED)
    assert entry.objection_until == datetime(2026, 11, 25, 16, 0, tzinfo=UTC), "Fri → Mon, Tue, Wed end at Shanghai midnight"
    proposed = office.score(USCC, "2026-11")
    assert (proposed.score, proposed.score_if_confirmed) == (100, 85)

    with pytest.raises(IllegalTransition):
        office.confirm_deduction(entry.id, SUPERVISOR, scene.now)
    final = office.confirm_deduction(entry.id, SUPERVISOR, entry.objection_until + timedelta(seconds=1)).deduction
    assert (final.state, final.confirmed_by) == (DeductionState.FINAL, SUPERVISOR.id)
    score = office.score(USCC, "2026-11")
    assert (score.score, score.score_if_confirmed, score.grade) == (85, 85, "yellow")

    history = [(step.from_state, step.to_state, step.actor_role) for step in scene.audit(warning.id)]
    assert history == [
        ("", "raised", "system"),
        ("raised", "notified", "system"),
        ("notified", "acknowledged", "merchant"),
        ("acknowledged", "rectifying", "merchant"),
        ("rectifying", "submitted", "staff"),
        ("submitted", "closed", "inspector"),
    ]
    assert [step.to_state for step in scene.audit(entry.id, "deduction")] == ["proposed", "final"]
    with scene.store.reading() as uow:
        assert uow.audit.verify() == 8


def _dismiss(scene: Scene, warning_id: str, actor: Actor) -> object:
    return scene.office.dismiss(warning_id, actor, "x", scene.now)


def _verify(scene: Scene, warning_id: str, actor: Actor) -> object:
    return scene.office.verify(warning_id, actor, ok=True, note="", now=scene.now)


def _acknowledge(scene: Scene, warning_id: str, actor: Actor) -> object:
    return scene.office.acknowledge(warning_id, actor, scene.now)


def _submit(scene: Scene, warning_id: str, actor: Actor) -> object:
    return scene.office.submit(warning_id, actor, "", [photo()], scene.now)


@pytest.mark.parametrize(
    ("ask", "actor", "error"),
    [
        (_acknowledge, STRANGER, NotFound),
        (_submit, STRANGER, NotFound),
        (_dismiss, FAR_INSPECTOR, NotFound),
        (_verify, FAR_INSPECTOR, NotFound),
        (_dismiss, MERCHANT, Forbidden),
        (_verify, MERCHANT, Forbidden),
        (_acknowledge, INSPECTOR, Forbidden),
        (_acknowledge, STAFF, Forbidden),
    ],
    ids=[
        "another merchant is told that there is none",
        "and hands nothing in",
        "an inspector of elsewhere is told that there is none",
        "and verifies nothing",
        "a merchant does not dismiss their own warning",
        "nor verify it",
        "an inspector does not acknowledge for the merchant",
        "staff only submit (E.7)",
    ],
)
def test_who_may_not_changes_nothing(
    scene: Scene, ask: Callable[[Scene, str, Actor], object], actor: Actor, error: type[Exception]
) -> None:
    warning = scene.raised()
    before = len(scene.outbox())
    with pytest.raises(error):
        ask(scene, warning.id, actor)
    assert scene.warning(warning.id) == warning
    assert (len(scene.outbox()), len(scene.audit(warning.id))) == (before, 1)


def test_a_red_warning_is_not_submitted_without_a_photo(scene: Scene) -> None:
    warning = scene.raised()
    with pytest.raises(BadInput) as refused:
        scene.office.submit(warning.id, MERCHANT, "done", [], scene.now)
    assert refused.value.code is Code.FIELD
    assert scene.warning(warning.id).state is State.RAISED


def test_an_ordinary_warning_may_be_answered_in_words_which_are_kept_as_evidence(scene: Scene) -> None:
    warning = scene.raised(
        rule="no_workwear", class_="no_workwear", violation_code="CV04", level=Level.ORDINARY, subject="cam-0a1b2c3d/x"
    )
    assert warning.close_by is None
    with pytest.raises(BadInput):
        scene.office.submit(warning.id, MERCHANT, "  ", [], scene.now)
    scene.office.submit(warning.id, MERCHANT, "已换工作服", [], scene.now)
    words = [item for item in scene.evidence(warning.id) if item.kind is EvidenceKind.RECORD]
    assert [scene.media.get(item.sha256).decode() for item in words] == ["已换工作服"]


def test_a_photo_that_is_none_changes_nothing(scene: Scene) -> None:
    warning = scene.raised()
    with pytest.raises(BadInput) as refused:
        scene.office.submit(warning.id, MERCHANT, "", [Photo(data=b"<svg/>", media_type="image/jpeg")], scene.now)
    assert refused.value.code is Code.MALFORMED
    assert scene.warning(warning.id) == warning


def test_the_same_client_token_submits_once(scene: Scene) -> None:
    warning = scene.raised()
    first = scene.office.submit(warning.id, MERCHANT, "done", [photo()], scene.now, token="t-1")
    scene.office.verify(warning.id, INSPECTOR, ok=False, note="看不清", now=scene.later(minutes=1))
    again = scene.office.submit(warning.id, MERCHANT, "done", [photo()], scene.later(minutes=1), token="t-1")
    assert (len(first.events), again.events) == (1, ())
    assert scene.warning(warning.id).state is State.RECTIFYING, "an old request that comes late must not submit anew"


def test_a_second_submission_without_a_token_is_refused(scene: Scene) -> None:
    warning = scene.submitted()
    with pytest.raises(IllegalTransition):
        scene.office.submit(warning.id, MERCHANT, "", [photo()], scene.now)
    assert len(scene.evidence(warning.id)) == 2


def test_closing_and_dismissing_at_once_the_first_wins(scene: Scene) -> None:
    warning = scene.submitted()
    scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now)
    with pytest.raises(IllegalTransition):
        scene.office.dismiss(warning.id, COLLEAGUE, "false alarm", scene.now)
    assert scene.warning(warning.id).state is State.CLOSED


def test_the_merchants_own_look_is_delivery_and_an_inspectors_is_not(scene: Scene) -> None:
    warning = scene.raised()
    assert scene.office.opened(warning.id, INSPECTOR, scene.now).events == ()
    seen = scene.office.opened(warning.id, MERCHANT, scene.later(minutes=3))
    assert [event.name for event in seen.events] == [EventName.WARNING_NOTIFIED]
    assert seen.warning.rectify_by == scene.now + timedelta(hours=12)
    again = scene.office.delivered(warning.id, scene.later(minutes=3))
    assert again.events == ()
    assert again.warning.rectify_by == seen.warning.rectify_by


def test_delivery_after_the_end_changes_nothing(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.dismiss(warning.id, INSPECTOR, "猫是玩具", scene.now)
    assert scene.office.delivered(warning.id, scene.later(minutes=1)).events == ()
    assert scene.warning(warning.id).state is State.DISMISSED


def test_a_failed_verification_starts_the_next_attempt(scene: Scene) -> None:
    warning = scene.submitted()
    sent_back = scene.office.verify(warning.id, INSPECTOR, ok=False, note="仍有猫毛", now=scene.later(minutes=5)).warning
    assert (sent_back.state, sent_back.attempt) == (State.RECTIFYING, 2)
    scene.office.submit(warning.id, MERCHANT, "再次清理", [photo("green")], scene.later(minutes=5))
    assert sorted(item.attempt for item in scene.evidence(warning.id)) == [0, 1, 2]


def test_an_extension_is_given_once(scene: Scene) -> None:
    warning = scene.raised()
    told = scene.office.delivered(warning.id, scene.now).warning
    extended = scene.office.extend(warning.id, INSPECTOR, "停电", scene.later(hours=1)).warning
    assert told.rectify_by is not None
    assert extended.rectify_by == told.rectify_by + timedelta(hours=6)
    with pytest.raises(IllegalTransition):
        scene.office.extend(warning.id, INSPECTOR, "again", scene.now)


def test_every_transition_goes_to_the_live_pages_the_log_and_people_in_one_transaction(scene: Scene) -> None:
    scene.subscribe(MERCHANT)
    scene.subscribe(INSPECTOR)
    scene.subscribe(FAR_INSPECTOR)
    warning = scene.raised()
    sent = {(item.lane, item.target, item.recipient) for item in scene.outbox()}
    assert sent == {
        (Lane.LIVE, "live", USCC),
        (Lane.KAFKA, "warnings", USCC),
        (Lane.NOTIFY, "webpush", "u-merchant-phone"),
        (Lane.NOTIFY, "webpush", "u-inspector-phone"),
        (Lane.NOTIFY, "webhook", "robot"),
    }
    keys = [item.key for item in scene.outbox(Lane.NOTIFY)]
    assert f"warning.raised:{warning.id}:1:webpush:u-merchant-phone" in keys
    to_merchant = {item.recipient for item in scene.outbox() if item.to_merchant}
    assert to_merchant == {"u-merchant-phone"}, "only a merchant's own screen confirms delivery"


def test_nobody_is_told_of_what_they_did_themselves(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    scene.subscribe(COLLEAGUE)
    warning = scene.raised()
    scene.office.dismiss(warning.id, INSPECTOR, "x", scene.now)
    told = [item.recipient for item in scene.outbox(Lane.NOTIFY) if item.key.startswith("warning.dismissed")]
    assert sorted(told) == ["robot", "u-colleague-phone"]


def test_the_live_item_is_the_list_item_with_the_event(scene: Scene) -> None:
    warning = scene.raised()
    (live,) = scene.outbox(Lane.LIVE)
    assert {"id", "merchant", "region", "level", "state", "close_by", "evidence", "why"} <= set(live.payload)
    assert (live.payload["id"], live.payload["event"]) == (warning.id, "warning.raised")


def test_reopening_sets_both_deadlines_anew_and_takes_the_proposal_back(scene: Scene) -> None:
    warning = scene.submitted()
    closed = scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.later(minutes=1))
    assert closed.deduction is not None
    reopened = scene.office.reopen(warning.id, COLLEAGUE, "照片不是本店", scene.later(days=2))
    assert reopened.warning.state is State.RECTIFYING
    assert reopened.warning.close_by == scene.now + timedelta(hours=24)
    assert [event.name for event in reopened.events] == [EventName.WARNING_REOPENED, EventName.DEDUCTION_WITHDRAWN]
    assert [entry.state for entry in scene.deductions()] == [DeductionState.WITHDRAWN]
    scene.office.submit(warning.id, MERCHANT, "", [photo("white")], scene.later(minutes=1))
    again = scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.later(minutes=1))
    assert again.deduction is not None
    assert sorted(entry.state for entry in scene.deductions()) == [DeductionState.PROPOSED, DeductionState.WITHDRAWN]


def test_a_case_filed_closes_the_loop_and_proposes(scene: Scene) -> None:
    warning = scene.raised()
    filed = scene.office.file_case(warning.id, INSPECTOR, "立案 2026-17", scene.later(hours=1))
    assert (filed.warning.state, filed.warning.disposition) == (State.CLOSED, Disposition.CASE_FILED)
    assert filed.deduction is not None


def test_long_term_control_proposes_and_ends_with_a_verification(scene: Scene) -> None:
    warning = scene.submitted()
    until = scene.now + timedelta(days=10)
    controlled = scene.office.control(warning.id, INSPECTOR, "装纱窗", until, scene.now)
    assert controlled.deduction is not None
    report = scene.office.sweep(until)
    assert [event.name for event in report.events] == [EventName.WARNING_REMINDED]
    assert scene.office.sweep(until + timedelta(hours=1)).events == ()
    closed = scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=until + timedelta(hours=2))
    assert (closed.warning.state, closed.deduction) == (State.CLOSED, None)
    assert len(scene.deductions()) == 1
