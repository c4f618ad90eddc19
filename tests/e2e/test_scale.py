"""The processes as docker compose runs them: two casework workers, pages of their own, on PostgreSQL, Kafka, Mosquitto, Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

import configs
from cli.datadir import DataDirectory
from cli.installation import prepare_demo
from tests.e2e.foreign import CountingPublisher, mosquitto_pub
from tests.e2e.product import CAMERA, Product, free_port, until
from tests.e2e.test_kills import LOTS, cat_pictures, counted, publish_lots, raised_for
from tests.e2e.test_road import ground
from tests.loss.ledger import Ledger
from tests.loss.run import clock

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]


@contextmanager
def process(name: str, folder: Path, environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """``kitchen run NAME`` until the block is left."""
    command = [sys.executable, "-P", "-m", "cli", "run", name, "--data", str(folder / "data"), *arguments]
    command += ["--config", str(configs.demo_directory())]
    with (folder / f"{name}-{free_port()}.log").open("wb") as out:
        started = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment})
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
            started.wait(20)


def log_of(folder: Path) -> str:
    return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in folder.glob("*.log"))


def test_two_casework_workers_share_the_work_and_one_may_be_killed(tmp_path):
    prepare_demo(DataDirectory(tmp_path / "data"), None)
    with ground("services", tmp_path) as (environment, mqtt_port), ExitStack() as parts:
        port = free_port()
        first = parts.enter_context(process("casework", tmp_path, environment))
        second = parts.enter_context(process("casework", tmp_path, environment))
        parts.enter_context(process("gateway", tmp_path, environment))
        parts.enter_context(process("vision", tmp_path, environment))
        web = parts.enter_context(process("web", tmp_path, environment, "--port", str(port)))
        assert mqtt_port is not None
        product = Product(tmp_path / "data", port, mqtt_port, web, tmp_path / "web.log")
        try:
            until(lambda: httpx.get(f"{product.url}/readyz", timeout=2).status_code == 200, within_s=60, what="the pages")
            walk(product, tmp_path, first, second, environment["KITCHEN_DATABASE_URL"])
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log_of(tmp_path)}") from None


def walk(product: Product, folder: Path, first: subprocess.Popen[bytes], second: subprocess.Popen[bytes], database: str) -> None:
    until(lambda: subscribed(product, folder), within_s=60, what="the gateway listens")
    ledger = Ledger(clock)
    publisher = CountingPublisher(product, on_acknowledged=ledger.acknowledge)
    stop = threading.Event()
    sender = threading.Thread(target=publish_lots, args=(publisher, "TWO", stop, ledger))
    sender.start()
    try:
        until(lambda: len(raised_for(product, "TWO")) >= LOTS // 6, within_s=90, what="warnings flow before the kill")
        before = len(raised_for(product, "TWO"))
        os.kill(first.pid, signal.SIGKILL)
        sender.join(120)
        until(lambda: len(publisher.acknowledged) == 2 * LOTS, within_s=60, what="everything acknowledged")
        until(lambda: len(raised_for(product, "TWO")) == LOTS, within_s=120, what="the other worker took over")
    finally:
        stop.set()
        sender.join(10)
        publisher.close()
    assert before < LOTS
    assert second.poll() is None
    doubled = {lot: items for lot, items in raised_for(product, "TWO").items() if len(items) > 1}
    assert doubled == {}
    assert counted(database, ledger.facts(), "one of two casework workers").wrong() == []
    for picture in cat_pictures(folder):
        mosquitto_pub(product.mqtt_port, CAMERA, "cam/frame", picture)
    until(lambda: [i for i in product.warnings() if i["class"] == "pest_or_pet"], within_s=60, what="the camera's warning")


def subscribed(product: Product, folder: Path) -> bool:
    """Whether the gateway has the registers: its log says so."""
    texts = [path.read_text(errors="replace") for path in folder.glob("gateway-*.log")]
    return any(json.dumps("registers.complete") in text for text in texts)
