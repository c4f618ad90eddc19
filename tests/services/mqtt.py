"""MQTT brokers for the tests: the embedded nats-server and Debian's Mosquitto, on free loopback ports.

A broker can be killed and started again over the same files and port: that is what the tests of lost connections need.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devices.connection import MqttSettings
from devices.mosquitto import MosquittoSettings, write_mosquitto
from devices.nats import BrokerUser, NatsSettings, nats_binary, write_nats
from domain.errors import ConfigurationError
from tests.services import CannotBeHad

READY_WITHIN_S = 20.0


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Broker:
    """A running broker. ``users`` are name → password."""

    name: str
    port: int
    command: list[str]
    log: Path
    users: dict[str, str]
    speaks_5: bool
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        give_up = time.monotonic() + READY_WITHIN_S
        while not _accepts(self.port):
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process = None

    def stored_at(self) -> int:
        """When Mosquitto last wrote its file (nanoseconds); 0 for a broker that syncs before it acknowledges."""
        path = self.log.parent / "data" / "mosquitto.db"
        return path.stat().st_mtime_ns if path.exists() else 0

    def settings(self, user: str, *, client_id: str | None = None, password: str | None = None) -> MqttSettings:
        """Settings to connect as one of the users."""
        return MqttSettings(
            port=self.port,
            user=user,
            password=self.users.get(user, "") if password is None else password,
            client_id=client_id or user,
            reconnect_most_s=0.5,
        )

    def url(self, user: str) -> str:
        """The broker's URL with the user's credentials."""
        return f"mqtt://{user}:{self.users[user]}@127.0.0.1:{self.port}"


@contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="mqtt-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@contextmanager
def nats_broker(users: Iterable[BrokerUser], directory: Path | None = None, *, port: int | None = None) -> Iterator[Broker]:
    """The embedded broker (MQTT 3.1.1)."""
    try:
        binary = nats_binary()
    except ConfigurationError as error:
        raise CannotBeHad(str(error)) from error
    users = tuple(users)
    with _directory(directory) as folder:
        settings = NatsSettings(directory=folder / "jetstream", port=port or free_port(), ack_wait_s=2)
        write_nats(folder / "nats.conf", settings, users)
        command = [str(binary), "-c", str(folder / "nats.conf")]
        names = {user.name: user.password for user in users}
        with _running(Broker("nats-server", settings.port, command, folder / "nats.log", names, speaks_5=False)) as broker:
            yield broker


@contextmanager
def mosquitto_broker(users: Iterable[BrokerUser], directory: Path | None = None, *, port: int | None = None) -> Iterator[Broker]:
    """Debian's Mosquitto (MQTT 5)."""
    binary = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise CannotBeHad("mosquitto is not installed: apt-get install mosquitto")
    users = tuple(users)
    with _directory(directory) as folder:
        settings = MosquittoSettings(
            data=folder / "data",
            passwords=folder / "passwords",
            access=folder / "access",
            port=port or free_port(),
            user="root" if os.geteuid() == 0 else "",
        )
        write_mosquitto(folder / "mosquitto.conf", settings, users)
        command = [binary, "-c", str(folder / "mosquitto.conf")]
        names = {user.name: user.password for user in users}
        with _running(Broker("mosquitto", settings.port, command, folder / "mosquitto.log", names, speaks_5=True)) as broker:
            yield broker


BROKERS: dict[str, Callable[..., AbstractContextManager[Broker]]] = {"nats": nats_broker, "mosquitto": mosquitto_broker}
