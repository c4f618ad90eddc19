"""Identifiers and their check digits (domain.md E.1).

The check value of a unified social credit code maps 0–30 in the alphabet's own order; a widely copied implementation
maps 31 to ``Y`` and 30 to ``0``, which is wrong.
"""

from __future__ import annotations

import re
import secrets
import uuid
from enum import StrEnum
from functools import lru_cache

from domain.errors import BadInput, Code

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DEVICE = re.compile(r"(cam|scl|sen|gw|kan)-[0-9a-f]{8}")
_LOT = re.compile(r"[A-Z0-9-]{1,20}")


class DeviceKind(StrEnum):
    """What a device is; the value is the prefix of its id."""

    CAMERA = "cam"
    SCALE = "scl"
    SENSOR = "sen"
    GATEWAY = "gw"
    KANBAN = "kan"


def uscc_check_character(first17: str) -> str:
    """The 18th character of a unified social credit code (GB 32100-2015)."""
    total = sum(USCC_ALPHABET.index(c) * w for c, w in zip(first17, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[(31 - total % 31) % 31]


@lru_cache(maxsize=4096)
def _is_uscc(code: str) -> bool:
    """Whether a code is right as it stands; remembered, because the same few merchants are named all day."""
    return all(c in USCC_ALPHABET for c in code) and code[17] == uscc_check_character(code[:17])


def parse_uscc(text: object, where: str = "uscc") -> str:
    """Validate a unified social credit code; lower case is accepted and upper-cased.

    Raises:
        BadInput: E010 on a wrong character, length or check character.
    """
    if not isinstance(text, str):
        raise BadInput(Code.USCC_INVALID, "a unified social credit code is required", where=where)
    if len(text) == 18 and _is_uscc(text):
        return text
    code = text.strip().upper()
    if len(code) != 18:
        raise BadInput(Code.USCC_INVALID, f"{code[:24]!r} has {len(code)} characters, not 18", where=where)
    if any(c not in USCC_ALPHABET for c in code):
        raise BadInput(Code.USCC_INVALID, f"{code!r} has a character outside {USCC_ALPHABET}", where=where)
    expected = uscc_check_character(code[:17])
    if code[17] != expected:
        raise BadInput(Code.USCC_INVALID, f"{code!r} should end in {expected!r}", where=where, hint="check for a typo")
    return code


def organisation_check_matches(uscc: str) -> bool:
    """Whether the inner organisation code (characters 9–17) has its own check character (GB 11714).

    A mismatch is a warning only: old codes exist that do not match.
    """
    body, check = uscc[8:16], uscc[16]
    values = (int(c, 36) for c in body)
    remainder = 11 - sum(v * w for v, w in zip(values, _ORGANISATION_WEIGHTS, strict=True)) % 11
    return check == {10: "X", 11: "0"}.get(remainder, str(remainder))


def licence_check_digit(digits: str) -> int:
    """ISO 7064 MOD 11,10 over the first 13 digits of a food licence number (GB/T 17710)."""
    p = 10
    for d in digits:
        s = (p + int(d)) % 10 or 10
        p = 2 * s % 11
    return (11 - p) % 10


def licence_verified(number: str) -> bool:
    """Whether a ``JY``/``SC`` number has its 14 digits and the right check digit (E012 flags, never refuses)."""
    return bool(re.fullmatch(r"(JY|SC)\d{14}", number)) and licence_check_digit(number[2:15]) == int(number[15])


def parse_device_id(text: object, where: str = "device_id") -> str:
    """Validate ``cam|scl|sen|gw|kan`` + ``-`` + 8 lower-case hex digits.

    Raises:
        BadInput: E020, because an id of another form can be bound to nobody.
    """
    if not isinstance(text, str) or not _DEVICE.fullmatch(text):
        raise BadInput(
            Code.DEVICE_FORBIDDEN, f"{str(text)[:40]!r} is no device id", where=where, hint="expected e.g. cam-0a1b2c3d"
        )
    return text


def device_kind(device_id: str) -> DeviceKind:
    """The kind a valid device id names."""
    return DeviceKind(device_id.split("-", 1)[0])


def lot_is_regular(lot: str) -> bool:
    """Whether a lot number has the form ``[A-Z0-9-]{1,20}``."""
    return bool(_LOT.fullmatch(lot))


def gtin_check_digit(digits: str) -> int:
    """The mod-10 check digit (weights 3,1 from the right) of a GTIN without its last digit."""
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return -total % 10


def gtin14_valid(text: str) -> bool:
    """Whether a 14-digit GTIN carries the right check digit."""
    return bool(re.fullmatch(r"\d{14}", text)) and gtin_check_digit(text[:13]) == int(text[13])


def trace_code_check_character(body: str) -> str:
    """Luhn mod 32 over the 19 random characters of a trace code."""
    total, factor = 0, 2
    for c in reversed(body):
        product = CROCKFORD.index(c) * factor
        total += product // 32 + product % 32
        factor = 3 - factor
    return CROCKFORD[-total % 32]


def trace_code_valid(text: str) -> bool:
    """Whether a trace code has 20 Crockford characters and the right check character."""
    return len(text) == 20 and all(c in CROCKFORD for c in text) and trace_code_check_character(text[:19]) == text[19]


def mint_trace_code() -> str:
    """A new unguessable trace code: 95 random bits and a check character."""
    body = "".join(secrets.choice(CROCKFORD) for _ in range(19))
    return body + trace_code_check_character(body)


def uuid7(unix_ms: int) -> str:
    """A UUIDv7 (RFC 9562) for an instant in milliseconds since 1970; later instants sort later."""
    value = (unix_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


_NAMESPACE = uuid.UUID("5d0f7a53-6c0e-5b8a-9d3c-2f6b1f0a8e11")


def derived_id(*parts: str) -> str:
    """A stable UUIDv5 from named parts: the same fact has the same id however often it is told."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))
