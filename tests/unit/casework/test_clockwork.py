"""The sweep: marks what has passed, once, whenever it comes (domain.md D.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from casework import metrics
from casework.clockwork import Shelf
from domain.events import DeadLetter, EventName, Lane
from domain.time import format_instant
from tests.unit.casework.scene import HOUR, INSPECTOR, MERCHANT, Scene, photo


def test_an_expired_batch_is_found_by_the_clock_alone(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(), scene.now)
    assert scene.office.sweep(scene.later(minutes=59)).events == ()
    report = scene.office.sweep(scene.later(minutes=1))
    assert [event.name for event in report.events] == [EventName.WARNING_RAISED]
    assert (report.batches, scene.only_warning().violation_code) == (1, "XV04")
    assert scene.office.sweep(scene.later(seconds=1)).batches == 0


def test_reminders_come_at_half_three_quarters_and_the_end_of_the_24_hours(scene: Scene) -> None:
    scene.raised()
    told = []
    for _ in range(26):
        told += [(event.name, event.data.get("percent")) for event in scene.office.sweep(scene.now).events]
        scene.later(hours=1)
    assert told == [
        (EventName.WARNING_REMINDED, 50),
        (EventName.WARNING_REMINDED, 75),
        (EventName.WARNING_REMINDED, 100),
        (EventName.CLOSURE_OVERDUE, None),
    ]


def test_closing_at_exactly_the_deadline_is_on_time_and_a_moment_later_it_is_not(scene: Scene) -> None:
    warning = scene.raised()
    deadline = warning.close_by
    assert deadline is not None
    scene.office.sweep(deadline)
    assert not scene.warning(warning.id).closure_overdue
    scene.office.sweep(deadline + timedelta(seconds=1))
    flagged = scene.warning(warning.id)
    assert (flagged.closure_overdue, flagged.escalation_level) == (True, 2)


def test_the_merchants_limit_is_flagged_and_escalates_one_level(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=12))
    assert not scene.warning(warning.id).rectify_overdue, "exactly at the limit is in time"
    report = scene.office.sweep(scene.later(seconds=1))
    assert EventName.RECTIFY_OVERDUE in [event.name for event in report.events]
    flagged = scene.warning(warning.id)
    assert (flagged.rectify_overdue, flagged.escalation_level, flagged.closure_overdue) == (True, 1, False)


def test_a_sweep_that_slept_marks_everything_once_and_reminds_once_of_each_clock(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    report = scene.office.sweep(scene.later(days=3))
    assert [event.name for event in report.events] == [
        EventName.WARNING_REMINDED,
        EventName.RECTIFY_OVERDUE,
        EventName.WARNING_REMINDED,
        EventName.CLOSURE_OVERDUE,
        EventName.DEDUCTION_PROPOSED,
    ]
    assert scene.office.sweep(scene.later(seconds=1)).events == ()
    assert scene.warning(warning.id).close_by == warning.close_by


def test_a_closed_warning_is_left_alone(scene: Scene) -> None:
    warning = scene.submitted()
    scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now)
    assert scene.office.sweep(scene.later(days=3)).warnings == 0


def test_a_sweep_is_bounded_and_says_that_more_is_waiting(scene: Scene) -> None:
    gone = format_instant(scene.now + HOUR)
    for number in range(5):
        scene.office.take_observation(scene.batch(f"L{number}", expires_at=gone), scene.now)
    scene.later(hours=2)
    assert [(report.batches, report.more) for report in (scene.office.sweep(scene.now, limit=2) for _ in range(4))] == [
        (2, True),
        (2, True),
        (1, False),
        (0, False),
    ]
    assert len(scene.warnings()) == 5


def test_the_auditor_sees_what_no_sweep_has_flagged(scene: Scene) -> None:
    scene.raised()
    scene.later(hours=25)
    assert scene.office.audit_deadlines(scene.now) == 1
    scene.office.sweep(scene.now)
    assert scene.office.audit_deadlines(scene.now) == 0


def test_a_warning_that_cannot_be_charged_holds_up_no_other(scene: Scene) -> None:
    broken = scene.raised(violation_code="CV99", subject="cam-0a1b2c3d/a")
    sound = scene.raised(subject="cam-0a1b2c3d/b")
    for warning in (broken, sound):
        scene.office.delivered(warning.id, scene.now)
    report = scene.office.sweep(scene.later(hours=30))
    assert (report.failed, report.more) == (1, False)
    assert scene.warning(sound.id).closure_overdue
    assert scene.warning(broken.id).version == 2, "what failed is undone as a whole, and tried again"


def test_an_instant_that_a_changed_rule_moved_does_not_keep_the_sweep_busy(scene: Scene) -> None:
    warning = scene.raised()
    with scene.store.writing() as uow:
        wrong = replace(warning, next_due_at=scene.now, version=2)
        uow.warnings.save(wrong, expected_version=1)
        uow.commit()
    assert scene.office.sweep(scene.later(minutes=1)).warnings == 1
    assert scene.office.sweep(scene.later(minutes=1)).warnings == 0


def test_two_sweeps_at_once_mark_once(scene: Scene) -> None:
    warning = scene.raised()
    scene.later(hours=25)
    first, second = scene.office.sweep(scene.now), scene.another_office().sweep(scene.now)
    assert len(first.events) == 2
    assert second.events == ()
    assert len(scene.audit(warning.id)) == 2


def test_the_warning_that_was_handed_in_waits_for_the_regulator_only(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.submit(warning.id, MERCHANT, "", [photo()], scene.later(hours=11))
    report = scene.office.sweep(scene.later(hours=14))
    assert EventName.RECTIFY_OVERDUE not in [event.name for event in report.events]
    assert not scene.warning(warning.id).rectify_overdue


def test_what_was_sent_a_week_ago_is_forgotten_and_a_replay_tells_nobody_again(scene: Scene) -> None:
    finding = scene.finding()
    scene.office.take_finding(finding, scene.now)
    with scene.store.writing() as uow:
        waiting = uow.outbox.claim(scene.now, lanes=list(Lane), limit=100, lease_until=scene.now)
        for delivery in waiting[1:]:
            uow.outbox.done(delivery.id, scene.now)
        uow.commit()
    assert len(waiting) > 2
    assert scene.office.sweep(scene.later(days=7)).forgotten == 0
    report = scene.office.sweep(scene.later(seconds=1), limit=1)
    assert (report.forgotten, report.more) == (1, True)
    rest = scene.office.sweep(scene.now)
    assert rest.forgotten >= len(waiting) - 2
    assert scene.office.sweep(scene.now).forgotten == 0
    left = {item.key for item in scene.outbox()}
    assert waiting[0].key in left, "what was not sent yet stays"
    assert scene.office.take_finding(finding, scene.now) == []
    assert {item.key for item in scene.outbox()} == left


class BrokenShop(dict[str, object]):
    """Schemes that fail in a way nobody foresaw."""

    def __getitem__(self, key: str) -> object:
        raise ZeroDivisionError(key)


def test_an_error_nobody_foresaw_stops_neither_the_sweep_nor_the_other_parts_of_it(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(expires_at=format_instant(scene.now + timedelta(hours=25))), scene.now)
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    before = metrics.SWEEP_FAILURES._value.get()
    scene.office.desk = replace(scene.office.desk, schemes=BrokenShop())
    report = scene.office.sweep(scene.later(hours=30))
    assert (report.failed, report.batches) == (1, 1)
    assert metrics.SWEEP_FAILURES._value.get() == before + 1
    assert scene.warning(warning.id).version == 2, "what failed is undone as a whole"


def test_items_that_fail_again_and_again_do_not_starve_those_behind_them(scene: Scene) -> None:
    for number in range(4):
        broken = scene.raised(violation_code="CV99", subject=f"cam-0a1b2c3d/{number}")
        scene.office.delivered(broken.id, scene.now)
    sound = scene.raised(at=scene.later(minutes=1), subject="cam-0a1b2c3d/sound")
    scene.later(hours=30)
    failures = [scene.office.sweep(scene.now, limit=2).failed for _ in range(4)]
    assert failures == [2, 2, 0, 0]
    assert scene.warning(sound.id).closure_overdue
    assert scene.office.sweep(scene.later(seconds=6), limit=9).failed == 4, "they are tried again after their rest"
    assert scene.office.sweep(scene.later(seconds=6), limit=9).failed == 0, "the second rest is longer"
    assert scene.another_office().sweep(scene.now, limit=9).failed == 4, "a restart knows nothing of it"


def test_the_shelf_is_bounded_and_forgets_who_succeeded(scene: Scene) -> None:
    shelf = Shelf(most=3)
    for name in "abcd":
        shelf.failed(name, scene.now)
    shelf.succeeded("d")

    def ask(most: int) -> str:
        return "abcdef"[:most]

    assert shelf.choose(ask, str, scene.now, limit=3) == ["a", "d", "e"], "b and c rest; a, which failed first, was forgotten"
    assert shelf.choose(ask, str, scene.now + timedelta(seconds=5), limit=3) == ["a", "b", "c"]


def _letter(number: int, code: str, at: datetime) -> DeadLetter:
    return DeadLetter(key=f"dead-letters/0/{number}", source="http", code=code, reason="", received_at=at, raw=b"{")


def test_dead_letters_are_dropped_after_28_days_and_those_of_strangers_after_seven(scene: Scene) -> None:
    for number, code in enumerate(["E011", "E011", "E001"]):
        scene.office.take_dead_letter(_letter(number, code, scene.now), scene.now)

    def left() -> list[str]:
        with scene.store.reading() as uow:
            return [letter.code for letter in uow.dead_letters.list()]

    assert scene.office.sweep(scene.later(days=7)).letters == 0
    report = scene.office.sweep(scene.later(seconds=1), limit=1)
    assert (report.letters, report.more) == (1, True)
    assert scene.office.sweep(scene.now).letters == 1
    assert left() == ["E001"]
    assert scene.office.sweep(scene.later(days=21) - timedelta(seconds=1)).letters == 0
    assert scene.office.sweep(scene.now).letters == 1
    assert left() == []
