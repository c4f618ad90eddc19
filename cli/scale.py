"""``kitchen scale``: publish weighings as a registered scale, from JSON lines or simulated."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from cli import clock
from cli.edge import publisher, until_stopped
from cli.logs import set_up_logging
from cli.worker import Setting
from devices.edge import EdgePublisher
from devices.scale import Simulation, read_lines, run_simulation
from domain.errors import ConfigurationError, Unavailable


async def scale(setting: Setting, device: str, mqtt: str | None, *, source: Path | None, demo: bool, every_s: float) -> None:
    """Publish until stopped or the lines end.

    Raises:
        ConfigurationError: if there is nothing to publish or no such device.
        BadInput: naming the line that is no JSON object.
        Unavailable: if the broker did not take every line in time.
    """
    if source is None and not demo:
        raise ConfigurationError("nothing to publish", key="SOURCE", hint="name a file of JSON lines, or --demo")
    set_up_logging()

    def work(stop: threading.Event) -> None:
        with publisher(setting, device, mqtt) as edge:
            if source is None:
                state = setting.data / "spool" / device / "scale.json"
                simulation = Simulation(device_id=device, story=True)
                run_simulation(simulation, edge, state, every=timedelta(seconds=every_s), clock=clock.now, stop=stop)
                return
            told = _tell(edge, _lines(source), stop, every_s)
            if not edge.wait_delivered(30):
                raise Unavailable(f"{edge.pending} of {told} facts wait in the spool for the broker")
            print(f"{device}: {told} facts published")

    await until_stopped(work)


def _lines(source: Path) -> Iterable[str | bytes]:
    if str(source) == "-":
        return sys.stdin.buffer
    try:
        return source.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(source)) from None


def _tell(edge: EdgePublisher, lines: Iterable[str | bytes], stop: threading.Event, every_s: float) -> int:
    told = 0
    for envelope in read_lines(lines, edge, clock.now):
        if told and stop.wait(every_s):
            break
        edge.fact(envelope)
        told += 1
    return told
