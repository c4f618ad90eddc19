"""The product as a user runs it: a subprocess, a data directory, two ports; and the clients that talk to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

KITCHEN = Path(sys.executable).with_name("kitchen")
MERCHANT = "92330211MA2ABC125M"
REGION = "330211"
CAMERA = "cam-0a1b2c3d"
SCALE = "scl-0a1b2c3d"
PASSWORDS = {"merchant": "merchant-demo", "inspector": "inspector-demo", "supervisor": "supervisor-demo"}
T = TypeVar("T")


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(probe: Callable[[], T], *, within_s: float, what: str, every_s: float = 0.1) -> T:
    """Poll until ``probe`` returns something true; fail with what was last seen."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            last: Any = probe()
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            last = error
        if last and not isinstance(last, Exception):
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}; last seen: {last!r}")
        time.sleep(every_s)


def process_exists(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class Product:
    """A running product."""

    data: Path
    port: int
    mqtt_port: int
    process: subprocess.Popen[bytes]
    output: Path
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, login: str) -> httpx.Client:
        """An API client of one of the demo's users (each signs in once)."""
        if login not in self.tokens:
            answer = httpx.post(f"{self.url}/api/v1/session", json={"user": login, "password": PASSWORDS[login]}, timeout=20)
            answer.raise_for_status()
            self.tokens[login] = answer.json()["token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.tokens[login]}"}, timeout=20)

    def warnings(self, login: str = "inspector", **filters: str) -> list[dict[str, Any]]:
        """Every page of the warning list."""
        items: list[dict[str, Any]] = []
        with self.client(login) as client:
            cursor: str | None = None
            while True:
                params = {**filters, **({"cursor": cursor} if cursor else {})}
                answer = client.get("/api/v1/warnings", params=params)
                answer.raise_for_status()
                page = answer.json()
                items += page["items"]
                cursor = page["next"]
                if not cursor:
                    return items

    def deductions(self) -> list[dict[str, Any]]:
        """The merchant's ledger."""
        with self.client("merchant") as client:
            answer = client.get(f"/api/v1/merchants/{MERCHANT}/deductions")
            answer.raise_for_status()
            items: list[dict[str, Any]] = answer.json()["items"]
            return items

    def score(self) -> dict[str, Any]:
        """The merchant's score."""
        with self.client("merchant") as client:
            answer = client.get(f"/api/v1/merchants/{MERCHANT}/score")
            answer.raise_for_status()
            result: dict[str, Any] = answer.json()
            return result

    def processes(self) -> dict[str, dict[str, Any]]:
        """Name → what the process table says (pid, restarts)."""
        rows = json.loads((self.data / "run" / "processes.json").read_text())
        rows = rows["processes"] if isinstance(rows, dict) and "processes" in rows else rows
        return {row["name"]: row for row in (rows if isinstance(rows, list) else [{"name": k, **v} for k, v in rows.items()])}

    def kill(self, name: str) -> int:
        """kill -9 one process of the product; returns the pid it had."""
        pid = int(self.processes()[name]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, old_pid: int, *, within_s: float = 60) -> None:
        """Until another process bears the name."""
        until(
            lambda: (
                (row := self.processes().get(name))
                and row["pid"]
                and int(row["pid"]) != old_pid
                and process_exists(int(row["pid"]))
            ),
            within_s=within_s,
            what=f"{name} started again",
        )

    def interrupt(self, *, within_s: float) -> float:
        """Ctrl-C; returns the seconds it took until the product had gone."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(within_s)
        return time.monotonic() - started

    def log_tail(self) -> str:
        """What the product said last, for a failure message."""
        texts = [self.output.read_text(errors="replace")[-3000:]]
        texts += [
            f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in sorted((self.data / "logs").glob("*.log"))
        ]
        return "\n".join(texts)


@contextmanager
def running(
    command: list[str], data: Path, *, environment: Mapping[str, str] | None = None, ready_within_s: float = 90
) -> Iterator[Product]:
    """Start ``kitchen COMMAND…`` and wait until it is ready; leave nothing behind."""
    port, mqtt_port = free_port(), free_port()
    data.mkdir(parents=True, exist_ok=True)
    output = data / f"output-{port}.txt"
    arguments = [str(KITCHEN), *command, "--data", str(data), "--port", str(port), "--mqtt-port", str(mqtt_port)]
    env = {key: value for key, value in os.environ.items() if not key.startswith("KITCHEN_")} | dict(environment or {})
    with output.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True)
    product = Product(data, port, mqtt_port, process, output)
    try:
        try:
            until(lambda: _ready(product), within_s=ready_within_s, what="the product is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{product.log_tail()}") from None
        yield product
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _ready(product: Product) -> bool:
    if product.process.poll() is not None:
        raise AssertionError(f"the product ended with {product.process.returncode}\n{product.log_tail()}")
    return (
        "\nREADY " in product.output.read_text(errors="replace")
        and httpx.get(f"{product.url}/readyz", timeout=2).status_code == 200
    )
