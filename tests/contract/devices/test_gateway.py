"""The gateway over both real brokers: what comes in, what is acknowledged when, what survives."""

import asyncio
import json
from datetime import timedelta

import pytest
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from devices import metrics
from devices.limits import Limits
from devices.metrics import Result
from domain.time import format_instant
from domain.topics import Topic
from tests.contract.devices.parts import ForeignDevice, GatewayProcess, MemorySink, gateway, mosquitto_pub, now, until
from tests.unit.devices.things import (
    CAMERA,
    KEY,
    LATER,
    OTHER_USCC,
    REVOKED,
    SCALE,
    SIGNING,
    STRANGER_USCC,
    USCC,
    envelope,
    headers,
    jpeg,
    raw,
    topic,
    weighing_body,
)

pytestmark = pytest.mark.service


def weighings(first: int, count: int) -> list[tuple[str, bytes]]:
    return [(topic(), raw(envelope(at=now(), seq=number))) for number in range(first, first + count)]


async def test_a_foreign_client_publishing_a_bare_jpeg_and_a_weighing_is_heard(broker, tmp_path):
    picture, weighing = tmp_path / "a.jpg", tmp_path / "weighing.json"
    picture.write_bytes(jpeg(noisy=True))
    weighing.write_bytes(raw(envelope(at=now())))
    sink = MemorySink()
    async with gateway(broker, sink):
        await mosquitto_pub(broker, CAMERA.id, topic("cam/frame", of=CAMERA.id), "-f", str(picture))
        await mosquitto_pub(broker, SCALE.id, topic(), "-f", str(weighing))
        await until(lambda: len(sink.records) == 2, "both records")
    (frame,), (fact,) = sink.of(Topic.FRAMES), sink.bodies()
    assert frame.value == picture.read_bytes()
    assert headers(frame)["time_source"] == "server"
    assert (fact["uscc"], fact["body"]["net_g"]) == (USCC, 512)


async def test_nothing_is_acknowledged_before_the_log_has_it_and_a_killed_gateways_messages_come_again(broker, tmp_path):
    first, second = GatewayProcess(broker, tmp_path, "first"), GatewayProcess(broker, tmp_path, "second")
    first.hold.touch()
    first.start()
    try:
        await until(first.ready.exists, "the first gateway subscribed")
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(0, 20))
        await until(lambda: first.in_hand == 20, "the first gateway has all in hand")
    finally:
        first.kill()
    assert first.records == []
    second.start()
    try:
        await until(lambda: len(second.records) == 20, "all come again to the second")
    finally:
        second.kill()
    assert sorted(json.loads(record["value"])["seq"] for record in second.records) == list(range(20))


async def test_what_was_acknowledged_does_not_come_again(broker, tmp_path):
    first, second = GatewayProcess(broker, tmp_path, "first"), GatewayProcess(broker, tmp_path, "second")
    first.start()
    try:
        await until(first.ready.exists, "the first gateway subscribed")
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(0, 20))
            await until(lambda: len(first.records) == 20, "all written")
            first.hold.touch()
            scale.publish_all(weighings(20, 5))
            await until(lambda: first.in_hand == 5, "five more in hand")
    finally:
        first.kill()
    second.start()
    try:
        await until(lambda: len(second.records) >= 5, "the five come again")
    finally:
        second.kill()
    again = [json.loads(record["value"])["seq"] for record in second.records]
    assert sorted(again)[-5:] == [20, 21, 22, 23, 24]
    assert len(again) <= 6, "at most the last acknowledgement was still on its way"


async def test_while_the_log_refuses_nothing_is_lost_or_overtaken_and_the_broker_is_not_answered_twice(broker):
    sink = MemorySink()
    sink.failing = True
    async with gateway(broker, sink):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(0, 10))
            await until(lambda: sink.attempts >= 40, "each was tried several times")
            assert sink.records == []
            sink.failing = False
            scale.publish_all(weighings(10, 10))
        await until(lambda: len(sink.seqs()) >= 20, "all written")
        await asyncio.sleep(3)  # longer than the broker's patience with unacknowledged messages
    assert sink.seqs() == list(range(20))


async def test_what_is_published_while_the_gateway_is_away_waits_for_it(broker):
    sink = MemorySink()
    async with gateway(broker, sink):
        pass
    with ForeignDevice(broker, SCALE.id) as scale:
        scale.publish_all(weighings(0, 1500))
    async with gateway(broker, sink):
        await until(lambda: len(sink.seqs()) >= 1500, "all arrived")
    assert sorted(set(sink.seqs())) == list(range(1500))


async def saved(broker) -> int:
    """Wait until Mosquitto has nothing more to save; when it last did."""
    seen, since = broker.stored_at(), now()
    while now() - since < timedelta(seconds=0.5):
        await asyncio.sleep(0.05)
        if broker.stored_at() != seen:
            seen, since = broker.stored_at(), now()
    return seen


async def test_what_the_broker_acknowledged_survives_its_kill(broker):
    sink = MemorySink()
    async with gateway(broker, sink):
        pass
    with ForeignDevice(broker, SCALE.id) as scale:
        scale.publish_all(weighings(0, 199))
        before = await saved(broker)
        scale.publish_all(weighings(199, 1))
        if broker.speaks_5:  # Mosquitto saves in the next turn of its loop, not before it acknowledges
            await until(lambda: broker.stored_at() > before, "the last one saved", within_s=2)
        broker.kill()
    broker.start()
    async with gateway(broker, sink):
        await until(lambda: len(sink.seqs()) >= 200, "all arrived")
    assert sorted(set(sink.seqs())) == list(range(200))


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_what_comes_between_the_brokers_restart_and_the_gateways_return_is_kept(broker, end):
    sink = MemorySink()
    async with gateway(broker, sink):
        pass
    await saved(broker)
    getattr(broker, end)()
    broker.start()
    with ForeignDevice(broker, SCALE.id) as scale:
        scale.publish_all(weighings(0, 20))
    async with gateway(broker, sink):
        await until(lambda: len(sink.seqs()) >= 20, "all arrived")
    assert sorted(set(sink.seqs())) == list(range(20))


async def test_over_shared_subscriptions_a_gateway_learns_how_things_stand_too(mosquitto):
    with ForeignDevice(mosquitto, CAMERA.id) as camera:
        camera.publish(topic("status", of=CAMERA.id), b"offline", retain=True)
    sink = MemorySink()
    async with gateway(mosquitto, sink, shared=True):
        with ForeignDevice(mosquitto, SCALE.id) as scale:
            scale.publish_all(weighings(0, 1))
        await until(lambda: len(sink.bodies()) == 2, "the stored status and the weighing")
    assert [fact["body"] for fact in sink.bodies() if fact["kind"] == "cam.status"] == [{"online": False}]


async def test_the_gateway_finds_back_to_a_broker_that_was_away(broker):
    sink = MemorySink()
    async with gateway(broker, sink) as running:
        broker.kill()
        await until(lambda: not running.subscribed, "the loss is noticed")
        broker.start()
        await until(lambda: running.subscribed, "subscribed again")
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(0, 3))
        await until(lambda: len(sink.seqs()) == 3, "messages flow")


async def test_what_is_published_before_the_registers_are_complete_is_held_and_then_judged(broker):
    """The first gateway ever: it subscribes at once, because a broker keeps messages only for a session it knows."""
    sink, complete = MemorySink(), asyncio.Event()
    async with gateway(broker, sink, ready=complete.wait):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(0, 3))
            assert sink.seqs() == []
            complete.set()
            await until(lambda: len(sink.seqs()) == 3, "the held messages")
    assert sink.codes() == []


async def test_a_last_will_becomes_an_offline_fact(broker):
    sink = MemorySink()
    status = topic("status", of=CAMERA.id)
    async with gateway(broker, sink):
        with ForeignDevice(broker, CAMERA.id, will=(status, b"offline")) as camera:
            camera.publish(status, b"online", retain=True)
            await until(lambda: len(sink.bodies()) == 1, "online")
            camera.vanish()
            await until(lambda: len(sink.bodies()) == 2, "offline")
    online, offline = sink.bodies()
    assert (online["body"], offline["body"]) == ({"online": True}, {"online": False})
    assert offline["time_source"] == "server"
    assert offline["device_id"] == CAMERA.id


async def test_a_gateway_learns_how_things_stand_once_and_a_restart_is_no_news(broker):
    with ForeignDevice(broker, CAMERA.id) as camera:
        camera.publish(topic("status", of=CAMERA.id), b"offline", retain=True)
    sinks = [MemorySink() for _ in range(4)]
    for sink in sinks:
        async with gateway(broker, sink):
            with ForeignDevice(broker, SCALE.id) as scale:
                scale.publish_all(weighings(0, 1))
            await until(sink.seqs, "a message behind everything stored")
    told = [[fact["event_id"] for fact in sink.bodies() if fact["kind"] == "cam.status"] for sink in sinks]
    assert len(told[0]) == 1
    restarts = [identity for ids in told[1:] for identity in ids]
    assert len(set(restarts)) <= 1, "the same stored status must be the same fact at every restart"


async def test_one_device_cannot_publish_for_another(broker):
    sink = MemorySink()
    async with gateway(broker, sink):
        with ForeignDevice(broker, CAMERA.id) as camera:  # the forged one is acknowledged and dropped: 3.1.1 has no other way
            camera.publish(topic(), raw(envelope(at=now(), seq=666)))
        with ForeignDevice(broker, CAMERA.id) as camera, ForeignDevice(broker, SCALE.id) as scale:
            scale.publish(topic(), raw(envelope(at=now(), seq=1)))
            await until(sink.seqs, "the scale's own")
            camera.publish(topic("status", of=CAMERA.id), b"online")
            await until(lambda: len(sink.bodies()) == 2, "a message behind the forged one")
    assert sink.seqs() == [1]
    assert sink.codes() == []


async def test_a_stranger_cannot_connect(broker):
    broker.users["nobody"] = "nothing"
    with ForeignDevice(broker, "nobody") as stranger:
        await until(lambda: stranger.refused, "the broker refuses")


E4 = {
    "E001 no JSON": (SCALE, topic(), b"junk", "E001"),
    "E001 more than 64 KiB": (SCALE, topic(), raw(envelope(pad="x" * 65536)), "E001"),
    "E001 no JPEG": (CAMERA, topic("cam/frame", of=CAMERA.id), b"GIF89a", "E001"),
    "E001 a JPEG over 2 MB": (CAMERA, topic("cam/frame", of=CAMERA.id), jpeg()[:-2] + b"\0" * 2**21 + b"\xff\xd9", "E001"),
    "E002 version": (SCALE, topic(), raw(envelope(v=2)), "E002"),
    "E002 kind": (SCALE, topic("no/such"), raw(envelope(kind="no.such")), "E002"),
    "E003 field": (SCALE, topic(), raw(envelope(body={})), "E003"),
    "E004 polymorphic": (SCALE, topic(), raw(envelope(body=weighing_body(x={"__faust": 1}))), "E004"),
    "E010 check character": (SCALE, topic(), raw(envelope(uscc="92330211MA2ABC125X")), "E010"),
    "E020 revoked": (REVOKED, topic(of=REVOKED.id), raw(envelope(of=REVOKED.id)), "E020"),
    "E020 another device in the envelope": (SCALE, topic(), raw(envelope(of=CAMERA.id)), "E020"),
    "E020 another merchant in the envelope": (SCALE, topic(), raw(envelope(uscc=OTHER_USCC)), "E020"),
    "E020 before it was bound": (
        LATER,
        topic(of=LATER.id),
        raw(envelope(of=LATER.id, event_time="2026-11-01T00:00:00Z")),
        "E020",
    ),
    "E021 unsigned": (SIGNING, topic(of=SIGNING.id), raw(envelope(of=SIGNING.id)), "E021"),
    "E021 wrongly signed": (SIGNING, topic(of=SIGNING.id), raw(envelope(of=SIGNING.id), key=b"no"), "E021"),
    "E041 before 2020": (SCALE, topic(), raw(envelope(event_time="2019-12-31T00:00:00Z")), "E041"),
    "E041 far ahead": (SCALE, topic(), raw(envelope(event_time="2099-01-01T00:00:00Z")), "E041"),
    "E043 no offset": (SCALE, topic(), raw(envelope(event_time="2026-11-20T11:00:00")), "E043"),
    "E050 nothing weighed": (SCALE, topic(), raw(envelope(body=weighing_body(net_g=0))), "E050"),
    "E050 not a number": (SCALE, topic(), raw(envelope()).replace(b"512", b"NaN"), "E050"),
}


async def test_every_bad_input_the_gateway_decides_is_dead_lettered_with_its_code(broker):
    sink = MemorySink()
    before = {code: metrics.DEAD_LETTERS.labels(code)._value.get() for code in {row[3] for row in E4.values()}}
    async with gateway(broker, sink):
        for number, (device, where, payload, code) in enumerate(E4.values(), 1):
            with ForeignDevice(broker, device.id) as sender:
                sender.publish(where, payload)
            await until(lambda: len(sink.records) == number, f"a dead letter {code}")  # noqa: B023
    assert dict(zip(E4, sink.codes(), strict=True)) == {name: row[3] for name, row in E4.items()}
    assert [record.value for record in sink.records] == [row[2] for row in E4.values()]
    for code, count in before.items():
        assert metrics.DEAD_LETTERS.labels(code)._value.get() == count + sum(row[3] == code for row in E4.values())


async def test_a_merchant_nobody_knows_is_e011(mosquitto):
    # Only Mosquitto lets a device name another merchant in its topic; the embedded broker's permissions end before that.
    sink = MemorySink()
    async with gateway(mosquitto, sink):
        with ForeignDevice(mosquitto, SCALE.id) as scale:
            scale.publish(topic(uscc=STRANGER_USCC), raw(envelope(uscc=STRANGER_USCC)))
            await until(lambda: sink.records, "a dead letter")
    assert sink.codes() == ["E011"]


TOLERATED = {
    "E040 five minutes ahead": (lambda: envelope(at=now() + timedelta(minutes=9)), "clock_skew"),
    "E042 older than 72 h": (lambda: envelope(at=now() - timedelta(hours=80)), "late"),
    "E051 arithmetic": (lambda: envelope(at=now(), body=weighing_body(amount_fen=1)), "suspect"),
}


async def test_what_is_only_doubtful_is_taken_with_its_flag(broker):
    sink = MemorySink()
    async with gateway(broker, sink):
        with ForeignDevice(broker, SCALE.id) as scale:
            for make, _ in TOLERATED.values():
                scale.publish(topic(), raw(make()))
        await until(lambda: len(sink.records) == len(TOLERATED), "all taken")
    assert sorted(fact["flags"][0] for fact in sink.bodies()) == sorted(flag for _, flag in TOLERATED.values())


async def test_three_wrong_signatures_block_a_device_until_it_gets_a_new_key(broker):
    sink = MemorySink()
    where = topic(of=SIGNING.id)
    async with gateway(broker, sink):
        with ForeignDevice(broker, SIGNING.id) as scale:
            scale.publish(where, raw(envelope(of=SIGNING.id, at=now()), key=KEY))
            for _ in range(3):
                scale.publish(where, raw(envelope(of=SIGNING.id, at=now()), key=b"no"))
            await until(lambda: len(sink.records) == 4, "one taken, three refused")
            scale.publish(where, raw(envelope(of=SIGNING.id, at=now()), key=KEY))
            await until(lambda: len(sink.records) == 5, "the blocked one")
    assert sink.codes() == ["E021", "E021", "E021", "E020"]


async def test_qos_1_beyond_the_rate_is_slowed_and_never_lost(broker):
    sink, begun = MemorySink(), asyncio.get_running_loop().time()
    limits = Limits(events_per_second=20, burst=10)
    throttled = metrics.MESSAGES.labels("scale.weigh", Result.THROTTLED.value)._value.get()
    async with gateway(broker, sink, limits=limits):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(0, 300))
        await until(lambda: len(sink.seqs()) >= 300, "all arrived")
        took = asyncio.get_running_loop().time() - begun
    assert sorted(set(sink.seqs())) == list(range(300))
    assert took > 1.0, "290 messages beyond the burst wait up to a second"
    assert metrics.MESSAGES.labels("scale.weigh", Result.THROTTLED.value)._value.get() > throttled + 200


async def test_qos_0_beyond_the_rate_is_dropped_counted_and_reported_once(broker):
    sink = MemorySink()
    dropped = metrics.MESSAGES.labels("sensor.temp", Result.DROPPED.value)._value.get()
    reading = raw(envelope(kind="sensor.temp", at=now(), body={"celsius": 4.0, "zone": "cold"}))
    async with gateway(broker, sink, limits=Limits(events_per_second=1, burst=10)):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all([(topic("sensor/temp"), reading)] * 100, qos=0)
            await until(
                lambda: metrics.MESSAGES.labels("sensor.temp", Result.DROPPED.value)._value.get() >= dropped + 85, "dropped"
            )
    assert 10 <= len(sink.bodies()) <= 15
    assert sink.codes() == ["E070"]


async def test_frames_beyond_the_rate_are_slowed_then_dropped_and_facts_are_not_held_up(broker):
    sink = MemorySink()
    dropped = metrics.MESSAGES.labels(metrics.FRAME, Result.DROPPED.value)
    before = dropped._value.get()
    async with gateway(broker, sink, limits=Limits(frames_per_second=10, burst=10)):
        with ForeignDevice(broker, CAMERA.id) as camera:
            camera.publish_all([(topic("cam/frame", of=CAMERA.id), jpeg())] * 60)
            camera.publish_all(
                [(topic("cam/status", of=CAMERA.id), raw(envelope(kind="cam.status", of=CAMERA.id, body={"online": True})))]
            )
        await until(sink.bodies, "the fact")
        await until(lambda: len(sink.of(Topic.FRAMES)) + dropped._value.get() - before == 60, "every frame accounted for")
    assert 15 <= len(sink.of(Topic.FRAMES)) <= 45
    assert sink.codes() == ["E070"]


async def test_over_mqtt_5_a_frame_brings_its_metadata_as_properties(mosquitto):
    sink, at = MemorySink(), now() - timedelta(hours=1)
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = [("captured_at", format_instant(at)), ("seq", "12")]
    async with gateway(mosquitto, sink):
        with ForeignDevice(mosquitto, CAMERA.id, version=paho.MQTTv5) as camera:
            camera.publish(topic("cam/frame", of=CAMERA.id), jpeg(), properties=properties)
            await until(lambda: sink.records, "the frame")
    found = headers(sink.records[0])
    assert (found["captured_at"], found["seq"], found["time_source"]) == (format_instant(at), "12", "device")


async def test_over_mqtt_5_two_gateways_share_the_work_and_nothing_comes_twice(mosquitto):
    first, second = MemorySink(), MemorySink()
    async with (
        gateway(mosquitto, first, client_id="gateway-1", shared=True),
        gateway(mosquitto, second, client_id="gateway-2", shared=True),
    ):
        with ForeignDevice(mosquitto, SCALE.id) as scale:
            scale.publish(topic("status"), b"online", retain=True)
            scale.publish_all(weighings(0, 100))
        await until(lambda: len(first.seqs()) + len(second.seqs()) >= 100, "all arrived")
    assert sorted(first.seqs() + second.seqs()) == list(range(100))
    assert first.seqs()
    assert second.seqs()
    assert len([fact for fact in first.bodies() + second.bodies() if fact["kind"] == "cam.status"]) == 1


async def test_a_stop_leaves_what_is_in_hand_to_the_next_gateway(broker):
    held, sink = MemorySink(), MemorySink()
    held.open.clear()
    async with gateway(broker, held):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(0, 5))
        await until(lambda: metrics.IN_HAND._value.get() == 5, "all in hand")
    async with gateway(broker, sink):
        await until(lambda: len(sink.seqs()) >= 5, "all come again")
    assert held.records == []
    assert sorted(sink.seqs()) == list(range(5))
