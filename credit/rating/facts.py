"""Facts of one merchant as JSON, read without a binary float: a number is an ``int``, a ``Decimal`` or a text of digits.

A missing key is an error that names its path, and so is one nobody knows: a misspelt indicator must never be taken as absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeGuard

from domain.errors import BadInput, Code
from domain.time import local_day, parse_instant

_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,30})?")
_LARGEST: Final = Decimal(10) ** 12
_FINEST: Final = -30
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHOWN: Final = 60
"""Most characters of a wrong value that a message repeats."""


def read_facts(text: str | bytes) -> dict[str, Any]:
    """The facts of a JSON document.

    Raises:
        BadInput: it is no JSON object, or one of its keys stands twice.
    """
    try:
        facts = json.loads(text, parse_float=_decimal, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadInput(Code.MALFORMED, f"the facts are no JSON: {error}", hint="one JSON object, UTF-8") from None
    if not isinstance(facts, dict):
        raise BadInput(Code.MALFORMED, "the facts are no JSON object", hint="write {…} around them")
    return facts


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of twenty digits
        raise ValueError(f"{digits[:_SHOWN]} is no number") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:_SHOWN]!r} stands twice")
        for text in (key, value):
            if isinstance(text, str) and not text.isascii():
                text.encode()  # half a surrogate pair is no character, and nobody could print it
        found[key] = value
    return found


def bad_fact(where: str, what: str, hint: str = "") -> BadInput:
    """The refusal of a fact, to be raised; ``where`` is its path."""
    return BadInput(Code.FIELD, what, where=where, hint=hint)


def shown(raw: Any) -> str:
    """A wrong value as a message repeats it: as JSON writes it, and not all of a long one."""
    plainly = isinstance(raw, Decimal) and abs(raw.adjusted()) < _SHOWN
    told = f"{raw:f}" if plainly else json.dumps(raw, ensure_ascii=False, default=str)
    told = told[: _SHOWN + 1].encode("utf-8", "backslashreplace").decode()
    return told if len(told) <= _SHOWN else f"{told[:_SHOWN]}…"


def number_of(raw: Any, where: str) -> Decimal:
    """A decimal from a JSON number or a text of digits.

    Raises:
        BadInput: it is something else, a binary float among others, or has more than 12 digits before the point or 30 after it.
    """
    kind = type(raw)
    if kind is str and _NUMBER.fullmatch(raw):
        return Decimal(raw)
    if kind is int and -(10**12) < raw < 10**12:
        return Decimal(raw)
    if kind is Decimal and raw.is_finite() and abs(raw) < _LARGEST and raw.as_tuple().exponent >= _FINEST:
        number: Decimal = raw
        return number
    raise bad_fact(where, f"{shown(raw)} is no decimal number", 'write digits, e.g. "94.99"')


def mapping_of(raw: object, where: str, known: Collection[str], optional: Collection[str] = ()) -> Mapping[str, Any]:
    """An object with exactly the keys that are known; those not optional must be there.

    Raises:
        BadInput: it is no object, or a key is missing or unknown.
    """
    if type(raw) is not dict and not isinstance(raw, Mapping):
        raise bad_fact(where, f"{shown(raw)} is no object", f"keys: {', '.join(known)}")
    if len(raw) == len(known):
        for key in known:
            if key not in raw:
                break
        else:
            return raw
    for key in known:
        if key not in raw and key not in optional:
            raise bad_fact(f"{where}.{key}" if where else key, "the key is missing", "add it; null means not applicable")
    for key in raw:
        if key not in known:
            raise unknown_key(f"{where}.{key}" if where else str(key), known)
    return raw


def unknown_key(where: str, known: Collection[str]) -> BadInput:
    """The refusal of a key nobody knows, with the nearest known one."""
    import difflib  # noqa: PLC0415 - needed only when something is misspelt

    near = difflib.get_close_matches(where.rpartition(".")[2], known, n=1)
    return bad_fact(where, "the key is not known", f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}")


def is_day(raw: object) -> TypeGuard[str]:
    """Whether a value has the form ``YYYY-MM-DD``; ``2026-W48-1`` has ten characters too."""
    return isinstance(raw, str) and _DAY.fullmatch(raw) is not None


def date_of(raw: object, where: str) -> date:
    """A calendar day ``YYYY-MM-DD``; of an instant with its offset the day in Shanghai.

    Raises:
        BadInput: it is something else.
    """
    if is_day(raw):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            pass
    if isinstance(raw, str) and "T" in raw:
        return local_day(parse_instant(raw, where))
    raise bad_fact(where, f"{shown(raw)} is no date", "write YYYY-MM-DD")
