"""Requests and answers in every version of the table, and bytes that are neither."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode
from kio.schema.metadata.v0.request import MetadataRequest as OldMetadataRequest
from kio.schema.produce.v8.response import PartitionProduceResponse, ProduceResponse, TopicProduceResponse
from kio.schema.types import TopicName
from kio.serial import entity_reader, entity_writer
from kio.static.primitive import i32, i64

from streams.log.errors import WireError
from streams.log.versions import NO_TIME, reshaped
from streams.log.wire import APIS, Request, api_versions_answer, decoded, encoded, request_schema, response_schema
from tests.unit.log.length import times

EVERY_VERSION = [
    (api.key, version) for api in APIS.values() for version in range(api.oldest, api.newest + 1) if api.name != "ApiVersions"
]
IDS = [f"{APIS[key].name} {version}" for key, version in EVERY_VERSION]


def minimal(schema: Any) -> Any:
    """An entity of zeros: what ``reshaped`` makes of one that has no fields."""
    return reshaped(OldMetadataRequest(topics=()), schema)


def framed(key: int, version: int, body: bytes, client_id: bytes | None = b"me", tags: bytes = b"\0") -> bytes:
    client = struct.pack(">h", -1) if client_id is None else struct.pack(">h", len(client_id)) + client_id
    flexible = (key, version) in EVERY_VERSION and request_schema(key, version).__flexible__
    return struct.pack(">hhi", key, version, 42) + client + (tags if flexible else b"") + body


def written(entity: Any) -> bytes:
    out = io.BytesIO()
    entity_writer(type(entity))(out, entity)
    return out.getvalue()


@pytest.mark.parametrize(("key", "version"), EVERY_VERSION, ids=IDS)
def test_a_request_of_every_version_arrives_as_the_newest(key: int, version: int) -> None:
    request = decoded(framed(key, version, written(minimal(request_schema(key, version)))))
    newest = version if APIS[key].as_asked else APIS[key].newest
    assert isinstance(request.body, request_schema(key, newest))
    assert (request.version, request.correlation_id, request.client_id) == (version, 42, "me")


PARTITIONS = st.builds(
    PartitionProduceResponse,
    index=st.integers(0, 2**31 - 1).map(i32),
    error_code=st.sampled_from(ErrorCode),
    base_offset=st.integers(-1, 2**63 - 1).map(i64),
    log_append_time=st.none(),
    log_start_offset=st.integers(-1, 2**63 - 1).map(i64),
    record_errors=st.just(()),
    error_message=st.none() | st.text(max_size=20),
)
TOPICS = st.builds(
    TopicProduceResponse,
    name=st.text(max_size=10).map(TopicName),
    partition_responses=st.lists(PARTITIONS, max_size=3).map(tuple),
)


@settings(max_examples=times(100), deadline=None)
@given(topics=st.lists(TOPICS, max_size=3), version=st.integers(APIS[0].oldest, APIS[0].newest))
def test_the_produce_answer_written_by_hand_is_what_the_general_writer_writes(
    topics: list[TopicProduceResponse], version: int
) -> None:
    answer = ProduceResponse(responses=tuple(topics), throttle_time=NO_TIME)
    general = written(reshaped(answer, response_schema(0, version)))
    assert encoded(Request(APIS[0], version, 42, "me", None), answer)[8:] == general


@pytest.mark.parametrize(("key", "version"), EVERY_VERSION, ids=IDS)
def test_an_answer_leaves_in_the_version_that_was_asked(key: int, version: int) -> None:
    answer: Any = minimal(response_schema(key, APIS[key].newest))
    frame = encoded(Request(APIS[key], version, 42, "me", None), answer)
    assert struct.unpack_from(">ii", frame) == (len(frame) - 4, 42)
    schema: Any = response_schema(key, version)
    header = 9 if schema.__flexible__ else 8
    _, size = entity_reader(schema)(frame, header)
    assert size == len(frame) - header


@pytest.mark.parametrize(("key", "version"), EVERY_VERSION, ids=IDS)
def test_a_request_cut_anywhere_or_with_a_byte_too_many_is_refused(key: int, version: int) -> None:
    whole = framed(key, version, written(minimal(request_schema(key, version))))
    for length in range(len(whole)):
        with pytest.raises(WireError):
            decoded(whole[:length])
    with pytest.raises(WireError):
        decoded(whole + b"\0")


@settings(max_examples=times(300), deadline=None)
@given(which=st.sampled_from(EVERY_VERSION), body=st.binary(max_size=200), client=st.none() | st.binary(max_size=9))
def test_any_bytes_are_a_request_or_an_error_of_ours(which: tuple[int, int], body: bytes, client: bytes | None) -> None:
    try:
        request = decoded(framed(*which, body, client))
    except WireError:
        return
    api = APIS[which[0]]
    assert isinstance(request.body, request_schema(api.key, which[1] if api.as_asked else api.newest))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (b"\x01\x00\x03abc", "one tagged field"),
        (b"\x02\x00\x00\x07\x01x", "two, one of them empty"),
        (b"\x80\x00", "no field, in two bytes"),
    ],
)
def test_tagged_fields_of_a_flexible_header_are_passed_over(tags: bytes, reason: str) -> None:
    request = decoded(framed(60, 0, b"\x01\x00", tags=tags))
    assert request.body is not None, reason


@pytest.mark.parametrize(
    "tags", [b"\x01\x00\x7f", b"\xff\xff\xff\xff\xff\xff", b"\xff\xff\xff\xff\x0f", b"\x01\x00\x83\x80\x80\x80\x08"]
)
def test_tagged_fields_without_an_end_are_refused(tags: bytes) -> None:
    with pytest.raises(WireError):
        decoded(framed(60, 0, b"\x01\x00", tags=tags))


@pytest.mark.parametrize("count", [2**31 - 1, 2**24, 30])
@pytest.mark.parametrize(("key", "version"), [(1, 4), (2, 4), (3, 8), (16, 4), (0, 8)])
def test_a_count_that_no_bytes_follow_is_refused_and_no_room_made_for_it(key: int, version: int, count: int) -> None:
    whole = written(minimal(request_schema(key, version)))
    for position in range(len(whole) - 3):
        claimed = whole[:position] + struct.pack(">i", count) + whole[position + 4 :]
        with contextlib.suppress(WireError):
            decoded(framed(key, version, claimed))


def test_a_request_of_very_many_parts_is_refused_before_anything_is_built_from_it() -> None:
    topics = struct.pack(">i", 4_000_000) + b"\0\0\0\0\0\0" * 4_000_000
    body = struct.pack(">hhi", -1, -1, 1000) + topics
    with pytest.raises(WireError, match="too many"):
        decoded(framed(0, 8, body))


@pytest.mark.parametrize(
    ("key", "version", "reason"),
    [
        (65, 0, "a call of newer transactions"),
        (999, 0, "no call at all"),
        (-1, 0, "a negative key"),
        (0, 2, "an ancient version"),
        (0, 9, "a version from the future"),
        (1, -3, "a negative version"),
    ],
)
def test_what_the_table_does_not_name_is_refused(key: int, version: int, reason: str) -> None:
    with pytest.raises(WireError):
        decoded(framed(key, version, b"\0" * 20))


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_the_table_is_told_in_every_version_of_api_versions(version: int) -> None:
    frame = api_versions_answer(decoded(framed(18, version, b"whatever")))
    reader: Any = entity_reader(response_schema(18, version))
    answer, size = reader(frame, 8)
    assert size == len(frame) - 8
    assert answer.error_code == 0
    assert {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys} == {
        api.key: (api.oldest, api.newest) for api in APIS.values()
    }


def test_a_newer_api_versions_is_told_error_35_with_the_table_in_version_0() -> None:
    frame = api_versions_answer(decoded(framed(18, 4, b"whatever")))
    reader: Any = entity_reader(response_schema(18, 0))
    answer, size = reader(frame, 8)
    assert size == len(frame) - 8
    assert answer.error_code == 35
    assert len(answer.api_keys) == len(APIS)
