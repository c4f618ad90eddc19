"""The baselines of ``kitchen bench``: the barest programs that take in a fact or look at a frame."""

from __future__ import annotations

import asyncio
import random
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import configs
from cli.readiness import listens
from devices.connection import Connection, Delivery, MqttSettings
from devices.nats import BrokerUser, NatsSettings, nats_binary, write_nats
from devices.scale import GOODS, weighing
from domain.errors import Unavailable
from domain.parties import Device
from domain.topics import DeviceTopic
from vision.decode import decode_jpeg
from vision.engines import open_detector

LOOPBACK: Final = "127.0.0.1"
IN_FLIGHT: Final = 50
WITHIN_S: Final = 300.0


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Poll until something holds.

    Raises:
        Unavailable: if it does not in time.
    """
    give_up = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > give_up:
            raise Unavailable(f"not within {within_s:g} s: {what}")
        time.sleep(0.05)


def demo_device(device_id: str) -> Device:
    """A device of the demonstration."""
    return next(device for device in configs.load(configs.demo_directory()).devices if device.id == device_id)


def chance(number: int) -> random.Random:
    """The chance of one weighing."""
    return random.Random(number)  # noqa: S311 - a measurement


def bare_detector_ms(model: str, pictures: Sequence[bytes]) -> float:
    """Milliseconds to decode and look at one frame, nothing else running."""
    detector = open_detector(model)
    detector.detect(decode_jpeg(pictures[0]))  # the first one warms up
    begun = time.perf_counter()
    for jpeg in pictures:
        detector.detect(decode_jpeg(jpeg))
    return 1000 * (time.perf_counter() - begun) / len(pictures)


def bare_facts_per_s(folder: Path, events: int) -> float:
    """Facts per second: broker, one subscriber, one synced SQLite transaction per message."""
    device = demo_device("scl-0a1b2c3d")
    port = free_port()
    users = [BrokerUser(name="gateway", password="bench"), BrokerUser(name=device.id, password="bench", device=device)]  # noqa: S106 - lives for this run
    write_nats(folder / "nats.conf", NatsSettings(directory=folder / "nats", port=port), users)
    broker = subprocess.Popen(  # noqa: S603 - our own command
        [str(nats_binary()), "-c", str(folder / "nats.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    async def up() -> bool:
        return await listens(LOOPBACK, port)()

    try:
        until(lambda: asyncio.run(up()), 10, "the baseline's broker is up")
        return _bare_loop(folder, port, device, events)
    finally:
        broker.terminate()
        broker.wait(10)


def _bare_loop(folder: Path, port: int, device: Device, events: int) -> float:
    database = sqlite3.connect(folder / "bare.db", check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE facts (n INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    up, done, count = threading.Event(), threading.Event(), 0

    def take(delivery: Delivery) -> None:
        nonlocal count
        database.execute("INSERT INTO facts (body) VALUES (?)", (delivery.payload,))
        receiver.acknowledge(delivery.mid, delivery.generation)
        count += 1
        if count >= events:
            done.set()

    settings = MqttSettings(port=port, user="gateway", password="bench")  # noqa: S106 - lives for this run
    receiver = Connection(
        settings,
        persistent=True,
        on_up=lambda _generation, _resumed: receiver.subscribe("fs/v1/#"),
        on_message=take,
        on_subscribed=lambda _granted: up.set(),
    )
    receiver.start()
    try:
        if not up.wait(10):
            raise Unavailable("the baseline could not subscribe")
        sender = MqttSettings(port=port, user=device.id, password="bench", client_id=device.id)  # noqa: S106
        return _publish_bare(sender, device, events, done)
    finally:
        receiver.stop()
        database.close()


def _publish_bare(settings: MqttSettings, device: Device, events: int, done: threading.Event) -> float:
    free, up = threading.Semaphore(IN_FLIGHT), threading.Event()
    sender = Connection(settings, on_up=lambda _g, _r: up.set(), on_published=lambda _mid, _ok: free.release())
    sender.start()
    try:
        if not up.wait(10):
            raise Unavailable("the baseline could not connect")
        topic, good = str(DeviceTopic(device.region, device.uscc, device.id, "scale/weigh")), GOODS[0]
        begun = time.perf_counter()
        for number in range(events):
            free.acquire()
            sender.publish(topic, repr(weighing(good, "BENCH-1", chance(number))).encode())
        if not done.wait(WITHIN_S):
            raise Unavailable("the baseline stopped making progress")
        return events / (time.perf_counter() - begun)
    finally:
        sender.stop()
