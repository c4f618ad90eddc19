"""PostgreSQL for the tests: Debian's server over a temporary directory, on loopback only.

It runs as the user ``postgres`` where the tests run as root, because ``initdb`` refuses root.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.services import CannotBeHad

READY_WITHIN_S = 30.0
PACKAGE = "postgresql"
OWNER = "kitchen"


@dataclass
class Postgres:
    """A running server."""

    port: int
    password: str
    process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        """The URL of one database, as ``KITCHEN_DATABASE_URL`` takes it."""
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """Create a database of its own and return its URL."""
        return self._create("template1")

    def copy(self, url: str) -> str:
        """The same with everything another one holds, to which nobody is connected."""
        return self._create(url.rpartition("/")[2])

    def _create(self, template: str) -> str:
        name = f"kitchen_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return self.url(name)


def binaries() -> Path:
    """The directory of the newest server installed.

    Raises:
        CannotBeHad: if there is none.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise CannotBeHad(f"PostgreSQL's server is not installed: apt-get install {PACKAGE}")
    return Path(on_path).parent


def _as_somebody() -> dict[str, Any]:
    """Who runs the server: ourselves, or ``postgres`` where we are root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise CannotBeHad("initdb refuses root and there is no user postgres") from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(directory: Path, password: str, who: dict[str, Any]) -> Path:
    secret = directory / "password"
    secret.write_text(password)
    if who:
        for path in (directory, secret):
            os.chown(path, who["user"], who["group"])
    data = directory / "data"
    made = subprocess.run(
        [binaries() / "initdb", "-D", data, "-U", OWNER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync"],
        capture_output=True,
        text=True,
        cwd=directory,
        check=False,
        **who,
    )
    if made.returncode != 0:
        raise CannotBeHad(f"initdb failed: {made.stderr.strip()[-500:]}")
    return data


def _wait(server: Postgres, log: Path) -> None:
    give_up = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up:
        if server.process.poll() is not None:
            raise CannotBeHad(f"postgres ended with {server.process.returncode}: {log.read_text()[-500:]}")
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise CannotBeHad(f"postgres did not answer within {READY_WITHIN_S:g} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    # at once, without the checkpoint nobody will read; SIGKILL only if that fails, because it leaves the children
    for sign in (signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(sign)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cluster that may be started, killed and started again over the same directory and port; ``who`` runs it."""

    directory: Path
    port: int
    password: str
    command: list[str]
    who: dict[str, Any]


@contextmanager
def prepared(**more: object) -> Iterator[Prepared]:
    """An initialised cluster, removed afterwards; starts nothing.

    Args:
        more: further settings of the server.

    Raises:
        CannotBeHad: if the server is not installed.
    """
    who = _as_somebody()
    directory = Path(tempfile.mkdtemp(prefix="kitchen-postgres-"))
    try:
        password, port = secrets.token_urlsafe(12), _free_port()
        data = _prepare(directory, password, who)
        # the tests kill clients and at most the server, never the machine: its disk need not be waited for
        settings: dict[str, object] = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            **more,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        yield Prepared(directory, port, password, [str(binaries() / "postgres"), "-D", str(data), *options], who)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server, stopped and removed afterwards.

    Raises:
        CannotBeHad: if the server is not installed or does not start.
    """
    with prepared() as cluster:
        log = cluster.directory / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                cluster.command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=cluster.directory, **cluster.who
            )
        try:
            server = Postgres(cluster.port, cluster.password, process)
            _wait(server, log)
            yield server
        finally:
            _stop(process)
