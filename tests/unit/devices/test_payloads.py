"""Signatures over the canonical form, and what a JPEG's markers tell."""

import base64
import hashlib
import hmac
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.payloads import frame_metadata, frame_properties, mark_frame, read_jpeg, signature, signed, verify
from domain.errors import BadInput, Code
from tests.unit.devices.things import KEY, NOW, envelope, jpeg

YEARS = (datetime(2020, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001 - Hypothesis adds the zone
SIZES = {"most_bytes": 2 * 1024 * 1024, "most_pixels": 40_000_000}


def test_the_signature_is_hmac_sha256_over_the_canonical_form_without_sig():
    value = {"v": 1, "b": 1.0, "a": "é", "sig": "whatever"}
    expected = hmac.new(KEY, '{"a":"é","b":1,"v":1}'.encode(), hashlib.sha256).digest()
    assert signature(value, KEY) == "hmac-sha256/" + base64.b64encode(expected).decode()


def test_a_signed_envelope_verifies_whatever_the_order_of_its_keys():
    value = signed(envelope(), KEY)
    verify(dict(reversed(value.items())), KEY)


def test_bare_base64_is_accepted_as_a_signature():
    value = envelope()
    verify({**value, "sig": signature(value, KEY).removeprefix("hmac-sha256/")}, KEY)


GOOD = signed(envelope(), KEY)
WRONG = {
    "missing": {name: value for name, value in GOOD.items() if name != "sig"},
    "another key's": signed(envelope(), b"x" * 32),
    "of a changed body": {**GOOD, "seq": 8},
    "not base64": {**GOOD, "sig": "hmac-sha256/§§§"},
    "not a string": {**GOOD, "sig": 7},
    "empty": {**GOOD, "sig": ""},
    "over an integer JSON cannot carry": {**GOOD, "seq": 2**60},
    "over a lone surrogate": {**GOOD, "x": "\ud800"},
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG.keys())
def test_a_signature_is_refused_that_is(value):
    with pytest.raises(BadInput) as refused:
        verify(value, KEY)
    assert refused.value.code is Code.SIGNATURE_WRONG


@pytest.mark.parametrize("progressive", [False, True])
def test_the_size_of_a_jpeg_is_read_from_its_markers(progressive):
    done, data = cv2.imencode(".jpg", np.zeros((30, 70, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)])
    assert done
    picture = read_jpeg(data.tobytes(), **SIZES)
    assert (picture.width, picture.height) == (70, 30)


def test_padding_after_the_end_marker_is_allowed():
    read_jpeg(jpeg() + b"\x00" * 16, **SIZES)


BAD_JPEGS = {
    "empty": b"",
    "a PNG": b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
    "text": b"hello",
    "cut off": jpeg()[:-40],
    "only its two ends": b"\xff\xd8\xff\xd9",
    "without a frame header": b"\xff\xd8\xff\xda\x00\x04\x00\x00\xff\xd9",
    "a segment longer than the file": b"\xff\xd8\xff\xe0\xff\xff\x00\xff\xd9",
    "no width": jpeg().replace(b"\x00\x30\x00\x40\x03", b"\x00\x30\x00\x00\x03"),
    "a pixel bomb": jpeg().replace(b"\x00\x30\x00\x40\x03", b"\xff\xff\xff\xff\x03"),
    "too many bytes": jpeg()[:-2] + b"\x00" * SIZES["most_bytes"] + b"\xff\xd9",
}


@pytest.mark.parametrize("data", BAD_JPEGS.values(), ids=BAD_JPEGS.keys())
def test_a_frame_is_refused_as_malformed_that_is(data):
    with pytest.raises(BadInput) as refused:
        read_jpeg(data, **SIZES)
    assert refused.value.code is Code.MALFORMED


@given(st.binary(max_size=300), st.integers(0, 600), st.integers(0, 600))
def test_no_bytes_make_the_reader_fail_in_another_way(noise, begin, length):
    whole = jpeg()
    for data in (b"\xff\xd8" + noise + b"\xff\xd9", whole[:begin] + noise + whole[begin + length :]):
        with suppress(BadInput):
            assert read_jpeg(data, **SIZES).width > 0


@given(st.datetimes(*YEARS, timezones=st.just(UTC)), st.integers(0, 2**63 - 1))
def test_metadata_survives_the_comment_segment_and_the_properties(at, seq):
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    marked = read_jpeg(mark_frame(jpeg(), at, seq), **SIZES)
    for metadata in (frame_metadata(marked, {}), frame_metadata(read_jpeg(jpeg(), **SIZES), frame_properties(at, seq))):
        assert (metadata.captured_at, metadata.seq) == (at, seq)


def test_a_marked_frame_is_still_the_same_picture():
    before = cv2.imdecode(np.frombuffer(jpeg(noisy=True), np.uint8), cv2.IMREAD_COLOR)
    after = cv2.imdecode(np.frombuffer(mark_frame(jpeg(noisy=True), NOW, 1), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(before, after)


def test_a_bare_frame_has_no_time_of_its_own():
    metadata = frame_metadata(read_jpeg(jpeg(), **SIZES), {})
    assert metadata.captured_at is None
    assert metadata.seq is None


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"captured_at": "2026-11-20T11:00:00"}, Code.NO_OFFSET),
        ({"captured_at": "noon"}, Code.FIELD),
        ({"seq": "-1"}, Code.FIELD),
    ],
    ids=["a time without offset", "no time at all", "a negative number"],
)
def test_unreadable_metadata_is_refused(properties, code):
    with pytest.raises(BadInput) as refused:
        frame_metadata(read_jpeg(jpeg(), **SIZES), properties)
    assert refused.value.code is code


def test_the_properties_win_over_the_comment():
    marked = read_jpeg(mark_frame(jpeg(), NOW, 1), **SIZES)
    metadata = frame_metadata(marked, frame_properties(NOW - timedelta(hours=1), 9))
    assert metadata.captured_at == NOW - timedelta(hours=1)
