"""Values for the store's tests; every field can be overridden by keyword."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from domain.deductions import Deduction, DeductionState
from domain.events import DeadLetter, Delivery, Lane, PushSubscription
from domain.findings import EvidenceKind, EvidenceRef, Finding, Reason, ReasonCode
from domain.ids import DeviceKind
from domain.observations import Flag, Kind, Observation, TimeSource
from domain.parties import BusinessForm, Device, Merchant, OpeningHours, Role, User
from domain.records import Batch, BatchKind, BatchState, Weighing
from domain.rules import Level
from domain.warnings import Evidence, State, Warning
from store.ports import AuditStep, Session, Store

NOW = datetime(2026, 11, 20, 3, 2, 33, 123457, tzinfo=UTC)
USCC = "92330211MA2ABC125M"
OTHER_USCC = "92330225MA2XHK067M"
CAMERA = "cam-0a1b2c3d"
HASH = "5d" * 32


def merchant(**changes: Any) -> Merchant:
    fields: dict[str, Any] = {
        "uscc": USCC,
        "name": "老王卤味 \U0001f35c",
        "region": "330211",
        "business_form": BusinessForm.STALL,
        "scheme": "xiangshan",
        "site": "north market",
        "opening": OpeningHours(opens=time(18, 30), closes=time(2)),
    }
    return Merchant(**fields | changes)


def device(**changes: Any) -> Device:
    fields: dict[str, Any] = {
        "id": CAMERA,
        "uscc": USCC,
        "region": "330211",
        "kind": DeviceKind.CAMERA,
        "name": "stove",
        "key": b"\x00\xff secret",
        "bound_from": NOW,
    }
    return Device(**fields | changes)


def user(**changes: Any) -> User:
    fields: dict[str, Any] = {"id": "user-1", "login": "merchant", "name": "王", "role": Role.MERCHANT, "uscc": USCC}
    return User(**fields | changes)


def session(**changes: Any) -> Session:
    fields: dict[str, Any] = {
        "token_hash": HASH,
        "user_id": "user-1",
        "csrf": "c",
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=8),
    }
    return Session(**fields | changes)


def observation(**changes: Any) -> Observation:
    fields: dict[str, Any] = {
        "event_id": "01939e5c-0000-7000-8000-000000000001",
        "kind": Kind.SCALE_WEIGH,
        "uscc": USCC,
        "device_id": "scl-0a1b2c3d",
        "event_time": NOW,
        "received_at": NOW + timedelta(microseconds=1),
        "seq": 2**62,
        "body": {"lot": "L1", "net_g": 500, "odd": "\u0000 \ud800", "deep": [{"a": None, "b": 1.5}]},
        "content_hash": HASH,
        "time_source": TimeSource.SERVER,
        "flags": (Flag.CLOCK_SKEW, Flag.SUSPECT),
    }
    return Observation(**fields | changes)


def batch(**changes: Any) -> Batch:
    fields: dict[str, Any] = {
        "uscc": USCC,
        "lot": "LOT-1",
        "kind": BatchKind.PRODUCT,
        "name": "卤牛肉",
        "qty_g": Decimal("1234.500"),
        "expires_at": NOW - timedelta(hours=1),
        "state": BatchState.ON_SALE,
        "event_time": NOW - timedelta(days=1),
    }
    return Batch(**fields | changes)


def weighing(**changes: Any) -> Weighing:
    fields: dict[str, Any] = {
        "event_id": "weigh-1",
        "uscc": USCC,
        "device_id": "scl-0a1b2c3d",
        "at": NOW,
        "trace_code": "0123456789ABCDEFGHJK",
        "plu": "12",
        "lot": "LOT-1",
        "net_g": 500,
        "amount_fen": 4_900,
    }
    return Weighing(**fields | changes)


def warning(**changes: Any) -> Warning:
    fields: dict[str, Any] = {
        "id": "warning-1",
        "uscc": USCC,
        "region": "330211",
        "rule": "RW2",
        "violation_code": "XV04",
        "class_": "product_expired",
        "subject": "LOT-1",
        "open_key": f"{USCC}|RW2|LOT-1",
        "level": Level.RED,
        "state": State.RAISED,
        "event_time": NOW - timedelta(seconds=2),
        "raised_at": NOW,
        "rectify_within": timedelta(hours=2, microseconds=3),
        "why": Reason(code=ReasonCode.PRODUCT_EXPIRED, params={"lot": "LOT-1", "name": "卤牛肉"}),
        "incident_id": "incident-1",
        "close_by": NOW + timedelta(hours=24),
    }
    return Warning(**fields | changes)


def finding(**changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "id": "finding-1",
        "uscc": USCC,
        "rule": "pest_or_pet",
        "class_": "pest_or_pet",
        "violation_code": "CV07",
        "level": Level.RED,
        "subject": f"{CAMERA}/stove",
        "event_time": NOW,
        "first_seen_at": NOW - timedelta(seconds=9),
        "detected_at": NOW + timedelta(milliseconds=40),
        "automatic": True,
        "why": Reason(code=ReasonCode.CAMERA, params={"class": "pest_or_pet"}),
        "camera": CAMERA,
        "zone": "stove",
        "confidence": 0.1 + 0.2,
        "frames_positive": 3,
        "evidence": (EvidenceRef(kind=EvidenceKind.SNAPSHOT, sha256=HASH, media_type="image/jpeg", at=NOW),),
        "model": "kitchen-n",
    }
    return Finding(**fields | changes)


def evidence(**changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "id": "evidence-1",
        "warning_id": "warning-1",
        "kind": EvidenceKind.PHOTO,
        "sha256": HASH,
        "media_type": "image/jpeg",
        "at": NOW,
        "by": "user-1",
        "note": "cleaned",
    }
    return Evidence(**fields | changes)


def deduction(**changes: Any) -> Deduction:
    fields: dict[str, Any] = {
        "id": "deduction-1",
        "key": f"xiangshan|{USCC}|XV04|LOT-1|2026-11",
        "scheme": "xiangshan",
        "uscc": USCC,
        "warning_id": "warning-1",
        "violation_code": "XV04",
        "incident_id": "incident-1",
        "points": Decimal("12.50"),
        "state": DeductionState.PROPOSED,
        "month": "2026-11",
        "ordinal": 1,
        "proposed_at": NOW,
        "objection_until": NOW + timedelta(days=3),
        "components": {"base": "10", "repeat": "1.25"},
    }
    return Deduction(**fields | changes)


def delivery(**changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "key": "delivery-1",
        "lane": Lane.NOTIFY,
        "target": "webpush",
        "recipient": "subscription-1",
        "payload": {"id": "warning-1", "文": [1, 2.5, None]},
        "created_at": NOW,
        "next_attempt_at": NOW,
        "to_merchant": True,
    }
    return Delivery(**fields | changes)


def subscription(**changes: Any) -> PushSubscription:
    fields: dict[str, Any] = {
        "id": "subscription-1",
        "user_id": "user-1",
        "endpoint": "https://push.example/1",
        "p256dh": "p",
        "auth": "a",
        "created_at": NOW,
    }
    return PushSubscription(**fields | changes)


def letter(**changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "key": "dead-letters/0/1",
        "source": "mqtt:fs/v1/x",
        "code": "E001",
        "reason": "not JSON",
        "received_at": NOW,
        "raw": b"\x00\xff{",
    }
    return DeadLetter(**fields | changes)


def step(**changes: Any) -> AuditStep:
    fields: dict[str, Any] = {
        "entity": "warning",
        "entity_id": "warning-1",
        "from_state": "raised",
        "to_state": "notified",
        "at": NOW,
        "actor": "user-1",
        "actor_role": "merchant",
        "reason": "因为",
        "evidence_ids": ("evidence-1",),
    }
    return AuditStep(**fields | changes)


def seed(store: Store) -> None:
    """Two merchants, a device and a user: what everything else refers to."""
    with store.writing() as unit:
        unit.merchants.put(merchant())
        unit.merchants.put(merchant(uscc=OTHER_USCC, name="b", region="330225", opening=None))
        unit.devices.put(device())
        unit.users.put(user(), password_hash="argon2")
        unit.commit()
