"""A gateway in this process with a sink one can hold, one in a process of its own, and foreign clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from devices.gateway import Gateway
from devices.limits import Limits
from devices.sink import Record
from domain.topics import Topic
from tests.services.mqtt import Broker
from tests.unit.devices.things import headers, registers

PATIENCE_S = 20.0


def now() -> datetime:
    return datetime.now(UTC)


async def until(condition: Callable[[], Any], what: str, *, within_s: float = PATIENCE_S) -> None:
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.02)


async def outcome(work):
    """What ``put`` would have raised, or None."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - any, as the port says
        return error
    return None


class MemorySink:
    """Keeps records; holds or refuses them while told to."""

    def __init__(self):
        self.records: list[Record] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failing = False
        self.attempts = 0

    async def put(self, record: Record) -> None:
        self.attempts += 1
        await self.open.wait()
        if self.failing:
            raise ConnectionError("the log is away")
        self.records.append(record)

    async def put_all(self, records):
        return await asyncio.gather(*(outcome(self.put(record)) for record in records))

    def of(self, topic: Topic) -> list[Record]:
        return [record for record in self.records if record.topic == topic]

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.of(Topic.OBSERVATIONS)]

    def seqs(self) -> list[int]:
        return [fact["seq"] for fact in self.bodies() if fact["kind"] != "cam.status"]

    def codes(self) -> list[str]:
        return [headers(record)["code"] for record in self.of(Topic.DEAD_LETTERS)]


@asynccontextmanager
async def gateway(
    broker: Broker,
    sink: MemorySink,
    *,
    limits: Limits | None = None,
    client_id: str = "gateway-1",
    shared: bool = False,
    **more: Any,
) -> AsyncIterator[Gateway]:
    running = Gateway(
        replace(broker.settings("gateway", client_id=client_id), shared=shared),
        sink,
        more.pop("table", None) or registers(),
        limits or Limits(events_per_second=1000, frames_per_second=1000, burst=1000),
        now,
        **more,
    )
    await running.start()
    try:
        await asyncio.wait_for(running.wait_subscribed(), PATIENCE_S)
        yield running
    finally:
        await running.stop(grace_s=0.2)


class GatewayProcess:
    """A gateway one can kill; its records are lines in a file, and it holds each while ``hold`` exists."""

    def __init__(self, broker: Broker, folder: Path, name: str):
        self.records_file, self.hold, self.ready = folder / f"{name}.jsonl", folder / f"{name}.hold", folder / f"{name}.ready"
        self.in_hand_file = folder / f"{name}.in_hand"
        settings = {"port": broker.port, "user": "gateway", "password": broker.users["gateway"], "client_id": "gateway-1"}
        self.command = [sys.executable, "-m", "tests.contract.devices.gateway_process", json.dumps(settings), str(folder / name)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, cwd=Path(__file__).parents[3])

    def kill(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def lines(self, path: Path) -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in path.read_text().splitlines()]
        return []

    @property
    def records(self) -> list[dict[str, Any]]:
        return self.lines(self.records_file)

    @property
    def in_hand(self) -> int:
        """Messages it has taken and not acknowledged."""
        return int(self.in_hand_file.read_text()) if self.in_hand_file.exists() else 0


class ForeignDevice:
    """A plain paho client as somebody else would write one."""

    def __init__(self, broker: Broker, user: str, *, version: int = paho.MQTTv311, will: tuple[str, bytes] | None = None):
        self._acknowledged: set[int] = set()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"foreign-{user}", protocol=version, reconnect_on_failure=False
        )
        self._client.username_pw_set(user, broker.users[user])
        self.refused = False
        self._client.on_connect = self._connected
        self._client.on_publish = lambda _c, _d, mid, _reason, _p: self._acknowledged.add(mid)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def _connected(self, _client, _data, _flags, reason, _properties):
        self.refused = reason.is_failure

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, properties: Any = None) -> None:
        info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        info.wait_for_publish(PATIENCE_S)
        assert info.is_published()

    def publish_all(self, messages: list[tuple[str, bytes]], *, qos: int = 1) -> None:
        infos = [self._client.publish(topic, payload, qos=qos) for topic, payload in messages]
        for info in infos:
            info.wait_for_publish(PATIENCE_S)
            assert info.is_published()

    def vanish(self) -> None:
        """Break the connection without a word."""
        link = self._client.socket()
        assert link is not None
        link.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()


async def mosquitto_pub(broker: Broker, user: str, topic: str, *arguments: str) -> None:
    where = ("-h", "127.0.0.1", "-p", str(broker.port), "-u", user, "-P", broker.users[user])
    process = await asyncio.create_subprocess_exec("mosquitto_pub", *where, "-q", "1", "-t", topic, *arguments)
    assert await process.wait() == 0
