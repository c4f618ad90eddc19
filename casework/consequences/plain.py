"""Frozen dataclasses as JSON values and back, exactly: instants keep their microseconds, decimals their digits.

Only what a lifecycle's case is made of is known: text, numbers without fractions, truth, instants, days, spans, decimals, closed
sets, and tuples or sets of them. A field that is missing in an old row takes its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dump(item: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON values."""
    return {field.name: plain(getattr(item, field.name)) for field in fields(item)}


def plain(value: Any) -> Any:
    """One value as JSON.

    Raises:
        TypeError: it is of a kind no case has, such as a binary float.
    """
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    if is_dataclass(value):
        return dump(value)
    raise TypeError(f"a case holds no {type(value).__name__}")


_WRITERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (StrEnum, str),
    (NoneType | bool | int | str, lambda value: value),
    (datetime | date, lambda value: value.isoformat()),
    (Decimal, lambda value: f"{value:f}"),
    (timedelta, lambda value: value // timedelta(microseconds=1)),
    (frozenset, lambda value: sorted(plain(item) for item in value)),
    (tuple | list, lambda value: [plain(item) for item in value]),
    (Mapping, lambda value: {str(key): plain(item) for key, item in value.items()}),
)
"""Kinds of values and how they are written; a closed set comes before the text it is."""


def load(kind: type[T], said: Mapping[str, Any]) -> T:
    """The dataclass whose fields these are."""
    known: Any = kind
    hints = _hints(known)
    return kind(**{name: _value(hints[name], value) for name, value in said.items() if name in hints})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, said: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return None if said is None else _value(next(item for item in get_args(hint) if item is not NoneType), said)
    if origin in (tuple, frozenset):
        return origin(_value(get_args(hint)[0], item) for item in said)
    if not isinstance(hint, type):
        return said
    return _READERS[hint](said) if hint in _READERS else _of_kind(hint, said)


_READERS: Mapping[type, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Decimal: Decimal,
    timedelta: lambda said: timedelta(microseconds=said),
}


def _of_kind(hint: type, said: Any) -> Any:
    if issubclass(hint, StrEnum):
        return hint(said)
    return load(hint, said) if is_dataclass(hint) else said
