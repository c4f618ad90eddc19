"""Requests and answers in every version of the table, and bytes that are neither."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kio.schema.metadata.v0.request import MetadataRequest as OldMetadataRequest
from kio.serial import entity_reader, entity_writer

from streams.log.errors import WireError
from streams.log.versions import reshaped
from streams.log.wire import APIS, Request, api_versions_answer, decoded, encoded, request_schema, response_schema

EVERY_VERSION = [
    (api.key, version) for api in APIS.values() for version in range(api.oldest, api.newest + 1) if api.name != "ApiVersions"
]
IDS = [f"{APIS[key].name} {version}" for key, version in EVERY_VERSION]


def minimal(schema: Any) -> Any:
    """An entity of zeros: what ``reshaped`` makes of one that has no fields."""
    return reshaped(OldMetadataRequest(topics=()), schema)


def framed(key: int, version: int, body: bytes, client_id: bytes | None = b"me") -> bytes:
    client = struct.pack(">h", -1) if client_id is None else struct.pack(">h", len(client_id)) + client_id
    return struct.pack(">hhi", key, version, 42) + client + body


def written(entity: Any) -> bytes:
    out = io.BytesIO()
    entity_writer(type(entity))(out, entity)
    return out.getvalue()


@pytest.mark.parametrize(("key", "version"), EVERY_VERSION, ids=IDS)
def test_a_request_of_every_version_arrives_as_the_newest(key: int, version: int) -> None:
    request = decoded(framed(key, version, written(minimal(request_schema(key, version)))))
    assert isinstance(request.body, request_schema(key, APIS[key].newest))
    assert (request.version, request.correlation_id, request.client_id) == (version, 42, "me")


@pytest.mark.parametrize(("key", "version"), EVERY_VERSION, ids=IDS)
def test_an_answer_leaves_in_the_version_that_was_asked(key: int, version: int) -> None:
    answer: Any = minimal(response_schema(key, APIS[key].newest))
    frame = encoded(Request(APIS[key], version, 42, "me", None), answer)
    assert struct.unpack_from(">ii", frame) == (len(frame) - 4, 42)
    reader: Any = entity_reader(response_schema(key, version))
    _, size = reader(frame, 8)
    assert size == len(frame) - 8


@pytest.mark.parametrize(("key", "version"), EVERY_VERSION, ids=IDS)
def test_a_request_cut_anywhere_or_with_a_byte_too_many_is_refused(key: int, version: int) -> None:
    whole = framed(key, version, written(minimal(request_schema(key, version))))
    for length in range(len(whole)):
        with pytest.raises(WireError):
            decoded(whole[:length])
    with pytest.raises(WireError):
        decoded(whole + b"\0")


@settings(max_examples=400, deadline=None)
@given(which=st.sampled_from(EVERY_VERSION), body=st.binary(max_size=200), client=st.none() | st.binary(max_size=9))
def test_any_bytes_are_a_request_or_an_error_of_ours(which: tuple[int, int], body: bytes, client: bytes | None) -> None:
    try:
        request = decoded(framed(*which, body, client))
    except WireError:
        return
    assert isinstance(request.body, request_schema(which[0], APIS[which[0]].newest))


@pytest.mark.parametrize(
    ("key", "version", "reason"),
    [
        (24, 0, "a transactional call"),
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
