"""The vision worker on a real log with the shipped model: frames in, findings out, stop and resume, dead letters."""

import asyncio
import hashlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import cv2
import pytest
from aiokafka import AIOKafkaConsumer

from domain.observations import parse_envelope
from domain.parties import Camera, Zone, ZoneKind
from domain.rules import CameraRule, Level, Rules, Severity
from domain.time import format_instant
from streams import vision
from streams.codecs import decode, encode, headers_of, read_headers
from streams.log import Log
from streams.sink import KafkaSink
from streams.topics import ensure_topics
from vision.demo.scene import frame, read_cat
from vision.engines import open_detector
from vision.eye import Eye

pytestmark = pytest.mark.service

USCC = "92330211MA2ABC125M"
RULES = Rules(
    camera={
        "pest_or_pet": CameraRule(
            name="pest_or_pet",
            violation_code="CV10",
            severity=Severity.GENERAL,
            level=Level.RED,
            labels=("cat", "dog", "cockroach"),
        )
    }
)


def now() -> datetime:
    return datetime.now(UTC)


def eye_of(model, media):
    def keep(data, _media_type):
        name = hashlib.sha256(data).hexdigest()
        media[name] = data
        return name

    return Eye(detector=open_detector(model), rules=RULES, cameras={}, keep=keep, kept=media.__contains__)


@asynccontextmanager
async def worker(url, data, eye):
    stop = asyncio.Event()
    task = asyncio.create_task(vision.run(kafka_url=url, data=data, eye=eye, clock=now, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def reading(bootstrap, topic):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def scene(count, *, every_s=0.5):
    cat = read_cat()
    for number in range(count):
        done, jpeg = cv2.imencode(".jpg", frame(cat, 5 + number * every_s))
        assert done
        yield jpeg.tobytes()


async def send_scene(sink, camera, *, count=6, began_at=None):
    began_at = began_at or now()
    for number, jpeg in enumerate(scene(count)):
        headers = {
            "merchant": USCC,
            "captured_at": format_instant(began_at + timedelta(seconds=number / 2)),
            "received_at": format_instant(now()),
        }
        await sink.send("frames", key=camera.encode(), value=jpeg, headers=headers_of(headers))
        await asyncio.sleep(0.15)


async def one(consumer, *, within_s=30):
    async with asyncio.timeout(within_s):
        return await consumer.getone()


async def camera_of_next(consumer, *, other_than):
    """Frames not yet committed are looked at again after a restart; casework merges what that finds."""
    while True:
        camera = decode((await one(consumer)).value, "findings")["camera"]
        if camera != other_than:
            return camera


async def test_a_moving_cat_becomes_one_finding_with_its_snapshot(tmp_path):
    media = {}
    async with Log(tmp_path / "log") as log:
        bootstrap = f"127.0.0.1:{log.port}"
        await ensure_topics(bootstrap)
        async with (
            KafkaSink(bootstrap, client_id="test") as sink,
            reading(bootstrap, "findings") as findings,
            worker(f"kafka://{bootstrap}", tmp_path, eye_of("default", media)),
        ):
            await send_scene(sink, "cam-0a1b2c3d", count=10)
            found = decode((await one(findings)).value, "findings")
            assert (found["rule"], found["violation_code"], found["automatic"]) == ("pest_or_pet", "CV10", True)
            assert found["camera"] == "cam-0a1b2c3d"
            assert found["evidence"][0]["sha256"] in media
            with pytest.raises(TimeoutError):
                await one(findings, within_s=2)


async def test_a_model_that_sees_nothing_finds_nothing_though_it_looks(tmp_path):
    async with Log(tmp_path / "log") as log:
        bootstrap = f"127.0.0.1:{log.port}"
        await ensure_topics(bootstrap)
        looked = vision.metrics.FRAMES.labels("detected")._value.get()
        async with (
            KafkaSink(bootstrap, client_id="test") as sink,
            reading(bootstrap, "findings") as findings,
            worker(f"kafka://{bootstrap}", tmp_path, eye_of("blind", {})),
        ):
            await send_scene(sink, "cam-0a1b2c3d")
            with pytest.raises(TimeoutError):
                await one(findings, within_s=3)
        assert vision.metrics.FRAMES.labels("detected")._value.get() >= looked + 6


async def test_findings_stop_with_the_agent_and_resume_with_it(tmp_path):
    async with Log(tmp_path / "log") as log:
        bootstrap = f"127.0.0.1:{log.port}"
        await ensure_topics(bootstrap)
        async with KafkaSink(bootstrap, client_id="test") as sink, reading(bootstrap, "findings") as findings:
            await send_scene(sink, "cam-00000001")
            with pytest.raises(TimeoutError):
                await one(findings, within_s=1)
            async with worker(f"kafka://{bootstrap}", tmp_path, eye_of("default", {})):
                assert decode((await one(findings)).value, "findings")["camera"] == "cam-00000001"
            await send_scene(sink, "cam-00000002")
            with pytest.raises(TimeoutError):
                await one(findings, within_s=2)
            async with worker(f"kafka://{bootstrap}", tmp_path, eye_of("default", {})):
                assert await camera_of_next(findings, other_than="cam-00000001") == "cam-00000002"


async def test_what_is_no_picture_becomes_a_dead_letter_and_the_next_frame_is_looked_at(tmp_path):
    async with Log(tmp_path / "log") as log:
        bootstrap = f"127.0.0.1:{log.port}"
        await ensure_topics(bootstrap)
        async with (
            KafkaSink(bootstrap, client_id="test") as sink,
            reading(bootstrap, "dead-letters") as letters,
            reading(bootstrap, "findings") as findings,
            worker(f"kafka://{bootstrap}", tmp_path, eye_of("default", {})),
        ):
            headers = headers_of({"merchant": USCC, "received_at": format_instant(now())})
            await sink.send("frames", key=b"cam-0a1b2c3d", value=b"no picture", headers=headers)
            letter = await one(letters)
            assert letter.value == b"no picture"
            assert read_headers(letter.headers)["code"] == "E001"
            await send_scene(sink, "cam-0a1b2c3d")
            assert decode((await one(findings)).value, "findings")["rule"] == "pest_or_pet"


async def test_a_smart_cameras_confirmed_detection_without_our_snapshot_goes_to_review(tmp_path):
    body = {"class": "pest_or_pet", "confidence": 0.97, "frames_positive": 5, "window_s": 4, "zone": "kitchen"}
    envelope = {
        "v": 1,
        "kind": "cam.detection",
        "uscc": USCC,
        "device_id": "cam-0a1b2c3d",
        "event_time": format_instant(now()),
        "seq": 1,
        "body": body,
    }
    async with Log(tmp_path / "log") as log:
        bootstrap = f"127.0.0.1:{log.port}"
        await ensure_topics(bootstrap)
        async with (
            KafkaSink(bootstrap, client_id="test") as sink,
            reading(bootstrap, "findings") as findings,
            worker(f"kafka://{bootstrap}", tmp_path, eye_of("blind", {})),
        ):
            told = parse_envelope(envelope, now())
            await sink.send("detections", key=b"cam-0a1b2c3d", value=encode(told.to_wire()))
            found = decode((await one(findings)).value, "findings")
            assert (found["zone"], found["automatic"], found["evidence"], found["frames_positive"]) == ("kitchen", False, [], 5)


def test_a_camera_is_judged_by_its_own_zones():
    only_left = Zone(name="left", kind=ZoneKind.CLOSED, polygon=((0, 0), (0.05, 0), (0.05, 1), (0, 1)))
    rule = RULES.camera["pest_or_pet"]
    limited = Rules(
        camera={"pest_or_pet": CameraRule(**{**{f: getattr(rule, f) for f in rule.__slots__}, "zone_kinds": (ZoneKind.CLOSED,)})}
    )
    eye = Eye(
        detector=open_detector("default"),
        rules=limited,
        cameras={"cam-0a1b2c3d": Camera(device_id="cam-0a1b2c3d", uscc=USCC, zones=(only_left,))},
        keep=lambda data, _: hashlib.sha256(data).hexdigest(),
        kept=lambda _: False,
    )
    began = now()
    found = []
    for number, jpeg in enumerate(scene(6)):
        at = began + timedelta(seconds=number / 2)
        found += eye.look(vision.Frame(camera="cam-0a1b2c3d", uscc=USCC, jpeg=jpeg, captured_at=at, received_at=at), at)
    assert found == []
