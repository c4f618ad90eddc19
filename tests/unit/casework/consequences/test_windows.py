"""When a month's objection window opens every merchant is told once, with the way to its own result (D.8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from casework.assessment_wiring import assessor_of
from casework.consequences import windows
from casework.desk import Work
from configs import demo_directory
from store.assessments import RunState
from tests.unit.casework.assessing import CUT, IN_WINDOW
from tests.unit.casework.scene import MERCHANT, STRANGER, USCC, Scene, configuration

TITLE = "2026-11 信用考评结果已出，2026-12-04 前可以提出异议"


@pytest.fixture
def assessed(scene: Scene) -> Scene:
    """The month has been rated, and its window is open; both merchants have a phone."""
    for actor in (MERCHANT, STRANGER):
        scene.subscribe(actor)
    assessor = assessor_of(scene.store, configuration(), demo_directory(), desk=scene.office.desk)
    for scheme in ("zhenhai", "xiangshan"):
        run = assessor.drive(assessor.begin(scheme, "2026-11", CUT).id, IN_WINDOW)
        assert run.state is RunState.OBJECTION_WINDOW
    return scene


def told(scene: Scene) -> list[tuple[str, str, str]]:
    found = [one for one in scene.outbox() if "异议" in one.payload.get("title", "") and one.target == "webpush"]
    return sorted((one.recipient, one.payload["title"], one.payload["url"]) for one in found)


def test_every_merchant_is_told_once_and_led_to_its_own_result(assessed: Scene) -> None:
    expected = [
        (f"{MERCHANT.id}-phone", TITLE, f"/scores/{USCC}?month=2026-11"),
        (f"{STRANGER.id}-phone", TITLE, f"/scores/{STRANGER.uscc}?month=2026-11"),
    ]
    assert told(assessed) == []
    for minutes in (0, 1):
        assessed.office.sweep(IN_WINDOW + timedelta(minutes=minutes))
        assert told(assessed) == expected
    assessed.another_office().sweep(IN_WINDOW + timedelta(minutes=2))  # another process, or this one after a restart
    assert told(assessed) == expected


def test_a_process_that_dies_between_two_pieces_leaves_nobody_out(assessed: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "AT_ONCE", 1)
    with assessed.store.reading() as uow:
        runs = [run for run in uow.assessments.undone() if windows.is_open(run, IN_WINDOW)]
    assert len(runs) == 2
    done = []

    def once(effect: Callable[[Work], str]) -> str:
        if done:
            raise RuntimeError("killed")
        done.append(True)
        return assessed.office.bureau.do(effect)

    with pytest.raises(RuntimeError):
        windows.announce(once, runs[0], IN_WINDOW)
    assert len(told(assessed)) == 1
    assessed.office.sweep(IN_WINDOW)
    assert len(told(assessed)) == 2


def test_nobody_is_told_after_the_window_or_before_it(assessed: Scene) -> None:
    with assessed.store.reading() as uow:
        run = uow.assessments.undone()[0]
    assert not windows.is_open(run, run.objection_until)
    assert windows.is_open(run, run.objection_until - timedelta(seconds=1))
    assert not windows.is_open(replace(run, state=RunState.PROVISIONAL), IN_WINDOW)
    assessed.office.sweep(run.objection_until)
    assert told(assessed) == []
