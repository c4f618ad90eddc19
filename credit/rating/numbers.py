"""Which numbers a raw value may be, and how they are described in a JSON Schema.

Both ends of a range belong to it. JSON Schema can bound numbers but not texts of digits: the engine judges, the schema tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from credit.rating.facts import bad_fact, number_of
from credit.rating.value import Text, plain

Findings = Iterator[tuple[str, str]]
"""What is wrong with a rule: key inside it and what."""
NOTHING: Final = Decimal(0)
_WHOLE: Final = r"[0-9]{1,12}(\.0{1,30})?"
_FRACTION: Final = r"[0-9]{1,12}(\.[0-9]{1,30})?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """Which numbers a raw value may be.

    Attributes:
        least, most: the range, both ends included; ``None`` = open.
        whole: only integers.
        allowed: only these, if there are any.
        unit: shown behind the number.
    """

    least: Decimal | None = None
    most: Decimal | None = None
    whole: bool = False
    allowed: tuple[Decimal, ...] = ()
    unit: str = ""

    def read(self, raw: Any, where: str) -> Decimal:
        """The number.

        Raises:
            BadInput: it is none, or not one of those it may be.
        """
        number = number_of(raw, where)
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            raise bad_fact(where, f"{plain(number)} is out of range", f"from {shown_end(self.least)} to {shown_end(self.most)}")
        if self.whole and number != number.to_integral_value():
            raise bad_fact(where, f"{plain(number)} is no whole number")
        if self.allowed and number not in self.allowed:
            raise bad_fact(where, f"{plain(number)} is none of the values it may have", ", ".join(map(plain, self.allowed)))
        return number

    def findings(self) -> Findings:
        """A range that holds nothing, or values out of it."""
        if self.least is not None and self.most is not None and self.least >= self.most:
            yield "range", "the range is empty"
        for number in self.allowed:
            if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
                yield "in", f"{plain(number)} is out of the range"

    def schema(self) -> dict[str, Any]:
        """The JSON Schema: a number, or a text of digits."""
        if self.allowed:
            return {"enum": [form for number in self.allowed for form in (plain(number), _json(number))]}
        sign = "" if self.least is not None and self.least >= 0 else "-?"
        pattern = f"^{sign}{_WHOLE if self.whole else _FRACTION}$"
        found: dict[str, Any] = {"type": ["string", "integer" if self.whole else "number"], "pattern": pattern}
        found |= {} if self.least is None else {"minimum": _json(self.least)}
        return found | ({} if self.most is None else {"maximum": _json(self.most)})


COUNT: Final = Number(least=NOTHING, whole=True)
AMOUNT: Final = Number(least=NOTHING)


def shown_end(number: Decimal | None) -> str:
    """One end of a range in a message; ``None`` = open."""
    return "…" if number is None else plain(number)


def _json(number: Decimal) -> Any:
    """A bound as JSON shows it: an integer, or its digits as text (JSON Schema compares numbers; a bound here is whole)."""
    return int(number) if number == number.to_integral_value() else plain(number)


def object_of(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON Schema of an object with exactly these keys."""
    required = [key for key in properties if key not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def described(form: dict[str, Any], words: Text, language: str) -> dict[str, Any]:
    """The JSON Schema with a description."""
    return {"description": words.render(language), **form}
