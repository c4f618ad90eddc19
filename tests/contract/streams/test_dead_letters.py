"""Poison of every kind for every agent: it becomes a dead letter, what stands before and behind it is done, nothing is blocked.

The workers, guard, sink and log are the product's own; what the events are for (office, eye) is a recorder that fails at marks.
"""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from domain.errors import Unavailable
from domain.findings import Finding, Reason, ReasonCode
from domain.ids import derived_id
from domain.observations import parse_envelope
from domain.rules import Level
from domain.time import format_instant
from domain.topics import Topic
from streams import casework, vision
from streams.codecs import headers_of, read_headers
from streams.guard import DEAD_LETTER_BYTES, Guard
from streams.sink import KafkaSink
from streams.worker import faust_app, running
from tests.contract.streams.parts import feed, log_at, planted, until, until_committed
from tests.contract.streams.planted import POISONED
from tests.unit.devices.things import CAMERA, USCC, envelope, jpeg

pytestmark = pytest.mark.service

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
BAD, AWAY = "planted fault", "planted absence"


class Effects:
    """What was done, by topic; fails at marks as a broken rule or a database that is away would."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.refusals = 2

    def do(self, topic: Topic, mark: str) -> list:
        if mark == BAD:
            raise ValueError(BAD)
        if mark == AWAY and self.refusals:
            self.refusals -= 1
            raise Unavailable("the database is away")
        self.done[topic.value] += 1
        return []

    # as the office

    def take_observation(self, observation, _now):
        return self.do(Topic.OBSERVATIONS, observation.body["lot"])

    def take_observations(self, observations, _now):
        marks = [observation.body["lot"] for observation in observations]
        if BAD in marks:  # the whole batch fails
            raise ValueError(BAD)
        return [self.do(Topic.OBSERVATIONS, mark) for mark in marks]

    def take_finding(self, finding, _now):
        return self.do(Topic.FINDINGS, finding.subject)

    def take_findings(self, findings, _now):
        if any(finding.subject == BAD for finding in findings):
            raise ValueError(BAD)
        return [self.do(Topic.FINDINGS, finding.subject) for finding in findings]

    def take_dead_letter(self, letter, _now):
        if letter.source == "test":
            self.do(Topic.DEAD_LETTERS, letter.reason)
        return True

    # as the eye

    def look(self, frame, _now):
        return self.do(Topic.FRAMES, frame.uscc)

    def hear(self, observation, _now):
        return self.do(Topic.DETECTIONS, observation.body["class"])


def observation(mark: str) -> bytes:
    wire = parse_envelope(orjson.dumps(envelope()), NOW).to_wire()
    return orjson.dumps(wire | {"body": wire["body"] | {"lot": mark}})


def detection(mark: str) -> bytes:
    body = {"class": mark, "confidence": 0.9}
    return orjson.dumps(parse_envelope(orjson.dumps(envelope(kind="cam.detection", of=CAMERA.id, body=body)), NOW).to_wire())


def finding(mark: str) -> bytes:
    made = Finding(
        id=derived_id("finding", mark),
        uscc=USCC,
        rule="pest_or_pet",
        class_="pest_or_pet",
        violation_code="CV10",
        level=Level.RED,
        subject=mark,
        event_time=NOW,
        first_seen_at=NOW,
        detected_at=NOW,
        automatic=True,
        why=Reason(code=ReasonCode.MANUAL),
    )
    return orjson.dumps(made.to_wire())


FRAME = {"merchant": USCC, "received_at": format_instant(NOW)}
LETTER = {"code": "E001", "reason": "", "received_at": format_instant(NOW), "source": "test"}
NO_JSON, NO_SCHEMA = b"{", b'{"v":1}'
HUGE = bytes(DEAD_LETTER_BYTES + 1000)
GOOD = "good"
TAKEN = {
    Topic.OBSERVATIONS: [(observation(GOOD), {}), (observation(AWAY), {}), (observation(GOOD), {})],
    Topic.FINDINGS: [(finding(GOOD), {}), (finding(AWAY), {}), (finding(GOOD), {})],
    Topic.DETECTIONS: [(detection(GOOD), {}), (detection(AWAY), {}), (detection(GOOD), {})],
    Topic.FRAMES: [(jpeg(), FRAME), (jpeg(), FRAME | {"merchant": AWAY}), (jpeg(), FRAME)],
    Topic.DEAD_LETTERS: [(b"x", LETTER), (b"x", LETTER | {"reason": AWAY}), (b"x", LETTER)],
}
POISON = {
    Topic.OBSERVATIONS: [(NO_JSON, {}), (NO_SCHEMA, {}), (observation(BAD), {})],
    Topic.FINDINGS: [(NO_JSON, {}), (NO_SCHEMA, {}), (finding(BAD), {})],
    Topic.DETECTIONS: [(NO_JSON, {}), (NO_SCHEMA, {}), (detection(BAD), {})],
    Topic.FRAMES: [(jpeg(), {}), (HUGE, {}), (jpeg(), FRAME | {"merchant": BAD})],
    Topic.DEAD_LETTERS: [],
}
CODES = {
    Topic.OBSERVATIONS: ["E001", "E003", "E001"],
    Topic.FINDINGS: ["E001", "E003", "E001"],
    Topic.DETECTIONS: ["E001", "E003", "E001"],
    Topic.FRAMES: ["E003", "E003", "E001"],
}
UNKEEPABLE = (b"x", LETTER | {"reason": BAD})
"""A dead letter that cannot be kept: it is logged and passed over, or it would go round for ever."""


async def publish(address: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, max_request_size=4 * 1024 * 1024) as producer:
        for topic, good in TAKEN.items():
            first, *rest = good
            poison = [*POISON[topic], UNKEEPABLE] if topic is Topic.DEAD_LETTERS else POISON[topic]
            for value, headers in [first, *poison, *rest]:
                await producer.send_and_wait(topic.value, value, key=b"cam-0a1b2c3d", headers=headers_of(headers))


async def whole(address: str, topic: Topic) -> list:
    """Every record of a topic."""
    consumer = AIOKafkaConsumer(
        topic.value, bootstrap_servers=address, auto_offset_reset="earliest", max_partition_fetch_bytes=8_000_000
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        records: list = []
        async with asyncio.timeout(20):
            while len(records) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
        return records
    finally:
        await consumer.stop()


async def test_poison_of_every_kind_is_set_aside_and_nothing_is_blocked_or_lost(tmp_path):
    casework_effects, vision_effects = Effects(), Effects()
    async with log_at(tmp_path) as address, AsyncExitStack() as parts:
        url = f"kafka://{address}"
        await publish(address)
        sink = await parts.enter_async_context(KafkaSink(address, client_id="test"))
        guard = Guard(sink, lambda: NOW)
        desk, watcher = faust_app("desk", url, tmp_path), faust_app("watcher", url, tmp_path)
        casework.add_agents(desk, casework.Intake(casework_effects, guard, lambda: NOW, lambda: None))
        watch = vision.Watch(vision_effects, sink, guard, lambda: NOW)
        parts.callback(watch.close)
        vision.add_agents(watcher, watch, guard)
        await parts.enter_async_context(running(desk, url, casework.TOPICS))
        await parts.enter_async_context(running(watcher, url, vision.TOPICS))
        done = {topic.value: len(good) for topic, good in TAKEN.items()}
        await until(lambda: casework_effects.done + vision_effects.done >= Counter(done), "the good ones are done")
        wanted = len(TAKEN[Topic.DEAD_LETTERS]) + 1 + sum(len(codes) for codes in CODES.values())
        letters = []
        async with asyncio.timeout(20):
            while len(letters) < wanted:
                letters = await whole(address, Topic.DEAD_LETTERS)
            for group, topics in (("desk", casework.TOPICS), ("watcher", vision.TOPICS)):
                for topic in topics:
                    await until_committed(address, group, topic, len(await whole(address, Topic(topic))))
    said = [(read_headers(letter.headers), letter.value) for letter in letters]
    for topic, codes in CODES.items():
        own = [(headers, value) for headers, value in said if headers["source"] == f"kafka:{topic.value}"]
        assert sorted(headers["code"] for headers, _ in own) == sorted(codes), topic
        originals = sorted(value[:DEAD_LETTER_BYTES] for value, _ in POISON[topic])
        assert sorted(value for _, value in own) == originals, topic
    assert [headers["original_bytes"] for headers, _ in said if "original_bytes" in headers] == [str(len(HUGE))]
    assert len(letters) == wanted, "no dead letter about a dead letter"


async def test_what_escapes_from_an_agent_costs_only_the_event_that_is_to_blame(tmp_path):
    async with log_at(tmp_path) as address:
        await feed(address, "findings", 200)
        with planted(address, tmp_path, group="poison", mode="poison") as worker:
            await until(lambda: len(worker.effects) == 200 - 200 // POISONED, "all others are done")
            await until_committed(address, "poison", "findings", 200)
            letters = await whole(address, Topic.DEAD_LETTERS)
    assert set(worker.effects.values()) == {1}
    assert sorted(int(letter.value) for letter in letters) == list(range(0, 200, POISONED))
