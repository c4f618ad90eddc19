"""``python -m tests.bench.casework``: what one casework worker does in a second, and what a sweep costs, beside named baselines.

Every side runs in a process of its own, and so does the embedded log; a topic is written whole before anybody reads it.
Figures of a shared machine are noisy: compare columns, and repeat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import orjson
import structlog
from aiokafka import AIOKafkaProducer

from domain.findings import Finding
from domain.observations import Observation
from domain.topics import Topic
from store.media import digest
from streams.topics import ensure_topics
from tests.bench import casework_site as site
from tests.bench.casework_many import many, memory_mib, storm
from tests.bench.casework_side import Taken, Task
from tests.services.postgres import postgres

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the product beside the same figure of a baseline."""

    measure: str
    unit: str
    product: float
    baseline: float | None = None
    baseline_is: str = ""
    note: str = ""


@contextmanager
def running_log(folder: Path) -> Iterator[str]:
    """The embedded log in a process of its own; its address."""
    command = [sys.executable, "-m", "streams.log", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as log:
        assert log.stdout is not None
        try:
            yield next(line.split()[1] for line in log.stdout if line.startswith("ready "))
        finally:
            log.terminate()


async def _write(address: str, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    await ensure_topics(address)
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=20, max_batch_size=256 * 1024)
    await producer.start()
    try:
        waiting = [await producer.send(topic, key=key, value=value) for key, value in records]
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


def _run(task: Task) -> Taken:
    command = [sys.executable, "-m", "tests.bench.casework_side", json.dumps(asdict(task))]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=2 * task.within_s)
    return Taken(**json.loads(told.stdout.splitlines()[-1]))


def _records(facts: Iterable[Observation | Finding]) -> list[tuple[bytes, bytes]]:
    return [(fact.uscc.encode(), orjson.dumps(fact.to_wire())) for fact in facts]


def _through_faust(
    facts: Callable[[], Iterable[Observation | Finding]], topic: Topic, *, url: str | None, profile: str, bare: bool
) -> tuple[Taken, Taken | None]:
    with tempfile.TemporaryDirectory(prefix="kitchen-bench-") as scratch:
        folder = Path(scratch)
        database = url or f"sqlite:///{folder}/kitchen.db"
        site.prepare(database, folder)
        records = _records(facts())
        with running_log(folder / "log") as address:
            asyncio.run(_write(address, topic.value, records))
            about = {"topic": topic.value, "events": len(records), "kafka_url": f"kafka://{address}", "folder": scratch}
            about["now"] = site.START.isoformat()
            beside = _run(Task(side="agent", **about)) if bare else None
            product = _run(Task(side="worker", database_url=database, profile=profile, **about))
        return product, beside


def _database(url: str | None) -> str:
    return "SQLite" if url is None else "PostgreSQL"


BARE_AGENT = "a bare Faust agent that counts the same events into a table in memory"


def measure_facts(*, events: int = 20_000, url: str | None = None, profile: str = "") -> Figure:
    """Sales per second that one worker stores, each with its lot's quantity; they raise nothing."""
    product, bare = _through_faust(lambda: site.sales(events), Topic.OBSERVATIONS, url=url, profile=profile, bare=True)
    return _rate(f"facts without effect, {_database(url)}", "1/s", product, bare)


def measure_warnings(*, findings: int = 2000, url: str | None = None, profile: str = "") -> Figure:
    """Findings per second that one worker raises, each a red warning."""
    sha256 = digest(site.SNAPSHOT)
    product, bare = _through_faust(lambda: site.sightings(findings, sha256), Topic.FINDINGS, url=url, profile=profile, bare=True)
    return _rate(f"warnings raised from findings, {_database(url)}", "1/s", product, bare)


def measure_register_warnings(*, facts: int = 2000, url: str | None = None, profile: str = "") -> Figure:
    """Register facts per second that one worker raises from, each a red warning with its record as evidence."""
    product, bare = _through_faust(lambda: site.expired_lots(facts), Topic.OBSERVATIONS, url=url, profile=profile, bare=True)
    return _rate(f"warnings raised from facts, {_database(url)}", "1/s", product, bare)


def _rate(measure: str, unit: str, product: Taken, bare: Taken | None) -> Figure:
    cpu_us = 1e6 * product.cpu_seconds / max(product.events, 1)
    return Figure(
        measure=measure,
        unit=unit,
        product=product.events / product.seconds,
        baseline=None if bare is None else bare.events / bare.seconds,
        baseline_is=BARE_AGENT,
        note=f"{cpu_us:.0f} µs CPU each, {product.memory_mib:.0f} MiB",
    )


def measure_bare_sqlite(*, rows: int = 20_000) -> Figure:
    """The same sales into the same two tables by bare executemany, as many a transaction as the worker takes, synced alike."""
    with tempfile.TemporaryDirectory(prefix="kitchen-bench-") as scratch:
        database = sqlite3.connect(Path(scratch) / "bare.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            database.execute(f"PRAGMA {pragma}").close()
        database.execute("CREATE TABLE facts (id TEXT PRIMARY KEY, uscc TEXT, at INTEGER, body TEXT) STRICT")
        database.execute("CREATE TABLE sales (id TEXT PRIMARY KEY, code TEXT, lot TEXT, g INTEGER) STRICT")
        database.execute("CREATE INDEX by_code ON sales (code)")
        facts = [(o.event_id, o.uscc, 0, json.dumps(dict(o.body))) for o in site.sales(rows)]
        sold = [(o.event_id, o.body["trace_code"], o.body["lot"], o.body["net_g"]) for o in site.sales(rows)]
        begun = perf_counter()
        for start in range(0, rows, BATCH):
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO facts VALUES (?, ?, ?, ?)", facts[start : start + BATCH])
            database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", sold[start : start + BATCH])
            database.execute("COMMIT")
        seconds = perf_counter() - begun
        database.close()
    return Figure(measure="rows of two tables, bare executemany", unit="1/s", product=rows / seconds, note="no log, no rules")


def measure_sweep(*, open_warnings: int = 1_000_000, url: str | None = None) -> list[Figure]:
    """Milliseconds of a sweep with its auditor among so many open warnings, idle and with 200 due, and of the gauges."""
    with tempfile.TemporaryDirectory(prefix="kitchen-bench-") as scratch:
        folder, known = Path(scratch), url or f"sqlite:///{scratch}/kitchen.db"
        with many(known, folder, open_warnings) as scene:
            idle, (elapsed, used), gauges = scene.idle_ms(), scene.due_ms(), scene.gauges_ms()
    among = f"among {open_warnings:,} open warnings, {_database(url)}"
    return [
        Figure(measure=f"sweep and audit, nothing due, {among}", unit="ms", product=idle),
        Figure(measure=f"sweep and audit, 200 due, {among}", unit="ms", product=elapsed, note=f"{used:.1f} ms CPU"),
        Figure(measure=f"gauges, {among}", unit="ms", product=gauges, note=f"at most 1/50 of the time; {memory_mib():.0f} MiB"),
    ]


def measure_storm(*, due: int = 10_000, open_warnings: int = 1_000_000, url: str | None = None) -> list[Figure]:
    """So many falling due in one second while facts keep coming: how long it takes, and what intake keeps of its speed."""
    with tempfile.TemporaryDirectory(prefix="kitchen-bench-") as scratch:
        folder, known = Path(scratch), url or f"sqlite:///{scratch}/kitchen.db"
        with many(known, folder, open_warnings) as scene:
            seen = storm(scene, due)
    among = f"among {open_warnings:,}, {_database(url)}"
    return [
        Figure(measure=f"{due:,} due at once {among}: until all are flagged", unit="s", product=seen.seconds),
        Figure(
            measure="facts taken meanwhile",
            unit="1/s",
            product=seen.facts_per_s,
            baseline=seen.facts_per_s_before,
            baseline_is="the same before",
            note=f"longest batch {seen.longest_batch_ms:.0f} ms",
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.casework", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--warnings", type=int, default=3000)
    parser.add_argument("--open", type=int, default=1_000_000)
    parser.add_argument("--only", default="bare,facts,warnings,facts-that-warn,sweep,storm")
    parser.add_argument("--postgresql", action="store_true", help="a PostgreSQL of its own instead of SQLite")
    parser.add_argument("--profile", default="", help="write the worker's profile to this file")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    figures: list[Figure] = []
    with ExitStack() as parts:
        fresh = parts.enter_context(postgres()).fresh if options.postgresql else lambda: None
        for name in options.only.split(","):
            figures += _measured(name, options, fresh())
    if options.json:
        sys.stdout.write(json.dumps([asdict(figure) for figure in figures], indent=2, ensure_ascii=False) + "\n")
        return
    for figure in figures:
        beside = "" if figure.baseline is None else f"{figure.baseline:10,.1f} {figure.product / figure.baseline:6.2f}"
        sys.stdout.write(f"{figure.measure:75} {figure.product:10,.1f} {figure.unit:4} {beside:17}  {figure.note}\n")


def _measured(name: str, options: argparse.Namespace, url: str | None) -> list[Figure]:
    match name:
        case "bare":
            return [measure_bare_sqlite(rows=options.events)]
        case "facts":
            return [measure_facts(events=options.events, url=url, profile=options.profile)]
        case "warnings":
            return [measure_warnings(findings=options.warnings, url=url, profile=options.profile)]
        case "facts-that-warn":
            return [measure_register_warnings(facts=options.warnings, url=url, profile=options.profile)]
        case "sweep":
            return measure_sweep(open_warnings=options.open, url=url)
        case "storm":
            return measure_storm(due=options.open // 100, open_warnings=options.open, url=url)
        case _:
            raise SystemExit(f"no figure {name!r}")


if __name__ == "__main__":
    main()
