"""Builders for the tests of devices: a registered merchant, its camera and scale, envelopes and small JPEGs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np

from devices.judgement import Message
from devices.payloads import signed
from devices.registers import Registers
from devices.sink import Record
from domain.ids import DeviceKind, mint_trace_code
from domain.parties import BusinessForm, Device, Merchant
from domain.time import format_instant

USCC = "92330211MA2ABC125M"
OTHER_USCC = "92330225MA2XHK067M"
STRANGER_USCC = "91371102MA3RHF0196"
REGION = "330211"
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
KEY = b"k" * 32

MERCHANT = Merchant(uscc=USCC, name="stall", region=REGION, business_form=BusinessForm.STALL, scheme="xiangshan")
OTHER = Merchant(uscc=OTHER_USCC, name="other", region="330225", business_form=BusinessForm.STALL, scheme="xiangshan")


def device(identity: str = "cam-0a1b2c3d", **changes: Any) -> Device:
    values: dict[str, Any] = {"uscc": USCC, "region": REGION, "kind": DeviceKind(identity.split("-", maxsplit=1)[0]), **changes}
    return Device(id=identity, **values)


CAMERA = device()
SCALE = device("scl-0a1b2c3d")
SIGNING = device("scl-51640001", key=KEY)
REVOKED = device("scl-0000dead", revoked=True)
LATER = device("scl-0000beef", bound_from=datetime(2026, 11, 20, 2, 0, tzinfo=UTC))
DEVICES = (CAMERA, SCALE, SIGNING, REVOKED, LATER)


def registers(*more: Device) -> Registers:
    return Registers([MERCHANT, OTHER], [*DEVICES, *more])


def topic(leaf: str = "scale/weigh", *, of: str = SCALE.id, uscc: str = USCC, region: str = REGION) -> str:
    return f"fs/v1/{region}/{uscc}/{of}/{leaf}"


def weighing_body(**changes: Any) -> dict[str, Any]:
    body = {
        "trace_code": mint_trace_code(),
        "plu": "1001",
        "lot": "L20261120A",
        "gross_g": 520,
        "tare_g": 8,
        "net_g": 512,
        "unit_price_fen_per_kg": 6800,
        "amount_fen": 3482,
        "stable": True,
    }
    return body | changes


def envelope(
    *, kind: str = "scale.weigh", of: str = SCALE.id, at: datetime = NOW, body: Any = None, **changes: Any
) -> dict[str, Any]:
    values = {
        "v": 1,
        "kind": kind,
        "uscc": USCC,
        "device_id": of,
        "event_time": format_instant(at),
        "seq": 7,
        "body": weighing_body() if body is None else body,
    }
    return values | changes


def raw(value: dict[str, Any], *, key: bytes | None = None) -> bytes:
    return json.dumps(value if key is None else signed(value, key)).encode()


def message(payload: bytes, leaf: str = "scale/weigh", **changes: Any) -> Message:
    where = {name: changes.pop(name) for name in ("of", "uscc", "region") if name in changes}
    return Message(topic=topic(leaf, **where), payload=payload, **changes)


def jpeg(width: int = 64, height: int = 48, *, seed: int = 0, noisy: bool = False) -> bytes:
    chance = np.random.default_rng(seed)
    picture = (
        chance.integers(0, 255, (height, width, 3), dtype=np.uint8)
        if noisy
        else np.full((height, width, 3), seed % 255, np.uint8)
    )
    done, data = cv2.imencode(".jpg", picture)
    assert done
    return bytes(data.tobytes())


def headers(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}
