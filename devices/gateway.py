"""The gateway: MQTT in, judged records out, and the MQTT acknowledgement only after the log has them.

What arrives in one turn of the event loop is judged together and handed to the ``Writer``; what must wait, or what the log does
not take, holds up only the acknowledgements behind it. While the log cannot be written, messages stay unacknowledged and are
tried again for ever: the broker keeps them. Nothing is acknowledged on the way out either; what was in
hand at a stop comes again to the next gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from time import perf_counter

import structlog

from devices import metrics
from devices.assessment import Assessor
from devices.connection import Connection, Delivery, MqttSettings
from devices.judgement import label
from devices.limits import Limits, Rates
from devices.metrics import Result
from devices.registers import Registers
from devices.sink import Record, Sink
from devices.turns import Turns
from devices.window import Window
from devices.writer import Job, Writer
from domain.errors import BadInput, Code
from domain.topics import MQTT_WILDCARD, parse_device_topic

__all__ = ["Gateway", "Limits", "MqttSettings", "Record", "Registers", "Sink"]

log = structlog.get_logger(__name__)

SHARED_GROUP = "gateway"
STATUS_WILDCARD = "fs/v1/+/+/+/status"
_ASK_AGAIN_S = 5.0
_LONGEST_KNOWN = 200
_NO_WAIT = timedelta()


@lru_cache(maxsize=4096)
def _place(topic: str) -> tuple[str, str]:
    """The metric label of a topic and the device it names ("" if none); cached, because there are as many as devices."""
    try:
        return label(topic), parse_device_topic(topic).device_id
    except BadInput:
        return metrics.UNKNOWN, ""


def _place_of(topic: str) -> tuple[str, str]:
    return _place(topic) if len(topic) <= _LONGEST_KNOWN else _place.__wrapped__(topic)


class Gateway:
    """One gateway process's work. ``start``, ``stop``, or ``run`` until an event is set.

    Run one, or several with ``shared`` over MQTT 5, each with its own ``client_id``; otherwise every one gets everything, which
    is only wasteful.

    Args:
        mqtt: broker, identity, session.
        sink: where records go.
        registers: who exists; kept current by somebody else on the same event loop.
        limits: bounds.
        clock: the server's clock.
        ready: awaited before the first message is judged: the registers must be complete, else good devices would be refused.
            The subscription does not wait for it: a broker keeps messages only for a session it knows.
    """

    def __init__(
        self,
        mqtt: MqttSettings,
        sink: Sink,
        registers: Registers,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        ready: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._registers, self._limits, self._clock = registers, limits, clock
        self._ready = ready
        self._complete = False
        self._waiter: asyncio.Task[None] | None = None
        self._facts, self._frames = Rates(limits, limits.events_per_second), Rates(limits, limits.frames_per_second)
        self._assessor = Assessor(registers, limits)
        self._window = Window()
        self._writer = Writer(sink, begin=self._begin, written=self._finish, bury=self._bury)
        self._turns = Turns(begin=self._begin, come=self._come)
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived: list[Job] = []
        self._in_hand = 0
        self._granting = 0
        self._stopping = False
        self._subscribed = asyncio.Event()
        self._connection = Connection(
            mqtt,
            persistent=True,
            on_up=self._on_up,
            on_message=self._on_message,
            on_subscribed=self._on_subscribed,
            on_down=self._on_down,
        )

    @property
    def subscribed(self) -> bool:
        """Whether messages flow."""
        return self._subscribed.is_set()

    async def wait_subscribed(self) -> None:
        """Return once the broker has granted the subscription."""
        await self._subscribed.wait()

    async def start(self) -> None:
        """Begin to connect; what comes is held, unacknowledged, until the registers are complete."""
        self._waiter = asyncio.create_task(self._wait_for_registers())
        self._connection.attach()

    async def _wait_for_registers(self) -> None:
        if self._ready is not None:
            await self._ready()
        self._complete = True
        self._take()

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Take nothing new, let what is in hand finish for a moment, disconnect; the rest stays with the broker."""
        self._stopping = True
        if self._waiter is not None:
            self._waiter.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        await self._connection.detach()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._subscribed.clear()
        metrics.CONNECTED.set(0)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set or the task is cancelled."""
        try:
            await self.start()
            await stop.wait()
        finally:
            await self.stop()

    def _on_up(self, generation: int, resumed: bool) -> None:  # noqa: FBT001
        log.info("gateway.connected", generation=generation, resumed=resumed, mqtt5=self._connection.speaks_5)
        self._subscribe()

    def _subscribe(self) -> None:
        if self._connection.speaks_5 and self._connection.settings.shared:
            # Stored statuses are not sent to a shared subscription: a second one fetches them, once per session.
            self._connection.subscribe(STATUS_WILDCARD, stored_only=True)
            self._connection.subscribe(f"$share/{SHARED_GROUP}/{MQTT_WILDCARD}")
            self._granting = 2
        else:
            self._connection.subscribe(MQTT_WILDCARD)
            self._granting = 1

    def _on_subscribed(self, granted: bool) -> None:  # noqa: FBT001
        if granted:
            self._granting -= 1
            if self._granting == 0:
                self._subscribed.set()
                metrics.CONNECTED.set(1)
            return
        log.error("gateway.subscription_refused", hint="the gateway's MQTT user may not read fs/v1/#")
        if not self._stopping:
            asyncio.get_running_loop().call_later(_ASK_AGAIN_S, self._subscribe)

    def _on_down(self, reason: str) -> None:
        self._subscribed.clear()
        metrics.CONNECTED.set(0)
        if not self._stopping:
            log.warning("gateway.disconnected", reason=reason)

    def _on_message(self, delivery: Delivery) -> None:
        kind, device_id = _place_of(delivery.topic)
        if delivery.qos == 0 and self._in_hand >= self._limits.waiting:
            metrics.count(kind, Result.DROPPED)
            return
        held = None
        if delivery.qos and not self._stopping:
            held = self._window.begin(delivery.generation, delivery.mid, delivery.topic, delivery.payload)
        if self._stopping or (delivery.qos and held is None):
            return
        self._in_hand += 1
        self._arrived.append(Job(delivery, held, self._clock(), perf_counter(), kind, device_id))
        if len(self._arrived) == 1:
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        """Judge what has arrived and write it together; who is too loud waits by himself."""
        if not self._complete or self._stopping:
            return
        metrics.IN_HAND.set(self._in_hand)
        jobs, self._arrived = self._arrived, []
        together: list[Job] = []
        for job in jobs:
            if self._registers.device(job.device_id) is None:
                job.device_id = metrics.UNKNOWN  # all strangers share one name, so that they cannot fill the memory
            if not job.delivery.superfluous:
                wait = self._admit(job)
                if job.result is not Result.DROPPED:
                    if wait or self._turns.taken(job):
                        self._turns.wait(job, wait.total_seconds())
                        continue
                    self._assess(job)
            together.append(job)
        if together:
            self._writer.write(together)

    def _come(self, job: Job) -> None:
        """The turn of one that had to wait."""
        self._assess(job)
        self._writer.write([job])

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            metrics.FAULTS.inc()
            log.error("gateway.task_failed", error=repr(error), exc_info=error)

    def _assess(self, job: Job) -> None:
        job.records, job.result = self._assessor.assess(job.message, job.device_id, job.received_at)

    def _admit(self, job: Job) -> timedelta:
        """Hold a device to its rate (E070): QoS 0 beyond it is dropped, QoS 1 waits its turn; a frame waits a while.

        Returns:
            How long the message must wait; a dropped one not at all.
        """
        rates = self._frames if job.kind == metrics.FRAME else self._facts
        now, device_id = job.received_at, job.device_id
        wait = rates.take(device_id, now)
        if not wait:
            return wait
        if rates.alarm(f"{device_id} loud", now):
            log.warning("gateway.rate", device=device_id, per_second=rates.per_second)
        if job.delivery.qos and (job.kind != metrics.FRAME or wait < self._limits.longest_wait):
            metrics.count(job.kind, Result.THROTTLED)
            return wait
        rates.give_back(device_id, now)
        job.result = Result.DROPPED
        if rates.alarm(f"{device_id} dropped", now):
            hint = "take fewer frames" if job.kind == metrics.FRAME else "use QoS 1"
            error = BadInput(Code.RATE, f"more than {rates.per_second:g} per second", where=device_id, hint=hint)
            job.records = (self._assessor.letter(job.message, error, now),)
        return _NO_WAIT

    def _bury(self, job: Job, refused: BadInput) -> Record | None:
        """The log will never take a record of this message: its dead letter instead, if that is not what was refused."""
        if job.result in (Result.REFUSED, Result.DROPPED):
            metrics.FAULTS.inc()
            log.error("gateway.dead_letter_lost", topic=job.delivery.topic, reason=str(refused))
            return None
        job.result = Result.REFUSED
        return self._assessor.refuse(job.message, refused, job.received_at)

    def _finish(self, jobs: Sequence[Job]) -> None:
        """Nothing more is to be written of these messages: acknowledge them, as far as those before them are done."""
        now = perf_counter()
        ready: dict[int, list[int]] = {}
        for job in jobs:
            metrics.count(job.kind, job.result)
            metrics.ACK_SECONDS.observe(now - job.begun)
            if job.held is not None:
                generation = job.delivery.generation
                ready.setdefault(generation, []).extend(self._window.finish(generation, job.held))
        for generation, mids in ready.items():
            self._connection.acknowledge_all(mids, generation)
        self._in_hand -= len(jobs)
        metrics.IN_HAND.set(self._in_hand)
