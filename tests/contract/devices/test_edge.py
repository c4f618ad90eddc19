"""Edge publishers over both brokers: away, killed, full; and recordings played again."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from devices.camera import Function, run_camera
from devices.connection import MqttSettings
from devices.edge import EdgeDevice, EdgeLimits, EdgePublisher
from devices.replay import Replay
from devices.scale import Simulation, read_lines, run_simulation
from domain.errors import BadInput, Unavailable
from domain.time import format_instant, parse_instant
from domain.topics import Topic
from tests.contract.devices.parts import MemorySink, gateway, now, until
from tests.services.mqtt import free_port
from tests.unit.devices.things import (
    CAMERA,
    KEY,
    REGION,
    SCALE,
    SIGNING,
    USCC,
    envelope,
    headers,
    jpeg,
    weighing_body,
)

pytestmark = pytest.mark.service

FAST = EdgeLimits(per_second=1000)


def edge_device(identity: str, key: bytes | None = None) -> EdgeDevice:
    return EdgeDevice(id=identity, uscc=USCC, region=REGION, key=key)


def publisher(
    broker, folder: Path, identity: str = SCALE.id, *, key: bytes | None = None, limits: EdgeLimits = FAST
) -> EdgePublisher:
    return EdgePublisher(broker.settings(identity), edge_device(identity, key), folder, limits)


async def test_facts_and_frames_reach_the_log_with_their_times(broker, tmp_path):
    sink, at = MemorySink(), now() - timedelta(hours=3)
    async with gateway(broker, sink):
        with publisher(broker, tmp_path, CAMERA.id) as camera:
            camera.fact(camera.envelope("cam.status", {"online": True, "fps": 2}, at))
            camera.frame(jpeg(noisy=True), at)
            await until(lambda: len(sink.records) == 3, "online, the fact and the frame")
            await until(lambda: camera.pending == 0, "the spool empty")
    (frame,) = sink.of(Topic.FRAMES)
    assert (headers(frame)["captured_at"], headers(frame)["seq"], headers(frame)["time_source"]) == (
        format_instant(at),
        "1",
        "device",
    )
    fact = next(fact for fact in sink.bodies() if "fps" in fact["body"])
    assert fact["event_time"] == format_instant(at)


async def test_a_device_with_a_key_signs_what_it_says(broker, tmp_path):
    sink = MemorySink()
    async with gateway(broker, sink):
        with publisher(broker, tmp_path, SIGNING.id, key=KEY) as scale:
            scale.fact(scale.envelope("scale.weigh", weighing_body(), now()))
            await until(sink.seqs, "the weighing")
    assert sink.codes() == []


async def test_status_is_online_after_connecting_and_offline_after_an_orderly_close(broker, tmp_path):
    sink = MemorySink()
    async with gateway(broker, sink):
        with publisher(broker, tmp_path):
            await until(lambda: len(sink.bodies()) == 1, "online")
        await until(lambda: len(sink.bodies()) == 2, "offline")
    assert [fact["body"] for fact in sink.bodies()] == [{"online": True}, {"online": False}]


async def test_while_the_broker_is_away_everything_waits_and_comes_with_its_original_time(broker, tmp_path):
    sink, times = MemorySink(), []
    async with gateway(broker, sink):
        with publisher(broker, tmp_path) as scale:
            await until(lambda: scale.connected, "connected")
            broker.kill()
            await until(lambda: not scale.connected, "the loss is noticed")
            for number in range(50):
                times.append(now() - timedelta(hours=10, seconds=number))
                scale.fact(scale.envelope("scale.weigh", weighing_body(), times[-1]))
            assert scale.pending == 50
            broker.start()
            await until(lambda: len(set(sink.seqs())) == 50, "all arrived")
            await until(lambda: scale.pending == 0, "all acknowledged")
    told = {fact["seq"]: fact["event_time"] for fact in sink.bodies() if fact["kind"] == "scale.weigh"}
    assert told == {number + 1: format_instant(at) for number, at in enumerate(times)}


@contextmanager
def edge_process(broker, folder: Path, first: int):
    command = [
        sys.executable,
        "-m",
        "tests.contract.devices.edge_process",
        str(broker.port),
        broker.users[SCALE.id],
        str(folder),
        str(first),
    ]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[3])
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(10)


def accepted(folder: Path) -> dict[str, str]:
    path = folder / "accepted"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return dict(line.split() for line in lines if line.endswith("\n"))


async def test_a_killed_edge_loses_no_fact_it_accepted(broker, tmp_path):
    """Killed three times: while the broker is away, and twice while it sends."""
    sink = MemorySink()
    async with gateway(broker, sink):
        broker.kill()
        for round_number in range(3):
            before = len(accepted(tmp_path))
            with edge_process(broker, tmp_path, round_number * 100_000):
                await until(lambda: len(accepted(tmp_path)) > before + 60, "facts were accepted")  # noqa: B023
            if round_number == 0:
                assert not sink.seqs()
                broker.start()
        facts = accepted(tmp_path)
        with publisher(broker, tmp_path / "spool") as rest:
            await until(lambda: rest.pending == 0, "the spool is sent")
            await until(lambda: len(facts.keys() - {fact["event_id"] for fact in sink.bodies()}) == 0, "all arrived")
    told = {fact["event_id"]: fact["event_time"] for fact in sink.bodies()}
    assert {identity: told[identity] for identity in facts} == facts
    assert len(facts) > 180


async def test_a_full_spool_drops_the_oldest_frames_and_no_fact(broker, tmp_path):
    sink = MemorySink()
    picture = jpeg(noisy=True)
    limits = EdgeLimits(spool_bytes=10 * len(picture) + 5000, per_second=1000)
    begun = now() - timedelta(hours=1)
    async with gateway(broker, sink):
        broker.kill()
        with publisher(broker, tmp_path, CAMERA.id, limits=limits) as camera:
            for number in range(30):
                camera.frame(picture, begun + timedelta(seconds=number))
                if number % 3 == 0:
                    camera.fact(camera.envelope("cam.status", {"online": True, "fps": number}, now()))
            dropped = camera.frames_dropped
            assert dropped >= 20
            broker.start()
            await until(lambda: camera.pending == 0, "all sent")
            await until(lambda: len(sink.of(Topic.FRAMES)) >= 30 - dropped, "the newest frames")
    told = sorted({headers(frame)["captured_at"] for frame in sink.of(Topic.FRAMES)})
    assert told == [format_instant(begun + timedelta(seconds=number)) for number in range(dropped, 30)]
    assert len({fact["body"]["fps"] for fact in sink.bodies() if "fps" in fact["body"]}) == 10


async def test_what_mosquitto_acknowledged_and_lost_is_sent_again(mosquitto, tmp_path):
    """Kill the broker over and over while an edge sends: Mosquitto acknowledges a moment before it saves."""
    sink, chance = MemorySink(), random.Random(7)
    async with gateway(mosquitto, sink):
        with publisher(mosquitto, tmp_path) as scale:
            sent = set()
            for _ in range(4):
                await until(lambda: scale.connected, "connected")
                for _ in range(40):
                    fact = scale.envelope("scale.weigh", weighing_body(), now())
                    sent.add(fact["event_id"])
                    scale.fact(fact)
                await until(lambda: scale.pending < chance.randrange(1, 39), "some are acknowledged")
                mosquitto.kill()
                mosquitto.start()
            await until(lambda: scale.pending == 0, "all acknowledged")
            await until(lambda: sent <= {fact["event_id"] for fact in sink.bodies()}, "all arrived")


async def test_another_devices_envelope_is_not_accepted(tmp_path):
    scale = EdgePublisher(MqttSettings(port=free_port()), edge_device(SCALE.id), tmp_path)
    with pytest.raises(BadInput):
        scale.fact(envelope(of=CAMERA.id))
    with pytest.raises(BadInput):
        scale.fact(envelope(body={"x": float("nan")}))


async def test_the_simulated_scale_is_heard(broker, tmp_path):
    sink = MemorySink()
    simulation = Simulation(device_id=SCALE.id, story=True, expires_after=timedelta(seconds=0.3))
    async with gateway(broker, sink):
        with publisher(broker, tmp_path / "spool") as scale:
            count = run_simulation(
                simulation,
                scale,
                tmp_path / "state.json",
                every=timedelta(seconds=0.2),
                clock=now,
                stop=threading.Event(),
                most=5,
            )
            await until(lambda: len(sink.seqs()) == count, "all facts")
    story = [fact for fact in sink.bodies() if fact["body"].get("lot", "").endswith("-1009")]
    assert [fact["kind"] for fact in story] == ["batch.upsert", "scale.weigh", "scale.weigh"]
    assert story[1]["event_time"] < story[0]["body"]["expires_at"] <= story[2]["event_time"]


async def test_a_camera_of_a_function_is_heard(broker, tmp_path):
    sink = MemorySink()
    async with gateway(broker, sink):
        with publisher(broker, tmp_path, CAMERA.id) as camera:
            run_camera(Function(lambda _: jpeg()), camera, per_second=100, clock=now, stop=threading.Event(), most=5)
            await until(lambda: len(sink.of(Topic.FRAMES)) == 5, "five frames")
    assert [headers(frame)["seq"] for frame in sink.of(Topic.FRAMES)] == ["1", "2", "3", "4", "5"]


async def test_a_recording_is_played_as_its_devices_with_its_times(broker):
    sink, at = MemorySink(), now() - timedelta(hours=2)
    lines = [
        json.dumps(envelope(of=device, at=at + timedelta(seconds=n), seq=n))
        for n, device in enumerate([SCALE.id, CAMERA.id] * 10)
    ]
    lines = [line.replace("scale.weigh", "cam.detection") if CAMERA.id in line else line for line in lines]
    lines = [
        json.dumps({**json.loads(line), "body": {"class": "no_hat", "confidence": 0.9}}) if "cam.detection" in line else line
        for line in lines
    ]
    async with gateway(broker, sink):
        settings = broker.settings("gateway", client_id="replay")
        with Replay(settings, passwords={name: broker.users[name] for name in (SCALE.id, CAMERA.id)}) as replay:
            report = replay.publish([*lines, "", "junk", json.dumps({"v": 1})])
        await until(lambda: len(sink.records) == 20, "all told")
    assert (report.published, [refused.line for refused in report.refused]) == (20, [22, 23])
    told = [json.loads(record.value) for record in sink.records]
    assert {fact["seq"]: parse_instant(fact["event_time"], "x") for fact in told} == {
        n: parse_instant(format_instant(at + timedelta(seconds=n)), "x") for n in range(20)
    }


async def test_a_recording_without_a_broker_says_so():
    replay = Replay(MqttSettings(port=free_port()), patience_s=0.5)
    with replay, pytest.raises(Unavailable):
        replay.publish([json.dumps(envelope())])


async def test_json_lines_may_be_bodies_facts_or_envelopes(tmp_path):
    scale = EdgePublisher(MqttSettings(port=free_port()), edge_device(SCALE.id), tmp_path)
    at = now()
    lines = [
        json.dumps(weighing_body()),
        json.dumps(
            {"kind": "sensor.temp", "body": {"celsius": 4, "zone": "cold"}, "event_time": format_instant(at - timedelta(hours=1))}
        ),
        json.dumps(envelope(seq=99)),
        "",
    ]
    first, second, third = read_lines(lines, scale, lambda: at)
    assert (first["kind"], first["event_time"]) == ("scale.weigh", format_instant(at))
    assert (second["kind"], second["event_time"]) == ("sensor.temp", format_instant(at - timedelta(hours=1)))
    assert third["seq"] == 99
    with pytest.raises(BadInput, match="line 1"):
        list(read_lines(["junk"], scale, lambda: at))
