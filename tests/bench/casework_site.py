"""The site of casework's figures: merchants with their people and phones, and what their devices tell. Seeds are fixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from casework.office import Office
from configs import Configuration, demo_directory, load
from domain.events import Lane, PushSubscription
from domain.findings import EvidenceKind, EvidenceRef, Finding, Reason, ReasonCode
from domain.ids import (
    CROCKFORD,
    USCC_ALPHABET,
    DeviceKind,
    derived_id,
    trace_code_check_character,
    uscc_check_character,
)
from domain.observations import Observation, parse_envelope
from domain.parties import BusinessForm, Device, Merchant, Role, User
from domain.rules import Level
from domain.time import format_instant
from store import open_media, open_store
from store.ports import Media, Store

MERCHANTS = 200
LOTS = 5
REGION = "330211"
SNAPSHOT = b"\xff\xd8 a snapshot \xff\xd9"
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Roll:
    """As much of a configuration as registering reads."""

    merchants: tuple[Merchant, ...]
    devices: tuple[Device, ...]
    users: tuple[User, ...]


def uscc_of(number: int) -> str:
    """The unified social credit code of the n-th merchant."""
    digits = ""
    for _ in range(9):
        number, digit = divmod(number, 31)
        digits = USCC_ALPHABET[digit] + digits
    body = f"92{REGION}{digits}"
    return body + uscc_check_character(body)


def scale_of(number: int) -> str:
    return f"scl-{number:08x}"


def camera_of(number: int) -> str:
    return f"cam-{number:08x}"


def roll(merchants: int = MERCHANTS) -> Roll:
    """Each merchant has a scale, a camera and one user; an inspector and a supervisor look after all."""
    codes = [uscc_of(number) for number in range(merchants)]
    devices = [Device(id=scale_of(n), uscc=code, region=REGION, kind=DeviceKind.SCALE) for n, code in enumerate(codes)]
    devices += [Device(id=camera_of(n), uscc=code, region=REGION, kind=DeviceKind.CAMERA) for n, code in enumerate(codes)]
    users = [User(id=f"m{n}", login=f"m{n}", name="商户", role=Role.MERCHANT, uscc=code) for n, code in enumerate(codes)]
    users.append(User(id="inspector", login="inspector", name="监管员", role=Role.INSPECTOR, region=REGION))
    users.append(User(id="supervisor", login="supervisor", name="主管", role=Role.SUPERVISOR))
    form = BusinessForm.STALL
    known = [
        Merchant(uscc=code, name=f"商户 {n}", region=REGION, business_form=form, scheme="xiangshan")
        for n, code in enumerate(codes)
    ]
    return Roll(tuple(known), tuple(devices), tuple(users))


def office_over(store: Store, media: Media) -> Office:
    """The office with the shipped rules and routes, on working days."""
    known: Configuration = load(demo_directory())
    return Office(
        store, media, rules=known.rules, schemes=known.schemes, routes=known.routes, working_day=lambda day: day.weekday() < 5
    )


def prepare(url: str, folder: Path, *, merchants: int = MERCHANTS, now: datetime = START) -> None:
    """A migrated database with the roll, everybody's phone, every device online, lots that keep, and a snapshot."""
    store, media = open_store(url), open_media(f"file://{folder}/media")
    store.migrate()
    office = office_over(store, media)
    people = roll(merchants)
    office.register(people, now)
    with store.writing() as uow:
        for user in people.users:
            uow.push_subscriptions.put(
                PushSubscription(
                    id=f"{user.id}-phone",
                    user_id=user.id,
                    endpoint=f"https://push.example.org/{user.id}",
                    p256dh="p",
                    auth="a",
                    created_at=now,
                )
            )
        for device in people.devices:
            uow.devices.set_presence(device.id, online=True, at=now)
        for delivery in uow.outbox.claim(now, lanes=list(Lane), limit=10**6, lease_until=now):
            uow.outbox.done(delivery.id, now)
        uow.commit()
    lots = [batch(n, f"LOT-{lot}", now, expires_at=now + timedelta(days=3)) for n in range(merchants) for lot in range(LOTS)]
    for start in range(0, len(lots), 500):
        office.take_observations(lots[start : start + 500], now)
    media.put(SNAPSHOT, "image/jpeg")
    store.close()


def _envelope(kind: str, number: int, device: str, body: dict[str, object], at: datetime, name: str) -> Observation:
    wire = {
        "v": 1,
        "event_id": derived_id("bench", kind, name),
        "kind": kind,
        "uscc": uscc_of(number),
        "device_id": device,
        "event_time": format_instant(at),
        "seq": 1,
        "body": body,
    }
    return parse_envelope(wire, at)


def batch(number: int, lot: str, at: datetime, *, expires_at: datetime) -> Observation:
    """A lot of the n-th merchant."""
    body: dict[str, object] = {
        "lot": lot,
        "kind": "product",
        "name": "酱鸭",
        "qty_g": 10_000_000,
        "expires_at": format_instant(expires_at),
        "state": "on_sale",
    }
    return _envelope("batch.upsert", number, scale_of(number), body, at, f"{number}/{lot}")


def sales(count: int, *, merchants: int = MERCHANTS, seed: int = 7, at: datetime = START) -> Iterator[Observation]:
    """Sales of good lots on the merchants' scales: each is stored and takes something off its lot, and raises nothing."""
    chance = Random(seed)
    for number in range(count):
        merchant, net_g = chance.randrange(merchants), chance.randrange(50, 2000)
        code = "".join(chance.choices(CROCKFORD, k=19))
        body: dict[str, object] = {
            "trace_code": code + trace_code_check_character(code),
            "plu": "1001",
            "lot": f"LOT-{chance.randrange(LOTS)}",
            "gross_g": net_g + 10,
            "tare_g": 10,
            "net_g": net_g,
            "unit_price_fen_per_kg": 4000,
            "amount_fen": net_g * 4,
        }
        yield _envelope("scale.weigh", merchant, scale_of(merchant), body, at, f"{seed}/{number}")


def expired_lots(count: int, *, merchants: int = MERCHANTS, at: datetime = START) -> Iterator[Observation]:
    """Lots that are told when they have already expired: each raises a red warning of its own."""
    for number in range(count):
        yield batch(number % merchants, f"OLD-{number}", at, expires_at=at - timedelta(hours=1))


def sightings(
    count: int, sha256: str, *, merchants: int = MERCHANTS, at: datetime = START, series: str = ""
) -> Iterator[Finding]:
    """Cats, each in a zone of its own: each raises a red warning of its own."""
    for number in range(count):
        merchant, zone = number % merchants, f"zone{series}{number}"
        camera = camera_of(merchant)
        snapshot = EvidenceRef(kind=EvidenceKind.SNAPSHOT, sha256=sha256, media_type="image/jpeg", at=at)
        params = {
            "class": "pest_or_pet",
            "camera": camera,
            "zone": zone,
            "frames": "4",
            "confidence": "0.91",
            "model": "kitchen-n",
        }
        yield Finding(
            id=derived_id("finding", uscc_of(merchant), zone, format_instant(at)),
            uscc=uscc_of(merchant),
            rule="pest_or_pet",
            class_="pest_or_pet",
            violation_code="CV10",
            level=Level.RED,
            subject=f"{camera}/{zone}",
            event_time=at,
            first_seen_at=at,
            detected_at=at,
            automatic=True,
            why=Reason(code=ReasonCode.CAMERA, params=params),
            camera=camera,
            zone=zone,
            confidence=0.91,
            frames_positive=4,
            evidence=(snapshot,),
            model="kitchen-n",
        )
