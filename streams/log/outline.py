"""The outline of a request: its lengths and counts, walked over before anything is built from it.

The rule to know: kio's reader makes room for an array of as many elements as the bytes *say*, and ends the whole process
where that memory cannot be had (kio 0.6.5: 30 bytes that claim 2^31 elements). So no request reaches it whose counts its own
bytes do not bear out, or which would become far more objects than any client asks for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType
from typing import Any, Final, get_args, get_origin

from kio.static.protocol import Entity

from streams.log.errors import WireError

MAX_ELEMENTS: Final = 20_000
"""Array elements of one request, nested ones included: topics, partitions, members, names."""

_FIXED: Final = {
    "bool": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "error_code": 2,
    "int32": 4,
    "timedelta_i32": 4,
    "int64": 8,
    "timedelta_i64": 8,
    "datetime_i64": 8,
    "float64": 8,
    "uuid": 16,
}
_SHORT: Final = struct.Struct(">h")
_LONG: Final = struct.Struct(">i")
_MAX_VARINT_BYTES: Final = 5
_STRING: Final = "string"
_BYTES: Final = "bytes"


@dataclass(frozen=True, slots=True)
class _Array:
    """So many times the same steps; in flexible versions each structure ends with tagged fields, a plain value does not."""

    steps: tuple[_Step, ...]
    structures: bool


_Step = int | str | _Array
"""So many bytes, a string, bytes, or an array."""


def judge(frame: bytes, position: int, schema: type[Entity]) -> int:
    """Walk over a request.

    Args:
        frame: the request.
        position: where its body begins.
        schema: of which version it is.

    Returns:
        Where it ends by its own lengths.

    Raises:
        WireError: a count or length is not borne out by what follows, or there are too many elements.
    """
    walk = _Walk(frame, flexible=schema.__flexible__)
    try:
        end = walk.over(_steps(schema), position)
        if schema.__flexible__:
            end = walk.tags(end)
    except (struct.error, IndexError):
        raise WireError("it is cut off") from None
    if end > len(frame):
        raise WireError("it is cut off")
    return end


def past_tags(frame: bytes, position: int) -> int:
    """Where the tagged fields of a flexible header end.

    Raises:
        WireError: they do not end within the request.
    """
    try:
        return _Walk(frame, flexible=True).tags(position)
    except IndexError:
        raise WireError("it is cut off") from None


class _Walk:
    """One walk over one request."""

    __slots__ = ("_flexible", "_frame", "_left")

    def __init__(self, frame: bytes, *, flexible: bool) -> None:
        self._frame = frame
        self._flexible = flexible
        self._left = MAX_ELEMENTS

    def over(self, steps: tuple[_Step, ...], position: int) -> int:
        for step in steps:
            if isinstance(step, int):
                position += step
            elif isinstance(step, str):
                length, position = self._length(step, position)
                position += max(length, 0)
            else:
                position = self._elements(step, position)
        return position

    def tags(self, position: int) -> int:
        count, position = self._varint(position)
        self._spend(count, position)
        for _ in range(count):
            _, position = self._varint(position)
            size, position = self._varint(position)
            position += size
            if position > len(self._frame):
                raise WireError("a tagged field is longer than the request")
        return position

    def _elements(self, array: _Array, position: int) -> int:
        count, position = self._length(_BYTES, position)
        if count <= 0:
            return position
        self._spend(count, position)
        tagged = self._flexible and array.structures
        for _ in range(count):
            position = self.over(array.steps, position)
            if tagged:
                position = self.tags(position)
        return position

    def _spend(self, count: int, position: int) -> None:
        """Every element takes a byte at least, and one of so many."""
        self._left -= count
        if count > len(self._frame) - position or self._left < 0:
            raise WireError(f"{count} elements are said to follow; that is too many")

    def _length(self, kind: str, position: int) -> tuple[int, int]:
        if self._flexible:
            length, position = self._varint(position)
            return length - 1, position
        form = _SHORT if kind is _STRING else _LONG
        return form.unpack_from(self._frame, position)[0], position + form.size

    def _varint(self, position: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
            byte = self._frame[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise WireError("a number without an end")


@cache
def _steps(schema: type[Entity]) -> tuple[_Step, ...]:
    """The steps over a structure; neighbouring fixed sizes are one."""
    steps: list[_Step] = []
    for field in fields(schema):
        if "tag" in field.metadata:
            continue
        step = _step(field.metadata.get("kafka_type"), field.type)
        if isinstance(step, int) and steps and isinstance(steps[-1], int):
            steps[-1] += step
        else:
            steps.append(step)
    return tuple(steps)


def _step(kind: str | None, annotation: Any) -> _Step:
    inner = _without_none(annotation)
    if get_origin(inner) is not tuple:
        return _plain(kind)
    element = _without_none(get_args(inner)[0])
    if hasattr(element, "__type__"):
        return _Array(_steps(element), structures=True)
    return _Array((_plain(kind),), structures=False)


def _plain(kind: str | None) -> int | str:
    if kind is None:
        raise TypeError("a structure that is no array; no request served has one")
    return _FIXED.get(kind) or (_STRING if kind == "string" else _BYTES)


def _without_none(annotation: Any) -> Any:
    """``X | None`` as X."""
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple or NoneType not in arguments:
        return annotation
    return next(each for each in arguments if each is not NoneType)
