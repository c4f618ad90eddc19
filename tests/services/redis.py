"""Debian's redis-server for the tests: append-only file on, a free loopback port, stopped by pid."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import CannotBeHad


def prepare(directory: Path) -> tuple[int, list[str]]:
    """The port and the command of a server over a directory; starts nothing.

    Raises:
        CannotBeHad: without the Debian package redis-server.
    """
    binary = shutil.which("redis-server")
    if binary is None:
        raise CannotBeHad("redis-server is not installed (Debian: redis-server)")
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--appendonly", "yes", "--save", ""]
    return port, [binary, *options]


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """Run one; yields its URL.

    Raises:
        CannotBeHad: without the Debian package redis-server.
    """
    port, command = prepare(directory)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        _wait(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotBeHad(f"redis-server ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.05)
    raise CannotBeHad("redis-server did not answer within 15 s")
