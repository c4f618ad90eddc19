"""A million open warnings, made by SQL, and what the sweep, the auditor and the gauges cost among them."""

from __future__ import annotations

import resource
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter, thread_time

from sqlalchemy import Engine, create_engine, text

from casework import metrics
from casework.office import Office
from store import open_media, open_store
from store.engines import parse_url
from store.media import digest
from store.ports import Store
from store.types import micros
from tests.bench import casework_site as site

FAR = timedelta(hours=6)
"""When the first of the million falls due."""


@dataclass
class Many:
    """The office over a database with many open warnings."""

    url: str
    store: Store
    office: Office
    sha256: str
    now: datetime = site.START

    def sweep_ms(self) -> tuple[float, int]:
        """Milliseconds of one sweep with its auditor, and how many warnings had something due."""
        begun = perf_counter()
        report = self.office.sweep(self.now)
        missed = self.office.audit_deadlines(self.now)
        milliseconds = 1000 * (perf_counter() - begun)
        if missed and not report.more:
            raise RuntimeError(f"{missed} deadlines were missed")
        return milliseconds, report.warnings

    def idle_ms(self, rounds: int = 30) -> float:
        """Median of sweeps with nothing due."""
        return statistics.median(self.sweep_ms()[0] for _ in range(rounds))

    def due_ms(self, each: int = 200, rounds: int = 9) -> tuple[float, float]:
        """Medians of sweeps in which so many fall due at once: elapsed, and CPU of this thread."""
        elapsed, used = [], []
        for _ in range(rounds):
            self.make_due(each)
            before = thread_time()
            milliseconds, swept = self.sweep_ms()
            used.append(1000 * (thread_time() - before))
            elapsed.append(milliseconds)
            if swept != each:
                raise RuntimeError(f"{swept} were due, not {each}")
        return statistics.median(elapsed), statistics.median(used)

    def gauges_ms(self, rounds: int = 5) -> float:
        """Median of setting the gauges."""
        found = []
        for _ in range(rounds):
            begun = perf_counter()
            metrics.refresh(self.store, self.now)
            found.append(1000 * (perf_counter() - begun))
        return statistics.median(found)

    def make_due(self, count: int) -> None:
        """Let the half-time reminder of so many fall due now."""
        engine = create_engine(parse_url(self.url))
        with engine.begin() as connection:
            chosen = "SELECT id FROM warnings WHERE next_due_at > :now AND reminded_percent = 0 ORDER BY next_due_at LIMIT :count"
            connection.execute(
                text(f"UPDATE warnings SET next_due_at = :now, close_by = :close_by WHERE id IN ({chosen})"),
                {"now": _at(engine, self.now), "close_by": _at(engine, self.now + timedelta(hours=12)), "count": count},
            )
        engine.dispose()


def _at(engine: Engine, at: datetime) -> object:
    return micros(at) if engine.dialect.name == "sqlite" else at


@contextmanager
def many(url: str, folder: Path, open_warnings: int) -> Iterator[Many]:
    """A site with so many open red warnings, each with its evidence, none of them due."""
    site.prepare(url, folder)
    store, media = open_store(url), open_media(f"file://{folder}/media")
    office, sha256 = site.office_over(store, media), digest(site.SNAPSHOT)
    for finding in site.sightings(site.MERCHANTS, sha256, series="model"):
        office.take_finding(finding, site.START)
    _multiply(url, open_warnings - site.MERCHANTS)
    yield Many(url, store, office, sha256)
    store.close()


def _multiply(url: str, count: int) -> None:
    engine = create_engine(parse_url(url))
    sqlite = engine.dialect.name == "sqlite"
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
        if sqlite
        else "WITH n AS (SELECT generate_series(1, :count) AS i)"
    )
    second = "i * 1000000 / 50" if sqlite else "(i / 50.0) * interval '1 second'"
    with engine.begin() as connection:
        ids = list(connection.execute(text("SELECT id FROM warnings ORDER BY id")).scalars())
        names = list(connection.execute(text("SELECT * FROM warnings LIMIT 1")).keys())
        changed = {
            "id": "'w' || substr('00000000' || i, -8)" if sqlite else "'w' || lpad(i::text, 8, '0')",
            "open_key": "open_key || '/' || i",
            "raised_at": f"raised_at - {second}",
            "next_due_at": f"(SELECT :far) + {second}" if sqlite else f"CAST(:far AS timestamptz) + {second}",
        }
        listed = ", ".join(f'"{name}"' for name in names)
        values = ", ".join(changed.get(name, f'w."{name}"') for name in names)
        # each number takes one of the models in turn
        connection.execute(text("CREATE TEMPORARY TABLE models (k INTEGER PRIMARY KEY, id TEXT)"))
        connection.execute(text("INSERT INTO models VALUES (:k, :id)"), [{"k": k, "id": id_} for k, id_ in enumerate(ids)])
        source = f"FROM n JOIN models m ON m.k = n.i % {len(ids)} JOIN warnings w ON w.id = m.id"
        connection.execute(
            text(f"INSERT INTO warnings ({listed}) {numbers} SELECT {values} {source}"),
            {"count": count, "far": _at(engine, site.START + FAR)},
        )
        later = "UPDATE warnings SET next_due_at = :far WHERE length(id) > 12"
        connection.execute(text(later), {"far": _at(engine, site.START + 2 * FAR)})
        columns = "id, warning_id, kind, sha256, media_type, at, by, attempt, note, original_sha256"
        values = "'e' || id, id, 'snapshot', :sha, 'image/jpeg', raised_at, 'cam', 0, '', ''"
        connection.execute(
            text(f"INSERT INTO evidence ({columns}) SELECT {values} FROM warnings WHERE length(id) <= 12"),
            {"sha": digest(site.SNAPSHOT)},
        )
        connection.execute(text("DROP TABLE models"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Many falling due in one second while facts keep coming: seconds until all are flagged, and intake meanwhile."""

    seconds: float
    facts_per_s: float
    facts_per_s_before: float
    longest_batch_ms: float


def storm(scene: Many, due: int) -> Storm:
    """Let many fall due at once and sweep until none is left, while batches of sales are taken in another thread."""
    sales = list(site.sales(40_000, seed=11))
    before = _taken(scene, sales[:5000])
    scene.make_due(due)
    waits: list[float] = []
    stop = threading.Event()

    def take() -> None:
        for start in range(5000, len(sales), 500):
            if stop.is_set():
                return
            begun = perf_counter()
            scene.office.take_observations(sales[start : start + 500], scene.now)
            waits.append(perf_counter() - begun)

    intake = threading.Thread(target=take)
    begun = perf_counter()
    intake.start()
    while scene.office.sweep(scene.now).more:
        continue
    seconds = perf_counter() - begun
    stop.set()
    intake.join()
    if missed := scene.office.audit_deadlines(scene.now):
        raise RuntimeError(f"{missed} deadlines were missed")
    return Storm(
        seconds=seconds,
        facts_per_s=500 * len(waits) / max(sum(waits), 1e-9),
        facts_per_s_before=before,
        longest_batch_ms=1000 * max(waits, default=0.0),
    )


def _taken(scene: Many, sales: list) -> float:  # type: ignore[type-arg]
    begun = perf_counter()
    for start in range(0, len(sales), 500):
        scene.office.take_observations(sales[start : start + 500], scene.now)
    return len(sales) / (perf_counter() - begun)


def memory_mib() -> float:
    """The greatest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
