"""The gateway: MQTT in, judged records out, and the MQTT acknowledgement only after the log has them.

While the log cannot be written, messages stay unacknowledged and are tried again for ever: the broker keeps them. Nothing is
acknowledged on the way out either; what was in hand at a stop comes again to the next gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from devices import metrics
from devices.connection import Connection, Delivery, MqttSettings
from devices.judgement import Message, dead_letter, judge, label
from devices.limits import Limits, Rates, SignatureWatch
from devices.metrics import Result, SecurityEvent
from devices.registers import Registers
from devices.sink import Record, Sink
from devices.window import Held, Window
from domain.errors import BadInput, Code
from domain.topics import MQTT_WILDCARD, parse_device_topic

__all__ = ["Gateway", "Limits", "MqttSettings", "Record", "Registers", "Sink"]

log = structlog.get_logger(__name__)
security = structlog.get_logger("security")

SHARED_GROUP = "gateway"
STATUS_WILDCARD = "fs/v1/+/+/+/status"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


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
        self._sink, self._registers, self._limits, self._clock = sink, registers, limits, clock
        self._ready = ready
        self._complete = asyncio.Event()
        self._waiter: asyncio.Task[None] | None = None
        self._facts, self._frames = Rates(limits, limits.events_per_second), Rates(limits, limits.frames_per_second)
        self._signatures = SignatureWatch(limits)
        self._window = Window()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._granting = 0
        self._stopping = False
        self._subscribed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection = Connection(
            mqtt,
            persistent=True,
            on_up=lambda generation, resumed: self._call(self._on_up, generation, resumed),
            on_message=self._on_message,
            on_subscribed=lambda granted: self._call(self._on_subscribed, granted),
            on_down=lambda reason: self._call(self._on_down, reason),
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
        self._loop = asyncio.get_running_loop()
        self._waiter = asyncio.create_task(self._wait_for_registers())
        self._connection.start()

    async def _wait_for_registers(self) -> None:
        if self._ready is not None:
            await self._ready()
        self._complete.set()

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Take nothing new, let what is in hand finish for a moment, disconnect; the rest stays with the broker."""
        self._stopping = True
        if self._waiter is not None:
            self._waiter.cancel()
        if self._tasks and self._complete.is_set():
            await asyncio.wait(self._tasks, timeout=grace_s)
        await asyncio.to_thread(self._connection.stop)
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

    # Called in paho's thread: only hand over.

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to care
                self._loop.call_soon_threadsafe(function, *arguments)

    def _on_message(self, delivery: Delivery) -> None:
        if delivery.qos == 0 and self._waiting >= self._limits.waiting:
            metrics.MESSAGES.labels(label(delivery.topic), Result.DROPPED.value).inc()
            return
        self._waiting += 1
        self._call(self._arrived, delivery)

    # Called in the event loop.

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
        if self._loop is not None and not self._stopping:
            self._loop.call_later(_LONGEST_PAUSE_S, self._subscribe)

    def _on_down(self, reason: str) -> None:
        self._subscribed.clear()
        metrics.CONNECTED.set(0)
        if not self._stopping:
            log.warning("gateway.disconnected", reason=reason)

    def _arrived(self, delivery: Delivery) -> None:
        held = None
        if delivery.qos and not self._stopping:
            held = self._window.begin(delivery.generation, delivery.mid, delivery.topic, delivery.payload)
        if self._stopping or (delivery.qos and held is None):
            self._waiting -= 1
            return
        task = asyncio.ensure_future(self._take(delivery, held))
        self._tasks.add(task)
        metrics.IN_HAND.set(len(self._tasks))
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._waiting -= 1
        metrics.IN_HAND.set(len(self._tasks))
        if not task.cancelled() and (error := task.exception()) is not None:
            metrics.FAULTS.inc()
            log.error("gateway.task_failed", error=repr(error), exc_info=error)

    async def _take(self, delivery: Delivery, held: Held | None) -> None:
        kind, received_at = label(delivery.topic), self._clock()
        await self._complete.wait()
        message = Message(
            topic=delivery.topic,
            payload=delivery.payload,
            properties=delivery.properties,
            retained=delivery.retained,
            resumed=delivery.resumed,
        )
        if delivery.superfluous:
            metrics.MESSAGES.labels(kind, Result.IGNORED.value).inc()
        else:
            with metrics.ACK_SECONDS.time():
                if await self._admit(delivery, message, kind, received_at):
                    await self._write(message, kind, received_at)
        if held is not None:
            for mid in self._window.finish(delivery.generation, held):
                self._connection.acknowledge(mid, delivery.generation)

    async def _admit(self, delivery: Delivery, message: Message, kind: str, now: datetime) -> bool:
        """Hold the device to its rate (E070): QoS 0 beyond it is dropped, QoS 1 waits its turn; a frame waits a while."""
        device_id = self._device_of(delivery.topic)
        rates = self._frames if kind == metrics.FRAME else self._facts
        wait = rates.take(device_id, now)
        if not wait:
            return True
        if rates.alarm(f"{device_id} loud", now):
            log.warning("gateway.rate", device=device_id, per_second=rates.per_second)
        if delivery.qos and (kind != metrics.FRAME or wait < self._limits.longest_wait):
            metrics.MESSAGES.labels(kind, Result.THROTTLED.value).inc()
            await asyncio.sleep(wait.total_seconds())
            return True
        rates.give_back(device_id, now)
        metrics.MESSAGES.labels(kind, Result.DROPPED.value).inc()
        if rates.alarm(f"{device_id} dropped", now):
            hint = "take fewer frames" if kind == metrics.FRAME else "use QoS 1"
            await self._bury(
                message, BadInput(Code.RATE, f"more than {rates.per_second:g} per second", where=device_id, hint=hint), now
            )
        return False

    async def _write(self, message: Message, kind: str, received_at: datetime) -> None:
        try:
            records = self._judge(message, received_at)
            for record in records:
                await self._put(record)
        except BadInput as error:
            metrics.MESSAGES.labels(kind, Result.REFUSED.value).inc()
            self._report(message, error)
            await self._bury(message, error, received_at)
        else:
            metrics.MESSAGES.labels(kind, (Result.ACCEPTED if records else Result.IGNORED).value).inc()

    def _judge(self, message: Message, received_at: datetime) -> tuple[Record, ...]:
        device_id = self._device_of(message.topic)
        registered = self._registers.device(device_id)
        if self._signatures.blocked(device_id, registered):
            raise BadInput(
                Code.DEVICE_FORBIDDEN, f"{device_id} is blocked after wrong signatures", hint="give it a new key and register it"
            )
        try:
            return judge(message, self._registers, self._limits, received_at)
        except BadInput as error:
            if error.code is Code.SIGNATURE_WRONG and self._signatures.failed(device_id, registered, received_at):
                metrics.SECURITY_EVENTS.labels(SecurityEvent.BLOCKED.value).inc()
                security.error("device.blocked", device=device_id, topic=message.topic)
            raise
        except Exception as error:  # one message must not stop the channel
            metrics.FAULTS.inc()
            log.exception("gateway.fault", topic=message.topic)
            raise BadInput(Code.MALFORMED, f"could not be judged: {error!r}", where=message.topic[:200]) from error

    def _report(self, message: Message, error: BadInput) -> None:
        event = {
            Code.DEVICE_FORBIDDEN: SecurityEvent.FORBIDDEN,
            Code.SIGNATURE_WRONG: SecurityEvent.SIGNATURE_WRONG,
        }.get(error.code)
        if event is None:
            log.info("gateway.refused", topic=message.topic, code=error.code.value, reason=str(error))
            return
        metrics.SECURITY_EVENTS.labels(event.value).inc()
        security.warning("device.refused", topic=message.topic, code=error.code.value, reason=str(error))

    async def _bury(self, message: Message, error: BadInput, received_at: datetime) -> None:
        metrics.DEAD_LETTERS.labels(error.code.value).inc()
        try:
            await self._put(dead_letter(message, error, self._limits, received_at))
        except BadInput as refused:  # not even its dead letter fits: the log line is what remains
            metrics.FAULTS.inc()
            log.exception("gateway.dead_letter_lost", topic=message.topic, code=error.code.value, reason=str(refused))

    async def _put(self, record: Record) -> None:
        """Write a record; while that fails, try again with growing pauses and do not return."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                await self._sink.put(record)
            except BadInput:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the message must not be lost
                metrics.PUT_RETRIES.inc()
                log.warning("gateway.put_failed", topic=record.topic, error=repr(error), again_in_s=round(pause, 1))
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, no secret
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                return

    def _device_of(self, topic: str) -> str:
        """The registered device a topic names; all strangers share one name, so that they cannot fill the memory."""
        try:
            device_id = parse_device_topic(topic).device_id
        except BadInput:
            return metrics.UNKNOWN
        return device_id if self._registers.device(device_id) is not None else metrics.UNKNOWN
