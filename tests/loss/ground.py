"""The product as it runs at one installation, with every process open to being killed: the four combinations of log and database.

On the embedded log everything is started by the product's own manager (``kitchen demo --no-devices``). On Apache Kafka nothing is
embedded and every process stands alone, as docker compose runs them; the MQTT broker is then to be chosen, because Mosquitto
acknowledges a moment before it writes and nats-server does not. SQLite has one owner, so there is one casework worker there,
which serves the pages too; on PostgreSQL and Kafka there are two, and pages of their own.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import psycopg

import configs
from cli.datadir import DataDirectory
from cli.installation import prepare_demo
from devices.nats import BrokerUser
from tests.e2e.product import KITCHEN, Product, free_port
from tests.loss.chronicle import Chronicle
from tests.loss.parts import Kept, Managed, Part, Probe, Watch, answers, listens
from tests.loss.site import Site
from tests.services import kafka, postgres, redis
from tests.services.mqtt import BROKERS

READY_WITHIN_S = 120.0


class Log(StrEnum):
    """Which log."""

    EMBEDDED = "embedded"
    KAFKA = "kafka"


class Broker(StrEnum):
    """Which MQTT broker, where it is not the product's own."""

    NATS = "nats"
    MOSQUITTO = "mosquitto"


class Database(StrEnum):
    """Which database."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(kw_only=True)
class Ground:
    """A running product.

    Attributes:
        parts: everything that may be killed, by name.
        sweepers: processes that sweep; ``database``: the one the sweep asks, if it is a process.
        workers: how many casework workers there are, in words.
    """

    log: Log
    database: Database
    data: Path
    port: int
    mqtt_port: int
    database_url: str
    chronicle: Chronicle
    workers: str
    parts: dict[str, Part] = field(default_factory=dict)
    sweepers: tuple[str, ...] = ()
    bootstrap: str = ""

    @property
    def url(self) -> str:
        """The pages and the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def databases(self) -> list[str]:
        """The database, if it is a process."""
        return [name for name in self.parts if name == "postgresql"]

    def disks(self) -> dict[str, list[Path]]:
        """Where each process writes."""
        data = self.data
        casework = [*data.glob("kitchen.db*"), data / "media"]
        found = {"log": [data / "log"], "mqtt": [data / "nats"], "redis": [data / "valkey", data.parent / "redis"]}
        found |= {name: [data.parent / name] for name in ("kafka", *Broker)} | {"manager": [data / "logs"]}
        postgresql = self.parts.get("postgresql")
        if isinstance(postgresql, Kept) and postgresql.cwd is not None:
            found["postgresql"] = [postgresql.cwd]
        return {name: paths for name, paths in {**found, self.sweepers[0]: casework}.items() if name in self.parts}


@contextmanager
def standing(
    log: Log,
    database: Database,
    folder: Path,
    site: Site,
    chronicle: Chronicle,
    *,
    workers: int = 2,
    broker: Broker = Broker.NATS,
) -> Iterator[Ground]:
    """Start one combination and wait until all of it is ready; leave nothing behind.

    Raises:
        CannotBeHad, KafkaUnavailable: if a service is not installed.
    """
    with ExitStack() as stack:
        place = _Place(stack, folder, site, chronicle)
        url = place.postgresql() if database is Database.POSTGRESQL else ""
        if log is Log.EMBEDDED:
            yield place.embedded(url)
        else:
            yield place.alone(url, workers, broker)


@dataclass
class _Place:
    """Where one combination is put up; what is started is stopped by the stack."""

    stack: ExitStack
    folder: Path
    site: Site
    chronicle: Chronicle
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def keep(
        self,
        name: str,
        command: list[str],
        probe: Probe,
        environment: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        who: Mapping[str, Any] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Kept:
        """Start a process and keep it running until the ground is left."""
        kept = Kept(
            name,
            command,
            self.chronicle,
            self.folder / f"{name}.log",
            probe,
            environment=environment or {},
            who=who or {},
            cwd=cwd,
            stop_signal=stop_signal,
        )
        self.stack.callback(kept.stop)
        kept.start(within_s=READY_WITHIN_S)
        self.parts[name] = kept
        return kept

    # services

    def postgresql(self) -> str:
        """PostgreSQL, with the times of its commits kept."""
        cluster = self.stack.enter_context(postgres.prepared(track_commit_timestamp="on"))
        base = f"postgresql://{postgres.OWNER}:{cluster.password}@127.0.0.1:{cluster.port}"

        def probe() -> bool:
            try:
                psycopg.connect(f"{base}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        self.keep("postgresql", cluster.command, probe, cwd=cluster.directory, who=cluster.who, stop_signal=signal.SIGQUIT)
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE kitchen")
        return f"{base}/kitchen"

    def _broker(self, which: Broker) -> tuple[int, str]:
        devices = configs.load(self.site.directory).devices
        password = secrets.token_urlsafe(12)
        users = [
            BrokerUser(name="gateway", password=password),
            *(BrokerUser(name=device.id, password=f"demo-{device.id}", device=device) for device in devices),
        ]
        broker = self.stack.enter_context(BROKERS[which.value](users, self.folder / which.value, port=free_port()))
        url = broker.url("gateway")
        broker.stop()  # its files are written; from here on we keep it ourselves
        self.keep(which.value, broker.command, listens(broker.port))
        return broker.port, url

    def _kafka(self) -> str:
        home = self.folder / "kafka"
        home.mkdir()
        prepared = kafka.prepare(home)
        self.keep("kafka", prepared.command, prepared.answers, cwd=home)
        return f"127.0.0.1:{prepared.port}"

    def _redis(self) -> str:
        port, command = redis.prepare(self.folder / "redis")
        self.keep("redis", command, listens(port))
        return f"redis://127.0.0.1:{port}/0"

    # the product

    def embedded(self, database_url: str) -> Ground:
        """Everything under the product's own manager."""
        port, mqtt_port = free_port(), free_port()
        command = [str(KITCHEN), "demo", "--no-devices", "--data", str(self.data), "--config", str(self.site.directory)]
        command += ["--port", str(port), "--mqtt-port", str(mqtt_port)]
        environment = {"KITCHEN_DATABASE_URL": database_url} if database_url else {}
        table = self.data / "run" / "processes.json"
        names = ("mqtt", "redis", "log", "gateway", "casework", "vision")
        managed = [Managed(name, table, self.chronicle) for name in names]
        ready = answers(f"http://127.0.0.1:{port}/readyz")
        self.keep("manager", command, lambda: ready() and all(part.is_up for part in managed), environment)
        self.stack.enter_context(Watch(managed, self.chronicle))
        self.parts |= {part.name: part for part in managed}
        endpoints = json.loads((self.data / "run" / "endpoints.json").read_text())
        return Ground(
            log=Log.EMBEDDED,
            database=Database.POSTGRESQL if database_url else Database.SQLITE,
            data=self.data,
            port=port,
            mqtt_port=mqtt_port,
            database_url=database_url or f"sqlite:///{self.data / 'kitchen.db'}",
            chronicle=self.chronicle,
            workers="one casework worker with the pages",
            parts=self.parts,
            sweepers=("casework",),
            bootstrap=endpoints["kafka"].removeprefix("kafka://"),
        )

    def alone(self, database_url: str, workers: int, broker: Broker) -> Ground:
        """Every process by itself."""
        prepare_demo(DataDirectory(self.data), self.site.directory)
        mqtt_port, mqtt_url = self._broker(broker)
        bootstrap = self._kafka()
        sqlite = f"sqlite:///{self.data / 'kitchen.db'}"
        environment = {
            "KITCHEN_MQTT_URL": mqtt_url,
            "KITCHEN_KAFKA_URL": f"kafka://{bootstrap}",
            "KITCHEN_DATABASE_URL": database_url or sqlite,
            "KITCHEN_REDIS_URL": self._redis(),
        }
        port = free_port()
        pages = answers(f"http://127.0.0.1:{port}/readyz")
        if database_url:
            sweepers = tuple(f"casework-{number}" for number in range(1, workers + 1))
            for name in sweepers:
                self._worker(name, "casework", environment)
            self.keep("web", [*_kitchen("web", self.data, self.site), "--port", str(port)], pages, environment)
        else:
            sweepers = ("casework",)
            self.keep("casework", [*_kitchen("casework", self.data, self.site), "--port", str(port)], pages, environment)
        self._worker("gateway", "gateway", environment, "kitchen_gateway_connected 1.0")
        self._worker("vision", "vision", environment)
        return Ground(
            log=Log.KAFKA,
            database=Database.POSTGRESQL if database_url else Database.SQLITE,
            data=self.data,
            port=port,
            mqtt_port=mqtt_port,
            database_url=database_url or sqlite,
            chronicle=self.chronicle,
            workers=f"{workers} casework workers, pages apart" if database_url else "one casework worker with the pages",
            parts=self.parts,
            sweepers=sweepers,
            bootstrap=bootstrap,
        )

    def _worker(self, name: str, command: str, environment: Mapping[str, str], line: str = "") -> None:
        port = free_port()
        page = f"http://127.0.0.1:{port}/metrics"

        def probe() -> bool:
            answer = httpx.get(page, timeout=1, trust_env=False)
            return answer.status_code == 200 and line in answer.text

        self.keep(name, [*_kitchen(command, self.data, self.site), "--metrics-port", str(port)], probe, environment)


def _kitchen(name: str, data: Path, site: Site) -> list[str]:
    return [sys.executable, "-P", "-m", "cli", "run", name, "--data", str(data), "--config", str(site.directory)]


def product_of(ground: Ground) -> Product:
    """The ground as the other tests' clients know a product; its process is kept elsewhere."""
    output = ground.data.parent / "output.txt"
    output.touch()
    return Product(ground.data, ground.port, ground.mqtt_port, process=None, output=output)  # type: ignore[arg-type]


def machine() -> str:
    """CPU, cores and memory."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown CPU",
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, Linux {os.uname().release}, Python {sys.version.split()[0]}"
