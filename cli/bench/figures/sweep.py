"""One deadline sweep with its audit over very many open warnings, beside the bare indexed query in sqlite3 on the same file.

The many are clones of one real warning, written with SQL; what falls due is raised by casework itself, in the round.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Final

import configs
from casework.office import Office
from cli import clock
from cli.bench import events, site
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from store import open_media, open_store

NAME = "sweep"
TITLE = "Sweep: deadlines of open warnings"
IDLE, DUE = "idle", "due"
BATCH: Final = 200
TIMES: Final = 20
OPEN: Final = {Size.FULL: 1_000_000, Size.QUICK: 100_000, Size.TINY: 1_000}
ROUNDS: Final = {Size.FULL: 3, Size.QUICK: 1, Size.TINY: 1}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD: Final = timedelta(days=300)
JPEG: Final = b"\xff\xd8\xff\xe0 a snapshot of the bench \xff\xd9"


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Fill a database."""
    count = OPEN[ground.size]
    place = site.make(ground.scratch, merchants=4, cameras=4)
    path = ground.scratch / "kitchen.db"
    store, media = open_store(f"sqlite:///{path}"), open_media(f"file://{ground.scratch / 'media'}")
    stack.callback(store.close)
    store.migrate()
    configuration = place.prepared.configuration
    office = Office(
        store,
        media,
        rules=configuration.rules,
        schemes=configuration.schemes,
        routes=configuration.routes,
        working_day=configs.working_day,
    )
    now = clock.now()
    office.register(configuration, now)
    desk = Desk(office, place.merchants(), media.put(JPEG, "image/jpeg"), path)
    desk.raise_one("template", now + AHEAD)
    ground.say(f"{count:,} open warnings")
    multiply(path, count)
    bare = Bare(stack.enter_context(closing(sqlite3.connect(path, isolation_level=None))))
    product = Rounds(desk, lambda at: (office.sweep(at), office.audit_deadlines(at)), now)
    beside = Rounds(desk, bare.sweep, now + timedelta(minutes=30))
    return Contest(
        quantities=(
            Quantity(
                key=IDLE, name=f"sweep and audit over {count:,} open warnings, nothing due", unit="ms", more_is_better=False
            ),
            Quantity(key=DUE, name=f"the same, {BATCH} due and handled", unit="ms", more_is_better=False),
        ),
        product=Contender(name="Office.sweep + audit_deadlines", round=product.one),
        baselines=(Contender(name="sqlite3: the indexed query and one UPDATE of what it finds, nothing else", round=beside.one),),
        rounds=ROUNDS[ground.size],
        note=f"SQLite, synchronous=FULL; nothing due: the median of {TIMES}; CPU is per sweep",
    )


def multiply(path: Path, count: int) -> None:
    """Clone the one warning there is, each with an open key of its own."""
    own = {"id": "id || '-' || n", "subject": "subject || '-' || n", "open_key": "open_key || '-' || n"}
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        columns = [str(row[1]) for row in database.execute("PRAGMA table_info(warnings)")]
        names = ", ".join(f'"{name}"' for name in columns)
        values = ", ".join(own.get(name, f'"{name}"') for name in columns)
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN")
        database.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "  # noqa: S608 - own names
            f"INSERT INTO warnings ({names}) SELECT {values} FROM (SELECT * FROM warnings LIMIT 1), numbers",
            (count - 1,),
        )
        database.execute("COMMIT")
        database.execute("ANALYZE")


def micros(at: datetime) -> int:
    """An instant as the store keeps it in SQLite: microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


@dataclass(slots=True)
class Desk:
    """Raises warnings and puts them out of the way again."""

    office: Office
    merchants: list[str]
    sha256: str
    path: Path

    def raise_one(self, subject: str, at: datetime) -> None:
        """One open warning."""
        self.office.take_finding(events.finding(self.merchants[0], f"{subject}/kitchen", self.sha256, at), at)

    def raise_batch(self, at: datetime) -> datetime:
        """``BATCH`` warnings raised at one instant; returns when they fall due first."""
        for number in range(BATCH):
            self.raise_one(f"cam-{at.timestamp():.0f}-{number}", at)
        with closing(sqlite3.connect(self.path)) as database:
            (least,) = database.execute("SELECT min(next_due_at) FROM warnings WHERE next_due_at IS NOT NULL").fetchone()
        return EPOCH + timedelta(microseconds=int(least))

    def put_away(self, before: datetime) -> None:
        """Nothing that was raised before an instant falls due any more."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute("UPDATE warnings SET next_due_at = NULL WHERE next_due_at < ?", (micros(before),))


@dataclass(slots=True)
class Rounds:
    """Rounds of one side; each begins an hour after the last."""

    desk: Desk
    sweep: Callable[[datetime], object]
    at: datetime

    def one(self) -> Mapping[str, Reading]:
        """Sweep when nothing is due, then when a batch is."""
        self.at += timedelta(hours=1)
        self.sweep(self.at)
        idle = [_timed(lambda: self.sweep(self.at)) for _ in range(TIMES)]
        due_at = self.desk.raise_batch(self.at) + timedelta(seconds=1)
        due = _timed(lambda: self.sweep(due_at))
        self.desk.put_away(self.at + AHEAD / 2)
        middle = Reading(value=median(one.value for one in idle), cpu_us=median(one.cpu_us or 0.0 for one in idle))
        return {IDLE: middle, DUE: due}


@dataclass(slots=True)
class Bare:
    """The query alone, over an index, and one update."""

    database: sqlite3.Connection

    def sweep(self, at: datetime) -> None:
        """Find what is due and mark it."""
        found = self.database.execute(
            "SELECT id FROM warnings WHERE next_due_at IS NOT NULL AND next_due_at <= ? ORDER BY next_due_at LIMIT ?",
            (micros(at), BATCH),
        ).fetchall()
        if found:
            self.database.execute("BEGIN IMMEDIATE")
            self.database.executemany("UPDATE warnings SET next_due_at = NULL, version = version + 1 WHERE id = ?", found)
            self.database.execute("COMMIT")


def _timed(work: Callable[[], object]) -> Reading:
    cpu_s, begun = process_time(), perf_counter()
    work()
    return Reading(value=1000 * (perf_counter() - begun), cpu_us=1e6 * (process_time() - cpu_s))
