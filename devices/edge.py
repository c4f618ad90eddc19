"""A device's own side: everything goes through a spool on its disk and leaves it a moment after the broker acknowledged it.

Facts are never dropped; frames are, oldest first, when the spool is full. What is sent late carries its original time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from devices import metrics
from devices.connection import Connection, MqttSettings, Will
from devices.judgement import OFFLINE, ONLINE
from devices.payloads import frame_properties, mark_frame, signed
from devices.spool import Item, Spool
from domain.errors import BadInput, Code
from domain.ids import uuid7
from domain.time import format_instant
from domain.topics import FRAME_LEAF, STATUS_LEAF, DeviceTopic

log = structlog.get_logger(__name__)

_IDLE_S = 0.5
_REFUSED_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeDevice:
    """Who is publishing; with a ``key`` every envelope is signed."""

    id: str
    uscc: str
    region: str
    key: bytes | None = field(default=None, repr=False)

    def topic(self, leaf: str) -> str:
        """A topic of this device."""
        return str(DeviceTopic(self.region, self.uscc, self.id, leaf))


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """Bounds of a publisher.

    Attributes:
        spool_bytes: room for what waits; ≥ 72 h of facts is far below it, frames use the rest.
        per_second: pace of sending, below the gateway's limit, so that catching up after an outage is not throttled.
        in_flight: sent and not yet acknowledged at once.
        settle_s: an acknowledged message is kept this much longer, and sent again if the connection breaks meanwhile: Mosquitto
            acknowledges a moment before it saves.
    """

    spool_bytes: int = 512 * 1024**2
    per_second: float = 15.0
    in_flight: int = 10
    settle_s: float = 1.0


class EdgePublisher:
    """Publishes one device's facts and frames. Use as a context manager, or ``start`` and ``close``.

    Args:
        mqtt: broker and credentials; the device's id is the user and the client id unless others are given.
        device: who speaks.
        directory: where the spool lives.
        limits: bounds.
    """

    def __init__(self, mqtt: MqttSettings, device: EdgeDevice, directory: Path, limits: EdgeLimits | None = None) -> None:
        self.device, self._limits = device, limits or EdgeLimits()
        self._spool = Spool(directory, most_bytes=self._limits.spool_bytes)
        if mqtt.client_id == MqttSettings().client_id:
            mqtt = replace(mqtt, client_id=device.id)
        self._status = device.topic(STATUS_LEAF)
        self._connection = Connection(
            replace(mqtt, in_flight=max(mqtt.in_flight, self._limits.in_flight + 1)),
            will=Will(topic=self._status, payload=OFFLINE),
            on_up=self._on_up,
            on_published=self._on_published,
            on_down=self._on_down,
        )
        self._lock = threading.Lock()
        self._sent: dict[int, Item] = {}
        self._publishing = False
        self._early: dict[int, bool] = {}
        self._refused: dict[int, float] = {}
        self._settling: dict[int, float] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._sender = threading.Thread(target=self._send_all, name=f"edge-{device.id}", daemon=True)
        self._warned_full = False

    def start(self) -> Self:
        """Begin to connect and to send; returns at once."""
        self._connection.start()
        self._sender.start()
        return self

    def close(self) -> None:
        """Say ``offline``, disconnect; what is not acknowledged stays in the spool."""
        self._closing.set()
        self._wake.set()
        if self._sender.is_alive():
            self._sender.join()
        if self._connection.publish(self._status, OFFLINE, retain=True) is not None:
            self._forget(before=time.monotonic())
        self._connection.stop()
        self._spool.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connection.up

    @property
    def pending(self) -> int:
        """Messages not yet acknowledged by the broker."""
        with self._lock:
            return len(self._spool) - len(self._settling)

    @property
    def frames_dropped(self) -> int:
        """Frames this publisher dropped because the spool was full."""
        return self._spool.frames_dropped

    def wait_delivered(self, timeout_s: float) -> bool:
        """Wait until everything is acknowledged; False if time ran out."""
        give_up = time.monotonic() + timeout_s
        while self.pending:
            if time.monotonic() > give_up:
                return False
            self._closing.wait(0.02)
        return True

    def envelope(
        self, kind: str, body: Mapping[str, Any], event_time: datetime, *, event_id: str | None = None
    ) -> dict[str, Any]:
        """An envelope of domain.md E.2 with the next ``seq`` of this device."""
        return {
            "v": 1,
            "event_id": event_id or uuid7(int(event_time.timestamp() * 1000)),
            "kind": kind,
            "uscc": self.device.uscc,
            "device_id": self.device.id,
            "event_time": format_instant(event_time),
            "seq": self._spool.count_up("fact"),
            "body": dict(body),
        }

    def fact(self, envelope: Mapping[str, Any]) -> None:
        """Accept an envelope; it is on disk when this returns, and signed if the device has a key.

        Raises:
            BadInput: E020 if it is another device's, E002 without a kind.
        """
        if envelope.get("device_id") != self.device.id or str(envelope.get("uscc")).upper() != self.device.uscc:
            raise BadInput(Code.DEVICE_FORBIDDEN, "the envelope is another device's", where="device_id")
        kind = envelope.get("kind")
        if not isinstance(kind, str) or not kind:
            raise BadInput(Code.UNKNOWN_KIND, "an envelope needs its kind", where="kind")
        if self.device.key is not None and "sig" not in envelope:
            envelope = signed(envelope, self.device.key)
        try:
            payload = json.dumps(envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except ValueError as error:
            raise BadInput(Code.IMPOSSIBLE_VALUE, f"cannot be written as JSON: {error}", where="envelope") from None
        self._spool.put_fact(self.device.topic(kind.replace(".", "/")), payload)
        if self._spool.overfull and not self._warned_full:
            log.warning(
                "edge.spool_full", device=self.device.id, bytes=self._spool.size_bytes, hint="facts are kept, frames are not"
            )
        self._warned_full = self._spool.overfull
        self._note()

    def frame(self, jpeg: bytes, captured_at: datetime) -> None:
        """Accept a frame; it may be dropped later to make room."""
        dropped = self._spool.frames_dropped
        about = frame_properties(captured_at, self._spool.count_up("frame"))
        self._spool.put_frame(self.device.topic(FRAME_LEAF), jpeg, about)
        metrics.EDGE_FRAMES_DROPPED.inc(self._spool.frames_dropped - dropped)
        self._note()

    def _note(self) -> None:
        metrics.EDGE_SPOOL_BYTES.set(self._spool.size_bytes)
        self._wake.set()

    # Called in paho's thread.

    def _on_up(self, _generation: int, _resumed: bool) -> None:  # noqa: FBT001
        log.info("edge.connected", device=self.device.id, pending=self.pending)
        metrics.EDGE_CONNECTED.set(1)
        self._connection.publish(self._status, ONLINE, retain=True)
        self._wake.set()

    def _on_down(self, reason: str) -> None:
        metrics.EDGE_CONNECTED.set(0)
        with self._lock:
            self._settling.clear()  # the broker may have died with them: they are sent again under the same ids
        log.warning("edge.disconnected", device=self.device.id, reason=reason, pending=self.pending)

    def _on_published(self, mid: int, accepted: bool) -> None:  # noqa: FBT001
        with self._lock:
            item = self._sent.pop(mid, None)
            if item is not None:
                self._settle(item, accepted=accepted)
            elif self._publishing:
                self._early[mid] = accepted  # acknowledged before ``publish`` told us the id
        self._wake.set()

    def _settle(self, item: Item, *, accepted: bool) -> None:
        """The broker's answer to an item; the lock is held."""
        if accepted:
            self._settling[item.id] = time.monotonic()
            metrics.EDGE_PUBLISHED.labels(metrics.FRAME if item.frame else "fact").inc()
        else:
            hint = "the broker may not let this user publish here"
            log.error("edge.refused", device=self.device.id, topic=item.topic, hint=hint)
            self._refused[item.id] = time.monotonic() + _REFUSED_PAUSE_S

    # The sender's thread.

    def _send_all(self) -> None:
        next_at = time.monotonic()
        while not self._closing.is_set():
            self._wake.clear()
            self._forget(before=time.monotonic() - self._limits.settle_s)
            item = self._next()
            if item is None:
                self._wake.wait(_IDLE_S)
                continue
            if self._closing.wait(max(0.0, next_at - time.monotonic())):
                return
            next_at = max(next_at, time.monotonic()) + 1 / self._limits.per_second
            self._send(item)

    def _forget(self, *, before: float) -> None:
        """Remove what was acknowledged long enough ago over a connection that has held since."""
        with self._lock:
            settled = [identity for identity, at in self._settling.items() if at <= before]
            for identity in settled:
                self._spool.remove(identity)
                del self._settling[identity]
        if settled:
            metrics.EDGE_SPOOL_BYTES.set(self._spool.size_bytes)

    def _next(self) -> Item | None:
        with self._lock:
            on_their_way = {item.id for item in self._sent.values()}
            settling = set(self._settling)
            self._refused = {identity: until for identity, until in self._refused.items() if until > time.monotonic()}
            refused = set(self._refused)
        if not self._connection.up or len(on_their_way) >= self._limits.in_flight:
            return None
        items = self._spool.next(count=1, without=on_their_way | settling | refused)
        return items[0] if items else None

    def _send(self, item: Item) -> None:
        payload = item.payload
        if item.frame and not self._connection.speaks_5:
            payload = mark_frame(payload, datetime.fromisoformat(item.about["captured_at"]), int(item.about["seq"]))
        with self._lock:
            self._publishing = True
        mid = self._connection.publish(item.topic, payload, user=item.about)
        with self._lock:
            self._publishing = False
            early = self._early.get(mid) if mid is not None else None
            self._early.clear()
            if early is not None:
                self._settle(item, accepted=early)
            elif mid is not None:
                self._sent[mid] = item
