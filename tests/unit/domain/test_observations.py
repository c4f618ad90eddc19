"""The envelope and its bodies: what is accepted, tolerated with a flag, or refused with which code (domain.md E.4)."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput, Code
from domain.observations import Flag, Kind, Observation, TimeSource, decode_json, parse_envelope, scale_adds_up

NOW = datetime(2026, 11, 20, 3, 2, 40, tzinfo=UTC)
WEIGH = {
    "trace_code": "42E00ZTAA6BZ7F0T3GJV",
    "plu": "12",
    "lot": "L20261120A",
    "gross_g": 520,
    "tare_g": 8,
    "net_g": 512,
    "unit_price_fen_per_kg": 8800,
    "amount_fen": 4506,
    "operator": "p1",
    "stable": True,
}


def envelope(**changes):
    base = {
        "v": 1,
        "event_id": "0193b0c0-0000-7000-8000-000000000001",
        "kind": "scale.weigh",
        "uscc": "92330211MA2ABC125M",
        "device_id": "scl-0a1b2c3d",
        "event_time": "2026-11-20T11:02:33.120+08:00",
        "seq": 18231,
        "body": dict(WEIGH),
    }
    return {**base, **changes}


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def raw(**changes):
    return json.dumps(envelope(**changes)).encode()


def refused(data):
    with pytest.raises(BadInput) as caught:
        parse_envelope(data, NOW)
    return caught.value


def test_a_weighing_is_read_with_its_device_time():
    observation = parse_envelope(raw(), NOW)
    assert observation.kind is Kind.SCALE_WEIGH
    assert observation.event_time == datetime(2026, 11, 20, 3, 2, 33, 120_000, tzinfo=UTC)
    assert observation.flags == ()
    assert observation.time_source is TimeSource.DEVICE


def test_an_observation_survives_the_wire():
    observation = parse_envelope(raw(), NOW)
    assert Observation.from_wire(json.loads(json.dumps(observation.to_wire()))) == observation


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"\xff\xfe", Code.MALFORMED, "not UTF-8"),
        (b"{", Code.MALFORMED, "not JSON"),
        (b"[]", Code.MALFORMED, "not an object"),
        (b'{"a":"' + b"x" * 66_000 + b'"}', Code.MALFORMED, "over 64 KiB"),
        (b"[" * 100_000, Code.MALFORMED, "nested beyond reason"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, Code.MALFORMED, "parsed, but nested too deep to walk"),
        (envelope(body={**WEIGH, "odd": nested(900)}), Code.MALFORMED, "the same when somebody else decoded it"),
        (raw(body={**WEIGH, "operator": "p\0"}), Code.FIELD, "no database holds a NUL"),
        (raw(body={**WEIGH, "odd": [{"name": "\ud83d"}]}), Code.FIELD, "half a surrogate pair, in a field nobody knows"),
        (raw(body={**WEIGH, "odd": {"\udc00": 1}}), Code.FIELD, "half a surrogate pair in a key"),
        (raw(body={**WEIGH, "\0": 1}), Code.FIELD, "a NUL in a key"),
        (raw(body={**WEIGH, "net_g": 10**400}), Code.IMPOSSIBLE_VALUE, "a number no float reaches"),
        (raw(body={**WEIGH, "odd": -(2**63) - 1}), Code.IMPOSSIBLE_VALUE, "a number no 64 bits hold"),
        (raw(body=WEIGH).replace(b"4506", b'4506, "odd": 1e999'), Code.IMPOSSIBLE_VALUE, "an infinity in disguise"),
        (raw(v=2), Code.UNKNOWN_KIND, "unknown version"),
        (raw(v=True), Code.UNKNOWN_KIND, "true is not 1"),
        (raw(kind="cam.dance"), Code.UNKNOWN_KIND, "unknown kind"),
        (raw(kind=["cam.status"]), Code.UNKNOWN_KIND, "a kind that is no string"),
        (raw(uscc="92330211MA2ABC1250"), Code.USCC_INVALID, "check character"),
        (raw(device_id="scale"), Code.DEVICE_FORBIDDEN, "no device id"),
        (raw(event_time="2026-11-20T11:02:33"), Code.NO_OFFSET, "no offset"),
        (raw(event_time="yesterday"), Code.FIELD, "no time"),
        (raw(event_time="2026-11-22T11:02:33+08:00"), Code.TIME_IMPOSSIBLE, "more than 24 h ahead"),
        (raw(event_time="2019-12-31T11:02:33+08:00"), Code.TIME_IMPOSSIBLE, "before 2020"),
        (raw(seq=-1), Code.FIELD, "negative seq"),
        (raw(body=[]), Code.FIELD, "body is no object"),
        (raw(event_id="not-a-uuid"), Code.FIELD, "no UUID"),
        (raw(body={**WEIGH, "net_g": 0}), Code.IMPOSSIBLE_VALUE, "net of nothing"),
        (raw(body={**WEIGH, "net_g": 30_001}), Code.IMPOSSIBLE_VALUE, "over 30 kg"),
        (raw(body={**WEIGH, "net_g": 512.5}), Code.FIELD, "grams are whole"),
        (raw(body={**WEIGH, "lot": None}), Code.FIELD, "lot missing"),
        (raw(body={**WEIGH, "__faust": {"ns": "x"}}), Code.POLYMORPHIC, "polymorphic payload"),
        (raw(kind="sensor.temp", body={"celsius": 121, "zone": "cold"}), Code.IMPOSSIBLE_VALUE, "hotter than a fryer"),
        (raw(kind="rating.new", body={"stars": 6, "device_hash": "x"}), Code.IMPOSSIBLE_VALUE, "six stars"),
        (raw(kind="cam.detection", body={"class": "no_mask", "confidence": 1.2}), Code.IMPOSSIBLE_VALUE, "confidence over 1"),
    ],
)
def test_bad_envelopes_are_refused_with_their_code(data, code, reason):
    assert refused(data).code is code, reason


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_json_does_not_have_are_impossible(constant):
    assert refused(raw().replace(b"512", constant.encode(), 1)).code is Code.IMPOSSIBLE_VALUE


def test_expiry_before_production_is_refused():
    body = {
        "lot": "A1",
        "kind": "product",
        "name": "卤牛肉",
        "qty_g": 1000,
        "produced_on": "2026-11-20",
        "expires_at": "2026-11-19T00:00:00+08:00",
        "state": "on_sale",
    }
    assert refused(raw(kind="batch.upsert", body=body)).code is Code.EXPIRY_BEFORE_PRODUCTION


@pytest.mark.parametrize(
    ("event_time", "flags", "source", "reason"),
    [
        (NOW + timedelta(minutes=5), (), TimeSource.DEVICE, "five minutes ahead is tolerated"),
        (NOW + timedelta(minutes=5, milliseconds=1), (Flag.CLOCK_SKEW,), TimeSource.SERVER, "more is the server's time"),
        (NOW - timedelta(hours=72), (), TimeSource.DEVICE, "72 h old is not yet late"),
        (NOW - timedelta(hours=72, milliseconds=1), (Flag.LATE,), TimeSource.DEVICE, "older is late"),
    ],
)
def test_device_clocks_are_judged(event_time, flags, source, reason):
    observation = parse_envelope(raw(event_time=event_time.isoformat()), NOW)
    assert (observation.flags, observation.time_source) == (flags, source), reason
    if source is TimeSource.SERVER:
        assert observation.event_time == NOW


@pytest.mark.parametrize(
    ("changes", "adds_up"),
    [({}, True), ({"amount_fen": 4507}, True), ({"amount_fen": 4508}, False), ({"net_g": 511}, False), ({"tare_g": 9}, False)],
)
def test_scale_arithmetic_is_checked_within_one_fen(changes, adds_up):
    body = {**WEIGH, **changes}
    assert scale_adds_up(body) is adds_up
    assert (Flag.SUSPECT in parse_envelope(raw(body=body), NOW).flags) is not adds_up


def test_a_sender_without_event_ids_gets_a_stable_one():
    without = {key: value for key, value in envelope().items() if key != "event_id"}
    first, again = (parse_envelope(json.dumps(without).encode(), NOW) for _ in range(2))
    assert first.event_id == again.event_id
    other = parse_envelope(json.dumps({**without, "seq": 2}).encode(), NOW)
    assert other.event_id != first.event_id


def test_text_of_every_language_and_reasonable_depth_are_taken():
    body = {**WEIGH, "operator": "\U0001f35c 王", "odd": nested(28), "most": 2**63 - 1}
    assert parse_envelope(raw(body=body), NOW).body == body


def test_key_order_and_signature_do_not_change_what_was_said():
    turned = dict(reversed(list(envelope(sig="hmac-sha256/x").items())))
    assert parse_envelope(json.dumps(turned).encode(), NOW).content_hash == parse_envelope(raw(), NOW).content_hash


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data):
    try:
        decode_json(data)
    except BadInput:
        pass


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(envelope())), json_values)
def test_no_value_in_any_field_crashes_the_reader(field, value):
    try:
        parse_envelope(json.dumps(envelope(**{field: value})).encode(), NOW)
    except BadInput:
        pass


@given(
    st.sampled_from(sorted(Kind)),
    st.dictionaries(
        st.sampled_from([*sorted(WEIGH), "expires_at", "produced_on", "class", "confidence", "celsius"]), json_values
    ),
)
def test_no_body_of_any_kind_crashes_the_reader(kind, body):
    try:
        parse_envelope(json.dumps(envelope(kind=kind.value, body=body)).encode(), NOW)
    except BadInput:
        pass
