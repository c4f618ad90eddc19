"""One version of a Kafka message turned into another, so that the rest of the log knows only the newest.

The rule to know: fields keep their names over all versions of a schema, so a message is carried over by name;
what the target does not have is dropped, what the source does not have gets the schema's default, or zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin

from kio.schema.errors import ErrorCode
from kio.static.primitive import i32Timedelta
from kio.static.protocol import Entity

E = TypeVar("E", bound=Entity)

NO_TIME = i32Timedelta.parse(dt.timedelta(0))


@dataclass(frozen=True, slots=True)
class _Step:
    """How one field of the target gets its value."""

    name: str
    from_source: bool
    nested: type[Entity] | None
    default: Any


def reshaped(message: Entity, target: type[E]) -> E:
    """A message as another version of its schema.

    Args:
        message: the message, of any version.
        target: the class of the version wanted.

    Returns:
        The message itself if it already is of that version.
    """
    if type(message) is target:
        return message
    values: dict[str, Any] = {}
    for step in _steps(type(message), target):
        value = getattr(message, step.name) if step.from_source else step.default
        if step.nested is not None and value is not None:
            nested = step.nested
            value = tuple(reshaped(each, nested) for each in value) if isinstance(value, tuple) else value
        values[step.name] = value
    return cast("Callable[..., E]", target)(**values)


@cache
def _steps(source: type[Entity], target: type[Entity]) -> tuple[_Step, ...]:
    known = {each.name for each in fields(source)}
    return tuple(_Step(each.name, each.name in known, _nested(each.type), _default(each)) for each in fields(target))


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """``X | None`` as (X, NoneType), anything else alone."""
    return get_args(annotation) if get_origin(annotation) not in (None, tuple) else (annotation,)


def _nested(annotation: Any) -> type[Entity] | None:
    for each in _alternatives(annotation):
        if get_origin(each) is tuple:
            item = get_args(each)[0]
            if hasattr(item, "__type__"):
                return cast("type[Entity]", item)
    return None


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    alternatives = _alternatives(field.type)
    if NoneType in alternatives:
        return None
    kind = alternatives[0]
    if get_origin(kind) is tuple:
        return ()
    if kind is ErrorCode:
        return ErrorCode.none
    if issubclass(kind, dt.timedelta):
        return NO_TIME
    for plain in (bool, str, bytes, int):
        if issubclass(kind, plain):
            return plain()
    raise TypeError(f"no default for field {field.name}: {field.type}")
