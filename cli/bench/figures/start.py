"""From the first command to a page and a first red warning, beside the time its embedded parts alone need.

``kitchen demo`` starts cold in an empty directory: configuration, keys, passwords, database, eight processes. The baseline starts
the bare broker, live store and log side by side and waits until all three answer.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from cli.bench import meter, parts
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from cli.bench.kafka_node import answers_metadata
from cli.bench.parts import Child, free_port, running
from cli.bench.scrape import counter
from cli.plan import KITCHEN, LOOPBACK
from cli.readiness import answers, listens
from devices.nats import NatsSettings, nats_binary, write_nats

NAME = "start"
TITLE = "Start: `kitchen demo`, cold"
ROUNDS: Final = {Size.FULL: 3, Size.QUICK: 1, Size.TINY: 1}
WARNED_WITHIN_S: Final = 90.0
PARTS, PAGE, READY, WARNED, CPU = "parts", "page", "ready", "warned", "cpu"
QUANTITIES: Final = (
    Quantity(key=PAGE, name="until the page answers", unit="s", more_is_better=False),
    Quantity(key=READY, name="until every process is ready", unit="s", more_is_better=False),
    Quantity(key=WARNED, name="until the first red warning", unit="s", more_is_better=False),
    Quantity(key=CPU, name="CPU time of all processes until then", unit="s", more_is_better=False),
)


@dataclass(slots=True)
class Counted:
    """Directories of the rounds."""

    root: Path
    count: int = 0

    def next(self) -> Path:
        """An empty one."""
        self.count += 1
        folder = self.root / f"start-{self.count}"
        folder.mkdir()
        return folder


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Nothing is opened beforehand."""
    del stack
    folders = Counted(ground.scratch)
    return Contest(
        quantities=QUANTITIES,
        product=Contender(name="kitchen demo", round=lambda: demo(folders.next(), ground.model)),
        baselines=(
            Contender(
                name="bare nats-server, Valkey and log, side by side, until all answer", round=lambda: bare(folders.next())
            ),
        ),
        rounds=ROUNDS[ground.size],
        note="the demonstration's camera sends a frame a second and its warning needs three; its scale sells every five seconds",
    )


def demo(folder: Path, model: str) -> Mapping[str, Reading]:
    """One cold start; stopped as Ctrl-C does."""
    port, mqtt_port = free_port(), free_port()
    command = [*KITCHEN, "demo", "--data", str(folder / "data"), "--port", str(port), "--mqtt-port", str(mqtt_port)]
    child = parts.start("demo", [*command, "--model", model], folder)
    url = f"http://{LOOPBACK}:{port}"
    try:
        page_s = child.ready(answers(f"{url}/readyz"))
        child.said(b"READY")
        ready_s = perf_counter() - child.started
        parts.until(lambda: _warned(url) >= 1, "the demonstration has warned", within_s=WARNED_WITHIN_S, every_s=0.05)
        warned_s = perf_counter() - child.started
        cpu_s = meter.cpu_s(meter.family(child.pid))
    finally:
        _interrupt(child)
    return {
        PAGE: Reading(value=page_s),
        READY: Reading(value=ready_s),
        WARNED: Reading(value=warned_s),
        CPU: Reading(value=cpu_s),
    }


def _warned(url: str) -> float:
    return counter(f"{url}/metrics", "kitchen_warnings_raised_total", level="red")


def _interrupt(child: Child) -> None:
    """Ctrl-C, so that it stops its own children; then the usual end."""
    child.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 15
    while child.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    child.end()


def bare(folder: Path) -> Mapping[str, Reading]:
    """The three embedded parts, started at the same moment."""
    mqtt, redis, log = free_port(), free_port(), free_port()
    (folder / "nats").mkdir()
    write_nats(folder / "nats.conf", NatsSettings(directory=folder / "nats", port=mqtt), [])
    commands = {
        "nats": ([str(nats_binary()), "-c", str(folder / "nats.conf")], listens(LOOPBACK, mqtt)),
        "valkey": (parts.valkey_command(folder / "valkey", redis), listens(LOOPBACK, redis)),
        "log": (
            [*KITCHEN, "run", "log", "--data", str(folder), "--config", str(folder), "--port", str(log)],
            answers_metadata(log),
        ),
    }
    begun = perf_counter()
    with ExitStack() as stack:
        children = [(stack.enter_context(running(name, command, folder)), ask) for name, (command, ask) in commands.items()]
        for child, ask in children:
            child.ready(ask)
        seconds = perf_counter() - begun
        cpu_s = sum(child.cpu_s() for child, _ in children)
    return {**{key: Reading(value=seconds) for key in (PAGE, READY, WARNED)}, CPU: Reading(value=cpu_s)}
