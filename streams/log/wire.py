"""Bytes to requests and answers to bytes, on kio's schemas, and the table of what this log speaks.

The rule to know: requests arrive here in any supported version and leave as the newest; answers are written by the
rest of the log in the newest and leave in the version that was asked. Only versions with the plain (not "flexible")
encoding are offered, ApiVersions 3 apart; clients settle on what the table says.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

from kio.index import load_request_schema, load_response_schema
from kio.schema.api_versions.v3 import response as api_versions
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError
from kio.static.primitive import i16
from kio.static.protocol import Entity

from streams.log.errors import WireError
from streams.log.versions import NO_TIME, reshaped


@dataclass(frozen=True, slots=True)
class Api:
    """One call of the protocol: its key, Kafka's name for it, and the versions served."""

    key: int
    name: str
    oldest: int
    newest: int


API_VERSIONS: Final = 18
PRODUCE: Final = 0

APIS: Final = {
    api.key: api
    for api in (
        Api(PRODUCE, "Produce", 3, 8),
        Api(1, "Fetch", 4, 11),
        Api(2, "ListOffsets", 1, 5),
        Api(3, "Metadata", 0, 8),
        Api(8, "OffsetCommit", 2, 7),
        Api(9, "OffsetFetch", 1, 5),
        Api(10, "FindCoordinator", 0, 2),
        Api(11, "JoinGroup", 0, 4),
        Api(12, "Heartbeat", 0, 2),
        Api(13, "LeaveGroup", 0, 2),
        Api(14, "SyncGroup", 0, 2),
        Api(15, "DescribeGroups", 0, 4),
        Api(16, "ListGroups", 0, 2),
        Api(API_VERSIONS, "ApiVersions", 0, 3),
        Api(19, "CreateTopics", 2, 4),
        Api(20, "DeleteTopics", 1, 3),
        Api(22, "InitProducerId", 0, 1),
        Api(32, "DescribeConfigs", 1, 2),
    )
}
"""Everything served, by API key. Versions with group instance ids (static membership) are not."""

_FIXED: Final = struct.Struct(">hhi")
_SHORT: Final = struct.Struct(">h")
_LENGTH: Final = struct.Struct(">i")
_CANNOT_DECODE = (SerialError, ValueError, KeyError, IndexError, OverflowError, TypeError)


@dataclass(frozen=True, slots=True)
class Request:
    """A request taken apart.

    Attributes:
        api: which call.
        version: as the client sent it; may be outside the table for ApiVersions alone.
        correlation_id: comes back with the answer.
        client_id: the client's name for itself.
        body: the request in the newest version served; None for ApiVersions, whose body nobody needs.
    """

    api: Api
    version: int
    correlation_id: int
    client_id: str
    body: Entity | None


def decoded(frame: bytes) -> Request:
    """Take one frame (without its length) apart.

    Raises:
        WireError: unknown call or version, truncated, oversized or senseless content.
    """
    if len(frame) < _FIXED.size + _SHORT.size:
        raise WireError(f"a request of {len(frame)} bytes has no header")
    key, version, correlation_id = _FIXED.unpack_from(frame)
    api = APIS.get(key)
    if api is None:
        raise WireError(f"API key {key} is not served here")
    if api.key == API_VERSIONS:
        return Request(api, version, correlation_id, "", None)
    if not api.oldest <= version <= api.newest:
        raise WireError(f"{api.name} version {version} is not served here: {api.oldest} to {api.newest} are")
    client_id, position = _client_id(frame, _FIXED.size)
    try:
        body, size = entity_reader(request_schema(key, version))(frame, position)
    except _CANNOT_DECODE as problem:
        raise WireError(f"{api.name} version {version} cannot be read: {problem}") from problem
    if position + size != len(frame):
        raise WireError(f"{api.name} version {version} has {len(frame) - position - size} bytes too many")
    return Request(api, version, correlation_id, client_id, reshaped(body, request_schema(key, api.newest)))


def encoded(request: Request, answer: Entity) -> bytes:
    """The answer to a request as a frame with its length, in the version that was asked."""
    schema = response_schema(request.api.key, request.version)
    out = io.BytesIO()
    out.write(_LENGTH.pack(0) + _LENGTH.pack(request.correlation_id))
    entity_writer(schema)(out, reshaped(answer, schema))
    size = out.tell() - _LENGTH.size
    out.seek(0)
    out.write(_LENGTH.pack(size))
    return out.getvalue()


def api_versions_answer(request: Request) -> bytes:
    """The table as an answer; a version from the future is told error 35 in version 0, with the table (KIP-511)."""
    unsupported = not request.api.oldest <= request.version <= request.api.newest
    answer = api_versions.ApiVersionsResponse(
        error_code=ErrorCode.unsupported_version if unsupported else ErrorCode.none,
        api_keys=tuple(
            api_versions.ApiVersion(api_key=i16(api.key), min_version=i16(api.oldest), max_version=i16(api.newest))
            for api in APIS.values()
        ),
        throttle_time=NO_TIME,
    )
    version = 0 if unsupported else request.version
    return encoded(Request(request.api, version, request.correlation_id, "", None), answer)


@cache
def request_schema(key: int, version: int) -> type[Entity]:
    """The class kio has for a request."""
    return cast("type[Entity]", load_request_schema(key, version))


@cache
def response_schema(key: int, version: int) -> type[Entity]:
    """The class kio has for a response."""
    return cast("type[Entity]", cast("Any", load_response_schema)(key, version))


def _client_id(frame: bytes, position: int) -> tuple[str, int]:
    (length,) = _SHORT.unpack_from(frame, position)
    position += _SHORT.size
    if length < 0:
        return "", position
    if position + length > len(frame):
        raise WireError("the client id is longer than the request")
    try:
        return frame[position : position + length].decode(), position + length
    except UnicodeDecodeError as problem:
        raise WireError("the client id is not UTF-8") from problem
