"""What a message means: records, or the code of domain.md E.4; one row per case."""

import json
from contextlib import suppress
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.judgement import Message, dead_letter, judge, label
from devices.limits import Limits
from devices.payloads import frame_properties, mark_frame
from domain.errors import BadInput, Code
from domain.observations import Observation, TimeSource
from domain.time import format_instant
from domain.topics import Topic
from tests.unit.devices.things import (
    CAMERA,
    KEY,
    LATER,
    NOW,
    OTHER_USCC,
    REVOKED,
    SCALE,
    SIGNING,
    STRANGER_USCC,
    USCC,
    envelope,
    headers,
    jpeg,
    message,
    raw,
    registers,
    weighing_body,
)

LIMITS = Limits()


def told(found: Message, at=NOW):
    return judge(found, registers(), LIMITS, at)


def observation(found: Message, at=NOW) -> Observation:
    (record,) = told(found, at)
    return Observation.from_wire(orjson.loads(record.value))


def test_a_weighing_becomes_an_observation_of_its_merchant():
    (record,) = told(message(raw(envelope())))
    assert (record.topic, record.key) == (Topic.OBSERVATIONS, USCC.encode())
    assert Observation.from_wire(orjson.loads(record.value)).body["net_g"] == 512


def test_a_detection_of_other_eyes_goes_to_its_own_topic_by_camera():
    body = {"class": "no_hat", "confidence": 0.9}
    (record,) = told(message(raw(envelope(kind="cam.detection", of=CAMERA.id, body=body)), "cam/detection", of=CAMERA.id))
    assert (record.topic, record.key) == (Topic.DETECTIONS, CAMERA.id.encode())


def test_a_bare_jpeg_is_a_frame_of_the_moment_it_came():
    (record,) = told(message(jpeg(), "cam/frame", of=CAMERA.id))
    assert (record.topic, record.key, record.value) == (Topic.FRAMES, CAMERA.id.encode(), jpeg())
    found = headers(record)
    assert (found["merchant"], found["captured_at"], found["time_source"]) == (USCC, format_instant(NOW), "server")
    assert (found["width"], found["height"], found["seq"]) == ("64", "48", "0")


@pytest.mark.parametrize("way", ["properties", "comment"])
def test_a_frame_that_says_when_it_was_taken_keeps_that_time(way):
    at = NOW - timedelta(hours=5)
    found = (
        message(jpeg(), "cam/frame", of=CAMERA.id, properties=frame_properties(at, 3))
        if way == "properties"
        else message(mark_frame(jpeg(), at, 3), "cam/frame", of=CAMERA.id)
    )
    (record,) = told(found)
    assert headers(record)["captured_at"] == format_instant(at)
    assert (headers(record)["time_source"], headers(record)["seq"]) == ("device", "3")


def test_a_frame_from_a_fast_clock_gets_the_servers_time_and_a_flag():
    found = message(jpeg(), "cam/frame", of=CAMERA.id, properties=frame_properties(NOW + timedelta(minutes=9), 3))
    (record,) = told(found)
    assert headers(record)["captured_at"] == format_instant(NOW)
    assert headers(record)["flags"] == "clock_skew"


def test_a_signed_weighing_of_a_device_with_a_key_is_taken():
    assert told(message(raw(envelope(of=SIGNING.id), key=KEY), of=SIGNING.id))


def test_a_late_fact_is_taken_and_marked():
    assert "late" in observation(message(raw(envelope(at=NOW - timedelta(hours=80))))).flags


def test_a_scale_that_does_not_add_up_is_taken_as_suspect():
    assert "suspect" in observation(message(raw(envelope(body=weighing_body(amount_fen=1))))).flags


def test_a_device_that_is_five_minutes_fast_gets_the_servers_time():
    found = observation(message(raw(envelope(at=NOW + timedelta(minutes=6)))))
    assert (found.event_time, found.time_source) == (NOW, TimeSource.SERVER)


def test_a_lower_case_code_is_taken():
    assert told(message(raw(envelope(uscc=USCC.lower()))))


REFUSED = {
    "no JSON": (message(b"junk"), Code.MALFORMED),
    "not UTF-8": (message(b'{"a":"\xff"}'), Code.MALFORMED),
    "no object": (message(b"[]"), Code.MALFORMED),
    "more than 64 KiB": (message(raw(envelope(pad="x" * 65536))), Code.MALFORMED),
    "nested a thousand deep": (
        message(raw(envelope()).replace(b'"stable": true', b'"x": ' + b"[" * 950 + b"]" * 950)),
        Code.MALFORMED,
    ),
    "nested deeper than can be written": (
        message(raw(envelope(body=weighing_body(x=json.loads("[" * 300 + "]" * 300))))),
        Code.MALFORMED,
    ),
    "a number too long to be written": (message(raw(envelope(body=weighing_body(x=2**70)))), Code.IMPOSSIBLE_VALUE),
    "a lone surrogate": (message(raw(envelope(body=weighing_body(plu="\ud800")))), Code.FIELD),
    "a frame that is no JPEG": (message(b"GIF89a", "cam/frame", of=CAMERA.id), Code.MALFORMED),
    "an unknown version": (message(raw(envelope(v=2))), Code.UNKNOWN_KIND),
    "an unknown kind": (message(raw(envelope(kind="no.such")), "no/such"), Code.UNKNOWN_KIND),
    "a kind on another's topic": (
        message(raw(envelope(kind="sensor.temp", body={"celsius": 4, "zone": "cold"}))),
        Code.UNKNOWN_KIND,
    ),
    "another fact on the status topic": (message(raw(envelope()), "status"), Code.UNKNOWN_KIND),
    "a topic of another scheme": (Message(topic="fs/v2/x", payload=b"{}"), Code.UNKNOWN_KIND),
    "a missing field": (message(raw(envelope(body={}))), Code.FIELD),
    "a polymorphic key": (message(raw(envelope(body=weighing_body(x={"__faust": {}})))), Code.POLYMORPHIC),
    "a code with a wrong check character in the topic": (message(raw(envelope()), uscc="92330211MA2ABC125X"), Code.USCC_INVALID),
    "a code with a wrong check character in the envelope": (message(raw(envelope(uscc="92330211MA2ABC125X"))), Code.USCC_INVALID),
    "a merchant nobody registered": (message(raw(envelope(uscc=STRANGER_USCC)), uscc=STRANGER_USCC), Code.USCC_UNKNOWN),
    "a device nobody registered": (message(raw(envelope(of="scl-ffffffff")), of="scl-ffffffff"), Code.DEVICE_FORBIDDEN),
    "a device id of another form": (message(raw(envelope()), of="scale-1"), Code.DEVICE_FORBIDDEN),
    "a revoked device": (message(raw(envelope(of=REVOKED.id)), of=REVOKED.id), Code.DEVICE_FORBIDDEN),
    "another merchant's device": (
        message(raw(envelope(uscc=OTHER_USCC)), uscc=OTHER_USCC, region="330225"),
        Code.DEVICE_FORBIDDEN,
    ),
    "another region": (message(raw(envelope()), region="330225"), Code.DEVICE_FORBIDDEN),
    "an envelope of another device": (message(raw(envelope(of=CAMERA.id))), Code.DEVICE_FORBIDDEN),
    "an envelope of another merchant": (message(raw(envelope(uscc=OTHER_USCC))), Code.DEVICE_FORBIDDEN),
    "a fact from before the device was bound": (
        message(raw(envelope(of=LATER.id, at=NOW - timedelta(hours=2))), of=LATER.id),
        Code.DEVICE_FORBIDDEN,
    ),
    "no signature though the device has a key": (message(raw(envelope(of=SIGNING.id)), of=SIGNING.id), Code.SIGNATURE_WRONG),
    "a wrong signature": (message(raw(envelope(of=SIGNING.id), key=b"no"), of=SIGNING.id), Code.SIGNATURE_WRONG),
    "a time more than a day ahead": (message(raw(envelope(at=NOW + timedelta(hours=25)))), Code.TIME_IMPOSSIBLE),
    "a time before 2020": (message(raw(envelope(event_time="2019-12-31T00:00:00Z"))), Code.TIME_IMPOSSIBLE),
    "a time without offset": (message(raw(envelope(event_time="2026-11-20T11:00:00"))), Code.NO_OFFSET),
    "a weighing of nothing": (message(raw(envelope(body=weighing_body(net_g=0)))), Code.IMPOSSIBLE_VALUE),
    "a weighing of more than 30 kg": (message(raw(envelope(body=weighing_body(net_g=30_001)))), Code.IMPOSSIBLE_VALUE),
    "not a number": (message(raw(envelope()).replace(b"512", b"NaN")), Code.IMPOSSIBLE_VALUE),
    "an expiry before production": (
        message(
            raw(
                envelope(
                    kind="batch.upsert",
                    body={
                        "lot": "L1",
                        "kind": "product",
                        "name": "x",
                        "qty_g": 1,
                        "state": "on_sale",
                        "produced_on": "2026-11-20",
                        "expires_at": "2026-11-19T00:00:00+08:00",
                    },
                )
            ),
            "batch/upsert",
        ),
        Code.EXPIRY_BEFORE_PRODUCTION,
    ),
}


@pytest.mark.parametrize(("found", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_its_code_is(found, code):
    with pytest.raises(BadInput) as refused:
        told(found)
    assert refused.value.code is code


IGNORED = {
    "a command to a device": message(b"{}", "cmd/reboot"),
    "a status taken away": message(b"", "status"),
    "a stored picture of no known time": message(jpeg(), "cam/frame", of=CAMERA.id, retained=True),
}


@pytest.mark.parametrize("found", IGNORED.values(), ids=IGNORED.keys())
def test_no_record_comes_of(found):
    assert told(found) == ()


@pytest.mark.parametrize(("word", "online"), [(b"online", True), (b"offline", False), (b" Offline\n", False)])
def test_a_plain_status_is_a_fact_of_the_moment_it_came(word, online):
    found = observation(message(word, "status"))
    assert (found.kind, found.body, found.device_id) == ("cam.status", {"online": online}, SCALE.id)
    assert (found.event_time, found.time_source) == (NOW, TimeSource.SERVER)


def test_a_status_envelope_is_taken_on_the_status_topic_and_on_its_own():
    status = raw(envelope(kind="cam.status", of=CAMERA.id, body={"online": True, "fps": 5}))
    by_leaf = [observation(message(status, leaf, of=CAMERA.id)).event_id for leaf in ("status", "cam/status")]
    assert by_leaf[0] == by_leaf[1]


def test_two_wills_on_one_day_are_two_facts():
    first, second = (observation(message(b"offline", "status"), NOW + timedelta(minutes=n)) for n in (0, 1))
    assert first.event_id != second.event_id


def test_a_stored_status_seen_again_after_a_restart_is_the_same_fact():
    stored = message(b"offline", "status", retained=True, resumed=True)
    first, second = (observation(stored, NOW + timedelta(minutes=n)) for n in (0, 30))
    assert (first.event_id, first.content_hash) == (second.event_id, second.content_hash)


def test_a_stored_status_found_by_a_session_that_remembers_nothing_is_news():
    stored = message(b"offline", "status", retained=True)
    first, second = (observation(stored, NOW + timedelta(minutes=n)) for n in (0, 30))
    assert first.event_id != second.event_id


def test_a_dead_letter_keeps_the_original_and_says_why():
    found = message(b"junk")
    record = dead_letter(found, BadInput(Code.MALFORMED, "no JSON"), LIMITS, NOW)
    assert (record.topic, record.value) == (Topic.DEAD_LETTERS, b"junk")
    assert record.key == f"mqtt:{found.topic}".encode()
    assert headers(record) == {
        "code": "E001",
        "reason": "E001: no JSON",
        "received_at": format_instant(NOW),
        "source": f"mqtt:{found.topic}",
        "uscc": USCC,
        "device_id": SCALE.id,
    }


def test_a_huge_dead_letter_is_cut_and_says_so():
    record = dead_letter(message(b"x" * 100), BadInput(Code.MALFORMED, "x"), Limits(dead_letter_bytes=10), NOW)
    assert len(record.value) == 10
    assert headers(record)["original_bytes"] == "100"


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [("cam/frame", "frame"), ("scale/weigh", "scale.weigh"), ("status", "cam.status"), ("x/y", "unknown"), ("a/b/c", "unknown")],
)
def test_metric_labels_are_a_closed_set(leaf, expected):
    assert label(message(b"", leaf).topic) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
)
LEAVES = st.sampled_from(["scale/weigh", "cam/frame", "status", "cam/detection", "batch/upsert", "cam/status", "x"])


@given(
    LEAVES,
    st.binary(max_size=200)
    | st.builds(
        lambda b, k: json.dumps({**envelope(), k: b}).encode(),
        JSON,
        st.sampled_from(["body", "seq", "event_time", "v", "kind", "uscc", "device_id", "event_id", "sig"]),
    ),
)
def test_whatever_comes_is_judged(leaf, payload):
    with suppress(BadInput):
        records = told(message(payload, leaf))
        assert all(record.topic in (Topic.OBSERVATIONS, Topic.DETECTIONS, Topic.FRAMES) for record in records)
