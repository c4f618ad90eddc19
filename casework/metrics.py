"""Prometheus metrics of casework, counted from the events the office returns, after their transaction was committed.

Closed sets are present at zero. What SQL alone knows (open warnings, the outbox) is a gauge that ``refresh`` sets.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from alerts.channels.message import FailureReason
from alerts.escalation import UNDELIVERED_WITHIN
from domain.deductions import DeductionState
from domain.events import Event, EventName
from domain.rules import Level, Rules
from store.ports import Store

ACCEPTED, COALESCED, GIVEN_UP, UNEXPECTED = "accepted", "coalesced", "given_up", "unexpected"
DUPLICATE = FailureReason.DUPLICATE.value
RESULTS = (ACCEPTED, COALESCED, GIVEN_UP, UNEXPECTED, *(reason.value for reason in FailureReason))
"""Every result an attempt to notify somebody may have: the closed list of docs/notifications.md."""

EVENTS = Counter("kitchen_casework_events", "What happened, by event", ["event"])
RAISED = Counter("kitchen_warnings_raised", "Warnings raised", ["rule", "level"])
OPEN = Gauge("kitchen_warnings_open", "Warnings neither closed nor dismissed", ["level"])
DETECTION_TO_ALERT_SECONDS = Histogram(
    "kitchen_detection_to_alert_seconds",
    "From the making of an automatic finding to its warning",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
DEDUCTIONS = Counter("kitchen_deductions", "Deductions that came into a state", ["state"])
NOTIFICATIONS = Counter("kitchen_notifications", "Attempts to notify somebody, by result", ["channel", "result"])
RED_FAILURES = Counter("kitchen_red_notifications_failed", "Notifications about red warnings given up for good", ["channel"])
UNDELIVERED = Gauge("kitchen_red_warnings_undelivered", "Open red warnings of which no merchant was told within half an hour")
OUTBOX_PENDING = Gauge("kitchen_outbox_pending", "Outbox entries not yet sent")
OUTBOX_OLDEST_SECONDS = Gauge("kitchen_outbox_oldest_seconds", "Age of the oldest outbox entry not yet sent")
DEVICE_ONLINE = Gauge(
    "kitchen_device_online", "1 while a registered device is connected, 0 when it said or was said to be gone", ["device"]
)
SWEEP_FAILURES = Counter("kitchen_sweep_item_failures", "Items a sweep could not deal with and left for a later one")
RELAY_FAILURES = Counter("kitchen_relay_failures", "Rounds of the relay that failed as a whole", ["lane"])

_BY_DEDUCTION = {
    EventName.DEDUCTION_PROPOSED: DeductionState.PROPOSED,
    EventName.DEDUCTION_OBJECTED: DeductionState.OBJECTED,
    EventName.DEDUCTION_FINAL: DeductionState.FINAL,
    EventName.DEDUCTION_WITHDRAWN: DeductionState.WITHDRAWN,
    EventName.DEDUCTION_REVERSED: DeductionState.REVERSED,
}

for _event in EventName:
    EVENTS.labels(_event.value)
for _level in Level:
    OPEN.labels(_level.value)
for _state in DeductionState:
    DEDUCTIONS.labels(_state.value)


def present(rules: Rules, channels: Iterable[str]) -> None:
    """Show what a site's configuration can lead to at zero."""
    for camera in rules.camera.values():
        RAISED.labels(camera.name, camera.level.value)
    for register in rules.register.values():
        RAISED.labels(register.name.value, register.level.value)
    for channel in channels:
        RED_FAILURES.labels(channel)
        for result in RESULTS:
            NOTIFICATIONS.labels(channel, result)


def count(events: Iterable[Event]) -> None:
    """Count what the office returned; call it once per returned list, after the call came back."""
    happened = list(events)
    for name, times in Counted(event.name for event in happened).items():
        EVENTS.labels(name.value).inc(times)
    for event in happened:
        if event.name is EventName.WARNING_RAISED:
            RAISED.labels(str(event.data["rule"]), str(event.data["level"])).inc()
            seconds = event.data.get("detection_to_alert_seconds")
            if seconds is not None:
                DETECTION_TO_ALERT_SECONDS.observe(float(seconds))
        elif event.name in _BY_DEDUCTION:
            DEDUCTIONS.labels(_BY_DEDUCTION[event.name].value).inc()


def refresh(store: Store, now: datetime) -> None:
    """Set the gauges from SQL."""
    with store.reading() as uow:
        counts = uow.warnings.count_open()
        pending, oldest = uow.outbox.pending()
        undelivered = uow.warnings.undelivered(now - UNDELIVERED_WITHIN)
        presences = uow.devices.presences()
    for level in Level:
        OPEN.labels(level.value).set(counts.get(level.value, 0))
    for device_id, online in presences.items():
        DEVICE_ONLINE.labels(device_id).set(int(online))
    UNDELIVERED.set(undelivered)
    OUTBOX_PENDING.set(pending)
    OUTBOX_OLDEST_SECONDS.set(0 if oldest is None else max(0.0, (now - oldest).total_seconds()))
