"""Types of single values in configuration files: how each is written and what is said when it is wrong."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from domain.errors import BadInput
from domain.ids import parse_device_id, parse_uscc
from domain.time import parse_instant

_PROVINCE_RANGES = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82))
PROVINCES = frozenset(str(code) for first, last in _PROVINCE_RANGES for code in range(first, last + 1))
"""First two digits of GB/T 2260."""


class Strict(BaseModel):
    """A mapping in a file: unknown keys are refused, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _digits(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _region(value: str) -> str:
    if not value.isdecimal() or len(value) != 6:
        raise ValueError("a region is six digits of GB/T 2260, e.g. 330211")
    return _province(value)


def _region_prefix(value: str) -> str:
    if not value.isdecimal() or len(value) not in (2, 4, 6):
        raise ValueError("a region is two, four or six digits of GB/T 2260, e.g. 3302")
    return _province(value)


def _province(value: str) -> str:
    if value[:2] not in PROVINCES:
        raise ValueError(f"{value[:2]} is no province of GB/T 2260")
    return value


def _uscc(value: str) -> str:
    try:
        return parse_uscc(value)
    except BadInput as error:
        raise ValueError(error.what + (f"; {error.hint}" if error.hint else "")) from None


def _device_id(value: str) -> str:
    try:
        return parse_device_id(value)
    except BadInput as error:
        raise ValueError(f"{error.what}; {error.hint}") from None


def _instant(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_instant(value, "")
    except BadInput as error:
        raise ValueError(f"{error.what}; {error.hint}") from None


def _clock(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError("a time of day is written HH:MM") from None


_TEXT = {"type": ["string", "integer"]}
Region = Annotated[str, BeforeValidator(_digits), AfterValidator(_region), WithJsonSchema(_TEXT | {"pattern": "^[0-9]{6}$"})]
RegionPrefix = Annotated[
    str, BeforeValidator(_digits), AfterValidator(_region_prefix), WithJsonSchema(_TEXT | {"pattern": "^([0-9]{2}){1,3}$"})
]
Uscc = Annotated[str, BeforeValidator(_digits), AfterValidator(_uscc), WithJsonSchema(_TEXT)]
DeviceId = Annotated[
    str,
    AfterValidator(_device_id),
    WithJsonSchema({"type": "string", "pattern": "^(cam|scl|sen|gw|kan)-[0-9a-f]{8}$"}),
]
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Clock = Annotated[time, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"})]
Phone = Annotated[
    str,
    BeforeValidator(_digits),
    Field(pattern=r"^\+?[0-9]{5,15}$", description="telephone number for text messages, digits with + at most"),
]
Email = Annotated[str, Field(pattern=r"^[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,190}$", description="address for e-mail")]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Code = Annotated[str, Field(pattern=r"^[A-Z]{1,4}[0-9]{1,4}$")]
