"""Devices at work: foreign MQTT clients, edge publishers and an HTTP client that report at a steady rate, and a camera.

The mix is drawn from the seed. Each device tells of lots of its own and sells only from those, so that what remains of a lot can
be computed from what was told.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, Self

import cv2
import httpx

from devices.connection import MqttSettings
from devices.edge import EdgeDevice, EdgeLimits, EdgePublisher
from domain.ids import mint_trace_code
from tests.e2e.foreign import CountingPublisher, envelope, stamp
from tests.e2e.product import REGION, Product
from tests.loss.ledger import Client, Fact, Ledger, Row
from tests.loss.site import Site, Voice
from vision.demo.scene import frame, read_cat

LAG_S: Final = 0.5
LOT_G: Final = 5_000_000
PRICE_FEN_PER_KG: Final = 8800
MIX: Final[Mapping[str, float]] = {"temperature": 0.50, "sale": 0.35, "batch": 0.09, "expired": 0.03, "expiring": 0.03}
"""Shares of what is told. One in sixteen of the facts raises a warning, some of them by the sweep."""

Clock = Callable[[], datetime]


class Channel(Protocol):
    """How one device tells a fact."""

    client: Client

    def tell(self, fact: Fact, message: dict[str, Any]) -> None:
        """Send it, until it is acknowledged, in the background."""

    def waiting(self) -> int:
        """How many are not acknowledged yet."""

    def close(self) -> None:
        """Stop."""


class Foreign:
    """A client that keeps to MQTT and to nothing else."""

    client = Client.FOREIGN

    def __init__(self, product: Product, voice: Voice, ledger: Ledger) -> None:
        self._publisher = CountingPublisher(product, voice.device, on_acknowledged=ledger.acknowledge)

    def tell(self, fact: Fact, message: dict[str, Any]) -> None:
        self._publisher.publish(fact.id, message)

    def waiting(self) -> int:
        return len(self._publisher.published) - len(self._publisher.acknowledged)

    def close(self) -> None:
        self._publisher.close()


class Edge:
    """The product's own publisher; it says how many are not acknowledged, not which, and sends in order."""

    client = Client.EDGE

    def __init__(self, product: Product, voice: Voice, ledger: Ledger, spool: Path) -> None:
        settings = MqttSettings(port=product.mqtt_port, user=voice.device, password=voice.password, reconnect_most_s=1.0)
        device = EdgeDevice(id=voice.device, uscc=voice.uscc, region=REGION)
        self._ledger = ledger
        self._publisher = EdgePublisher(settings, device, spool, EdgeLimits(per_second=200)).start()
        self._told: deque[str] = deque()
        self._lock = threading.Lock()

    def tell(self, fact: Fact, message: dict[str, Any]) -> None:
        with self._lock:
            self._publisher.fact(message)
            self._told.append(fact.id)
            self._note()

    def _note(self) -> None:
        pending = self._publisher.pending
        while len(self._told) > pending:
            self._ledger.acknowledge(self._told.popleft())

    def frame(self, jpeg: bytes, at: datetime) -> None:
        """A picture; the publisher may drop it."""
        self._publisher.frame(jpeg, at)

    def waiting(self) -> int:
        with self._lock:
            self._note()
        return self._publisher.pending

    def close(self) -> None:
        self._publisher.close()


class Posting:
    """A device that posts to the API and repeats under the same event id until it is answered."""

    client = Client.HTTP

    def __init__(self, product: Product, voice: Voice, ledger: Ledger) -> None:
        self._url, self._auth, self._ledger = f"{product.url}/api/v1/observations", (voice.device, voice.password), ledger
        self._queue: deque[tuple[str, bytes]] = deque()
        self._stop, self._wake = threading.Event(), threading.Event()
        self.refused: list[str] = []
        self._thread = threading.Thread(target=self._post_all, name="posting", daemon=True)
        self._thread.start()

    def tell(self, fact: Fact, message: dict[str, Any]) -> None:
        self._queue.append((fact.id, json.dumps(message).encode()))
        self._wake.set()

    def waiting(self) -> int:
        return len(self._queue)

    def close(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(25)

    def _post_all(self) -> None:
        with httpx.Client(auth=self._auth, timeout=20, trust_env=False) as client:
            while not self._stop.is_set():
                if not self._queue:
                    self._wake.wait(0.2)
                    self._wake.clear()
                elif self._post(client, *self._queue[0]):
                    self._queue.popleft()
                else:
                    self._stop.wait(0.3)

    def _post(self, client: httpx.Client, fact_id: str, body: bytes) -> bool:
        try:
            answer = client.post(self._url, content=body, headers={"Content-Type": "application/json"})
        except httpx.HTTPError:
            return False
        if answer.status_code >= 500 or answer.status_code == 429:
            return False
        if answer.is_success:
            self._ledger.acknowledge(fact_id)
        else:
            self.refused.append(answer.text)
        return True


@dataclass
class Device:
    """One device: its channel and the lots it sells from."""

    voice: Voice
    channel: Channel
    seq: int = 0
    number: int = 0
    lots: deque[str] = field(default_factory=lambda: deque(maxlen=10))

    def new_lot(self) -> str:
        """A name that no other device uses."""
        self.number += 1
        return f"{self.voice.device[-4:].upper()}-{self.number:06d}"


class Load:
    """All devices of a site; use as a context manager.

    Args:
        rate_per_s: facts a second of all of them together.
        frames_per_s: of the camera.
        ledger: where everything told is noted.
        mix: what is told, with its shares.
    """

    def __init__(
        self,
        product: Product,
        site: Site,
        ledger: Ledger,
        *,
        rate_per_s: float,
        frames_per_s: float,
        seed: int,
        folder: Path,
        clock: Clock,
        mix: Mapping[str, float] = MIX,
    ) -> None:
        self._mix = mix
        self._product, self._site, self._ledger, self._clock = product, site, ledger, clock
        self.rate_per_s, self._frames, self._folder = rate_per_s, frames_per_s, folder
        self._random = random.Random(f"load {seed}")
        self._devices: list[Device] = []
        self._stack = ExitStack()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for voice in self._site.foreign:
            self._add(voice, Foreign(self._product, voice, self._ledger))
        for voice in self._site.edge:
            self._add(voice, Edge(self._product, voice, self._ledger, self._folder / "spool" / voice.device))
        for voice in self._site.http:
            self._add(voice, Posting(self._product, voice, self._ledger))
        self._camera = Edge(self._product, self._site.camera, self._ledger, self._folder / "spool" / self._site.camera.device)
        self._stack.callback(self._camera.close)
        self._start(self._report, "load")
        if self._frames:
            self._start(self._film, "camera")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._stack.close()

    def _add(self, voice: Voice, channel: Channel) -> None:
        self._devices.append(Device(voice, channel))
        self._stack.callback(channel.close)

    def _start(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """No new facts; what waits is still sent."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def waiting(self) -> int:
        """Told and not acknowledged."""
        return sum(device.channel.waiting() for device in self._devices)

    def refused(self) -> list[str]:
        """What the API answered to facts it did not take."""
        return [text for device in self._devices if isinstance(device.channel, Posting) for text in device.channel.refused]

    # what is told

    def _report(self) -> None:
        next_at = time.monotonic()
        while not self._stop.is_set():
            device = self._random.choice(self._devices)
            what = self._random.choices(list(self._mix), list(self._mix.values()))[0]
            if what == "sale" and not device.lots:
                what = "batch"
            getattr(self, f"_{what}")(device)
            next_at = max(next_at + 1 / self.rate_per_s, time.monotonic() - LAG_S)  # what could not be told is not made up for
            self._stop.wait(max(0.0, next_at - time.monotonic()))

    def _tell(self, device: Device, row: Row, kind: str, body: dict[str, Any], **about: Any) -> None:
        device.seq += 1
        now = self._clock()
        message = envelope(kind, body, device=device.voice.device, uscc=device.voice.uscc, seq=device.seq, at=now)
        fact = Fact(
            row=row, client=device.channel.client, id=message["event_id"], uscc=device.voice.uscc, published_at=now, **about
        )
        self._ledger.publish(fact)
        device.channel.tell(fact, message)

    def _temperature(self, device: Device) -> None:
        body = {"celsius": round(self._random.uniform(1, 7), 1), "zone": "cold"}
        self._tell(device, Row.OBSERVATION, "sensor.temp", body)

    def _sale(self, device: Device) -> None:
        self._sell(device, self._random.choice(device.lots))

    def _sell(self, device: Device, lot: str) -> None:
        net_g = self._random.randint(50, 900)
        body = {
            "trace_code": mint_trace_code(),
            "plu": "12",
            "lot": lot,
            "gross_g": net_g + 8,
            "tare_g": 8,
            "net_g": net_g,
            "unit_price_fen_per_kg": PRICE_FEN_PER_KG,
            "amount_fen": round(net_g * PRICE_FEN_PER_KG / 1000),
            "operator": "p1",
            "stable": True,
        }
        self._tell(device, Row.SALE, "scale.weigh", body, lot=lot, grams=net_g)

    def _batch(self, device: Device) -> None:
        device.lots.append(self._state(device, timedelta(days=2), keeps=True))

    def _expired(self, device: Device) -> None:
        lot = self._state(device, timedelta(hours=-1))
        if self._random.random() < 0.5:
            self._sell(device, lot)

    def _expiring(self, device: Device) -> None:
        self._state(device, timedelta(seconds=self._random.uniform(*self._site.clocks.expiring_s)))

    def _state(self, device: Device, keeps_for: timedelta, *, keeps: bool = False) -> str:
        lot, now = device.new_lot(), self._clock()
        expires_at = (now + keeps_for).replace(microsecond=0)
        body = {
            "lot": lot,
            "kind": "product",
            "name": "卤牛肉",
            "qty_g": LOT_G,
            "produced_on": stamp(now - timedelta(hours=13)),
            "expires_at": stamp(expires_at),
            "state": "on_sale",
        }
        self._tell(device, Row.BATCH, "batch.upsert", body, lot=lot, expires_at=None if keeps else expires_at, grams=LOT_G)
        return lot

    def _film(self) -> None:
        pictures = pictures_of_a_cat()
        number = 0
        while not self._stop.wait(1 / self._frames):
            self._camera.frame(pictures[number % len(pictures)], self._clock())
            number += 1


def pictures_of_a_cat() -> list[bytes]:
    """A few frames of the demonstration's scene."""
    cat = read_cat()
    return [cv2.imencode(".jpg", frame(cat, 5 + number / 2))[1].tobytes() for number in range(6)]
