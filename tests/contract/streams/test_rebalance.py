"""Casework workers come and go under load, 1 → 3 → 2 → 1, on both logs and PostgreSQL: nothing is lost, nothing counts twice.

One of those that go is killed, the other told to stop. Every fact is told twice, a while apart, so that telling again meets
whatever worker has the partition by then.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

import configs
from cli.datadir import DataDirectory
from cli.installation import prepare_demo
from domain.ids import uscc_check_character
from domain.observations import Observation, parse_envelope
from domain.time import format_instant
from streams.codecs import encode
from streams.sink import KafkaSink
from streams.topics import ensure_topics
from streams.worker import SESSION_S
from tests.contract.streams.parts import until, until_committed
from tests.services import required_in_ci
from tests.services.kafka import kafka_or_skip
from tests.services.postgres import postgres
from tests.services.valkey import valkey_server
from tests.unit.devices.things import envelope, weighing_body

pytestmark = [pytest.mark.service, pytest.mark.timeout(240)]

MERCHANTS = 16
TICKS_PER_S = 15
SALES_PER_LOT = 4
ROOT = Path(__file__).parents[3]


def uscc(number: int) -> str:
    """A merchant's code."""
    body = f"92330211MA2{number:06d}"
    return body + uscc_check_character(body)


@contextmanager
def log_address(name: str, folder: Path) -> Iterator[str]:
    """The address of one of the two logs."""
    if name == "kafka":
        with kafka_or_skip() as address:
            yield address
        return
    output = folder / "log-output"
    with output.open("wb") as out:
        command = [sys.executable, "-m", "streams.log", str(folder / "log"), "--port", "0"]
        process = subprocess.Popen(command, stdout=out, cwd=ROOT)
    try:
        give_up = time.monotonic() + 30
        while b"ready" not in output.read_bytes():
            assert process.poll() is None, "the log ended"
            assert time.monotonic() < give_up, "the log is not ready"
            time.sleep(0.05)
        yield output.read_text().split("ready ")[1].split()[0]
    finally:
        process.terminate()
        process.wait(20)


def configuration(folder: Path) -> Path:
    """The demonstration's, with many merchants, so that every partition has work."""
    config = Path(shutil.copytree(configs.demo_directory(), folder / "config"))
    more = "".join(
        f'  - {{uscc: {uscc(number)}, name: 商户{number}, region: "330211", business_form: stall, scheme: xiangshan}}\n'
        for number in range(MERCHANTS)
    )
    path = config / "merchants.yaml"
    path.write_text(path.read_text("utf-8").rstrip() + "\n" + more, "utf-8")
    return config


class Site:
    """Casework workers over one log and one database."""

    def __init__(self, folder: Path, address: str, database: str, redis: str) -> None:
        self._folder, self.address, self._database = folder, address, database
        self._config = configuration(folder)
        prepare_demo(DataDirectory(folder / "data"), self._config)
        own = {"KITCHEN_KAFKA_URL": f"kafka://{address}", "KITCHEN_DATABASE_URL": database, "KITCHEN_REDIS_URL": redis}
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("KITCHEN_")} | own
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """One more worker."""
        command = [sys.executable, "-m", "cli", "run", "casework", "--data", str(self._folder / "data")]
        with (self._folder / f"worker-{len(self.workers)}.log").open("wb") as out:
            worker = subprocess.Popen(
                [*command, "--config", str(self._config)], stdout=out, stderr=out, env=self._environment, cwd=ROOT
            )
        self.workers.append(worker)
        return worker

    def ask(self, question: str) -> int:
        """One number from the database; 0 while there are no tables yet."""
        with psycopg.connect(self._database) as connection:
            try:
                row = connection.execute(question.encode()).fetchone()
            except psycopg.errors.UndefinedTable:
                return 0
        assert row is not None
        return int(row[0])

    def stored(self) -> int:
        """Facts in the database."""
        return self.ask("SELECT count(*) FROM observations")

    async def members(self) -> int:
        """How many workers the group has; 0 while it is not settled."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await admin.start()
        try:
            (answer,) = await admin.describe_consumer_groups(["casework"])
        finally:
            await admin.close()
        state, members = answer.groups[0][2], answer.groups[0][5]
        return len(members) if state == "Stable" else 0

    async def until_members(self, count: int) -> None:
        """Wait until the group has settled at so many."""
        async with asyncio.timeout(90):
            while await self.members() != count:  # noqa: ASYNC110 - asks another process
                await asyncio.sleep(0.2)

    def said(self) -> str:
        """The ends of the workers' logs."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-2500:]}" for path in sorted(self._folder.glob("worker-*.log")))

    def close(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait(10)


def facts(number: int) -> Iterator[Observation]:
    """One expired lot on sale, which raises a warning, and some sales of another, which raise nothing."""
    now, merchant = datetime.now(UTC), uscc(number % MERCHANTS)
    lot = {
        "lot": f"LOT-{number}",
        "kind": "product",
        "name": "卤牛肉",
        "qty_g": 2500,
        "produced_on": format_instant(now - timedelta(hours=13)),
        "expires_at": format_instant(now - timedelta(hours=1)),
        "state": "on_sale",
    }
    yield parse_envelope(envelope(kind="batch.upsert", uscc=merchant, at=now, seq=5 * number, body=lot), now)
    for sale in range(SALES_PER_LOT):
        sold = weighing_body(lot=f"OTHER-{number}")
        yield parse_envelope(envelope(uscc=merchant, at=now, seq=5 * number + sale + 1, body=sold), now)


class Load:
    """Tells facts at a steady rate until stopped; everything twice."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = asyncio.Event()
        self.lots = self.facts = 0
        self.told = 0

    async def run(self) -> None:
        """Tell."""
        again: list[Observation] = []
        async with KafkaSink(self._address, client_id="load") as sink:
            while not self._stop.is_set():
                new = list(facts(self.lots))
                again += new
                await self._tell(sink, new)
                self.lots, self.facts = self.lots + 1, self.facts + len(new)
                if len(again) > 5 * 20 * (SALES_PER_LOT + 1):
                    await self._tell(sink, again[: SALES_PER_LOT + 1])
                    del again[: SALES_PER_LOT + 1]
                await asyncio.sleep(1 / TICKS_PER_S)
            await self._tell(sink, again)

    async def _tell(self, sink: KafkaSink, observations: list[Observation]) -> None:
        tellings = [sink.send("observations", key=o.uscc.encode(), value=encode(o.to_wire())) for o in observations]
        await asyncio.gather(*tellings)
        self.told += len(observations)

    def stop(self) -> None:
        """Enough."""
        self._stop.set()


@pytest.fixture(scope="module")
def database_server():
    with required_in_ci(), postgres() as server:
        yield server


@pytest.mark.parametrize("log", ["embedded", "kafka"])
async def test_workers_come_and_go_under_load_and_nothing_is_lost_or_done_twice(log, tmp_path, database_server):
    with ExitStack() as parts:
        address = parts.enter_context(log_address(log, tmp_path))
        redis = parts.enter_context(valkey_server(tmp_path / "valkey"))
        await ensure_topics(address)
        site = Site(tmp_path, address, database_server.fresh(), redis.url)
        parts.callback(site.close)
        load = Load(address)
        telling = asyncio.create_task(load.run())
        try:
            begun = time.monotonic()
            await come_and_go(site)
            load.stop()
            await telling
            await until(lambda: site.stored() >= load.facts, "everything is stored")
            await until_committed(address, "casework", "observations", load.told)
            counts = {
                "told": load.told,
                "facts": load.facts,
                "stored": site.stored(),
                "lots": load.lots,
                "warned": site.ask("SELECT count(DISTINCT subject) FROM warnings"),
                "warnings": site.ask("SELECT count(*) FROM warnings"),
                "raised": site.ask("SELECT count(*) FROM audit WHERE from_state = '' AND entity_id IN (SELECT id FROM warnings)"),
                "dead letters": site.ask("SELECT count(*) FROM dead_letters"),
            }
            print(f"\n{log}: {counts} in {time.monotonic() - begun:.0f} s")  # noqa: T201 - the counts are what this shows
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{error!r}\n{site.said()}") from None
        finally:
            telling.cancel()
    assert counts["stored"] == counts["facts"]
    assert counts["warned"] == counts["warnings"] == counts["raised"] == counts["lots"]
    assert counts["dead letters"] == 0


async def come_and_go(site: Site) -> None:
    """1 → 3 → 2 → 1; each step only when work has gone on."""
    first = site.start()
    await moved_on(site, "one worker works")
    second, third = site.start(), site.start()
    await site.until_members(3)
    await moved_on(site, "three workers work")
    os.kill(second.pid, signal.SIGKILL)
    await site.until_members(2)
    await moved_on(site, "two workers work")
    first.send_signal(signal.SIGTERM)
    asked_at = time.monotonic()
    await site.until_members(1)
    assert time.monotonic() - asked_at < SESSION_S, "who says goodbye is not waited for"
    assert first.wait(10) == 0
    await moved_on(site, "one worker works")
    assert third.poll() is None


async def moved_on(site: Site, what: str) -> None:
    before = site.stored()
    await until(lambda: site.stored() > before + 50, what, within_s=90)
