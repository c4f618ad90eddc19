"""Column types that hold the same value exactly on SQLite and on PostgreSQL.

SQLite knows neither instants nor decimals: an instant is an integer of microseconds since 1970 there, a decimal its own text.
Neither ever passes through a binary float.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, REAL, BigInteger, Boolean, DateTime, Double, Integer, Numeric, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from domain.errors import BadInput, Code
from domain.text import is_storable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SQLITE = "sqlite"

Processor = Callable[[Any], Any]
"""What makes a parameter of a value; SQLAlchemy's own would ask the type at each value anew."""

_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=dict)

Whole: TypeEngine[int] = BigInteger().with_variant(Integer(), SQLITE)
"""A 64-bit integer. STRICT tables know only the name INTEGER."""

Real: TypeEngine[float] = Double().with_variant(REAL(), SQLITE)
"""A binary float, for measurements such as a confidence; never for points or money."""


def micros(at: datetime) -> int:
    """Microseconds since 1970.

    Raises:
        ValueError: on a naive datetime.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone: only aware datetimes are stored")
    return (at - EPOCH) // MICROSECOND


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def _same(value: Any) -> Any:
    return value


def instant(since_1970_us: int) -> datetime:
    """The instant so many microseconds after 1970, in UTC."""
    return EPOCH + timedelta(microseconds=since_1970_us)


def storable(text: str) -> str:
    """The text with what no database takes (NUL, lone surrogates) replaced by U+FFFD."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8") if not is_storable(text) else text


class Line(TypeDecorator[str]):
    """Text, ordered by code point on both databases (PostgreSQL's locale would order it otherwise)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """COLLATE "C" on PostgreSQL; SQLite compares bytes by itself."""
        return dialect.type_descriptor(Text() if dialect.name == SQLITE else Text(collation="C"))

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Plain text passes without further ado."""
        checked = self.process_bind_param

        def process(value: str | None) -> str | None:
            return value if value is None or (value.isascii() and "\0" not in value) else checked(value, dialect)

        return process

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Refuse what PostgreSQL cannot hold on both, so that a message is bad everywhere or nowhere.

        Raises:
            BadInput: E003 on NUL or a lone surrogate.
        """
        if value is not None and not is_storable(value):
            raise BadInput(Code.FIELD, "the text has a NUL or half a surrogate pair", where=dialect.name, hint="remove it")
        return value


class Word(TypeDecorator[StrEnum]):
    """One word of a closed set, stored as its wire word."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """As ``Line``."""
        return dialect.type_descriptor(Text() if dialect.name == SQLITE else Text(collation="C"))

    def bind_processor(self, dialect: Dialect) -> Processor:
        """A word that is known is not looked for among the members again."""
        known: dict[object, str | None] = {None: None, **{word.value: word.value for word in self.words}}
        checked = self.process_bind_param

        def process(value: StrEnum | str | None) -> str | None:
            return known[value] if value in known else checked(value, dialect)

        return process

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        """The plain word."""
        del dialect
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The member."""
        del dialect
        return None if value is None else self.words(value)


class Truth(TypeDecorator[bool]):
    """BOOLEAN, or 0 and 1 on SQLite."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """INTEGER on SQLite: STRICT tables have no BOOLEAN."""
        return dialect.type_descriptor(Integer() if dialect.name == SQLITE else Boolean())

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        """A real bool."""
        del dialect
        return None if value is None else bool(value)


class Instant(TypeDecorator[datetime]):
    """TIMESTAMPTZ, or microseconds since 1970 on SQLite; always read back in UTC."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """INTEGER on SQLite, so that comparing and ordering are exact."""
        return dialect.type_descriptor(Integer() if dialect.name == SQLITE else DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Processor:
        """As ``process_bind_param``."""
        return _micros if dialect.name == SQLITE else super().bind_processor(dialect) or _same

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses naive datetimes with ValueError."""
        if value is None:
            return None
        exact = micros(value)
        return exact if dialect.name == SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return instant(value) if dialect.name == SQLITE else value.astimezone(UTC)


class Day(TypeDecorator[date]):
    """A calendar day as ``YYYY-MM-DD``, which orders as days do."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """As ``Line``."""
        return dialect.type_descriptor(Text() if dialect.name == SQLITE else Text(collation="C"))

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """To text."""
        del dialect
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        """From text."""
        del dialect
        return None if value is None else date.fromisoformat(value)


class Span(TypeDecorator[timedelta]):
    """A length of time as microseconds."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """INTEGER on SQLite."""
        return dialect.type_descriptor(Integer() if dialect.name == SQLITE else BigInteger())

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        """To microseconds."""
        del dialect
        return None if value is None else value // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> timedelta | None:
        """From microseconds."""
        del dialect
        return None if value is None else timedelta(microseconds=value)


class Exact(TypeDecorator[Decimal]):
    """NUMERIC without a limit, or the decimal's own text on SQLite: digits and scale come back as they went in."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, whose NUMERIC would become a binary float."""
        return dialect.type_descriptor(Text() if dialect.name == SQLITE else Numeric(asdecimal=True))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Finite decimals only: ValueError otherwise."""
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"{value} cannot be stored: only finite decimals are")
        return format(value, "f") if dialect.name == SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """The decimal."""
        return Decimal(value) if value is not None and dialect.name == SQLITE else value


def to_json(value: object) -> str:
    """JSON in ASCII, so that strings PostgreSQL's text cannot hold survive as escapes."""
    return _ENCODER.encode(value)


class Json(TypeDecorator[Any]):
    """A JSON value: PostgreSQL's ``json`` (not ``jsonb``, which refuses an escaped NUL and reorders keys), TEXT on SQLite."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite: STRICT tables have no JSON."""
        return dialect.type_descriptor(Text() if dialect.name == SQLITE else JSON(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """To JSON; the PostgreSQL dialect does it by itself with the engine's serializer."""
        return to_json(value) if value is not None and dialect.name == SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """From JSON."""
        return json.loads(value) if value is not None and dialect.name == SQLITE else value


class JsonOf(Json):
    """A value object kept as JSON.

    Args:
        dump: value → JSON value.
        load: JSON value → value.
    """

    cache_ok = True

    def __init__(self, dump: Callable[[Any], Any], load: Callable[[Any], Any]) -> None:
        super().__init__()
        self.dump, self.load = dump, load

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Through ``dump``."""
        return super().process_bind_param(None if value is None else self.dump(value), dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Through ``load``."""
        plain = super().process_result_value(value, dialect)
        return None if plain is None else self.load(plain)
