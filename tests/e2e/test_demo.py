"""What a newcomer sees: the demo raises warnings by itself, people work them off, Ctrl-C ends it, and it comes back the same."""

from __future__ import annotations

import io
import json
import re
import time
from datetime import datetime, timedelta

import httpx
import pytest
from PIL import Image

from tests.e2e.product import MERCHANT, process_exists, running, until

pytestmark = [pytest.mark.service, pytest.mark.timeout(400)]


def photo() -> bytes:
    """A small photo of a merchant's phone."""
    out = io.BytesIO()
    Image.effect_noise((320, 240), 40).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def metric(product, name: str) -> float:
    """The sum of a metric's samples on /metrics."""
    text = httpx.get(f"{product.url}/metrics", timeout=10).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}(\{{|\s)", line))


def by_class(product, class_: str):
    """Warnings of one class."""
    return [item for item in product.warnings() if item["class"] == class_]


def test_the_demo_from_start_to_score_to_restart(tmp_path):
    started = time.monotonic()
    with running(["demo"], tmp_path / "data") as product:
        cat = until(lambda: by_class(product, "pest_or_pet"), within_s=60, what="the camera's warning")[0]
        until(lambda: by_class(product, "product_expired"), within_s=60, what="the scale's warning")
        assert time.monotonic() - started < 90
        pids = [int(row["pid"]) for row in product.processes().values()]

        expired = by_class(product, "product_expired")[0]
        assert expired["violation_code"] == "XV04"
        assert cat["violation_code"] == "CV10"
        for item in (cat, expired):
            raised, close_by = (datetime.fromisoformat(item[key]) for key in ("raised_at", "close_by"))
            assert close_by - raised == timedelta(hours=24)
            assert item["level"] == "red"
            assert item["merchant"] == MERCHANT
            assert item["why"]
        with product.client("inspector") as inspector:
            snapshot = inspector.get(cat["evidence"][0]["url"])
            assert snapshot.status_code == 200
            assert Image.open(io.BytesIO(snapshot.content)).size[0] >= 320
        assert metric(product, "kitchen_warnings_raised_total") >= 2

        before = product.score()
        with product.client("merchant") as merchant:
            merchant.post(f"/api/v1/warnings/{expired['id']}/acknowledge", json={}).raise_for_status()
            answer = merchant.post(
                f"/api/v1/warnings/{expired['id']}/submit",
                data={"note": "已下架并销毁"},
                files=[("photos", ("p.jpg", photo(), "image/jpeg"))],
            )
            answer.raise_for_status()
            own = merchant.post(f"/api/v1/warnings/{expired['id']}/verify", json={"ok": True, "note": ""})
            assert own.status_code == 403, "nobody verifies what they submitted"
        with product.client("inspector") as inspector:
            inspector.post(f"/api/v1/warnings/{expired['id']}/verify", json={"ok": True, "note": "属实"}).raise_for_status()
            detail = inspector.get(f"/api/v1/warnings/{expired['id']}").json()
            again = inspector.post(f"/api/v1/warnings/{expired['id']}/verify", json={"ok": True, "note": ""})
            assert again.status_code == 409
            assert again.headers["content-type"].startswith("application/problem+json")
        assert detail["state"] == "closed"
        assert [step["to"] for step in detail["history"]][-1] == "closed"
        after = product.score()
        assert float(after["score_if_confirmed"]) == float(before["score_if_confirmed"]) - 15
        entry = next(row for row in product.deductions() if row["warning"] == expired["id"])
        assert (entry["violation_code"], float(entry["points"]), entry["state"]) == ("XV04", 15.0, "proposed")

        seen = {item["id"]: item["close_by"] for item in product.warnings(state="open")}
        assert product.interrupt(within_s=15) < 5
        until(lambda: not any(process_exists(pid) for pid in pids), within_s=2, what="nothing is left running")

    with running(["demo"], tmp_path / "data") as product:
        now = {item["id"]: item["close_by"] for item in product.warnings(state="open")}
        assert {key: now.get(key) for key in seen} == seen
        until(lambda: metric(product, "kitchen_sweep_heartbeat_timestamp_seconds") > 0, within_s=20, what="the sweep beats")
        closed = [item for item in product.warnings(state="closed") if item["id"] == expired["id"]]
        assert closed, "the closed warning is still closed"


def test_with_a_model_that_sees_nothing_the_cameras_warning_does_not_come(tmp_path):
    with running(["demo", "--model", "blind"], tmp_path / "data") as product:
        until(lambda: by_class(product, "product_expired"), within_s=60, what="the scale's warning still comes")
        until(
            lambda: vision_metric(product, 'kitchen_frames_total{result="detected"}') >= 25,
            within_s=90,
            what="frames are looked at",
        )
        assert by_class(product, "pest_or_pet") == []


def vision_metric(product, sample: str) -> float:
    """One sample of the vision worker's own metrics port."""
    where = json.loads((product.data / "run" / "endpoints.json").read_text())["metrics"]["vision"]
    text = httpx.get(where, timeout=5).text
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(sample)), 0.0)
