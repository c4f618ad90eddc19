"""Bytes to requests and answers to bytes, on kio's schemas.

The rule to know: requests arrive here in any version served and leave as the newest; answers are written by the rest of
the log in the newest and leave in the version that was asked. Calls whose fields were *rearranged* between versions
(``Api.as_asked``) are handed over as they came. Clients settle on what the table of ``streams.log.apis`` says.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final, cast

from kio.schema.api_versions.v3 import response as api_versions
from kio.schema.errors import ErrorCode
from kio.schema.produce.v8.response import ProduceResponse
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError
from kio.static.primitive import i16
from kio.static.protocol import Entity

from streams.log.apis import API_VERSIONS, APIS, Api
from streams.log.errors import WireError
from streams.log.outline import judge, past_tags
from streams.log.produced import encoded_body
from streams.log.versions import NO_TIME, reshaped

_FIXED: Final = struct.Struct(">hhi")
_SHORT: Final = struct.Struct(">h")
_LENGTH: Final = struct.Struct(">i")
_HEAD: Final = struct.Struct(">ii")
_NO_TAGS: Final = b"\0"
_CANNOT_DECODE = (SerialError, ValueError, KeyError, IndexError, OverflowError, TypeError, struct.error)


@dataclass(slots=True)
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

    def take_body(self) -> Entity | None:
        """The body, which is not held here any longer: a produce request is large and its answer may wait for long."""
        body, self.body = self.body, None
        return body


def admitted(key: int, version: int) -> Api:
    """The call that the first four bytes of a request name.

    Raises:
        WireError: it is not served, or not in this version.
    """
    api = APIS.get(key)
    if api is None:
        raise WireError(f"API key {key} is not served here")
    if api.key != API_VERSIONS and not api.oldest <= version <= api.newest:
        raise WireError(f"{api.name} version {version} is not served here: {api.oldest} to {api.newest} are")
    return api


def decoded(frame: bytes) -> Request:
    """Take one frame (without its length) apart.

    Raises:
        WireError: unknown call or version, truncated, oversized or senseless content.
    """
    if len(frame) < _FIXED.size + _SHORT.size:
        raise WireError(f"a request of {len(frame)} bytes has no header")
    key, version, correlation_id = _FIXED.unpack_from(frame)
    api = admitted(key, version)
    if api.key == API_VERSIONS:
        return Request(api, version, correlation_id, "", None)
    schema = request_schema(key, version)
    client_id, position = _client_id(frame, _FIXED.size)
    try:
        if schema.__flexible__:
            position = past_tags(frame, position)
        if judge(frame, position, schema) != len(frame):
            raise WireError(f"{api.name} version {version} does not end where the request does")
        body, size = entity_reader(schema)(frame, position)
    except _CANNOT_DECODE as problem:
        raise WireError(f"{api.name} version {version} cannot be read: {problem}") from problem
    if position + size != len(frame):
        raise WireError(f"{api.name} version {version} has {len(frame) - position - size} bytes too many")
    if not api.as_asked:
        body = reshaped(body, request_schema(key, api.newest))
    return Request(api, version, correlation_id, client_id, body)


def encoded(request: Request, answer: Entity) -> bytes:
    """The answer to a request as a frame with its length, in the version that was asked."""
    if isinstance(answer, ProduceResponse):
        body = encoded_body(answer, request.version)
        return _HEAD.pack(_LENGTH.size + len(body), request.correlation_id) + body
    schema = response_schema(request.api.key, request.version)
    out = io.BytesIO()
    out.write(_LENGTH.pack(0) + _LENGTH.pack(request.correlation_id))
    if schema.__flexible__ and request.api.key != API_VERSIONS:  # whose answer must be readable before versions are known
        out.write(_NO_TAGS)
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
    return _schema(key, version, "request")


@cache
def response_schema(key: int, version: int) -> type[Entity]:
    """The class kio has for a response."""
    return _schema(key, version, "response")


def _schema(key: int, version: int, side: str) -> type[Entity]:
    """By name; kio's own index holds every message of the protocol in memory."""
    name = APIS[key].name
    module = import_module(f"kio.schema.{re.sub('(?<=[a-z])(?=[A-Z])', '_', name).lower()}.v{version}.{side}")
    return cast("type[Entity]", getattr(module, name + side.capitalize()))


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
