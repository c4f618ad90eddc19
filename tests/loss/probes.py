"""What a process takes of the machine: memory, open files, threads, bytes on disk; and whether a series of it is flat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A process, or one with its children, at one moment.

    ``memory_bytes`` is the resident set; of a family of processes that share memory (PostgreSQL) the sum of their proportional
    shares, so that shared pages count once.
    """

    memory_bytes: int
    handles: int
    threads: int
    disk_bytes: int


def sample(pid: int, disks: Iterable[Path] = (), *, with_children: bool = False) -> Sample | None:
    """Look at a process now; None if it is gone."""
    family = [pid, *(_children(pid) if with_children else ())]
    try:
        memory = _kib(pid, "status", "VmRSS") if len(family) == 1 else sum(_kib(one, "smaps_rollup", "Pss") for one in family)
        return Sample(
            memory_bytes=memory * 1024,
            handles=sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in family),
            threads=sum(_kib(one, "status", "Threads") for one in family),
            disk_bytes=sum(_size(path) for path in disks),
        )
    except (OSError, ValueError):
        return None


def _kib(pid: int, file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(name)
    return int(found.group(1))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for word in (task / "children").read_text().split():
                found += [int(word), *_children(int(word))]
    return found


def _size(path: Path) -> int:
    with suppress(OSError):
        if path.is_file():
            return path.stat().st_size
    total = 0
    for item in path.rglob("*"):
        with suppress(OSError):  # files come and go
            total += item.stat().st_size if item.is_file() else 0
    return total


def slope(times_s: Sequence[float], values: Sequence[float]) -> float:
    """Growth a second: the median of the slopes between all pairs (Theil and Sen), which a single peak does not bend."""
    pairs = [
        (values[j] - values[i]) / (times_s[j] - times_s[i])
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if times_s[j] > times_s[i]
    ]
    return median(pairs) if pairs else 0.0
