"""``python -m tests.bench.gateway``: what the gateway takes from a broker, beside a bare paho → aiokafka loop.

Each side has an embedded broker and an embedded log of its own (a broker forgets a message when its last session has acknowledged
it, which takes time), both configured as the product does it, fsync on. Equal on both sides: MQTT 3.1.1, QoS 1, the window of
unacknowledged messages, the payloads, ``acks=all``, an idempotent producer, linger and batch size. The scales publish while the
taker is away; then it takes what waits for it, so that publishing costs it nothing. Product and baseline take turns in being
first, and a round's ratio is of two runs right after each other. The real limits hold: a scale may send 40 at once, so there are
as many scales as that needs.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from devices.connection import Connection, MqttSettings, Version
from devices.nats import BrokerUser, NatsSettings, nats_binary, write_nats
from domain.ids import derived_id, mint_trace_code
from domain.time import format_instant
from domain.topics import DeviceTopic
from tests.bench.gateway_side import IN_FLIGHT, REGION, USCC, Taken, Task, device_ids, scale

BASELINE = "a bare paho → aiokafka loop: paho's thread, one hand-over, send, wait and PUBACK for each message"
NOT_IN_BASELINE = (
    "reading the JSON and checking its fields",
    "registers of merchants and devices, signatures",
    "rates per device, a bound on what is in hand",
    "event ids, content hashes, receipt times, clock judgement",
    "dead letters, metrics, the security log",
    "acknowledgements in order, and none over another connection",
    "trying again without loss and in order while the log is away",
)
BURST = 40
PASSWORD = "bench"
WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Rounds of one side."""

    rounds: list[Taken] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Median messages per second."""
        return statistics.median(taken.messages / taken.seconds for taken in self.rounds)

    @property
    def cpu_us(self) -> float:
        """Median CPU microseconds per message."""
        return statistics.median(1e6 * taken.cpu_seconds / taken.messages for taken in self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFigures:
    """Both sides of the figure; ``ratio`` is the median of the rounds' own ratios."""

    product: Side
    baseline: Side

    @property
    def ratios(self) -> list[float]:
        """Product's speed in parts of the baseline's, round by round."""
        pairs = zip(self.product.rounds, self.baseline.rounds, strict=True)
        return [(ours.messages / ours.seconds) / (bare.messages / bare.seconds) for ours, bare in pairs]

    @property
    def ratio(self) -> float:
        """Their median."""
        return statistics.median(self.ratios)


def measure_gateway(*, messages: int = 4000, rounds: int = 5) -> GatewayFigures:
    """Messages per second with PUBACK after the log's ack, product and baseline in turns.

    Args:
        messages: in each round and for each side; 40 of each scale.
        rounds: how often.
    """
    devices = -(-messages // BURST)
    figures = GatewayFigures(product=Side(), baseline=Side())
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as scratch, ExitStack() as parts:
        sides = {"product": figures.product, "bare": figures.baseline}
        tasks = {}
        for name in sides:
            bootstrap = parts.enter_context(_log(Path(scratch) / name / "log"))
            port = parts.enter_context(_broker(Path(scratch) / name / "broker", name, devices))
            task = Task(mqtt_port=port, bootstrap=bootstrap, user=name, password=PASSWORD, devices=devices, messages=messages)
            tasks[name] = task
            _side(name, replace(task, messages=0))
        for number in range(rounds):
            for name in sorted(sides, reverse=number % 2 == 0):
                _publish(tasks[name].mqtt_port, devices, messages)
                sides[name].rounds.append(_side(name, tasks[name]))
    return figures


def _side(name: str, task: Task) -> Taken:
    command = [sys.executable, "-m", "tests.bench.gateway_side", name, json.dumps(asdict(task))]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=task.within_s + 60, check=False)
    if finished.returncode:
        raise RuntimeError(f"{name} failed:\n{finished.stdout[-1000:]}{finished.stderr[-3000:]}")
    return Taken(**json.loads(finished.stdout.splitlines()[-1]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _broker(folder: Path, user: str, devices: int) -> Iterator[int]:
    """The embedded broker as the product configures it."""
    port = _free_port()
    users = [BrokerUser(name=user, password=PASSWORD)]
    users += [BrokerUser(name=device_id, password=PASSWORD, device=scale(device_id)) for device_id in device_ids(devices)]
    settings = NatsSettings(directory=folder / "jetstream", port=port, in_flight=IN_FLIGHT)
    write_nats(folder / "nats.conf", settings, users)
    command = [str(nats_binary()), "-c", str(folder / "nats.conf")]
    with _child(command, folder / "output"):
        _until(lambda: _listens(port), "the broker is up")
        yield port


@contextmanager
def _log(folder: Path) -> Iterator[str]:
    """The embedded log in a process of its own, fsync on."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    port, output = _free_port(), folder.parent / "log-output"
    with _child([sys.executable, "-m", "streams.log", str(folder), "--port", str(port)], output):
        _until(lambda: b"ready" in output.read_bytes(), "the log is up")
        bootstrap = f"127.0.0.1:{port}"
        code = "import asyncio,sys; from streams.topics import ensure_topics; asyncio.run(ensure_topics(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, bootstrap], check=True, timeout=60)
        yield bootstrap


@contextmanager
def _child(command: list[str], output: Path) -> Iterator[None]:
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > give_up:
            raise RuntimeError(f"not within {WITHIN_S:g} s: {what}")
        time.sleep(0.02)


def _weighing(device_id: str, seq: int) -> bytes:
    """A sale of 512 g as a scale tells it, about 400 bytes."""
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
    now = datetime.now(UTC)
    envelope = {
        "v": 1,
        "event_id": derived_id("bench", device_id, str(seq), now.isoformat()),
        "kind": "scale.weigh",
        "uscc": USCC,
        "device_id": device_id,
        "event_time": format_instant(now),
        "seq": seq,
        "body": body,
    }
    return orjson.dumps(envelope)


def _publish(mqtt_port: int, devices: int, messages: int) -> None:
    """Every scale tells its share; back when the broker has acknowledged all."""
    left = messages
    for device_id in device_ids(devices):
        share = min(BURST, left)
        left -= share
        _publish_one(mqtt_port, device_id, share)


def _publish_one(mqtt_port: int, device_id: str, count: int) -> None:
    up, done = threading.Event(), threading.Semaphore(0)
    settings = MqttSettings(port=mqtt_port, user=device_id, password=PASSWORD, client_id=device_id, version=Version.V311)
    sender = Connection(settings, on_up=lambda _g, _r: up.set(), on_published=lambda _mid, _ok: done.release())
    sender.start()
    try:
        if not up.wait(WITHIN_S):
            raise RuntimeError(f"{device_id} could not connect")
        topic = str(DeviceTopic(REGION, USCC, device_id, "scale/weigh"))
        for seq in range(count):
            sender.publish(topic, _weighing(device_id, seq))
        for _ in range(count):
            if not done.acquire(timeout=WITHIN_S):
                raise RuntimeError(f"{device_id} got no acknowledgement")
    finally:
        sender.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gateway", description=__doc__)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    before = os.getloadavg()
    figures = measure_gateway(messages=options.messages, rounds=options.rounds)
    load = [round(each, 2) for each in (before[0], os.getloadavg()[0])]
    if options.json:
        told: dict[str, Any] = {
            "ratio": figures.ratio,
            "ratios": figures.ratios,
            "baseline_is": BASELINE,
            "baseline_does_not": NOT_IN_BASELINE,
        }
        told |= {"cpus": os.cpu_count(), "load_before_and_after": load}
        for name, side in (("product", figures.product), ("baseline", figures.baseline)):
            told[name] = {
                "per_second": side.per_second,
                "cpu_us": side.cpu_us,
                "rounds": [asdict(taken) for taken in side.rounds],
            }
        sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    for name, side in (("product", figures.product), ("baseline", figures.baseline)):
        each = " ".join(f"{taken.messages / taken.seconds:,.0f}" for taken in side.rounds)
        sys.stdout.write(f"{name:9} {side.per_second:8,.0f} /s {side.cpu_us:7.0f} µs CPU/message   ({each})\n")
    each = " ".join(f"{ratio:.2f}" for ratio in figures.ratios)
    sys.stdout.write(f"ratio     {figures.ratio:8.2f}     median of the rounds ({each})\n")
    sys.stdout.write(f"load      {load[0]} before, {load[1]} after, on {os.cpu_count()} CPUs\n")
    sys.stdout.write(f"baseline: {BASELINE}.\nIt does not do: {'; '.join(NOT_IN_BASELINE)}.\n")


if __name__ == "__main__":
    main()
