"""One side of the gateway's figure, in a process of its own: ``python -m tests.bench.gateway_side product|bare JSON``.

It takes what the broker holds for it until so many messages are acknowledged, each only after the log's own acknowledgement, and
prints one JSON object. Both sides get like brokers, logs, windows and payloads; the bare one judges nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from time import perf_counter, process_time
from typing import Any

from aiokafka import AIOKafkaProducer
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from devices import metrics
from devices.connection import MqttSettings
from devices.gateway import Gateway
from devices.limits import Limits
from devices.registers import Registers
from domain.ids import DeviceKind
from domain.observations import Kind
from domain.parties import BusinessForm, Device, Merchant
from domain.topics import MQTT_WILDCARD, Topic
from streams.sink import KafkaSink
from streams.topics import MAX_MESSAGE_BYTES

REGION = "330211"
USCC = "92330211MA2ABC125M"
IN_FLIGHT = 100
LOOK_EVERY_S = 0.004
LINGER_MS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a side is to do: ``messages`` 0 only opens the session, so that the broker keeps messages for it."""

    mqtt_port: int
    bootstrap: str
    user: str
    password: str
    devices: int
    messages: int
    within_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Seconds and CPU seconds from the first message's arrival to the last one's acknowledgement."""

    messages: int
    seconds: float
    cpu_seconds: float


def device_ids(count: int) -> list[str]:
    """The scales that publish."""
    return [f"scl-{number:08x}" for number in range(1, count + 1)]


def scale(device_id: str) -> Device:
    """One of them as registered."""
    return Device(id=device_id, uscc=USCC, region=REGION, kind=DeviceKind.SCALE)


class Stopwatch:
    """Runs from the first message to the last."""

    def __init__(self) -> None:
        self._begun: tuple[float, float] | None = None

    async def until(self, count: Callable[[], int], arrived: Callable[[], bool], task: Task) -> Taken:
        """Look until ``count`` says that all are acknowledged."""
        async with asyncio.timeout(task.within_s):
            while not arrived():  # noqa: ASYNC110 - asks what runs, which knows no listener
                await asyncio.sleep(LOOK_EVERY_S)
            begun = perf_counter(), process_time()
            while count() < task.messages:  # noqa: ASYNC110 - the same
                await asyncio.sleep(LOOK_EVERY_S)
        return Taken(messages=count(), seconds=perf_counter() - begun[0], cpu_seconds=process_time() - begun[1])


async def product(task: Task) -> Taken:
    """The gateway with everything it judges, over its real sink."""
    merchant = Merchant(uscc=USCC, name="bench", region=REGION, business_form=BusinessForm.STALL, scheme="xiangshan")
    registers = Registers([merchant], [scale(device_id) for device_id in device_ids(task.devices)])
    settings = MqttSettings(
        port=task.mqtt_port, user=task.user, password=task.password, client_id=f"session-{task.user}", in_flight=IN_FLIGHT
    )

    accepted = metrics.MESSAGES.labels(Kind.SCALE_WEIGH.value, metrics.Result.ACCEPTED.value)

    def finished() -> int:
        return 0 if metrics.IN_HAND._value.get() else int(accepted._value.get())

    async with KafkaSink(task.bootstrap, client_id="bench", linger_ms=LINGER_MS) as sink:
        gateway = Gateway(settings, sink, registers, Limits(), lambda: datetime.now(UTC))
        await gateway.start()
        try:
            await gateway.wait_subscribed()
            taken = await Stopwatch().until(
                finished, lambda: metrics.IN_HAND._value.get() > 0 or finished() > 0 or not task.messages, task
            )
        finally:
            await gateway.stop()
    if refused := sum(metrics.DEAD_LETTERS.labels(code)._value.get() for code in metrics.Code):
        raise RuntimeError(f"{refused:.0f} messages were refused")
    return taken


async def bare(task: Task) -> Taken:
    """What one would write first: paho's thread, one hand-over per message, send, wait for the log, acknowledge."""
    loop = asyncio.get_running_loop()
    arrived = acknowledged = 0
    up = asyncio.Event()
    producer = AIOKafkaProducer(
        bootstrap_servers=task.bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        max_batch_size=256 * 1024,
        max_request_size=MAX_MESSAGE_BYTES,
    )
    await producer.start()
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"session-{task.user}",
        clean_session=False,
        manual_ack=True,
        protocol=paho.MQTTv311,
    )
    client.username_pw_set(task.user, task.password)
    client.max_inflight_messages_set(IN_FLIGHT)
    tasks: set[asyncio.Task[None]] = set()

    async def take(message: paho.MQTTMessage) -> None:
        nonlocal acknowledged
        await producer.send_and_wait(Topic.OBSERVATIONS.value, message.payload, key=USCC.encode())
        client.ack(message.mid, message.qos)
        acknowledged += 1

    def begin(message: paho.MQTTMessage) -> None:
        nonlocal arrived
        arrived += 1
        running = asyncio.ensure_future(take(message))
        tasks.add(running)
        running.add_done_callback(tasks.discard)

    client.on_connect = lambda connected, *_: connected.subscribe(MQTT_WILDCARD, 1)
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(up.set)
    client.on_message = lambda _client, _data, message: loop.call_soon_threadsafe(begin, message)
    client.connect("127.0.0.1", task.mqtt_port)
    client.loop_start()
    try:
        await up.wait()
        return await Stopwatch().until(lambda: acknowledged, lambda: arrived > 0 or not task.messages, task)
    finally:
        await asyncio.to_thread(client.disconnect)
        client.loop_stop()
        await producer.stop()


SIDES: dict[str, Callable[[Task], Any]] = {"product": product, "bare": bare}


def main(arguments: list[str]) -> None:
    """Do one task and print what was taken."""
    name, told = arguments
    known = {field.name for field in fields(Task)}
    taken = asyncio.run(SIDES[name](Task(**{key: value for key, value in json.loads(told).items() if key in known})))
    sys.stdout.write(json.dumps(asdict(taken)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
