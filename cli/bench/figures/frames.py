"""From a frame's publish to its finding in the log, at stated rates, beside the bare detector on the same frames.

A finding needs three positive frames of one camera (domain.md F.2), so every third frame is timed: the one that confirms. Each
triple comes from a camera of its own. Everything is real: broker, gateway, log, worker, model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Final

import orjson
from aiokafka import AIOKafkaConsumer

from cli.bench import latency, parts, records, site
from cli.bench.figure import Contender, Contest, Ground, Reading, Size
from cli.bench.mqtt import Publisher
from cli.bench.parts import Child
from cli.installation import device_demo_password
from cli.readiness import shows
from devices.camera import encode
from domain.ids import DeviceKind
from domain.parties import Device
from domain.topics import FRAME_LEAF, Topic
from vision.decode import decode_jpeg
from vision.demo import frame, read_cat
from vision.engines import open_detector

NAME = "frames"
TITLE = "Vision: frame to finding"
NEEDED: Final = 3
LATE_S: Final = 10.0
WARM_UP_RATE: Final = 2


@dataclass(frozen=True, slots=True)
class Amounts:
    """Triples of frames at each rate (frames per second), and rounds."""

    triples: Mapping[int, int]
    rounds: int


SIZES: Final = {
    Size.FULL: Amounts(triples={1: 6, 5: 20, 10: 30}, rounds=2),
    Size.QUICK: Amounts(triples={5: 5, 10: 5}, rounds=1),
    Size.TINY: Amounts(triples={5: 1}, rounds=1),
}


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open broker, log, gateway and vision worker."""
    amounts = SIZES[ground.size]
    place = site.make(ground.scratch, cameras=1 + amounts.rounds * sum(amounts.triples.values()))
    pictures = [encode(frame(read_cat(), 4 + 0.5 * number)) for number in range(3 * NEEDED)]
    _, kafka = stack.enter_context(parts.embedded_log(ground.scratch))
    records.make_topics(kafka)
    place.tell_registers(kafka)
    port = stack.enter_context(parts.broker(ground.scratch, "mqtt", place.users()))
    installation = place.installation(kafka=kafka, mqtt_port=port)
    gateway, page = stack.enter_context(installation.worker("gateway"))
    vision, _ = stack.enter_context(installation.worker("vision", "--model", ground.model))
    gateway.ready(shows(page, "kitchen_gateway_connected 1.0"))
    cameras = iter(place.devices(DeviceKind.CAMERA))
    asyncio.run(Film(port, kafka, vision, WARM_UP_RATE, pictures, [next(cameras)]).show())

    def product() -> Mapping[str, Reading]:
        found: dict[str, Reading] = {}
        for rate, triples in amounts.triples.items():
            film = Film(port, kafka, vision, rate, pictures, [next(cameras) for _ in range(triples)])
            found |= asyncio.run(film.show())
        return found

    def bare() -> Mapping[str, Reading]:
        found: dict[str, Reading] = {}
        for rate, triples in amounts.triples.items():
            found |= look(ground.model, pictures, triples * NEEDED, rate)
        return found

    return Contest(
        quantities=tuple(one for rate in amounts.triples for one in latency.quantities(f"{rate}", f"frames at {rate}/s in all")),
        product=Contender(name="MQTT, gateway, log, vision worker", round=product),
        baselines=(Contender(name="bare detector: decode and detect", round=bare),),
        rounds=amounts.rounds,
        note="timed frames a round: "
        + ", ".join(f"{triples} at {rate}/s" for rate, triples in amounts.triples.items())
        + f"; 1280×720 JPEG of {len(pictures[0]) // 1000} kB, shipped model; CPU is the vision worker's, per frame",
    )


@dataclass(slots=True)
class Film:
    """Frames at one rate, three from each camera, and the findings they lead to."""

    port: int
    kafka: str
    vision: Child
    rate: int
    pictures: list[bytes]
    cameras: list[Device]
    published: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    async def show(self) -> Mapping[str, Reading]:
        """Publish all and read the latencies; what makes no finding in time is left out."""
        cpu_s = self.vision.cpu_s()
        topic = Topic.FINDINGS.value
        async with AIOKafkaConsumer(topic, bootstrap_servers=self.kafka, auto_offset_reset="latest") as findings:
            await findings.seek_to_end()
            listening = asyncio.create_task(self._listen(findings))
            begun = perf_counter()
            for number, camera in enumerate(self.cameras):
                await self._triple(camera, begun + number * NEEDED / self.rate)
            await asyncio.wait([listening], timeout=LATE_S)
            listening.cancel()
        cpu_us = 1e6 * (self.vision.cpu_s() - cpu_s) / (NEEDED * len(self.cameras))
        seconds = [at - self.published[camera] for camera, at in self.seen.items()]
        return latency.readings(f"{self.rate}", seconds, cpu_us=cpu_us)

    async def _triple(self, camera: Device, begin: float) -> None:
        async with Publisher(self.port, camera, device_demo_password(camera.id)) as publisher:
            for number in range(NEEDED):
                await asyncio.sleep(max(0.0, begin + number / self.rate - perf_counter()))
                self.published[camera.id] = perf_counter()
                await publisher.send(FRAME_LEAF, [self.pictures[number % len(self.pictures)]])

    async def _listen(self, findings: AIOKafkaConsumer) -> None:
        async for record in findings:
            at = perf_counter()
            camera = str(orjson.loads(record.value).get("camera"))
            if camera in self.published:
                self.seen.setdefault(camera, at)
            if len(self.seen) == len(self.cameras):
                return


def look(model: str, pictures: list[bytes], count: int, rate: int) -> Mapping[str, Reading]:
    """The bare detector on as many of the same frames, one after the other."""
    detector = open_detector(model)
    detector.detect(decode_jpeg(pictures[0]))  # the first one warms up
    seconds, cpu_s = [], process_time()
    for number in range(count):
        begun = perf_counter()
        detector.detect(decode_jpeg(pictures[number % len(pictures)]))
        seconds.append(perf_counter() - begun)
    return latency.readings(f"{rate}", seconds, cpu_us=1e6 * (process_time() - cpu_s) / count)
