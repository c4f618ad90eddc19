"""Builders with keyword overrides for the tests of what judges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from alerts.deadlines import next_due_at
from alerts.raising import raise_warning
from domain.findings import Finding, Reason, ReasonCode
from domain.parties import SYSTEM, Actor, Role
from domain.records import Batch, BatchKind, BatchState, Weighing
from domain.rules import CameraRule, Level, RedWarning, RegisterRule, Rules, Severity
from domain.warnings import State, Warning

USCC = "92330211MA2ABC125M"
REGION = "330211"
T0 = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)

RULES = Rules(
    camera={
        "pest_or_pet": CameraRule(name="pest_or_pet", violation_code="CV10", severity=Severity.GENERAL, level=Level.RED),
        "no_workwear": CameraRule(name="no_workwear", violation_code="CV04", severity=Severity.MINOR, level=Level.ORDINARY),
    },
    register={
        RedWarning.RAW_EXPIRED: RegisterRule(
            name=RedWarning.RAW_EXPIRED, class_="raw_expired", rectify_within=timedelta(hours=4)
        ),
        RedWarning.PRODUCT_EXPIRED: RegisterRule(
            name=RedWarning.PRODUCT_EXPIRED, class_="product_expired", rectify_within=timedelta(hours=2)
        ),
    },
)

OWNER = Actor(id="owner", role=Role.MERCHANT, uscc=USCC)
STAFF = Actor(id="staff", role=Role.STAFF, uscc=USCC)
OTHER_OWNER = Actor(id="other-owner", role=Role.MERCHANT, uscc="91330211MA2XYZ993K")
INSPECTOR = Actor(id="inspector", role=Role.INSPECTOR, region="3302")
OTHER_INSPECTOR = Actor(id="other-inspector", role=Role.INSPECTOR, region="3702")
SUPERVISOR = Actor(id="supervisor", role=Role.SUPERVISOR)
ACTORS = (OWNER, STAFF, OTHER_OWNER, INSPECTOR, OTHER_INSPECTOR, SUPERVISOR, SYSTEM)


def a_finding(**changes: Any) -> Finding:
    known: dict[str, Any] = {
        "id": "finding-1",
        "uscc": USCC,
        "rule": "pest_or_pet",
        "class_": "pest_or_pet",
        "violation_code": "CV10",
        "level": Level.RED,
        "subject": "cam-0a1b2c3d/kitchen",
        "event_time": T0,
        "first_seen_at": T0,
        "detected_at": T0,
        "automatic": True,
        "why": Reason(code=ReasonCode.CAMERA),
        "camera": "cam-0a1b2c3d",
        "zone": "kitchen",
    }
    return Finding(**{**known, **changes})


def a_warning(*, now: datetime = T0, **changes: Any) -> Warning:
    """A warning freshly raised from a finding; further attributes may be forced."""
    own = {key: changes.pop(key) for key in list(changes) if key not in Finding.__dataclass_fields__}
    warning = raise_warning(a_finding(**changes), region=REGION, rules=RULES, warning_id="w-1", now=now)
    forced = {**{name: getattr(warning, name) for name in Warning.__dataclass_fields__}, **own}
    built = Warning(**forced)
    return Warning(**{**forced, "next_due_at": next_due_at(built, RULES)})


def a_batch(**changes: Any) -> Batch:
    known: dict[str, Any] = {
        "uscc": USCC,
        "lot": "L20261120A",
        "kind": BatchKind.PRODUCT,
        "name": "卤牛肉",
        "qty_g": Decimal(5000),
        "expires_at": T0,
        "state": BatchState.IN_STORE,
        "event_time": T0 - 24 * HOUR,
    }
    return Batch(**{**known, **changes})


def a_sale(**changes: Any) -> Weighing:
    known: dict[str, Any] = {
        "event_id": "11111111-2222-4333-8444-555555555555",
        "uscc": USCC,
        "device_id": "scl-0a1b2c3d",
        "at": T0 + HOUR,
        "trace_code": "0123456789ABCDEFGHJK",
        "plu": "beef",
        "lot": "L20261120A",
        "net_g": 512,
        "amount_fen": 4096,
    }
    return Weighing(**{**known, **changes})


__all__ = ["Level", "State"]
