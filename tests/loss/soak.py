"""``python -m tests.loss.soak``: half the maximum rate for half an hour; memory, open files and threads must stay flat.

The maximum is found first: for a short while devices report as fast as they can, and what is stored in a second is the maximum of
this machine with the devices on it. Flat is judged by the slope after the warm-up, not by the difference of two samples.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from tests.e2e.product import until
from tests.loss import document, probes, records, site
from tests.loss.chronicle import Chronicle
from tests.loss.clerks import Clerks
from tests.loss.ground import Database, Ground, Log, machine, product_of, standing
from tests.loss.inbox import listening
from tests.loss.ledger import Fact, Ledger
from tests.loss.load import Load, pictures_of_a_cat
from tests.loss.parts import Kept, Managed, Part
from tests.loss.probes import MIB, Sample
from tests.loss.run import clock, commit, password_of
from tests.loss.table import DATABASES, LOGS

MIX: Final = {"temperature": 0.55, "sale": 0.40, "batch": 0.04, "expired": 0.005, "expiring": 0.005}
CALIBRATE_S, SETTLE_S = 30.0, 10.0
FLOOD_PER_S, BACKLOG = 5000.0, 2000
WARM_UP_SHARE = 1 / 3
TEN_MINUTES_S = 600.0
MEMORY_MIB, HANDLES, THREADS = 1.0, 1.0, 1.0
FAMILIES: Final = frozenset({"postgresql"})
SERVICES: Final = frozenset({"kafka", "nats", "postgresql"})

INTRODUCTION = f"""# Soak

Written by `python -m tests.loss.soak --minutes 30 --out docs/soak.md`. The product runs at half the maximum rate that the same
machine was found to bear a minute before; devices, a camera, merchants and an inspector work as in the loss table, nothing is
killed. Each process is looked at every few seconds; a row of the series is the median of a minute.

Flat means: after the warm-up (the first third) memory grows by less than {MEMORY_MIB:g} MiB in ten minutes, and open files and
threads by less than {HANDLES:g}; the slope is the median over all pairs of minutes (Theil and Sen). Disk is shown, not judged:
facts are kept. Apache Kafka, PostgreSQL and Mosquitto are shown beside the product and not judged either.
"""


class Counting(Ledger):
    """Counts what is told and forgets it: half an hour of facts need not be kept."""

    def __init__(self, at: Callable[[], datetime]) -> None:
        super().__init__(at)
        self.published = self.acknowledged = 0

    def publish(self, fact: Fact) -> None:
        del fact
        self.published += 1

    def acknowledge(self, fact_id: str) -> None:
        del fact_id
        self.acknowledged += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One process over the whole run: ``times_s`` and samples, a row each minute."""

    name: str
    times_s: tuple[float, ...]
    samples: tuple[Sample, ...]
    warm_up_s: float

    def of(self, what: str) -> list[float]:
        """One measure, in MiB where it is bytes."""
        unit = MIB if what.endswith("bytes") else 1
        return [getattr(one, what) / unit for one in self.samples]

    def after_warm_up(self, what: str) -> tuple[list[float], list[float]]:
        """Times and values that the slope is fitted to."""
        rows = [(at, value) for at, value in zip(self.times_s, self.of(what), strict=True) if at >= self.warm_up_s]
        return [at for at, _ in rows], [value for _, value in rows]

    def growth(self, what: str) -> float:
        """In ten minutes."""
        return probes.slope(*self.after_warm_up(what)) * TEN_MINUTES_S

    def ends(self, what: str) -> tuple[float, float, float]:
        """After the warm-up, in the middle of what follows, and at the end."""
        _, values = self.after_warm_up(what)
        return (values[0], values[len(values) // 2], values[-1]) if values else (0.0, 0.0, 0.0)

    @property
    def is_judged(self) -> bool:
        """Whether it is a part of the product."""
        return self.name not in SERVICES

    @property
    def is_flat(self) -> bool:
        """Whether nothing grows."""
        limits = {"memory_bytes": MEMORY_MIB, "handles": HANDLES, "threads": THREADS}
        return all(self.growth(what) < limit for what, limit in limits.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out."""

    log: Log
    database: Database
    workers: str
    minutes: float
    maximum_per_s: float | None
    rate_per_s: float
    stored: int
    published: int
    warnings: int
    started_at: datetime
    seed: int
    series: tuple[Series, ...]
    restarts: int

    @property
    def is_flat(self) -> bool:
        """The verdict: every judged process is flat and none was started again."""
        return self.restarts == 0 and all(one.is_flat for one in self.series if one.is_judged)


def soak(asked: argparse.Namespace, console: Console) -> Outcome:
    """Calibrate, run, measure."""
    log, database = Log(asked.log), Database(asked.database)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        inbox = stack.enter_context(listening())
        place = site.write(folder / "config", inbox.url, site.Clocks())
        chronicle = Chronicle(clock)
        console.print(f"{log.value} log, {database.value}: starting; seed {asked.seed}", highlight=False)
        ground = stack.enter_context(standing(log, database, folder, place, chronicle))
        product, ledger, started_at = product_of(ground), Counting(clock), clock()
        load = stack.enter_context(
            Load(
                product,
                place,
                ledger,
                rate_per_s=asked.rate or FLOOD_PER_S,
                frames_per_s=asked.frames,
                seed=asked.seed,
                folder=folder,
                clock=clock,
                mix=MIX,
            )
        )
        maximum = None if asked.rate else calibrate(ground, load, ledger, console)
        rate = load.rate_per_s
        photo = pictures_of_a_cat()[0]
        stack.enter_context(Clerks(product, place, ledger, clock=clock, passwords=password_of, photo=photo))
        before = _pulse(ground)
        series = watch(ground, asked.minutes * 60, console)
        after = _pulse(ground)
        return Outcome(
            log=log,
            database=database,
            workers=ground.workers,
            minutes=asked.minutes,
            maximum_per_s=maximum,
            rate_per_s=rate,
            stored=after.observations - before.observations,
            published=ledger.published,
            warnings=after.warnings - before.warnings,
            started_at=started_at,
            seed=asked.seed,
            series=series,
            restarts=sum(_restarts(part) for part in ground.parts.values()),
        )


def _restarts(part: Part) -> int:
    if isinstance(part, Kept):
        return part.starts - 1
    return part.restarts if isinstance(part, Managed) else 0


def _pulse(ground: Ground) -> records.Pulse:
    engine = records.connected(ground.database_url)
    try:
        return records.pulse(engine, clock())
    finally:
        engine.dispose()


def calibrate(ground: Ground, load: Load, ledger: Counting, console: Console) -> float:
    """Let devices report as fast as what they report is stored, and set the load to half of that."""
    begun_at, stored, told = time.monotonic(), 0, 0.0
    while (passed := time.monotonic() - begun_at) < SETTLE_S + CALIBRATE_S:
        stored_now = _pulse(ground).observations
        if passed < SETTLE_S:
            stored, told = stored_now, passed
        load.rate_per_s = FLOOD_PER_S if ledger.published - stored_now < BACKLOG else 1.0
        time.sleep(0.2)
    maximum = (stored_now - stored) / (passed - told)
    load.rate_per_s = 1.0
    until(lambda: load.waiting() < 5, within_s=300, what="the flood is acknowledged")
    until(lambda: _pulse(ground).observations >= ledger.acknowledged - 50, within_s=300, what="the flood is stored", every_s=1)
    load.rate_per_s = max(1.0, round(maximum / 2))
    console.print(f"maximum {maximum:.0f} facts/s; soaking at {load.rate_per_s:g}", highlight=False)
    return maximum


def watch(ground: Ground, seconds: float, console: Console) -> tuple[Series, ...]:
    """Sample every process until the time is over."""
    row_s = min(60.0, seconds / 20)
    every_s = max(0.5, row_s / 10)
    disks = ground.disks()
    raw: dict[str, list[tuple[float, Sample]]] = {name: [] for name in ground.parts}
    begun = time.monotonic()
    columns = (TextColumn("soak"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=console, refresh_per_second=1) as progress:
        task = progress.add_task("soak", total=seconds, said="")
        while (passed := time.monotonic() - begun) < seconds:
            for name, part in ground.parts.items():
                pid = part.pid
                if pid is None:
                    continue
                found = probes.sample(pid, disks.get(name, ()), with_children=name in FAMILIES)
                if found is not None:
                    raw[name].append((passed, found))
            with suppress(SQLAlchemyError):
                progress.update(task, completed=passed, said=f"stored {_pulse(ground).observations}")
            time.sleep(every_s)
    return tuple(_rows(name, found, row_s, seconds * WARM_UP_SHARE) for name, found in sorted(raw.items()))


def _rows(name: str, found: Sequence[tuple[float, Sample]], row_s: float, warm_up_s: float) -> Series:
    """A row for each minute: the median of its samples."""
    rows: dict[int, list[Sample]] = {}
    for at, one in found:
        rows.setdefault(int(at // row_s), []).append(one)
    measures = ("memory_bytes", "handles", "threads", "disk_bytes")
    samples = [Sample(**{what: int(median(getattr(one, what) for one in some)) for what in measures}) for some in rows.values()]
    return Series(name=name, times_s=tuple(row * row_s for row in rows), samples=tuple(samples), warm_up_s=warm_up_s)


# what is shown


HEADER = ("process", "memory MiB", "per 10 min", "open files", "threads", "disk MiB", "flat")


def _cells(one: Series) -> tuple[str, ...]:
    def three(what: str, digits: int) -> str:
        return " → ".join(f"{value:.{digits}f}" for value in one.ends(what))

    verdict = "yes" if one.is_flat else "NO"
    return (
        one.name,
        three("memory_bytes", 1),
        f"{one.growth('memory_bytes'):+.2f} MiB, {one.growth('handles'):+.1f} files, {one.growth('threads'):+.1f} threads",
        three("handles", 0),
        three("threads", 0),
        three("disk_bytes", 1),
        verdict if one.is_judged else f"({verdict})",
    )


def _headline(outcome: Outcome) -> str:
    maximum = "" if outcome.maximum_per_s is None else f" (the maximum was {outcome.maximum_per_s:.0f})"
    return (
        f"{LOGS[outcome.log.value]}, {DATABASES[outcome.database.value]}, {outcome.workers}: {outcome.minutes:g} min at "
        f"{outcome.rate_per_s:g} facts/s{maximum}, {outcome.stored} facts stored, {outcome.warnings} warnings, "
        f"{outcome.restarts} restarts, seed {outcome.seed}, commit {commit()}, {outcome.started_at:%Y-%m-%d %H:%M} UTC"
    )


def _verdict(outcome: Outcome) -> str:
    growing = [one.name for one in outcome.series if one.is_judged and not one.is_flat]
    return "Flat." if outcome.is_flat else f"NOT flat: {', '.join(growing) or 'processes were started again'}."


def show(outcome: Outcome, console: Console) -> None:
    """Print it."""
    console.print(_headline(outcome), highlight=False, markup=False)
    shown = Table(*HEADER)
    for one in outcome.series:
        shown.add_row(*_cells(one), style="red" if one.is_judged and not one.is_flat else "")
    console.print(shown)
    console.print(_verdict(outcome))


def section(outcome: Outcome) -> str:
    """The run as a section of the document."""
    lines = [
        f"| {' | '.join(HEADER)} |",
        f"|{' --- |' * len(HEADER)}",
        *(f"| {' | '.join(_cells(one))} |" for one in outcome.series),
    ]
    return "\n\n".join(
        [
            f"## {LOGS[outcome.log.value]}, {DATABASES[outcome.database.value]}",
            f"{_headline(outcome)}.\n{machine()}.",
            "After the warm-up → in the middle → at the end:",
            "\n".join(lines),
            _verdict(outcome),
        ]
    )


def as_json(outcome: Outcome) -> dict[str, Any]:
    """JSON values, with the whole series."""
    measures = ("memory_bytes", "handles", "threads", "disk_bytes")
    return {
        "headline": _headline(outcome),
        "machine": machine(),
        "flat": outcome.is_flat,
        "maximum_per_second": outcome.maximum_per_s,
        "facts_per_second": outcome.rate_per_s,
        "processes": {
            one.name: {
                "seconds": one.times_s,
                "flat": one.is_flat,
                **{what: [getattr(x, what) for x in one.samples] for what in measures},
            }
            for one in outcome.series
        },
    }


def main() -> int:
    """Run; 0 if everything is flat."""
    parser = argparse.ArgumentParser(prog="python -m tests.loss.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, help="facts a second; without it half the maximum, which is found first")
    parser.add_argument("--frames", type=float, default=1.0, help="frames a second of the camera")
    parser.add_argument("--log", choices=list(Log), default=Log.EMBEDDED)
    parser.add_argument("--database", choices=list(Database), default=Database.SQLITE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the result as JSON, with the whole series")
    parser.add_argument("--out", type=Path, help="the document whose section is to be written")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    console = Console(stderr=asked.json)
    outcome = soak(asked, console)
    show(outcome, console)
    if asked.out:
        document.write(asked.out, INTRODUCTION, f"{outcome.log.value}-{outcome.database.value}", section(outcome))
    if asked.json:
        sys.stdout.write(json.dumps(as_json(outcome), ensure_ascii=False, indent=2) + "\n")
    return 0 if outcome.is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
