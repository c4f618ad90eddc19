"""Processes that take a backlog: held still while it is written to the log, then let go and timed until the last effect."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from time import perf_counter
from typing import Final

from cli.bench import parts, records
from cli.bench.figure import Ground, Reading
from cli.bench.records import Record
from cli.bench.scrape import counter
from domain.errors import Unavailable
from domain.topics import Topic

WARM_UP_WITHIN_S: Final = 60.0


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

    def absent(self) -> str:
        """Why it cannot be had; empty if it can."""
        return f"{self.needs} is not installed (extra `bench`)" if self.needs and find_spec(self.needs) is None else ""

    def begin(self, ground: Ground, stack: ExitStack, kafka: str, warm_up: Sequence[Record]) -> BareWorker:
        """Start it with something to take, so that it gets its partitions."""
        records.write(kafka, self.topic, warm_up)
        child = stack.enter_context(parts.bare(self.module, ground.scratch, kafka, self.topic, ground.scratch / self.module))
        return BareWorker(self, kafka, child, len(warm_up))


@dataclass(slots=True)
class BareWorker:
    """A bare program that runs."""

    bare: Bare
    kafka: str
    child: parts.Child
    first: int

    def ready(self) -> None:
        """Wait until it has taken what it was started with.

        Raises:
            Unavailable: if it ends, or does not.
        """
        parts.until(lambda: told(self.child) >= self.first, f"{self.bare.name} takes events", within_s=WARM_UP_WITHIN_S)

    def take(self, backlog: Sequence[Record]) -> Reading:
        """Write a backlog while it stands still, and time how long it takes."""
        wanted = told(self.child) + len(backlog)
        self.child.hold()
        records.write(self.kafka, self.bare.topic, backlog)
        cpu_s, begun = self.child.cpu_s(), perf_counter()
        self.child.go_on()
        parts.until(lambda: told(self.child) >= wanted, f"{self.bare.name} has taken {len(backlog)} events", every_s=0.005)
        return rate(len(backlog), perf_counter() - begun, self.child.cpu_s() - cpu_s)


def rate(count: int, seconds: float, cpu_s: float) -> Reading:
    """Events per second with their CPU time."""
    return Reading(value=count / seconds, cpu_us=1e6 * cpu_s / count)


def told(child: parts.Child) -> int:
    """The last count that a bare program has written."""
    child.check()
    numbers = [line for line in child.output.read_bytes().split(b"\n")[:-1] if line.isdigit()]
    return int(numbers[-1]) if numbers else 0
