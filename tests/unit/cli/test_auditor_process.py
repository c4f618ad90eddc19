"""The auditor as a process: light, told by kill -9 from nothing, and unready while it cannot look."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.run_auditor import auditor_command
from store import open_store

ROOT = Path(__file__).parents[3]
HEAVY = ("sqlalchemy", "alembic", "fastapi", "faust", "typer", "rich", "yaml", "pydantic", "numpy", "ssl")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KITCHEN_")}
    child = subprocess.Popen(
        auditor_command(data, metrics=("127.0.0.1", port)), cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield child
    finally:
        child.terminate()
        assert child.wait(10) in (0, -signal.SIGKILL)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=3) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    store = open_store(f"sqlite:///{tmp_path}/kitchen.db")
    store.migrate()
    store.close()
    return tmp_path


def test_one_that_is_killed_looks_again_when_it_comes_back_and_one_without_a_database_is_not_ready(data: Path) -> None:
    port = free_port()
    with running(data, port) as first:
        until(lambda: get(port, "/readyz")[0] == 200)
        metrics = get(port, "/metrics")[1]
        assert 'kitchen_auditor_lapses{lapse="step_overdue"} 0.0' in metrics
        memory = next(float(line.split()[1]) for line in metrics.splitlines() if line.startswith("process_resident_memory_bytes"))
        assert memory < 60e6, "an auditor costs little"
        assert get(port, "/nothing")[0] == 404
        first.kill()
        first.wait(10)
    with sqlite3.connect(data / "kitchen.db") as connection:  # a lot that expired long ago and that nobody has judged
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(
            "INSERT INTO batches (uscc, lot, kind, name, qty_g, expires_at, state, event_time, produced_on, gb2760_class, "
            "supplier_uscc, voucher_ref, judge_at, apart_g) VALUES ('x', 'L1', 'product', 'n', '5', 1, 'on_sale', 1, '', '', "
            "'', '', 1, '0')"
        )
    with running(data, port):
        until(lambda: 'kitchen_auditor_lapses{lapse="expiry_unjudged"} 1.0' in get(port, "/metrics")[1])
        assert get(port, "/readyz")[0] == 200, "a lapse is for people; the auditor itself does its work"


def test_without_a_database_it_is_not_ready_and_stays(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port) as child:
        until(lambda: "kitchen_auditor_failures_total 1.0" in get(port, "/metrics")[1])
        status, body = get(port, "/readyz")
        assert (status, "unavailable" in body) == (503, True)
        assert get(port, "/healthz")[0] == 200
        assert child.poll() is None


def test_it_loads_nothing_that_it_audits() -> None:
    code = f"import sys, cli.auditor; print(sorted(set({HEAVY!r}) & {{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.strip()
    assert loaded in ("[]", "['rich', 'ssl']", "['rich']", "['ssl']"), loaded
