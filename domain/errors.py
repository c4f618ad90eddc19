"""The error tree: every failure the product names, and the closed list of codes for bad input.

    KitchenError
    ├── BadInput            something from outside is wrong; carries a Code of domain.md E.4
    ├── IllegalTransition   a state machine refuses a command (HTTP 409, changes nothing)
    ├── Forbidden           the actor may not do this to this object (HTTP 403)
    ├── NotFound            no such object, or none this actor may know of (HTTP 404)
    ├── Conflict            somebody else changed it first (HTTP 409)
    ├── ConfigurationError  a file, key or URL is wrong; says which and what to do
    └── Unavailable         a part we depend on (broker, log, database, channel) cannot be reached; retry

A message names what was wrong, where, and what to do about it.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Codes of bad input (domain.md E.4). The value is the wire word and the metric label."""

    MALFORMED = "E001"
    UNKNOWN_KIND = "E002"
    FIELD = "E003"  # a required field is missing or of the wrong type: our addition, the table has no row for it
    POLYMORPHIC = "E004"  # a payload that carries a "__faust" key: our addition, see docs/design.md
    USCC_INVALID = "E010"
    USCC_UNKNOWN = "E011"
    LICENCE_UNVERIFIED = "E012"
    DEVICE_FORBIDDEN = "E020"
    SIGNATURE_WRONG = "E021"
    DUPLICATE = "E030"
    DUPLICATE_CONFLICT = "E031"
    CLOCK_SKEW = "E040"
    TIME_IMPOSSIBLE = "E041"
    LATE = "E042"
    NO_OFFSET = "E043"
    IMPOSSIBLE_VALUE = "E050"
    SCALE_ARITHMETIC = "E051"
    BATCH_BELOW_ZERO = "E052"
    UNKNOWN_ADDITIVE = "E053"
    EXPIRY_BEFORE_PRODUCTION = "E054"
    SNAPSHOT_MISMATCH = "E060"
    RATE = "E070"
    CODE_CONFLICT = "E080"


HTTP_STATUS: dict[Code, int] = {
    Code.MALFORMED: 400,
    Code.UNKNOWN_KIND: 422,
    Code.FIELD: 422,
    Code.POLYMORPHIC: 422,
    Code.USCC_INVALID: 422,
    Code.USCC_UNKNOWN: 404,
    Code.LICENCE_UNVERIFIED: 200,
    Code.DEVICE_FORBIDDEN: 403,
    Code.SIGNATURE_WRONG: 401,
    Code.DUPLICATE: 200,
    Code.DUPLICATE_CONFLICT: 409,
    Code.CLOCK_SKEW: 200,
    Code.TIME_IMPOSSIBLE: 422,
    Code.LATE: 200,
    Code.NO_OFFSET: 422,
    Code.IMPOSSIBLE_VALUE: 422,
    Code.SCALE_ARITHMETIC: 200,
    Code.BATCH_BELOW_ZERO: 409,
    Code.UNKNOWN_ADDITIVE: 200,
    Code.EXPIRY_BEFORE_PRODUCTION: 422,
    Code.SNAPSHOT_MISMATCH: 200,
    Code.RATE: 429,
    Code.CODE_CONFLICT: 200,
}
"""The HTTP status each code answers with on ``POST /api/v1/observations`` (domain.md E.4)."""


class KitchenError(Exception):
    """Root of the tree. Never raised itself."""


class BadInput(KitchenError):
    """Something from outside is wrong.

    Args:
        code: the row of domain.md E.4.
        what: what is wrong, in one clause.
        where: the field, file, topic or key it was found in.
        hint: what the sender should do.
    """

    def __init__(self, code: Code, what: str, *, where: str = "", hint: str = "") -> None:
        self.code = code
        self.what = what
        self.where = where
        self.hint = hint
        place = f" at {where}" if where else ""
        advice = f"; {hint}" if hint else ""
        super().__init__(f"{code.value}: {what}{place}{advice}")


class IllegalTransition(KitchenError):
    """A state machine refuses a command; nothing changed."""

    def __init__(self, entity: str, entity_id: str, state: str, command: str) -> None:
        self.entity, self.entity_id, self.state, self.command = entity, entity_id, state, command
        super().__init__(f"{entity} {entity_id} is {state}: {command} is not possible from there")


class Forbidden(KitchenError):
    """The actor may not do this to this object."""


class NotFound(KitchenError):
    """No such object, or none that this actor may know of."""


class Conflict(KitchenError):
    """Somebody else changed the object first; read it again."""


class ConfigurationError(KitchenError):
    """A configuration file, key or URL is wrong."""

    def __init__(self, what: str, *, file: str = "", key: str = "", hint: str = "") -> None:
        self.what, self.file, self.key, self.hint = what, file, key, hint
        place = ": ".join(part for part in (file, key) if part)
        super().__init__((f"{place}: " if place else "") + what + (f" ({hint})" if hint else ""))


class Unavailable(KitchenError):
    """A part we depend on cannot be reached now; trying again later may succeed."""
