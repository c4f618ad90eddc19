"""The auditor sees every clock that passed without anybody dealing with it, and nothing where all is well."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from cli.auditor import GRACE, QUIET_AFTER, Auditor
from domain.errors import ConfigurationError
from domain.time import format_instant
from store.oversight import Lapse, open_oversight
from tests.unit.casework.scene import HOUR, MERCHANT, Scene

PAST = GRACE + timedelta(seconds=1)


def url(scene: Scene) -> str:
    with scene.store.reading() as uow:
        connection = uow._connection  # type: ignore[attr-defined]
        return f"sqlite:///{connection.engine.url.database}"


def missed(scene: Scene) -> dict[Lapse, int]:
    """What the auditor finds now, without what is none."""
    found = open_oversight(url(scene)).look(scene.now, grace=GRACE)
    assert set(found) == set(Lapse)
    return {lapse: count for lapse, count in found.items() if count}


def plant(scene: Scene, statement: str) -> None:
    """Break the database as no code of ours would."""
    with sqlite3.connect(url(scene).removeprefix("sqlite:///")) as connection:
        connection.execute("PRAGMA recursive_triggers=ON")
        connection.execute(statement)


def test_a_day_in_which_everything_is_dealt_with_has_no_lapse(scene: Scene) -> None:
    told = scene.raised()
    scene.office.delivered(told.id, scene.now)
    scene.office.take_finding(scene.finding(subject="cam-0a1b2c3d/other", automatic=False), scene.now)
    handed_in = scene.submitted(subject="cam-0a1b2c3d/third")
    assert handed_in.is_open
    for _ in range(30):
        scene.later(hours=1)
        scene.office.sweep(scene.now)
        plant(scene, "UPDATE outbox SET state = 'done', settled_at = created_at WHERE state = 'pending'")  # as a relay does
        scene.later(seconds=PAST.total_seconds())
        assert missed(scene) == {}, scene.now
    assert scene.warning(told.id).closure_overdue


def test_each_clock_that_nobody_dealt_with_is_seen_after_the_grace_and_not_before(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    limit = scene.warning(warning.id).rectify_by
    assert limit is not None
    plant(scene, "UPDATE outbox SET state = 'done', settled_at = created_at")
    plant(scene, "UPDATE warnings SET reminded_percent = 100, next_due_at = rectify_by + 1")
    scene.now = limit + timedelta(microseconds=1) + GRACE - timedelta(seconds=1)
    assert missed(scene) == {}
    scene.later(seconds=2)
    assert missed(scene) == {Lapse.STEP_OVERDUE: 1, Lapse.RECTIFY_UNFLAGGED: 1}
    scene.now = warning.raised_at + 24 * HOUR + PAST
    assert missed(scene) == {Lapse.STEP_OVERDUE: 1, Lapse.RECTIFY_UNFLAGGED: 1, Lapse.CLOSURE_UNFLAGGED: 1}
    scene.office.sweep(scene.now)
    plant(scene, "UPDATE outbox SET state = 'done', settled_at = created_at")
    assert missed(scene) == {}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("next_due_at = NULL", "the sweep would never find it again"),
        ("next_due_at = rectify_by + 3600000000", "the sweep would find it an hour late"),
    ],
)
def test_a_warning_whose_next_step_is_lost_is_seen_before_anything_is_late(scene: Scene, wrong: str, why: str) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    plant(scene, "UPDATE outbox SET state = 'done', settled_at = created_at")
    assert missed(scene) == {}
    plant(scene, f"UPDATE warnings SET reminded_percent = 100, {wrong}")
    assert missed(scene) == {Lapse.STEP_MISSING: 1}, why


def test_a_submission_that_waits_for_the_regulator_still_has_a_next_step(scene: Scene) -> None:
    warning = scene.submitted()
    plant(scene, "UPDATE outbox SET state = 'done', settled_at = created_at")
    assert missed(scene) == {}
    plant(scene, "UPDATE warnings SET next_due_at = NULL")
    assert missed(scene) == {Lapse.STEP_MISSING: 1}
    assert scene.warning(warning.id).is_open


def test_a_warning_that_reached_nobody_a_notice_nobody_touched_and_a_review_nobody_made_are_seen(scene: Scene) -> None:
    scene.subscribe(MERCHANT)
    scene.raised()
    scene.office.take_finding(
        scene.finding(subject="cam-0a1b2c3d/other", automatic=False, rule="rodent", class_="rodent"), scene.now
    )
    scene.later(minutes=1)
    scene.later(seconds=PAST.total_seconds())
    assert missed(scene) == {Lapse.UNDELIVERED: 1}
    scene.later(minutes=1)
    found = missed(scene)
    assert found.pop(Lapse.NOTICE_UNTOUCHED) > 0
    assert found == {Lapse.UNDELIVERED: 1}
    scene.later(hours=3)
    assert missed(scene)[Lapse.REVIEW_OVERDUE] == 1
    scene.office.sweep(scene.now)
    assert Lapse.REVIEW_OVERDUE not in missed(scene)
    plant(scene, "UPDATE findings SET review_due_at = NULL, review_escalated = 0")
    assert missed(scene)[Lapse.REVIEW_MISSING] == 1


def test_an_expired_batch_that_no_sweep_has_judged_is_seen(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(expires_at=format_instant(scene.now + HOUR)), scene.now)
    scene.later(hours=1)
    assert Lapse.EXPIRY_UNJUDGED not in missed(scene)
    scene.later(seconds=PAST.total_seconds())
    assert missed(scene)[Lapse.EXPIRY_UNJUDGED] == 1
    scene.office.sweep(scene.now)
    assert Lapse.EXPIRY_UNJUDGED not in missed(scene)


def test_the_auditor_cannot_write_and_is_ready_only_while_it_is_answered(scene: Scene, tmp_path: Path) -> None:
    address = url(scene)
    auditor = Auditor(open_oversight(address))
    assert not auditor.is_ready(scene.now)
    assert auditor.look(scene.now) is not None
    assert auditor.is_ready(scene.now + QUIET_AFTER)
    assert not auditor.is_ready(scene.now + QUIET_AFTER + timedelta(seconds=1))
    file = Path(address.removeprefix("sqlite:///"))
    read_only = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        read_only.execute("UPDATE warnings SET version = 9")
    read_only.close()
    nowhere = Auditor(open_oversight(f"sqlite:///{tmp_path}/none.db"))
    assert nowhere.look(scene.now) is None
    assert not nowhere.is_ready(scene.now)
    assert not (tmp_path / "none.db").exists(), "an auditor makes no database"


def test_a_database_it_cannot_read_is_named() -> None:
    with pytest.raises(ConfigurationError, match="KITCHEN_DATABASE_URL"):
        open_oversight("mysql://db.example.org/kitchen")
