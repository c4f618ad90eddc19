"""What a closed warning costs under schemes that deduct nothing, or for some codes only."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.casework.scene import INSPECTOR, USCC, Scene, configuration


def rated_by(scene: Scene, name: str) -> None:
    """Let the scene's merchant be rated by another scheme."""
    schemes = configuration().schemes
    scene.office.desk = replace(scene.office.desk, schemes={**schemes, "xiangshan": schemes[name]})


def close_a_camera_warning(scene: Scene) -> None:
    warning = scene.submitted()
    scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now)


@pytest.mark.parametrize("name", ["rizhao", "fhrs", "nyc"])
def test_under_a_scheme_without_a_ledger_a_warning_costs_nothing(scene: Scene, name: str) -> None:
    rated_by(scene, name)
    close_a_camera_warning(scene)
    assert scene.deductions() == []
    assert scene.office.score(USCC, "2026-11").grade == "unrated"


def test_in_zhenhai_a_camera_finding_costs_its_points_and_no_lateness(scene: Scene) -> None:
    rated_by(scene, "zhenhai")
    close_a_camera_warning(scene)
    (entry,) = scene.deductions()
    assert (entry.violation_code, entry.points, entry.scheme) == ("CV10", Decimal("1.0"), "zhenhai")
    assert scene.office.score(USCC, "2026-11").score_if_confirmed == 9


def test_in_zhenhai_a_register_finding_acts_through_the_assessment_alone(scene: Scene) -> None:
    rated_by(scene, "zhenhai")
    warning = scene.expired_sale()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    assert scene.deductions() == []
