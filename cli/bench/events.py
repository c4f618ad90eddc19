"""What is fed to the product: weighings and findings that are new each time, of a shape that devices really send."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import orjson

from cli import clock
from cli.bench.records import Record
from devices.scale import GOODS, batch, weighing
from domain.findings import EvidenceKind, EvidenceRef, Finding, Reason, ReasonCode
from domain.ids import derived_id
from domain.observations import parse_envelope
from domain.parties import Device
from domain.rules import Level
from domain.time import format_instant

LOT = "BENCH-1"


def envelopes(devices: Sequence[Device], count: int, seed: int = 1) -> Iterator[tuple[Device, bytes]]:
    """Weighings as scales publish them, one scale after the other; they raise nothing."""
    chance, now = random.Random(seed), clock.now()  # noqa: S311 - a measurement
    run = uuid.uuid4().hex
    for number in range(count):
        device = devices[number % len(devices)]
        envelope = {
            "v": 1,
            "event_id": derived_id("bench", run, str(number)),
            "kind": "scale.weigh",
            "uscc": device.uscc,
            "device_id": device.id,
            "event_time": format_instant(now - timedelta(seconds=60) + timedelta(milliseconds=number)),
            "seq": number,
            "body": weighing(GOODS[number % len(GOODS)], LOT, chance),
        }
        yield device, orjson.dumps(envelope)


def observations(devices: Sequence[Device], count: int) -> list[Record]:
    """Weighings as the gateway writes them to the log."""
    now = clock.now()
    return [
        (device.uscc.encode(), orjson.dumps(parse_envelope(envelope, now).to_wire()))
        for device, envelope in envelopes(devices, count)
    ]


def lots(devices: Sequence[Device], *, expired: bool = False, name: str = LOT) -> list[Record]:
    """A lot of each device's merchant on sale: good for days, or expired, which raises a red warning of its own."""
    now = clock.now()
    produced_at, expires_at = now - timedelta(days=2), now + timedelta(days=-1 if expired else 3)
    records = []
    for number, device in enumerate(devices):
        lot = f"{name}-{number}" if expired else name
        body = batch(GOODS[0], lot, produced_at=produced_at, expires_at=expires_at, qty_g=10_000_000)
        envelope = {
            "v": 1,
            "event_id": derived_id("bench", device.uscc, lot, format_instant(now)),
            "kind": "batch.upsert",
            "uscc": device.uscc,
            "device_id": device.id,
            "event_time": format_instant(now),
            "seq": number,
            "body": body,
        }
        records.append((device.uscc.encode(), orjson.dumps(parse_envelope(orjson.dumps(envelope), now).to_wire())))
    return records


def finding(uscc: str, subject: str, sha256: str, now: datetime) -> Finding:
    """A confirmed sighting that raises a red warning by itself; ``sha256`` names its snapshot in the media store."""
    return Finding(
        id=derived_id("finding", uscc, subject),
        uscc=uscc,
        rule="pest_or_pet",
        class_="pest_or_pet",
        violation_code="CV10",
        level=Level.RED,
        subject=subject,
        event_time=now,
        first_seen_at=now,
        detected_at=now,
        automatic=True,
        why=Reason(code=ReasonCode.CAMERA, params={"class": "pest_or_pet", "label": "cat", "camera": subject, "zone": "kitchen"}),
        camera=subject.partition("/")[0],
        zone="kitchen",
        confidence=0.9,
        frames_positive=3,
        evidence=(EvidenceRef(kind=EvidenceKind.SNAPSHOT, sha256=sha256, media_type="image/jpeg", at=now),),
        model="bench",
    )


def findings(merchants: Sequence[str], count: int, sha256: str) -> list[Record]:
    """Sightings by as many cameras as there are findings: each raises a warning of its own."""
    run, now = uuid.uuid4().hex[:8], clock.now()
    return [
        (uscc.encode(), orjson.dumps(finding(uscc, f"cam-{run}-{number}/kitchen", sha256, now).to_wire()))
        for number in range(count)
        for uscc in (merchants[number % len(merchants)],)
    ]
