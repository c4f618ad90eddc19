"""The outside form of warnings, deductions and scores."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from casework.views import deduction_item, plain_number, score_item, warning_detail, warning_item
from domain.time import parse_instant
from tests.unit.casework.scene import INSPECTOR, USCC, Scene


def test_a_list_item_has_the_promised_fields(scene: Scene) -> None:
    warning = scene.raised()
    item = warning_item(warning, scene.evidence(warning.id), merchant_name="老街卤味坊")
    promised = {
        "id",
        "merchant",
        "level",
        "violation_code",
        "class",
        "state",
        "raised_at",
        "notified_at",
        "rectify_by",
        "close_by",
        "evidence",
        "why",
    }
    assert promised <= item.keys()
    assert (item["merchant"], item["class"], item["state"]) == (USCC, "pest_or_pet", "raised")
    assert (item["raised_at"], item["notified_at"]) == ("2026-11-20T11:00:00.000+08:00", None)
    assert item["why"].startswith("摄像头 cam-0a1b2c3d")
    (evidence,) = item["evidence"]
    assert {"id", "url", "sha256", "kind"} <= evidence.keys()
    assert evidence["url"] == f"/api/v1/evidence/{evidence['id']}"
    assert json.loads(json.dumps(item)) == item


def test_the_detail_adds_the_history_and_the_servers_time(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.dismiss(warning.id, INSPECTOR, "误报", scene.now)
    told = warning_detail(scene.warning(warning.id), [], scene.audit(warning.id), scene.now)
    assert [(step["from"], step["to"], step["reason"]) for step in told["history"][1:]] == [("raised", "dismissed", "误报")]
    assert parse_instant(told["server_time"], "x") == scene.now


def test_a_deduction_and_a_score_have_the_promised_fields(scene: Scene) -> None:
    warning = scene.expired_sale()
    filed = scene.office.file_case(warning.id, INSPECTOR, "案", scene.now)
    assert filed.deduction is not None
    item = deduction_item(filed.deduction)
    assert {"id", "warning", "violation_code", "points", "state", "why"} <= item.keys()
    assert (item["warning"], item["points"], item["state"]) == (warning.id, 15, "proposed")
    assert "XV04" in item["why"]
    score = score_item(scene.office.score(USCC, "2026-11"))
    assert {"scheme", "month", "score", "score_if_confirmed", "grade"} <= score.keys()
    assert (score["score"], score["score_if_confirmed"], score["grade"]) == (100, 85, "blue")


@pytest.mark.parametrize(("value", "json_text"), [("15.0", "15"), ("0.5", "0.5"), ("22.50", "22.5"), ("0", "0")])
def test_points_are_plain_numbers(value: str, json_text: str) -> None:
    assert json.dumps(plain_number(Decimal(value))) == json_text
