"""Bytes on Kafka and values in code: orjson for JSON, UTF-8 for headers. Faust sees raw bytes only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from domain.errors import BadInput, Code

Headers = Sequence[tuple[str, bytes]]


def encode(value: Mapping[str, Any]) -> bytes:
    """A JSON object as bytes."""
    return orjson.dumps(value)


def decode(raw: bytes | None, where: str) -> dict[str, Any]:
    """Bytes as a JSON object.

    Raises:
        BadInput: E001 if they are none.
    """
    try:
        value = orjson.loads(raw or b"")
    except orjson.JSONDecodeError as error:
        raise BadInput(Code.MALFORMED, f"not JSON ({error})", where=where) from None
    if not isinstance(value, dict):
        raise BadInput(Code.MALFORMED, "not a JSON object", where=where)
    return value


def headers_of(pairs: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Text headers for a record."""
    return [(key, value.encode()) for key, value in pairs.items()]


def read_headers(headers: Mapping[str, bytes] | Headers | None) -> dict[str, str]:
    """Headers of a record as text; bytes that are no UTF-8 are replaced."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return {key: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for key, value in pairs}
