"""A scene: the demonstration's merchant, people and rules over a real database, with a clock that the test sets."""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from alerts.routing import WEBHOOK, WEBPUSH, Route
from casework.consequences.terms import Terms
from casework.office import Office
from casework.photos import Photo
from configs import Configuration, demo_directory, load
from domain.events import Delivery, Event, EventName, Lane, PushSubscription
from domain.findings import EvidenceKind, EvidenceRef, Finding, Reason, ReasonCode
from domain.ids import derived_id, mint_trace_code
from domain.observations import Observation, parse_envelope
from domain.parties import Actor, Role
from domain.rules import Level
from domain.time import format_instant
from domain.warnings import Warning
from store.ports import Media, Store, WarningQuery

USCC = "92330211MA2ABC125M"
OTHER = "92330225MA2XHK067M"
CAMERA = "cam-0a1b2c3d"
SCALE = "scl-0a1b2c3d"
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # a Friday, 11:00 in Shanghai
HOUR = timedelta(hours=1)

MERCHANT = Actor(id="u-merchant", role=Role.MERCHANT, uscc=USCC)
STAFF = Actor(id="u-staff", role=Role.STAFF, uscc=USCC)
STRANGER = Actor(id="u-stranger", role=Role.MERCHANT, uscc=OTHER)
INSPECTOR = Actor(id="u-inspector", role=Role.INSPECTOR, region="330211")
COLLEAGUE = Actor(id="u-colleague", role=Role.INSPECTOR, region="330211")
FAR_INSPECTOR = Actor(id="u-far", role=Role.INSPECTOR, region="330225")
SUPERVISOR = Actor(id="u-supervisor", role=Role.SUPERVISOR)

_seq = itertools.count(1)


@cache
def configuration() -> Configuration:
    """The shipped demonstration configuration."""
    return load(demo_directory())


def weekdays(day: date) -> bool:
    """Monday to Friday."""
    return day.weekday() < 5


def everything_to_phones(**changes: Any) -> Route:
    """A route that tells everybody everything."""
    return Route(**{"name": "phones", "channel": WEBPUSH, **changes})


def webhook_route(**changes: Any) -> Route:
    """A webhook for everything."""
    return Route(**{"name": "robot", "channel": WEBHOOK, "url": "https://example.org/hook", **changes})


@cache
def picture(colour: str = "red", size: tuple[int, int] = (32, 24)) -> bytes:
    """A small JPEG."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def photo(colour: str = "red") -> Photo:
    """A photo as a phone uploads it."""
    return Photo(data=picture(colour), media_type="image/jpeg")


@dataclass
class Scene:
    """The office with what a test wants of it."""

    store: Store
    media: Media
    routes: Sequence[Route] = ()
    now: datetime = START
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.office = self.another_office()

    def another_office(self) -> Office:
        """A second office over the same database, as a second process would have."""
        known = configuration()
        return Office(
            self.store,
            self.media,
            rules=known.rules,
            schemes=known.schemes,
            routes=self.routes,
            working_day=weekdays,
            terms=Terms.of(known),
            additives=known.additives,
        )

    def later(self, **span: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**span)
        return self.now

    # what devices say

    def envelope(self, kind: str, body: Mapping[str, Any], **changes: Any) -> Observation:
        """An observation as it would come through the gateway."""
        device = CAMERA if kind.startswith("cam") else SCALE
        wire = {
            "v": 1,
            "event_id": derived_id("test", str(next(_seq))),
            "kind": kind,
            "uscc": USCC,
            "device_id": device,
            "event_time": format_instant(self.now),
            "seq": next(_seq),
            "body": dict(body),
            **changes,
        }
        return parse_envelope(wire, self.now)

    def batch(self, lot: str = "L1", *, at: datetime | None = None, **body: Any) -> Observation:
        """A batch that expires in an hour."""
        known = {
            "lot": lot,
            "kind": "product",
            "name": "酱鸭",
            "qty_g": 5000,
            "expires_at": format_instant(self.now + HOUR),
            "state": "on_sale",
            **body,
        }
        return self.envelope("batch.upsert", known, event_time=format_instant(at or self.now))

    def move(self, lot: str, origin: str, to: str, qty_g: float, *, at: datetime | None = None) -> Observation:
        """A move of part of a batch."""
        body = {"lot": lot, "from": origin, "to": to, "qty_g": qty_g}
        return self.envelope("batch.move", body, event_time=format_instant(at or self.now))

    def weighing(self, lot: str = "L1", *, at: datetime | None = None, **body: Any) -> Observation:
        """A sale of 500 g for 20 yuan."""
        known = {
            "trace_code": mint_trace_code(),
            "plu": "1001",
            "lot": lot,
            "gross_g": 510,
            "tare_g": 10,
            "net_g": 500,
            "unit_price_fen_per_kg": 4000,
            "amount_fen": 2000,
            **body,
        }
        return self.envelope("scale.weigh", known, event_time=format_instant(at or self.now))

    def finding(self, *, at: datetime | None = None, **changes: Any) -> Finding:
        """What the camera finds: a cat in the kitchen, with a snapshot in the media store."""
        seen = at or self.now
        sha256 = self.media.put(picture("blue"), "image/jpeg")
        snapshot = EvidenceRef(kind=EvidenceKind.SNAPSHOT, sha256=sha256, media_type="image/jpeg", at=seen)
        params = {
            "class": "pest_or_pet",
            "camera": CAMERA,
            "zone": "kitchen",
            "frames": "4",
            "confidence": "0.91",
            "model": "kitchen-n",
        }
        known: dict[str, Any] = {
            "id": derived_id("finding", USCC, format_instant(seen), str(changes.get("subject", "kitchen"))),
            "uscc": USCC,
            "rule": "pest_or_pet",
            "class_": "pest_or_pet",
            "violation_code": "CV10",
            "level": Level.RED,
            "subject": f"{CAMERA}/kitchen",
            "event_time": seen,
            "first_seen_at": seen,
            "detected_at": self.now,
            "automatic": True,
            "why": Reason(code=ReasonCode.CAMERA, params=params),
            "camera": CAMERA,
            "zone": "kitchen",
            "confidence": 0.91,
            "frames_positive": 4,
            "evidence": (snapshot,),
            "model": "kitchen-n",
        }
        return Finding(**{**known, **changes})

    # short ways

    def raised(self, **changes: Any) -> Warning:
        """A warning just raised from the camera."""
        events = self.office.take_finding(self.finding(**changes), self.now)
        return self.warning(next(event.entity_id for event in events if event.name is EventName.WARNING_RAISED))

    def submitted(self, **changes: Any) -> Warning:
        """A warning whose merchant has handed something in."""
        warning = self.raised(**changes)
        self.office.acknowledge(warning.id, MERCHANT, self.now)
        return self.office.submit(warning.id, MERCHANT, "清理完毕", [photo()], self.now).warning

    def expired_sale(self, lot: str = "L1") -> Warning:
        """A product that expired an hour ago, and is sold now."""
        self.office.take_observation(self.batch(lot), self.now)
        self.later(hours=2)
        self.office.take_observation(self.weighing(lot), self.now)
        return self.only_warning()

    # what is known

    def warning(self, warning_id: str) -> Warning:
        with self.store.reading() as uow:
            found = uow.warnings.get(warning_id)
        assert found is not None
        return found

    def warnings(self, **query: Any) -> list[Warning]:
        with self.store.reading() as uow:
            return list(uow.warnings.query(WarningQuery(limit=500, **query))[0])

    def only_warning(self) -> Warning:
        (warning,) = self.warnings()
        return warning

    def deductions(self) -> list[Any]:
        with self.store.reading() as uow:
            return list(uow.deductions.of_merchant(USCC))

    def audit(self, entity_id: str, entity: str = "warning") -> list[Any]:
        with self.store.reading() as uow:
            return list(uow.audit.of(entity, entity_id))

    def evidence(self, warning_id: str) -> list[Any]:
        with self.store.reading() as uow:
            return list(uow.evidence.of(warning_id))

    def batch_of(self, lot: str) -> Any:
        with self.store.reading() as uow:
            return uow.batches.get(USCC, lot)

    def outbox(self, lane: Lane | None = None) -> list[Delivery]:
        """What is waiting in the outbox (looked at under a lease that has ended already)."""
        lanes = [lane] if lane is not None else list(Lane)
        with self.store.writing() as uow:
            return list(uow.outbox.claim(self.now + timedelta(days=400), lanes=lanes, limit=10_000, lease_until=self.now))

    def subscribe(self, actor: Actor, name: str = "phone") -> PushSubscription:
        """Let a person's browser be told."""
        subscription = PushSubscription(
            id=f"{actor.id}-{name}",
            user_id=actor.id,
            endpoint=f"https://push.example.org/{actor.id}/{name}",
            p256dh="p",
            auth="a",
            created_at=self.now,
        )
        with self.store.writing() as uow:
            uow.push_subscriptions.put(subscription)
            uow.commit()
        return subscription


def names(events: Sequence[Event]) -> list[EventName]:
    """What happened, without the observations themselves."""
    told = {EventName.OBSERVATION_STORED, EventName.OBSERVATION_REPLAYED, EventName.DEVICE_ONLINE}
    return [event.name for event in events if event.name not in told]


def sqlite_url(directory: Path) -> str:
    """A database file of its own."""
    return f"sqlite:///{directory}/kitchen.db"


@contextmanager
def quick_directory() -> Iterator[Path]:
    """A temporary directory, in memory where the machine has such a disk: a transaction then need not wait for a real one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="kitchen-", dir=memory if memory.is_dir() else None) as directory:
        yield Path(directory)
