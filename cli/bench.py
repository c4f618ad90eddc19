"""``kitchen bench``: what this machine does, beside the barest program that could do the same.

A whole installation is started on free ports in a temporary directory and fed over MQTT like any other. The baseline of
the facts is a loop that takes a message from the same kind of broker and inserts it into SQLite, one synced transaction
each, before it acknowledges; the baseline of the frames is the bare detector in this process. Figures of a shared machine
are noisy: compare columns.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import configs
from cli import clock
from cli.bench_baseline import bare_detector_ms, bare_facts_per_s, chance, demo_device, free_port, until
from cli.datadir import read_json
from cli.installation import device_demo_password
from cli.logs import set_up_logging
from cli.output import show_json, show_table
from cli.plan import KITCHEN, LOOPBACK
from cli.processes import last_line
from cli.readiness import get
from devices.camera import encode
from devices.connection import MqttSettings
from devices.edge import EdgeDevice, EdgeLimits, EdgePublisher
from devices.scale import GOODS, weighing
from domain.errors import Unavailable
from domain.ids import derived_id
from vision.demo import frame, read_cat

READY_WITHIN_S = 90.0
DONE_WITHIN_S = 300.0
FRAMES_PER_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of the product beside the same figure of the baseline."""

    measure: str
    unit: str
    product: float
    baseline: float | None
    baseline_is: str


def bench(*, events: int, frames: int, model: str, as_json: bool) -> None:
    """Measure and print.

    Raises:
        Unavailable: if the installation does not come up or stops making progress.
    """
    set_up_logging(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="kitchen-bench-") as scratch:
        rows = _measure(Path(scratch), events, frames, model)
    if as_json:
        show_json({"cores": os.cpu_count(), "events": events, "frames": frames, "rows": [asdict(row) for row in rows]})
        return
    columns = ("measure", "unit", "product", "baseline", "baseline is")
    shown = (
        (row.measure, row.unit, f"{row.product:,.1f}", "" if row.baseline is None else f"{row.baseline:,.1f}", row.baseline_is)
        for row in rows
    )
    show_table(columns, shown, title=f"{os.cpu_count()} cores")


def _measure(scratch: Path, events: int, frames: int, model: str) -> list[Row]:
    pictures = _pictures(frames)
    bare_facts = bare_facts_per_s(scratch / "bare", events)
    bare_ms = bare_detector_ms(model, pictures)
    with _installation(scratch / "data", _fast_site(scratch), model) as (page, vision, mqtt_port):
        rate = _facts(scratch / "spool", page, mqtt_port, events)
        first_s, ms = _frames(scratch / "spool", page, vision, mqtt_port, pictures)
    return [
        Row(
            measure="weighings, MQTT to SQL",
            unit="1/s",
            product=rate,
            baseline=bare_facts,
            baseline_is="MQTT to SQLite in one loop, no log, no rules, no audit",
        ),
        Row(
            measure="detection",
            unit="ms/frame",
            product=ms,
            baseline=bare_ms,
            baseline_is="the bare detector, nothing else running",
        ),
        Row(
            measure=f"first frame to red warning, {FRAMES_PER_S:g} frames/s",
            unit="s",
            product=first_s,
            baseline=2 / FRAMES_PER_S + bare_ms / 1000,
            baseline_is="three frames must be seen (F.2): two intervals and one detection",
        ),
    ]


def _pictures(count: int) -> list[bytes]:
    cat = read_cat()
    return [encode(frame(cat, 2 + number / FRAMES_PER_S)) for number in range(count)]


def _fast_site(scratch: Path) -> Path:
    """The demonstration's configuration with the rate limit out of the way."""
    folder = Path(shutil.copytree(configs.demo_directory(), scratch / "config"))
    site = folder / "site.yaml"
    site.write_text(site.read_text("utf-8") + "rates: {events_per_second: 1000}\nframes: {per_second: 60}\n", "utf-8")
    return folder


@contextmanager
def _installation(data: Path, config: Path, model: str) -> Iterator[tuple[str, str, int]]:
    """A whole installation without its own devices; page, the vision worker's metrics, MQTT port."""
    port, mqtt_port = free_port(), free_port()
    data.mkdir()
    output = data / "output.txt"
    command = [*KITCHEN, "demo", "--no-devices", "--data", str(data), "--config", str(config), "--model", model]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KITCHEN_")}
    with output.open("wb") as file:
        child = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--port", str(port), "--mqtt-port", str(mqtt_port)], stdout=file, stderr=file, env=environment
        )
    try:
        until(lambda: b"READY" in output.read_bytes() or child.poll() is not None, READY_WITHIN_S, "the installation is ready")
        if child.poll() is not None:
            raise Unavailable(f"the installation did not come up: {last_line(output)}")
        vision = str(read_json(data / "run" / "endpoints.json")["metrics"]["vision"])
        yield f"http://{LOOPBACK}:{port}/metrics", vision, mqtt_port
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(15)


def _facts(spool: Path, page: str, mqtt_port: int, events: int) -> float:
    """Weighings per second from the first publish to the last SQL commit."""
    device, good = _device("scl-0a1b2c3d"), GOODS[0]
    lot = "BENCH-1"
    settings = MqttSettings(port=mqtt_port, user=device.id, password=device_demo_password(device.id), client_id=device.id)
    limits = EdgeLimits(per_second=100_000, in_flight=50)
    with EdgePublisher(settings, device, spool / device.id, limits) as edge:
        until(lambda: edge.connected, READY_WITHIN_S, "the scale is connected")
        before = _counter(page, 'kitchen_stream_events_total{result="done",topic="observations"}')
        begun = time.perf_counter()
        for number in range(events):
            body = weighing(good, lot, chance(number))
            edge.fact(edge.envelope("scale.weigh", body, clock.now(), event_id=derived_id("bench", str(begun), str(number))))
        wanted = before + events
        done = 'kitchen_stream_events_total{result="done",topic="observations"}'
        until(lambda: _counter(page, done) >= wanted, DONE_WITHIN_S, f"{events} weighings are in SQL")
        return events / (time.perf_counter() - begun)


def _frames(spool: Path, page: str, vision: str, mqtt_port: int, pictures: list[bytes]) -> tuple[float, float]:
    """Seconds from the first frame to the warning, and the worker's milliseconds per frame."""
    device = _device("cam-0a1b2c3d")
    settings = MqttSettings(port=mqtt_port, user=device.id, password=device_demo_password(device.id), client_id=device.id)
    raised = 'kitchen_warnings_raised_total{level="red",rule="pest_or_pet"}'
    with EdgePublisher(settings, device, spool / device.id, EdgeLimits(per_second=1000)) as edge:
        until(lambda: edge.connected, READY_WITHIN_S, "the camera is connected")
        begun = time.perf_counter()
        waiting = threading.Event()
        seen: list[float] = []

        def watch() -> None:
            while not waiting.is_set() and not seen:
                if _counter(page, raised) >= 1:
                    seen.append(time.perf_counter() - begun)
                time.sleep(0.02)

        watcher = threading.Thread(target=watch)
        watcher.start()
        for number, jpeg in enumerate(pictures):
            edge.frame(jpeg, clock.now())
            time.sleep(max(0.0, begun + (number + 1) / FRAMES_PER_S - time.perf_counter()))
        detected = 'kitchen_frames_total{result="detected"}'
        skipped = 'kitchen_frames_total{result="skipped"}'
        until(lambda: _counter(vision, detected) + _counter(vision, skipped) >= len(pictures), DONE_WITHIN_S, "frames are seen")
        watcher.join(5)
        waiting.set()
    total = _counter(vision, "kitchen_detection_seconds_sum"), _counter(vision, "kitchen_detection_seconds_count")
    return (seen[0] if seen else float("nan")), 1000 * total[0] / max(total[1], 1)


def _device(device_id: str) -> EdgeDevice:
    device = demo_device(device_id)
    return EdgeDevice(id=device.id, uscc=device.uscc, region=device.region)


def _counter(page: str, name: str) -> float:
    """The value of one metric on a page; 0 while it is not there."""
    _, text = asyncio.run(get(page))
    for line in text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.rsplit(" ", 1)[1])
    return 0.0
