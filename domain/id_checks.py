"""What kind of identifier a text is, whether it is a valid one, and why (domain.md E.1): ``kitchen id check``.

Kinds are told apart by their form, so a text with a typing error is still named as what it was meant to be. Letters are
upper-cased first, where the product does so too (not in device ids); a mismatch of the inner organisation code is only a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import BadInput
from domain.ids import (
    CROCKFORD,
    gtin_check_digit,
    licence_check_digit,
    lot_is_regular,
    organisation_check_matches,
    parse_device_id,
    parse_uscc,
    trace_code_check_character,
)


class IdKind(StrEnum):
    """Identifiers whose form can be checked; the value is the wire word."""

    USCC = "uscc"
    JY_NO = "jy_no"
    SC_NO = "sc_no"
    GTIN14 = "gtin14"
    LOT = "lot"
    TRACE_CODE = "trace_code"
    DEVICE_ID = "device_id"
    EVENT_ID = "event_id"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdCheck:
    """What was found about one text."""

    text: str
    kind: IdKind
    valid: bool
    why: str


_EVENT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_PROVINCE = "(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])"
_FORMS = (
    (IdKind.EVENT_ID, _EVENT),
    (IdKind.DEVICE_ID, re.compile(r"(CAM|SCL|SEN|GW|KAN)-[0-9A-Z]*")),
    (IdKind.JY_NO, re.compile(r"JY[0-9]+")),
    (IdKind.SC_NO, re.compile(r"SC[0-9]+")),
    (IdKind.GTIN14, re.compile(r"[0-9]{14}")),
    (IdKind.TRACE_CODE, re.compile(r"[0-9A-Z]{20}")),
    (IdKind.USCC, re.compile(rf"[0-9A-Z]{{18}}|[0-9A-Z]{{2}}{_PROVINCE}[0-9]{{4}}[0-9A-Z]{{7,11}}")),
    (IdKind.LOT, re.compile(r"[0-9A-Z-]{1,20}")),
)
"""Forms in the order they are tried: a credit code or trace code with a typing error is also the form of a lot."""
_JY_FORMS = {"1": "food retail", "2": "catering", "3": "canteen"}


def kind_of(text: str) -> IdKind:
    """What a text was meant to be, by its form alone."""
    written = text.strip().upper()
    return next((kind for kind, form in _FORMS if form.fullmatch(written)), IdKind.UNKNOWN)


def check_id(text: str, kind: IdKind | None = None) -> IdCheck:
    """Judge one text.

    Args:
        text: as written; blanks around it do no harm.
        kind: what it is meant to be; told by its form if None.
    """
    meant = kind_of(text) if kind is None else kind
    valid, why = _CHECKS[meant](text.strip())
    return IdCheck(text=text, kind=meant, valid=valid, why=why)


def _uscc(text: str) -> tuple[bool, str]:
    try:
        code = parse_uscc(text)
    except BadInput as error:
        return False, error.what
    if not organisation_check_matches(code):
        return (
            True,
            f"check character {code[17]} is right; warning: the inner code {code[8:17]} has another check digit",
        )
    return True, f"check character {code[17]} is right"


def _licence(text: str) -> tuple[bool, str]:
    number = text.upper()
    digits = number[2:]
    if len(digits) != 14 or not re.fullmatch(r"(JY|SC)[0-9]+", number):
        return False, f"a licence number is JY or SC and 14 digits; this has {len(digits)} characters after the letters"
    if number.startswith("JY") and digits[0] not in _JY_FORMS:
        return False, f"the first digit {digits[0]} names no form of food business (1 retail, 2 catering, 3 canteen)"
    expected = licence_check_digit(digits[:13])
    if int(digits[13]) != expected:
        return False, f"the check digit should be {expected}, not {digits[13]}"
    return True, f"check digit {expected} is right"


def _gtin14(text: str) -> tuple[bool, str]:
    if not re.fullmatch(r"[0-9]{14}", text):
        return False, f"a GTIN-14 has 14 digits; this has {len(text)} characters"
    expected = gtin_check_digit(text[:13])
    if int(text[13]) != expected:
        return False, f"the check digit should be {expected}, not {text[13]}"
    weighed = "; variable weight" if text[0] == "9" else ""
    return True, f"check digit {expected} is right{weighed}"


def _lot(text: str) -> tuple[bool, str]:
    if lot_is_regular(text.upper()):
        return True, "1 to 20 characters of A-Z, 0-9 and -"
    return False, "a lot has 1 to 20 characters of A-Z, 0-9 and -"


def _trace_code(text: str) -> tuple[bool, str]:
    code = text.upper()
    if len(code) != 20:
        return False, f"a trace code has 20 characters; this has {len(code)}"
    strange = sorted(set(code) - set(CROCKFORD))
    if strange:
        return False, f"{strange[0]!r} is not in the alphabet {CROCKFORD}"
    expected = trace_code_check_character(code[:19])
    if code[19] != expected:
        return False, f"the check character should be {expected}, not {code[19]}"
    return True, f"check character {expected} is right"


def _device_id(text: str) -> tuple[bool, str]:
    try:
        parse_device_id(text)
    except BadInput as error:
        return False, f"{error.what}: cam, scl, sen, gw or kan, a hyphen and 8 hexadecimal digits"
    return True, "a kind of device and 8 hexadecimal digits"


def _event_id(text: str) -> tuple[bool, str]:
    found = _EVENT.fullmatch(text)
    if not found:
        return False, "an event id is a UUID of version 7"
    version, variant = found.groups()
    if version != "7":
        return False, f"a UUID of version {version}, not 7"
    if variant.lower() not in "89ab":
        return False, "a UUID of another variant than RFC 9562's"
    return True, "a UUID of version 7"


def _unknown(_: str) -> tuple[bool, str]:
    return False, "no identifier has this form"


_CHECKS: Mapping[IdKind, Callable[[str], tuple[bool, str]]] = {
    IdKind.USCC: _uscc,
    IdKind.JY_NO: _licence,
    IdKind.SC_NO: _licence,
    IdKind.GTIN14: _gtin14,
    IdKind.LOT: _lot,
    IdKind.TRACE_CODE: _trace_code,
    IdKind.DEVICE_ID: _device_id,
    IdKind.EVENT_ID: _event_id,
    IdKind.UNKNOWN: _unknown,
}
