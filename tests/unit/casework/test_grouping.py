"""One open warning for each merchant, rule and subject or zone: neither too much in one, nor one thing in two (domain.md F.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.casework.scene import INSPECTOR, OTHER, Scene

SECOND = "cam-0b0b0b0b"


@pytest.mark.parametrize(
    ("changes", "warnings", "why"),
    [
        ({}, 1, "the same class, camera and zone are one, however often it is seen"),
        ({"subject": "cam-0a1b2c3d/store", "zone": "store"}, 2, "another zone is another place to put right"),
        ({"subject": f"{SECOND}/kitchen", "camera": SECOND}, 2, "another camera sees another thing"),
        ({"rule": "smoking", "class_": "smoking", "violation_code": "CV05"}, 2, "another class is another violation"),
        ({"uscc": OTHER}, 2, "another merchant's is the other merchant's"),
    ],
)
def test_what_is_the_same_is_one_warning_and_what_is_not_is_two(
    scene: Scene, changes: dict[str, Any], warnings: int, why: str
) -> None:
    first = scene.raised()
    scene.later(minutes=11)
    scene.office.take_finding(scene.finding(id="another", **changes), scene.now)
    assert len(scene.warnings(state="open")) == warnings, why
    assert len(scene.evidence(first.id)) == (2 if warnings == 1 else 1), "only what belongs to it becomes its evidence"


def test_every_further_sighting_is_evidence_in_every_open_state_and_moves_no_clock(scene: Scene) -> None:
    warning = scene.submitted()
    clocks = (warning.close_by, warning.rectify_by, warning.raised_at)
    for number in range(3):
        scene.later(minutes=31)
        scene.office.take_finding(scene.finding(id=f"again-{number}"), scene.now)
    kept = scene.only_warning()
    assert (kept.close_by, kept.rectify_by, kept.raised_at) == clocks
    assert sum(item.finding_id is not None for item in scene.evidence(warning.id)) == 4


@pytest.mark.parametrize("how", ["verified", "dismissed", "case filed"])
def test_what_is_still_bad_after_the_end_is_a_new_warning_with_clocks_of_its_own(scene: Scene, how: str) -> None:
    warning = scene.submitted()
    scene.later(minutes=5)
    match how:
        case "verified":
            scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now)
        case "dismissed":
            scene.office.dismiss(warning.id, INSPECTOR, "误报", scene.now)
        case _:
            scene.office.file_case(warning.id, INSPECTOR, "立案", scene.now)
    scene.later(minutes=11)
    again = scene.raised(id="after")
    assert again.id != warning.id
    assert again.close_by == scene.now + timedelta(hours=24)
    assert len(scene.evidence(warning.id)) == len(scene.evidence(again.id)) + 1, "the old one gets nothing more"


def test_two_lots_are_two_and_one_lot_sold_twice_is_one(scene: Scene) -> None:
    for lot in ("L1", "L2"):
        scene.office.take_observation(scene.batch(lot), scene.now)
    scene.later(hours=2)
    for lot in ("L1", "L2", "L1"):
        scene.later(minutes=2)
        scene.office.take_observation(scene.weighing(lot), scene.now)
    found = {warning.subject: warning for warning in scene.warnings(state="open")}
    assert set(found) == {"L1", "L2"}
    assert len(scene.evidence(found["L1"].id)) == 2
