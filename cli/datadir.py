"""The data directory of one installation: what lies where, and that only one ``kitchen up`` uses it at a time.

Everything a run leaves behind lies below this directory and nowhere else.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Paths below one data directory."""

    root: Path

    @property
    def run(self) -> Path:
        """What holds while a run is under way: process table, ports, endpoints."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """Passwords and keys; nobody else may read it."""
        return self.root / "secrets"

    @property
    def config(self) -> Path:
        """Where ``kitchen init`` writes the configuration unless it is told otherwise."""
        return self.root / "config"

    @property
    def database(self) -> Path:
        """The embedded system of record."""
        return self.root / "kitchen.db"

    def prepare(self) -> None:
        """Make the directories, and close an older one to others.

        Raises:
            ConfigurationError: if the directory cannot be written.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.run, self.logs, self.secrets):
                folder.mkdir(mode=0o700, exist_ok=True)
            for folder in (self.root, self.secrets):
                _close(folder)
        except OSError as error:
            raise ConfigurationError(
                f"the data directory cannot be written: {error}", key="--data", hint="choose another with --data"
            ) from None

    def held(self) -> bool:
        """Whether a process holds the directory now; unlike the files of a run, that does not outlive a kill."""
        try:
            with (self.run / "lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process; the lock goes with the process, however it ends.

        Raises:
            ConfigurationError: if another process holds it, naming that process.
        """
        path = self.run / "lock"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise ConfigurationError(
                    f"{self.root} is in use by another kitchen (process {holder})",
                    key="--data",
                    hint="stop it, or choose another directory with --data",
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def _close(folder: Path) -> None:
    """Take a directory from everybody but its owner; one that is somebody else's, lent to us, is left as it is."""
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)


def write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """Replace a JSON file in one step, so that a reader never sees half of it."""
    temporary = path.with_suffix(path.suffix + ".new")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty if there is none."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def port_is_free(host: str, port: int) -> bool:
    """Whether a TCP port can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def kept_ports(path: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Loopback ports of embedded parts: chosen once and kept, so that a part comes back where it was.

    A kept port that somebody else has taken meanwhile is chosen anew.
    """
    known = {name: int(port) for name, port in read_json(path).items()}
    ports: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        if port is None or port in ports.values() or not port_is_free("127.0.0.1", port):
            port = _free_port(set(ports.values()) | set(known.values()))
        ports[name] = port
    write_json(path, ports)
    return ports


def _free_port(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
