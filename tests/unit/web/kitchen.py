"""A small site behind the web face: real SQLite, real media, real office, a clock that the test moves."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from PIL import Image, ImageDraw

import configs
from casework.assessment_wiring import assessor_of
from casework.consequences.terms import Terms
from casework.office import Office
from configs.loader import demo_directory
from domain.events import DeadLetter, Lane
from domain.findings import EvidenceKind, EvidenceRef, Finding, Reason, ReasonCode
from domain.ids import DeviceKind, derived_id
from domain.observations import Observation
from domain.parties import BusinessForm, Device, Merchant, Role, User
from domain.rules import Level
from domain.time import format_instant
from store import open_media, open_store
from web import Intake, LiveStream, WebSettings, create_app, translator

MERCHANT = "92330211MA2ABC125M"
OTHER = "92330225MA2XHK067M"
CAMERA = "cam-0a1b2c3d"
SCALE = "scl-0a1b2c3d"
OTHER_SCALE = "scl-0b0b0b0b"
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PASSWORDS = {login: f"{login}-demo" for login in ("merchant", "staff", "inspector", "supervisor", "neighbour", "faraway")}
DEVICE_PASSWORDS = {CAMERA: "cam-password", SCALE: "scale-password", OTHER_SCALE: "other-password"}


@dataclass(frozen=True)
class Roll:
    """Who is registered: the demonstration's people and a second merchant in another region."""

    merchants: tuple[Merchant, ...]
    devices: tuple[Device, ...]
    users: tuple[User, ...]


def roll() -> Roll:
    demo = configs.load(demo_directory())
    other = Merchant(uscc=OTHER, name="象山卤肉坊", region="330225", business_form=BusinessForm.WORKSHOP, scheme="xiangshan")
    scale = Device(id=OTHER_SCALE, uscc=OTHER, region="330225", kind=DeviceKind.SCALE, key=b"a key of 32 bytes, for signing..")
    extra = (
        User(id="staff", login="staff", name="小赵", role=Role.STAFF, uscc=MERCHANT),
        User(id="neighbour", login="neighbour", name="林老板", role=Role.MERCHANT, uscc=OTHER),
        User(id="faraway", login="faraway", name="周检查员", role=Role.INSPECTOR, region="330225"),
    )
    return Roll((*demo.merchants, other), (*demo.devices, scale), (*demo.users, *extra))


def make_database(directory: Path) -> Path:
    """A migrated database with everybody registered, to be copied."""
    store = open_store(f"sqlite:///{directory}/kitchen.db")
    store.migrate()
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # real argon2, weak on purpose: tests sign in often
    hashes = {login: cheap.hash(password) for login, password in PASSWORDS.items()}
    demo = configs.load(demo_directory())
    office = Office(
        store,
        open_media(f"file://{directory}/media"),
        rules=demo.rules,
        schemes=demo.schemes,
        routes=demo.routes,
        working_day=configs.working_day,
    )
    office.register(roll(), START, password_hashes=hashes)
    with store.writing() as uow:
        for delivery in uow.outbox.claim(START, lanes=list(Lane), limit=1000, lease_until=START):
            uow.outbox.done(delivery.id, START)
        uow.commit()
    store.close()
    return directory / "kitchen.db"


def photo(*, size: tuple[int, int] = (640, 480), colour: str = "#c9d6d2", text: str = "") -> bytes:
    """A drawn JPEG."""
    image = Image.new("RGB", size, colour)
    pen = ImageDraw.Draw(image)
    width, height = size
    pen.rectangle((0, height * 0.62, width, height), fill="#7c8a86")
    pen.rectangle((width * 0.08, height * 0.4, width * 0.52, height * 0.64), fill="#dfe6e3", outline="#54625e", width=3)
    pen.ellipse((width * 0.6, height * 0.42, width * 0.86, height * 0.7), fill="#3d4a47")
    pen.text((12, 10), text, fill="#17211f")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


@dataclass
class Clock:
    """Time as the test says."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> datetime:
        self.at += timedelta(**span)
        return self.at


@dataclass
class Kitchen:
    """The site, its application, and what came in over HTTP."""

    directory: Path
    redis_url: str = "redis://127.0.0.1:1/0"
    settings: WebSettings = field(default_factory=lambda: WebSettings(push_hosts=("push.example.org",)))
    clock: Clock = field(default_factory=Clock)
    accepted: list[Observation] = field(default_factory=list)
    buried: list[DeadLetter] = field(default_factory=list)

    def __post_init__(self) -> None:
        demo = configs.load(demo_directory())
        self.store = open_store(f"sqlite:///{self.directory}/kitchen.db")
        self.media = open_media(f"file://{self.directory}/media")
        self.live = LiveStream(self.redis_url)
        self.office = Office(
            self.store,
            self.media,
            rules=demo.rules,
            schemes=demo.schemes,
            routes=demo.routes,
            working_day=configs.working_day,
            translator=translator,
            terms=Terms.of(demo),
            additives=demo.additives,
        )
        self.assessor = assessor_of(self.store, demo, demo_directory())
        self.app = create_app(
            self.office,
            self.store,
            self.media,
            self.live,
            self.settings,
            self.clock,
            intake=self._intake(),
            assessor=self.assessor,
        )

    def _intake(self) -> Intake:
        async def accept(observation: Observation) -> None:
            self.accepted.append(observation)

        async def dead_letter(letter: DeadLetter) -> None:
            self.buried.append(letter)

        return Intake(accept=accept, dead_letter=dead_letter, device_passwords=DEVICE_PASSWORDS.get)

    @classmethod
    def copied(cls, database: Path, directory: Path, **changes: Any) -> Kitchen:
        """A kitchen over a copy of a registered database."""
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(database, directory / "kitchen.db")
        return cls(directory, **changes)

    def close(self) -> None:
        self.store.close()

    def client(self) -> httpx.AsyncClient:
        """A browser without JavaScript: keeps cookies, follows nothing by itself."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://kitchen.test"
        )

    async def token(self, login: str) -> str:
        async with self.client() as client:
            answer = await client.post("/api/v1/session", json={"user": login, "password": PASSWORDS[login]})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def bearer(self, login: str) -> httpx.AsyncClient:
        """A program that is signed in."""
        client = self.client()
        client.headers["Authorization"] = f"Bearer {await self.token(login)}"
        return client

    def raise_camera(
        self, *, uscc: str = MERCHANT, class_: str = "pest_or_pet", zone: str = "kitchen", automatic: bool = True
    ) -> str:
        """Let the office take a camera finding; the id of its warning (or of the finding, if it waits for review)."""
        now = self.clock()
        sha256 = self.media.put(photo(text=f"{class_} {now.isoformat()}"), "image/jpeg")
        rule = self.office.desk.rules.camera[class_]
        finding = Finding(
            id=derived_id("test", uscc, class_, zone, now.isoformat()),
            uscc=uscc,
            rule=class_,
            class_=class_,
            violation_code=rule.violation_code,
            level=rule.level,
            subject=f"{CAMERA}/{zone}",
            event_time=now,
            first_seen_at=now,
            detected_at=now,
            automatic=automatic,
            why=Reason(
                code=ReasonCode.CAMERA,
                params={"class": class_, "camera": CAMERA, "zone": zone, "frames": "4", "confidence": "0.93", "model": "test"},
            ),
            camera=CAMERA,
            zone=zone,
            confidence=0.93,
            frames_positive=4,
            evidence=(EvidenceRef(kind=EvidenceKind.SNAPSHOT, sha256=sha256, media_type="image/jpeg", at=now),),
            model="test",
        )
        events = self.office.take_finding(finding, now)
        return events[0].entity_id if automatic else finding.id

    def raise_expired(self, *, uscc: str = MERCHANT, lot: str = "L20261118A", code: str = "XV04") -> str:
        """Let the office take a register finding about an expired product on sale; the id of its warning."""
        now = self.clock()
        data = f'{{"lot":"{lot}"}}'.encode()
        sha256 = self.media.put(data, "application/json")
        finding = Finding(
            id=derived_id("test", uscc, "RW2", lot, now.isoformat()),
            uscc=uscc,
            rule="RW2",
            class_="product_expired",
            violation_code=code,
            level=Level.RED,
            subject=lot,
            event_time=now,
            first_seen_at=now,
            detected_at=now,
            automatic=True,
            why=Reason(
                code=ReasonCode.PRODUCT_EXPIRED_ON_SALE,
                params={"lot": lot, "name": "卤牛肉", "expires_at": format_instant(now - timedelta(hours=3))},
            ),
            evidence=(EvidenceRef(kind=EvidenceKind.RECORD, sha256=sha256, media_type="application/json", at=now),),
        )
        return self.office.take_finding(finding, now)[0].entity_id

    async def relay_live(self) -> int:
        """Publish what the outbox holds for live pages, as the relay does."""
        now, sent = self.clock(), 0
        with self.store.writing() as uow:
            waiting = uow.outbox.claim(now, lanes=[Lane.LIVE], limit=500, lease_until=now + timedelta(minutes=1))
            uow.commit()
        for delivery in waiting:
            await self.live.publish(delivery.payload)
            with self.store.writing() as uow:
                uow.outbox.done(delivery.id, now)
                uow.commit()
            sent += 1
        return sent


def envelope(**changes: Any) -> dict[str, Any]:
    """A weighing as a scale posts it."""
    said = {
        "v": 1,
        "event_id": "01936f2e-0000-7000-8000-000000000001",
        "kind": "scale.weigh",
        "uscc": MERCHANT,
        "device_id": SCALE,
        "event_time": format_instant(START - timedelta(seconds=5)),
        "seq": 1,
        "body": {
            "trace_code": "0123456789ABCDEFGHJK",
            "plu": "12",
            "lot": "L20261118A",
            "gross_g": 520,
            "tare_g": 8,
            "net_g": 512,
            "unit_price_fen_per_kg": 9800,
            "amount_fen": 5018,
        },
    }
    body = changes.pop("body", None)
    if body is not None:
        said["body"] = {**said["body"], **body}  # type: ignore[dict-item]
    return {**said, **changes}
