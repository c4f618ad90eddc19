"""Numbers, words and paths as scheme files write them.

A number is whole or quoted: ``0.5`` without quotes is a binary float by the time YAML has read it, and is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from configs.words import Strict
from credit.rating.plan import Path
from credit.rating.value import Text

_DIGITS = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('put quotes around the number, e.g. "0.5": without them it is a binary float')  # noqa: TRY004 - pydantic's way
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _DIGITS.fullmatch(text):
        raise ValueError("a number is required: whole, or quoted with at most 9 digits before and 6 after the point")
    return Decimal(text)


def _path(value: str) -> str:
    if not all(part and part.isascii() and part.replace("_", "").isalnum() for part in value.split(".")):
        raise ValueError("a fact is named by keys joined by dots, e.g. indicators.I05")
    return value


_NUMBER = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}]}
Quantity = Annotated[
    Decimal,
    BeforeValidator(_exact),
    WithJsonSchema(_NUMBER),
]
FactPath = Annotated[str, AfterValidator(_path), Field(max_length=200)]
FactKey = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
GradeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,39}$")]
PartId = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
OverrideCode = Annotated[str, Field(pattern=r"^[A-Z]{1,4}[0-9]{1,4}$")]


class WordsEntry(Strict):
    """The same in both languages."""

    zh: Annotated[str, Field(min_length=1, max_length=200)]
    en: Annotated[str, Field(min_length=1, max_length=300)]

    def value(self) -> Text:
        """The domain value."""
        return Text(self.zh, self.en)


def path_of(fact: str) -> Path:
    """``indicators.I05`` as keys from the outside in."""
    return tuple(fact.split("."))
