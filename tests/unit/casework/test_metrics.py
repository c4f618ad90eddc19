"""Metrics: counted from events, present at zero, gauges from SQL."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import REGISTRY

from casework import metrics
from tests.unit.casework.scene import INSPECTOR, Scene, configuration


def _value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_what_a_site_can_raise_is_there_at_zero(scene: Scene) -> None:
    metrics.present(configuration().rules, ["webpush"])
    assert _value("kitchen_warnings_raised_total", rule="RW5", level="red") == 0
    assert _value("kitchen_notifications_total", channel="webpush", result="gone") is not None
    assert _value("kitchen_deductions_total", state="reversed") is not None


def test_a_raised_warning_and_its_deduction_are_counted(scene: Scene) -> None:
    before = _value("kitchen_warnings_raised_total", rule="pest_or_pet", level="red") or 0
    proposed = _value("kitchen_deductions_total", state="proposed") or 0
    seconds = _value("kitchen_detection_to_alert_seconds_sum") or 0
    finding = scene.finding(detected_at=scene.now - timedelta(seconds=3))
    events = scene.office.take_finding(finding, scene.now)
    metrics.count(events)
    metrics.count(scene.office.file_case(events[0].entity_id, INSPECTOR, "案", scene.now).events)
    assert _value("kitchen_warnings_raised_total", rule="pest_or_pet", level="red") == before + 1
    assert _value("kitchen_deductions_total", state="proposed") == proposed + 1
    assert _value("kitchen_detection_to_alert_seconds_sum") == seconds + 3


def test_the_gauges_show_what_is_open_and_what_waits(scene: Scene) -> None:
    scene.raised()
    metrics.refresh(scene.store, scene.later(seconds=90))
    assert _value("kitchen_warnings_open", level="red") == 1
    assert _value("kitchen_outbox_pending") == 3
    assert _value("kitchen_outbox_oldest_seconds") == 90
