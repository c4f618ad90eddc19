"""Processes that are killed and come back: those we keep running ourselves, and those the product's own manager keeps.

Everything ends with the recipe: what we started is stopped by its pid, and the manager's children go with the manager.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import httpx

from tests.e2e.product import process_exists, until
from tests.loss.chronicle import Chronicle

PAUSE_S = 0.3
LOOK_EVERY_S = 0.05
STOP_WITHIN_S = 25.0

Probe = Callable[[], bool]


class Part(Protocol):
    """One process of the product that may be killed."""

    name: str

    def kill(self) -> None:
        """kill -9."""

    @property
    def pid(self) -> int | None:
        """Of the process as it runs now."""

    @property
    def is_up(self) -> bool:
        """Whether it is ready."""


@dataclass
class Kept:
    """A process that we start again whenever it ends, as a service manager would.

    Attributes:
        probe: whether it is ready; asked until it is.
        who: user and groups to run as.
    """

    name: str
    command: list[str]
    chronicle: Chronicle
    log: Path
    probe: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    who: Mapping[str, Any] = field(default_factory=dict)
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    starts: int = 0

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ready, self._stopping = threading.Event(), threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"keep-{self.name}", daemon=True)

    def start(self, *, within_s: float) -> None:
        """Start, and wait until it is ready."""
        self._keeper.start()
        try:
            until(self._ready.is_set, within_s=within_s, what=f"{self.name} is ready", every_s=LOOK_EVERY_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text(errors='replace')[-2000:]}") from None

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    @property
    def is_up(self) -> bool:
        return self._ready.is_set() and self.pid is not None

    def kill(self) -> None:
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it for good."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(self.stop_signal)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self._keeper.join(5)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            process = self._spawn()
            self._see_ready(process)
            process.wait()
            self._ready.clear()
            if self._stopping.is_set():
                return
            self.chronicle.down(self.name)
            self._stopping.wait(PAUSE_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KITCHEN_")}
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env={**environment, **self.environment},
                cwd=self.cwd,
                start_new_session=True,
                **self.who,
            )
        return self._process

    def _see_ready(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and not self._stopping.is_set():
            with suppress(httpx.HTTPError, OSError, ValueError):
                if self.probe():
                    self._ready.set()
                    self.chronicle.up(self.name)
                    return
            self._stopping.wait(LOOK_EVERY_S)


@dataclass
class Managed:
    """A process that the product's manager keeps; its table says how it is."""

    name: str
    table: Path
    chronicle: Chronicle

    def _row(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            rows = json.loads(self.table.read_text())
            return next((row for row in rows if row["name"] == self.name), {})
        return {}

    @property
    def pid(self) -> int | None:
        pid = self._row().get("pid")
        return int(pid) if pid and process_exists(int(pid)) else None

    @property
    def is_up(self) -> bool:
        return self._row().get("state") == "ready" and self.pid is not None

    @property
    def restarts(self) -> int:
        """What the manager counted since it was started itself."""
        return int(self._row().get("restarts") or 0)

    def kill(self) -> None:
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Watch:
    """Notes when managed processes come and go."""

    def __init__(self, parts: list[Managed], chronicle: Chronicle) -> None:
        self._parts, self._chronicle = parts, chronicle
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _look(self) -> None:
        pids: dict[str, int | None] = {}
        while not self._stop.wait(LOOK_EVERY_S):
            for part in self._parts:
                pid, up = part.pid, part.is_up
                if not up or (part.name in pids and pids[part.name] != pid):
                    self._chronicle.down(part.name)
                if up:
                    self._chronicle.up(part.name)
                    pids[part.name] = pid


def listens(port: int) -> Probe:
    """Whether something accepts connections on a loopback port."""

    def probe() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True

    return probe


def answers(url: str) -> Probe:
    """Whether a page answers 200."""
    return lambda: httpx.get(url, timeout=1, trust_env=False).status_code == 200
