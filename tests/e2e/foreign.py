"""Foreign clients: mosquitto_pub and a plain paho client that counts its PUBACKs, sending what any vendor's device could."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from tests.e2e.product import MERCHANT, REGION, SCALE, Product

TZ = "+08:00"


def stamp(at: datetime) -> str:
    """RFC 3339 on Shanghai's clock."""
    return (at + timedelta(hours=8)).replace(tzinfo=None).isoformat(timespec="milliseconds") + TZ


def envelope(
    kind: str,
    body: dict[str, Any],
    *,
    device: str = SCALE,
    uscc: str = MERCHANT,
    seq: int = 0,
    at: datetime | None = None,
) -> dict[str, Any]:
    """An envelope of domain.md E.2 as a device would write it."""
    return {
        "v": 1,
        "event_id": str(uuid.uuid4()),
        "kind": kind,
        "uscc": uscc,
        "device_id": device,
        "event_time": stamp(at or datetime.now(UTC)),
        "seq": seq,
        "body": body,
    }


def expired_batch(lot: str, *, state: str = "on_sale") -> dict[str, Any]:
    """A product batch that expired an hour ago and is still on sale."""
    now = datetime.now(UTC)
    return {
        "lot": lot,
        "kind": "product",
        "name": "卤牛肉",
        "qty_g": 2500,
        "produced_on": stamp(now - timedelta(hours=13)),
        "expires_at": stamp(now - timedelta(hours=1)),
        "state": state,
    }


def weighing(lot: str, trace_code: str) -> dict[str, Any]:
    """A sale of 512 g."""
    return {
        "trace_code": trace_code,
        "plu": "12",
        "lot": lot,
        "gross_g": 520,
        "tare_g": 8,
        "net_g": 512,
        "unit_price_fen_per_kg": 8800,
        "amount_fen": 4506,
        "operator": "p1",
        "stable": True,
    }


def topic(device: str, leaf: str, uscc: str = MERCHANT) -> str:
    """The device's topic."""
    return f"fs/v1/{REGION}/{uscc}/{device}/{leaf}"


def mosquitto_pub(port: int, device: str, leaf: str, payload: bytes | Path, *, password: str | None = None) -> None:
    """Publish once with Debian's mosquitto_pub, QoS 1; returns after the broker's PUBACK."""
    tool = shutil.which("mosquitto_pub")
    if tool is None:
        pytest.skip("mosquitto_pub is not installed (Debian: mosquitto-clients)")
    command = [tool, "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-V", "311", "-i", f"foreign-{uuid.uuid4().hex[:8]}"]
    command += ["-u", device, "-P", password or f"demo-{device}", "-t", topic(device, leaf)]
    source = ["-f", str(payload)] if isinstance(payload, Path) else ["-s"]
    subprocess.run([*command, *source], input=None if isinstance(payload, Path) else payload, check=True, timeout=30)


class CountingPublisher:
    """Publishes envelopes at QoS 1 through broker failures and knows which of them the broker acknowledged.

    It resends on a new connection what had no PUBACK, under the same packet ids, as the standard asks; what was acknowledged it
    forgets.

    Args:
        on_acknowledged: told the name of each envelope when its PUBACK comes, in the network's thread.
    """

    def __init__(self, product: Product, device: str = SCALE, *, on_acknowledged: Callable[[str], None] = lambda _: None) -> None:
        self._device, self._on_acknowledged = device, on_acknowledged
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"count-{uuid.uuid4().hex[:8]}", clean_session=False
        )
        self._client.username_pw_set(device, f"demo-{device}")
        self._client.reconnect_delay_set(0.2, 1)
        self._client.max_inflight_messages_set(20)
        self._lock = threading.Lock()
        self._mids: dict[int, str] = {}
        self._early: set[int] = set()
        self.published: list[str] = []
        self.acknowledged: set[str] = set()
        self._client.on_publish = self._on_publish
        self._client.connect("127.0.0.1", product.mqtt_port, keepalive=10)
        self._client.loop_start()

    def _on_publish(self, _client: object, _userdata: object, mid: int, *_: object) -> None:
        with self._lock:
            name = self._mids.pop(mid, None)  # packet ids are used again
            if name is None:
                self._early.add(mid)
                return
            self.acknowledged.add(name)
        self._on_acknowledged(name)

    def publish(self, name: str, message: dict[str, Any]) -> None:
        """Send one envelope under a name of ours."""
        leaf = message["kind"].replace(".", "/")
        info = self._client.publish(topic(self._device, leaf, message["uscc"]), json.dumps(message), qos=1)
        with self._lock:
            self.published.append(name)
            early = info.mid in self._early
            if early:
                self._early.discard(info.mid)
                self.acknowledged.add(name)
            else:
                self._mids[info.mid] = name
        if early:
            self._on_acknowledged(name)

    def close(self) -> None:
        """Disconnect."""
        self._client.loop_stop()
        self._client.disconnect()
