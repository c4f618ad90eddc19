"""One run of the loss table: start the product, load it, kill its processes at moments drawn from the seed, wait, count."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import SQLAlchemyError

import configs
from cli.installation import DEMO_USERS
from domain.errors import KitchenError
from domain.topics import Topic
from store import open_store
from tests.e2e.product import until
from tests.loss import records, site
from tests.loss.chronicle import Chronicle, Kill
from tests.loss.clerks import Clerks
from tests.loss.ground import Broker, Database, Ground, Log, machine, product_of, standing
from tests.loss.inbox import Inbox, listening
from tests.loss.ledger import Ledger, Row
from tests.loss.load import Load, pictures_of_a_cat
from tests.loss.parts import Managed
from tests.loss.sightings import Sightings
from tests.loss.tally import Scene, Tally, count

QUIET_WITHIN_S, STILL_FOR_S, STUCK_FOR_S = 300.0, 4.0, 200.0
BACK_WITHIN_S = 90.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run.

    Attributes:
        broker: the MQTT broker where the log is Apache Kafka; the embedded one is nats-server.
        pause_s: shortest and longest time between two kills.
        casework: workers, where the database allows more than one.
        victims: only these are killed; empty = all.
        keep: where to leave the product's files; None = nowhere.
    """

    log: Log = Log.EMBEDDED
    database: Database = Database.SQLITE
    broker: Broker = Broker.NATS
    minutes: float = 10.0
    rate_per_s: float = 40.0
    frames_per_s: float = 1.0
    pause_s: tuple[float, float] = (3.0, 14.0)
    casework: int = 2
    victims: tuple[str, ...] = ()
    seed: int = 1
    clocks: site.Clocks = field(default_factory=site.Clocks)
    keep: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out."""

    options: Options
    started_at: datetime
    ended_at: datetime
    machine: str
    commit: str
    workers: str
    kills: tuple[Kill, ...]
    tally: Tally
    notes: dict[str, str] = field(default_factory=dict)


def clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


def commit() -> str:
    """The commit that runs, and whether the tree differs from it."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True, cwd=ROOT)
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True, cwd=ROOT)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + (" with changes" if changed.stdout.strip() else "")


def run(options: Options, console: Console) -> Result:
    """Run one combination.

    Raises:
        CannotBeHad, KafkaUnavailable: if a service is not installed.
        AssertionError: if a part does not come up.
    """
    with ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="loss-", ignore_cleanup_errors=True))
        )
        folder.chmod(0o755)  # PostgreSQL's own user passes through
        return _Run(options, console, folder).run()


class _Run:
    """The state of one run."""

    def __init__(self, options: Options, console: Console, folder: Path) -> None:
        self.options, self.console, self.folder = options, console, folder
        self.chronicle, self.ledger = Chronicle(clock), Ledger(clock)
        self.random = random.Random(f"kills {options.seed}")
        self.counted_restarts = 0
        self.known_at: dict[tuple[str, str], datetime] = {}

    def run(self) -> Result:
        started_at = clock()
        options = self.options
        with listening() as inbox:
            place = site.write(self.folder / "config", inbox.url, self.options.clocks)
            self.console.print(
                f"{options.log.value} log, {options.database.value}: starting; seed {options.seed}", highlight=False
            )
            with standing(
                options.log,
                options.database,
                self.folder,
                place,
                self.chronicle,
                workers=options.casework,
                broker=options.broker,
            ) as ground:
                self._under_load(ground, place)
                result = self._count(ground, inbox, place, started_at)
        return result

    def _under_load(self, ground: Ground, place: site.Site) -> None:
        options, product = self.options, product_of(ground)
        load = Load(
            product,
            place,
            self.ledger,
            rate_per_s=options.rate_per_s,
            frames_per_s=options.frames_per_s,
            seed=options.seed,
            folder=self.folder,
            clock=clock,
        )
        photo = pictures_of_a_cat()[0]
        clerks = Clerks(product, place, self.ledger, clock=clock, passwords=password_of, photo=photo)
        with load, clerks, Sightings(ground.database_url, clock) as sightings, self._progress(ground) as show:
            self.known_at = sightings.known_at
            self._kill_for(ground, options.minutes * 60, show)
            load.stop()
            self._all_up(ground)
            clerks.stop()
            self._until(lambda: load.waiting() == 0, show, "everything told is acknowledged")
            self._until_quiet(ground, show)
        for text in (load.refused() + clerks.refused)[:5]:
            self.console.print(f"refused: {text}", highlight=False, markup=False)
        self.counted_restarts += _restarts(ground)

    def _kill_for(self, ground: Ground, seconds: float, show: Callable[[str], None]) -> None:
        """Kill one process after the other; each of them comes once in a round."""
        end = time.monotonic() + seconds
        coming: list[str] = []
        while True:
            next_at = time.monotonic() + self.random.uniform(*self.options.pause_s)
            while time.monotonic() < min(next_at, end):
                show("")
                time.sleep(0.2)
            if time.monotonic() >= end:
                return
            if not coming:
                coming = sorted(set(ground.parts) & set(self.options.victims or ground.parts))
                self.random.shuffle(coming)
            self._kill(ground, coming.pop(), show)

    def _kill(self, ground: Ground, victim: str, show: Callable[[str], None]) -> None:
        part = ground.parts[victim]
        until(lambda: part.is_up, within_s=BACK_WITHIN_S, what=f"{victim} is up before it is killed")
        if victim == "manager":
            self.counted_restarts += _restarts(ground)
        self.chronicle.killed(victim)
        part.kill()
        show(victim)

    def _all_up(self, ground: Ground) -> None:
        for name, part in ground.parts.items():
            until(lambda part=part: part.is_up, within_s=BACK_WITHIN_S, what=f"{name} is back")  # type: ignore[misc]

    def _until(self, probe: Callable[[], bool], show: Callable[[str], None], what: str) -> None:
        give_up = time.monotonic() + QUIET_WITHIN_S
        while not probe():
            if time.monotonic() > give_up:
                self.console.print(f"not within {QUIET_WITHIN_S:g} s: {what}", style="red")
                return
            show("")
            time.sleep(0.3)

    def _until_quiet(self, ground: Ground, show: Callable[[str], None]) -> None:
        """All that was acknowledged is stored, nothing pends or is due, and no new row comes; or nothing moves any more."""
        seen: list[tuple[records.Pulse, float]] = []
        engine = records.connected(ground.database_url)
        told = (Row.OBSERVATION, Row.SALE, Row.BATCH)
        acknowledged = sum(fact.row in told and fact.acknowledged_at is not None for fact in self.ledger.facts())

        def quiet() -> bool:
            with suppress(SQLAlchemyError):
                now = records.pulse(engine, clock())
                if not seen or seen[-1][0] != now:
                    seen.append((now, time.monotonic()))
                still_s = time.monotonic() - seen[-1][1]
                done = now.pending == 0 and now.due == 0 and now.observations >= acknowledged
                return still_s > (STILL_FOR_S if done else STUCK_FOR_S)
            return False

        self._until(quiet, show, "all is quiet")
        engine.dispose()

    @contextmanager
    def _progress(self, ground: Ground) -> Iterator[Callable[[str], None]]:
        engine = records.connected(ground.database_url)
        last: dict[str, str] = {"victim": "", "stored": ""}
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[said]}"))
        with Progress(*columns, console=self.console, refresh_per_second=2) as progress:
            name = f"{ground.log.value}/{ground.database.value}"
            task = progress.add_task(name, total=self.options.minutes * 60, said="")
            started, looked = time.monotonic(), 0.0

            def show(victim: str) -> None:
                nonlocal looked
                last["victim"] = victim or last["victim"]
                if time.monotonic() - looked > 2:
                    looked = time.monotonic()
                    with suppress(SQLAlchemyError):
                        pulse = records.pulse(engine, clock())
                        last["stored"] = (
                            f"stored {pulse.observations}, warnings {pulse.warnings}, to do {pulse.pending + pulse.due}"
                        )
                published, acknowledged = self.ledger.counts()
                kills = f"kills {len(self.chronicle.kills)} {last['victim']}"
                said = f"told {published}, acknowledged {acknowledged}, {last['stored']}; {kills}"
                progress.update(task, completed=min(time.monotonic() - started, self.options.minutes * 60), said=said)

            yield show
        engine.dispose()

    def _count(self, ground: Ground, inbox: Inbox, place: site.Site, started_at: datetime) -> Result:
        ended_at = clock()
        engine = records.connected(ground.database_url)
        stored = records.read(engine)
        engine.dispose()
        topics = records.read_topics(ground.bootstrap, Topic.FINDINGS, Topic.WARNINGS, Topic.DEDUCTIONS)
        stored = records.Records(**{name: getattr(stored, name) for name in stored.__slots__ if name != "topics"}, topics=topics)
        scene = Scene(
            rules=configs.load(place.directory).rules,
            ended_at=ended_at,
            sweep_away=[*self.chronicle.all_away(ground.sweepers), *self.chronicle.outages(ground.databases)],
            known_at=self.known_at,
            received=inbox.received(),
        )
        tally = count(self.ledger.facts(), stored, scene)
        return Result(
            options=self.options,
            started_at=started_at,
            ended_at=ended_at,
            machine=machine(),
            commit=commit(),
            workers=ground.workers,
            kills=tuple(self.chronicle.kills),
            tally=tally,
            notes=self._notes(ground, stored, tally, inbox),
        )

    def _notes(self, ground: Ground, stored: records.Records, tally: Tally, inbox: Inbox) -> dict[str, str]:
        killed = Counter(kill.victim for kill in self.chronicle.kills)
        names = [name for name in ground.parts if name != "manager"]
        gone = {name: len(self.chronicle.outages([name])) - 1 - killed[name] for name in names}
        letters = Counter(code for code, _, _ in stored.dead_letters)
        received = inbox.received()
        notes = {
            "audit chain": _chain(ground.database_url),
            "longest lateness, outages included": ", ".join(
                f"{row.value} {tally.longest_s(row):.1f} s" for row in (Row.DEADLINE, Row.DEDUCTION, Row.EXPIRY)
            ),
            "dead letters": ", ".join(f"{code} × {times}" for code, times in sorted(letters.items())) or "none",
            "notifications received again under their own id": str(
                len(received) - len({(route, str(data)) for route, data in received})
            ),
            "outages beyond the kills": ", ".join(f"{name} {times}" for name, times in gone.items() if times > 0) or "none",
        }
        if any(isinstance(part, Managed) for part in ground.parts.values()):
            children = sum(times for name, times in killed.items() if isinstance(ground.parts[name], Managed))
            notes["restarts the manager counted"] = f"{self.counted_restarts} for {children} kills of its processes"
        return notes


def _restarts(ground: Ground) -> int:
    return sum(part.restarts for part in ground.parts.values() if isinstance(part, Managed))


def password_of(login: str) -> str:
    return DEMO_USERS.get(login, f"{login}-demo")


def _chain(url: str) -> str:
    store = open_store(url)
    try:
        with store.reading() as uow:
            return f"sound, {uow.audit.verify()} entries"
    except KitchenError as error:
        return f"BROKEN: {error}"
    finally:
        store.close()
