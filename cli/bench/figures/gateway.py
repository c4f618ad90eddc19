"""Messages from MQTT into the log, PUBACK only after the log's ack, beside a bare paho → aiokafka loop.

Each side has a broker of its own, both write to the same log. Scales publish while the side is held still; the clock runs from
letting it go until the last message is in the log, so publishing costs neither side anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from aiokafka import AIOKafkaConsumer

from cli.bench import events, parts, records, site
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from cli.bench.mqtt import Publisher
from cli.bench.parts import Child
from cli.installation import device_demo_password
from cli.readiness import shows
from configs.secrets import GATEWAY_USER, read_secrets
from domain.ids import DeviceKind
from domain.topics import Topic

NAME = "gateway"
TITLE = "Gateway: MQTT into the log"
RATE: Final = "rate"
BARE_TOPIC: Final = "bench-gateway"
SCALES: Final = 20
EACH: Final = 20
"""Messages for which a scale is worth connecting."""
WARM_UP: Final = 60
WITHIN_S: Final = 120.0
MESSAGES: Final = {Size.FULL: 4000, Size.QUICK: 600, Size.TINY: 40}
ROUNDS: Final = {Size.FULL: 5, Size.QUICK: 2, Size.TINY: 1}


@dataclass(slots=True)
class Side:
    """A forwarder, the broker it reads and the topic it writes."""

    child: Child
    mqtt_port: int
    topic: str


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open the log, two brokers, the gateway and the bare loop."""
    count = MESSAGES[ground.size]
    place = site.make(ground.scratch, scales=SCALES)
    _, kafka = stack.enter_context(parts.embedded_log(ground.scratch))
    records.make_topics(kafka, BARE_TOPIC)
    place.tell_registers(kafka)
    ours, theirs = (stack.enter_context(parts.broker(ground.scratch, name, place.users())) for name in ("mqtt", "mqtt-bare"))
    gateway, page = stack.enter_context(place.installation(kafka=kafka, mqtt_port=ours).worker("gateway"))
    gateway.ready(shows(page, "kitchen_gateway_connected 1.0"))
    password = read_secrets(place.prepared.data.secrets).gateway_password
    loop = stack.enter_context(parts.bare("gateway", ground.scratch, theirs, GATEWAY_USER, password, kafka, BARE_TOPIC))
    loop.said(b"READY")
    sides = (Side(gateway, ours, Topic.OBSERVATIONS.value), Side(loop, theirs, BARE_TOPIC))
    for side in sides:
        asyncio.run(one_round(side, place, kafka, WARM_UP))
    rounds = [lambda side=side: asyncio.run(one_round(side, place, kafka, count)) for side in sides]
    return Contest(
        quantities=(Quantity(key=RATE, name="weighings acknowledged after the log's ack", unit="1/s"),),
        product=Contender(name="gateway", round=rounds[0]),
        baselines=(Contender(name="bare paho → aiokafka loop", round=rounds[1]),),
        rounds=ROUNDS[ground.size],
        note=f"{count:,} weighings of about 450 bytes from {SCALES} scales a round; acks=all, fsync before the ack, window 100",
    )


async def one_round(side: Side, place: site.MadeUpSite, kafka: str, count: int) -> Mapping[str, Reading]:
    """Publish while the side stands still, let it go, wait until the log has all."""
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as log:
        before = await records.end_of(log, side.topic)
        side.child.check()
        side.child.hold()
        try:
            await _publish(side.mqtt_port, place, count)
        finally:
            cpu_s, begun = side.child.cpu_s(), perf_counter()
            side.child.go_on()
        ended = await records.grown_to(log, side.topic, before + count, WITHIN_S)
    cpu_us = 1e6 * (side.child.cpu_s() - cpu_s) / count
    return {RATE: Reading(value=count / (ended - begun), cpu_us=cpu_us)}


async def _publish(port: int, place: site.MadeUpSite, count: int) -> None:
    """Every scale publishes its share, all at once."""
    shares: dict[str, list[bytes]] = {}
    scales = place.devices(DeviceKind.SCALE)[: max(1, count // EACH)]
    for device, payload in events.envelopes(scales, count):
        shares.setdefault(device.id, []).append(payload)

    async with asyncio.TaskGroup() as tasks:
        for device in scales:
            if device.id in shares:
                publisher = Publisher(port, device, device_demo_password(device.id))
                tasks.create_task(_publish_share(publisher, shares[device.id]))


async def _publish_share(publisher: Publisher, payloads: list[bytes]) -> None:
    async with publisher:
        await publisher.send("scale/weigh", payloads)
