"""The casework worker: observations, findings and dead letters into SQL; the deadline sweep; the outbox relay.

An event is acknowledged by hand after the SQL commit. A batch is one transaction; if it fails as a whole its events are taken one
by one, so that one bad event cannot hold up the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import faust
import structlog

from casework import metrics as casework_metrics
from casework.office import Office
from domain.errors import BadInput, Code, KitchenError, Unavailable
from domain.events import DeadLetter, Event
from domain.findings import Finding
from domain.observations import Observation
from domain.time import parse_instant
from domain.topics import Topic
from streams import metrics
from streams.address import bootstrap_servers
from streams.codecs import decode, read_headers
from streams.drain import Worker
from streams.guard import Guard
from streams.sink import KafkaSink
from streams.topics import ensure_topics
from streams.worker import add_agent, faust_app, running

log = structlog.get_logger(__name__)

BATCH = 500
WITHIN_S = 0.02
LOOK_AGAIN_S = 0.5
TOPICS = [Topic.OBSERVATIONS.value, Topic.FINDINGS.value, Topic.DEAD_LETTERS.value]


Fact = TypeVar("Fact", Observation, Finding)


class FaustEvent(Protocol):
    """What we use of a Faust event."""

    key: bytes | None
    value: bytes | None

    def ack(self) -> bool:
        """Let the worker commit past this event."""


class Intake:
    """Takes batches of events into the office.

    Args:
        office: the use cases.
        guard: what to do with failures.
        clock: the wiring's clock.
        nudge: called after something happened, to wake the relay.
    """

    def __init__(self, office: Office, guard: Guard, clock: Callable[[], datetime], nudge: Callable[[], None]) -> None:
        self._office, self._guard, self._clock, self._nudge = office, guard, clock, nudge

    @property
    def guard(self) -> Guard:
        """What its agents are guarded by."""
        return self._guard

    async def observations(self, batch: Sequence[FaustEvent]) -> None:
        """One transaction for a batch of observations."""
        await self._take(
            batch, Topic.OBSERVATIONS, Observation.from_wire, self._office.take_observations, self._office.take_observation
        )

    async def findings(self, batch: Sequence[FaustEvent]) -> None:
        """One transaction for a batch of findings."""
        await self._take(batch, Topic.FINDINGS, Finding.from_wire, self._office.take_findings, self._office.take_finding)

    async def _take(
        self,
        batch: Sequence[FaustEvent],
        topic: Topic,
        read: Callable[[Mapping[str, Any]], Fact],
        take_all: Callable[[Sequence[Fact], datetime], list[list[Event] | KitchenError]],
        take: Callable[[Fact, datetime], list[Event]],
    ) -> None:
        """One transaction for a batch; if it fails as a whole its events are told apart."""
        facts: list[Fact] = []
        sources: list[FaustEvent] = []
        for event in batch:
            try:
                facts.append(read(decode(event.value, topic.value)))
                sources.append(event)
            except BadInput as error:
                await self._guard.refuse(topic, event.value, error)

        async def together() -> list[list[Event] | KitchenError]:
            return await asyncio.to_thread(take_all, facts, self._clock())

        try:
            results = await self._guard.available(topic, together) if facts else []
        except Exception:  # the batch as a whole failed: tell its events apart
            log.exception("stream.batch_failed", topic=topic.value, size=len(facts))
            for event, fact in zip(sources, facts, strict=True):
                await self._guard.run(topic, event.value, self._single(take, fact), _about(fact))
        else:
            await self._settle(topic, sources, facts, results)
        for event in batch:
            event.ack()
        self._nudge()

    def _single(self, take: Callable[[Fact, datetime], list[Event]], fact: Fact) -> Callable[[], Awaitable[None]]:
        async def effect() -> None:
            casework_metrics.count(await asyncio.to_thread(take, fact, self._clock()))

        return effect

    async def _settle(
        self,
        topic: Topic,
        sources: Sequence[FaustEvent],
        facts: Sequence[Fact],
        results: Sequence[list[Event] | KitchenError],
    ) -> None:
        happened: list[Event] = []
        done = 0
        for event, fact, result in zip(sources, facts, results, strict=True):
            if isinstance(result, KitchenError):
                await self._guard.refuse(topic, event.value, result, _about(fact))
            else:
                done += 1
                happened += result
        metrics.STREAM_EVENTS.labels(topic.value, "done").inc(done)
        casework_metrics.count(happened)

    async def dead_letters(self, batch: Sequence[faust.EventT]) -> None:
        """Keep what was refused where people can see it; a letter that cannot be kept is only logged, never told again."""
        for event in batch:
            letter = dead_letter_of(event)

            async def effect(letter: DeadLetter = letter) -> None:
                await asyncio.to_thread(self._office.take_dead_letter, letter, self._clock())

            try:
                await self._guard.available(Topic.DEAD_LETTERS, effect)
            except Exception:  # a dead letter about a dead letter would go round for ever
                log.exception("stream.dead_letter_lost", key=letter.key)
                metrics.STREAM_EVENTS.labels(Topic.DEAD_LETTERS.value, "lost").inc()
            event.ack()


def _about(fact: Observation | Finding) -> dict[str, str]:
    """Whom a dead letter concerns; a finding is the product's own word and concerns nobody's device."""
    return {} if isinstance(fact, Finding) else {"uscc": fact.uscc, "device_id": fact.device_id}


def dead_letter_of(event: faust.EventT) -> DeadLetter:
    """The record of the ``dead-letters`` topic as a value; its key is where it lies in the topic."""
    message = event.message
    headers = read_headers(message.headers)
    try:
        received_at = parse_instant(headers.get("received_at"), "received_at")
    except BadInput:
        received_at = parse_instant("1970-01-01T00:00:00+00:00", "received_at")
    return DeadLetter(
        key=f"{message.topic}/{message.partition}/{message.offset}",
        source=headers.get("source", ""),
        code=headers.get("code", Code.MALFORMED.value),
        reason=headers.get("reason", ""),
        received_at=received_at,
        raw=event.value or b"",
        uscc=headers.get("uscc", ""),
        device_id=headers.get("device_id", ""),
    )


def add_agents(app: Worker, intake: Intake) -> None:
    """Declare the agents; before the app starts."""
    takers = {
        Topic.OBSERVATIONS: intake.observations,
        Topic.FINDINGS: intake.findings,
        Topic.DEAD_LETTERS: intake.dead_letters,
    }
    for topic, take in takers.items():
        add_agent(app, topic, take, intake.guard, most=BATCH, within_s=WITHIN_S)


async def sweep_for_ever(
    office: Office, clock: Callable[[], datetime], nudge: Callable[[], None], *, every_s: float = 0.25
) -> None:
    """Ask SQL what is due, and let an independent query check that nothing was missed.

    Four times a second, so that a step stays within a second of its instant even where one sweep waits for a writer; in a thread
    of its own, so that it never waits for one of those that others block.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="sweep") as own:
        in_own = partial(asyncio.get_running_loop().run_in_executor, own)
        while True:
            now = clock()
            try:
                with metrics.SWEEP_SECONDS.time():
                    report = await in_own(office.sweep, now)
                casework_metrics.count(report.events)
                if report.events:
                    nudge()
                metrics.CLOSURE_OVERDUE_UNFLAGGED.set(await in_own(office.audit_deadlines, now))
                metrics.SWEEP_HEARTBEAT.set(now.timestamp())
                more = report.more
            except Unavailable as error:
                log.warning("sweep.waits", error=str(error))
                more = False
            except Exception:  # the outermost loop of the sweep: a failure is seen as a heartbeat that stops
                log.exception("sweep.failed")
                more = False
            if not more:
                await asyncio.sleep(every_s)


async def run(
    *,
    kafka_url: str,
    data: Path,
    office: Office,
    relay: Callable[[asyncio.Event], Coroutine[object, object, None]],
    clock: Callable[[], datetime],
    stop: asyncio.Event,
) -> None:
    """Be the casework worker until ``stop`` is set. While the log is away, deadlines pass and notices go out all the same.

    Args:
        kafka_url: the log.
        data: directory for Faust's own files.
        office: the use cases.
        relay: runs the outbox relay for ever; wakes early when the event it is given is set.
        clock: the wiring's clock.
        stop: ends the worker.
    """
    wake = asyncio.Event()
    app = faust_app("casework", kafka_url, data)
    async with KafkaSink(bootstrap_servers(kafka_url), client_id="casework", waits=True) as sink:
        add_agents(app, Intake(office, Guard(sink, clock), clock, wake.set))
        async with asyncio.TaskGroup() as tasks:
            # deadlines and the outbox are asked of SQL: after a kill the place in the group may be half a minute away
            chores = [tasks.create_task(sweep_for_ever(office, clock, wake.set)), tasks.create_task(relay(wake))]
            if await _there(bootstrap_servers(kafka_url), stop):
                async with running(app, kafka_url, TOPICS):
                    await stop.wait()
                    _cancel(chores)
            _cancel(chores)


async def _there(bootstrap: str, stop: asyncio.Event) -> bool:
    """Wait until the log is there with its topics; False if told to stop before."""
    while not stop.is_set():
        try:
            await ensure_topics(bootstrap, attempts=1)
        except Unavailable as error:
            log.warning("worker.waits", worker="casework", error=str(error))
        else:
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_AGAIN_S)
    return False


def _cancel(chores: Sequence[asyncio.Task[None]]) -> None:
    for chore in chores:
        chore.cancel()
