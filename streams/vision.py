"""The vision worker: frames and told detections into findings (domain.md 0.6: no other service detects on the server side).

Frames are perishable: behind, the newest of each camera are looked at and the rest is counted. Findings are not: a frame is
acknowledged only after the log has every finding it led to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import structlog

from domain.errors import BadInput, Code
from domain.findings import Finding
from domain.observations import Observation
from domain.time import parse_instant
from domain.topics import Topic
from streams import metrics
from streams.address import bootstrap_servers
from streams.backlog import newest_of_each
from streams.codecs import decode, encode, read_headers
from streams.drain import Worker
from streams.guard import Guard
from streams.sink import KafkaSink
from streams.worker import add_agent, faust_app, running
from vision.eye import Eye, Frame

log = structlog.get_logger(__name__)

TOPICS = [Topic.FRAMES.value, Topic.DETECTIONS.value]
MOST_WAITING = 64
WITHIN_S = 0.02


class Watch:
    """Takes events to the eye in its one thread, and its findings to the log."""

    def __init__(self, eye: Eye, sink: KafkaSink, guard: Guard, clock: Callable[[], datetime]) -> None:
        self._eye, self._sink, self._guard, self._clock = eye, sink, guard, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="eye")
        self._seconds_per_frame = 0.1

    def close(self) -> None:
        """Let the thread go; a frame in hand is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def frames(self, batch: Sequence[Any]) -> None:
        """Look at a batch of waiting frames; skip those there is no time for."""
        kept, skipped = newest_of_each(batch, lambda event: event.key, seconds_per_frame=self._seconds_per_frame)
        for event in skipped:
            metrics.FRAMES.labels("skipped").inc()
            event.ack()
        for event in kept:
            await self._guard.run(Topic.FRAMES, event.value, partial(self._look, event))
            event.ack()

    async def detections(self, batch: Sequence[Any]) -> None:
        """Hear what other eyes have seen."""
        for event in batch:
            await self._guard.run(Topic.DETECTIONS, event.value, partial(self._hear, event))
            event.ack()

    async def _look(self, event: Any) -> None:
        frame = frame_of(event)
        started = perf_counter()
        try:
            findings = await self._in_thread(self._eye.look, frame)
        except BadInput:
            metrics.FRAMES.labels("refused").inc()
            raise
        taken = perf_counter() - started
        metrics.DETECTION_SECONDS.observe(taken)
        metrics.FRAMES.labels("detected").inc()
        self._seconds_per_frame += 0.1 * (taken - self._seconds_per_frame)
        await self._tell(findings)
        for _ in findings:
            metrics.FRAME_TO_FINDING_SECONDS.observe(max(0.0, (self._clock() - frame.received_at).total_seconds()))

    async def _hear(self, event: Any) -> None:
        observation = Observation.from_wire(decode(event.value, Topic.DETECTIONS.value))
        await self._tell(await self._in_thread(self._eye.hear, observation))

    async def _in_thread(self, judge: Callable[[Any, datetime], list[Finding]], what: Frame | Observation) -> list[Finding]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, judge, what, self._clock())

    async def _tell(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            await self._guard.available(Topic.FINDINGS, partial(self._send, finding))
            metrics.FINDINGS.labels(finding.class_, str(finding.automatic).lower()).inc()
            log.info(
                "finding.made",
                finding=finding.id,
                uscc=finding.uscc,
                rule=finding.rule,
                subject=finding.subject,
                confidence=finding.confidence,
                automatic=finding.automatic,
            )

    async def _send(self, finding: Finding) -> None:
        await self._sink.send(Topic.FINDINGS.value, key=finding.uscc.encode(), value=encode(finding.to_wire()))


def frame_of(event: Any) -> Frame:
    """A record of the ``frames`` topic as a frame.

    Raises:
        BadInput: E003 if the gateway's headers are missing.
    """
    headers = read_headers(event.headers)
    received_at = parse_instant(headers.get("received_at"), "headers.received_at")
    uscc = headers.get("merchant", "")
    if not uscc or not event.key:
        raise BadInput(Code.FIELD, "a frame names its merchant and camera", where="frames")
    return Frame(
        camera=event.key.decode("utf-8", "replace"),
        uscc=uscc,
        jpeg=event.value or b"",
        captured_at=parse_instant(headers["captured_at"], "headers.captured_at") if "captured_at" in headers else received_at,
        received_at=received_at,
    )


def add_agents(app: Worker, watch: Watch, guard: Guard) -> None:
    """Declare the agents; before the app starts."""
    add_agent(app, Topic.FRAMES, watch.frames, guard, most=MOST_WAITING, within_s=WITHIN_S)
    add_agent(app, Topic.DETECTIONS, watch.detections, guard, most=MOST_WAITING, within_s=WITHIN_S)


async def run(*, kafka_url: str, data: Path, eye: Eye, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Be the vision worker until ``stop`` is set."""
    app = faust_app("vision", kafka_url, data)
    async with KafkaSink(bootstrap_servers(kafka_url), client_id="vision") as sink:
        guard = Guard(sink, clock)
        watch = Watch(eye, sink, guard, clock)
        add_agents(app, watch, guard)
        try:
            async with running(app, kafka_url, TOPICS):
                await stop.wait()
        finally:
            watch.close()
