"""Facts and findings through one casework worker, each with its effect in SQL, beside bare stream programs that count in a table.

The events lie in the log before the clock starts: the worker is held still while they are written and then let go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import Final

from cli.bench import events, parts, records, site
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from cli.bench.records import Record
from cli.bench.scrape import counter
from domain.errors import Unavailable
from domain.ids import DeviceKind
from domain.topics import Topic
from store import open_media

NAME = "casework"
TITLE = "Casework: events into SQL, one worker"
FACTS, RAISED, EXPIRED = "facts", "raised", "expired"
QUANTITIES: Final = (
    Quantity(key=FACTS, name="weighings that raise nothing", unit="1/s"),
    Quantity(key=RAISED, name="findings that raise a red warning each", unit="1/s"),
    Quantity(key=EXPIRED, name="lots that raise a red warning each", unit="1/s"),
)
WARM_UP: Final = 200
JPEG = b"\xff\xd8\xff\xe0 a snapshot of the bench \xff\xd9"


@dataclass(frozen=True, slots=True)
class Amounts:
    """Events per round, and rounds."""

    facts: int
    raised: int
    rounds: int


SIZES: Final = {
    Size.FULL: Amounts(facts=20_000, raised=800, rounds=3),
    Size.QUICK: Amounts(facts=3_000, raised=100, rounds=1),
    Size.TINY: Amounts(facts=200, raised=5, rounds=1),
}


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open log, live store, the worker and the bare programs."""
    amounts = SIZES[ground.size]
    place = site.make(ground.scratch, merchants=16, scales=16)
    scales = place.devices(DeviceKind.SCALE)
    sha256 = open_media(f"file://{place.prepared.data.root / 'media'}").put(JPEG, "image/jpeg")
    _, kafka = stack.enter_context(parts.embedded_log(ground.scratch))
    records.make_topics(kafka, *(one.topic for one in BARE))
    make = partial(events.observations, scales)
    for one in BARE:
        records.write(kafka, one.topic, make(WARM_UP))
    beside = {one.module: one.begin(ground, stack, kafka) for one in BARE}
    redis = stack.enter_context(parts.live_store(ground.scratch))
    child, page = stack.enter_context(place.installation(kafka=kafka, redis=redis).worker("casework"))
    worker = Worker(kafka, child, page)
    worker.take(Topic.OBSERVATIONS, events.lots(scales))

    def product() -> Mapping[str, Reading]:
        readings = {
            FACTS: worker.take(Topic.OBSERVATIONS, events.observations(scales, amounts.facts)),
            RAISED: worker.take(Topic.FINDINGS, events.findings(place.merchants(), amounts.raised, sha256)),
        }
        lots = [scales[number % len(scales)] for number in range(amounts.raised)]
        readings[EXPIRED] = worker.take(Topic.OBSERVATIONS, events.lots(lots, expired=True, name=f"OLD-{perf_counter():.0f}"))
        return readings

    bares = tuple(one.ready(beside[one.module], kafka, make, amounts.facts) for one in BARE)
    note = f"{amounts.facts:,} weighings, {amounts.raised:,} findings and as many lots a round; SQLite, synchronous=FULL"
    return Contest(
        quantities=QUANTITIES,
        product=Contender(name="casework worker with relay and sweep", round=product),
        baselines=bares,
        rounds=amounts.rounds,
        note=note,
    )


@dataclass(slots=True)
class Worker:
    """The product's worker and how to see what it has done."""

    kafka: str
    child: parts.Child
    page: str

    def take(self, topic: Topic, backlog: Sequence[Record]) -> Reading:
        """Write a backlog while the worker stands still, and time how long it takes to have it in SQL."""
        done = self._done(topic)
        self.child.hold()
        records.write(self.kafka, topic.value, backlog)
        cpu_s, begun = self.child.cpu_s(), perf_counter()
        self.child.go_on()
        parts.until(lambda: self._done(topic) >= done + len(backlog), f"{len(backlog)} events of {topic.value} are in SQL")
        return rate(len(backlog), perf_counter() - begun, self.child.cpu_s() - cpu_s)

    def _done(self, topic: Topic) -> float:
        self.child.check()
        if refused := counter(self.page, "kitchen_stream_events_total", topic=topic.value, result="refused"):
            raise Unavailable(f"the worker refused {refused:.0f} events of {topic.value}")
        return counter(self.page, "kitchen_stream_events_total", topic=topic.value, result="done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """A bare program over the same log and payloads."""

    module: str
    name: str
    needs: str = ""

    @property
    def topic(self) -> str:
        """Its own topic, so that the sides do not take each other's events."""
        return f"bench-{self.module.replace('_', '-')}"

    def begin(self, ground: Ground, stack: ExitStack, kafka: str) -> parts.Child | None:
        """Start it, unless it is not installed."""
        if self.needs and find_spec(self.needs) is None:
            return None
        return stack.enter_context(parts.bare(self.module, ground.scratch, kafka, self.topic, ground.scratch / self.module))

    def ready(self, child: parts.Child | None, kafka: str, make: Callable[[int], list[Record]], count: int) -> Contender:
        """Wait until it has taken the first events, so that it has its partitions."""
        if child is None:
            return Contender(name=self.name, absent=f"{self.needs} is not installed (extra `bench`)")
        try:
            parts.until(lambda: told(child) >= WARM_UP, f"{self.name} takes events", within_s=60)
        except Unavailable as error:
            return Contender(name=self.name, absent=str(error))
        return Contender(name=self.name, round=lambda: self.take(child, kafka, make(count)))

    def take(self, child: parts.Child, kafka: str, backlog: Sequence[Record]) -> Mapping[str, Reading]:
        """Write a backlog while it stands still, and time how long it takes."""
        wanted = told(child) + len(backlog)
        child.hold()
        records.write(kafka, self.topic, backlog)
        cpu_s, begun = child.cpu_s(), perf_counter()
        child.go_on()
        parts.until(lambda: told(child) >= wanted, f"{self.name} has taken {len(backlog)} events", every_s=0.005)
        return {FACTS: rate(len(backlog), perf_counter() - begun, child.cpu_s() - cpu_s)}


BARE: Final = (
    Bare(module="faust_agent", name="bare Faust agent with a table"),
    Bare(module="quix", name="quixstreams with state", needs="quixstreams"),
)


def rate(count: int, seconds: float, cpu_s: float) -> Reading:
    """Events per second with their CPU time."""
    return Reading(value=count / seconds, cpu_us=1e6 * cpu_s / count)


def told(child: parts.Child) -> int:
    """The last count that a bare program has written."""
    child.check()
    numbers = [line for line in child.output.read_bytes().split(b"\n")[:-1] if line.isdigit()]
    return int(numbers[-1]) if numbers else 0
