"""Operational warnings and silences, as casework asks for them, over SQL."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import bindparam, insert, select, tuple_, update

from domain.errors import BadInput, Code, Conflict
from domain.operations import Operation, OperationState, Silence
from store import operation_tables as tables
from store.gathering import Pen
from store.rows import Rows
from store.types import instant, micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Filters of a listing, newest first; ``region`` is a prefix, ``cursor`` what the page before gave."""

    state: OperationState | None = None
    region: str = ""
    cursor: str | None = None
    limit: int = 50


class Operations(Protocol):
    """Operational warnings and silences."""

    def get(self, operation_id: str) -> Operation | None:
        """The operational warning; locked in a write transaction."""

    def open_with(self, fingerprint: str) -> Operation | None:
        """The open one of this fingerprint."""

    def add(self, operation: Operation) -> None:
        """Raises Conflict if the id is known, or one of this fingerprint is open."""

    def save(self, operation: Operation, *, expected_version: int) -> None:
        """Raises Conflict if the stored version is another."""

    def find(self, wish: Wish) -> tuple[Sequence[Operation], str | None]:
        """One page, newest first, and the cursor of the next."""

    def silence(self, silence_id: str) -> Silence | None:
        """The silence; locked in a write transaction."""

    def add_silence(self, silence: Silence) -> None:
        """Raises Conflict if the id is known."""

    def save_silence(self, silence: Silence, *, expected_version: int) -> None:
        """Raises Conflict if the stored version is another."""

    def silences(self, after: datetime, *, limit: int = 200) -> Sequence[Silence]:
        """Those that end after an instant, the last to end first."""


_O = tables.operations.c
_OPERATION = Rows(Operation, tables.operations)
_ALL = select(*_OPERATION.columns)
_GET = _ALL.where(_O.id == bindparam("of_id"))
_OPEN_WITH = _ALL.where(_O.fingerprint == bindparam("of_fingerprint"), tables.OPEN)
_PAGE = _ALL.order_by(_O.opened_at.desc(), _O.id.desc()).limit(bindparam("most"))
_AFTER = tuple_(_O.opened_at, _O.id) < tuple_(bindparam("last_at", type_=_O.opened_at.type), bindparam("last_id"))
_SAVE = update(tables.operations).where(_O.id == bindparam("of_id"), _O.version == bindparam("expected_version"))

_S = tables.silences.c
_SILENCE = Rows(Silence, tables.silences)
_GET_SILENCE = select(*_SILENCE.columns).where(_S.id == bindparam("of_id"))
_SILENCES = (
    select(*_SILENCE.columns)
    .where(_S.ends_at > bindparam("after"))
    .order_by(_S.ends_at.desc(), _S.id.desc())
    .limit(bindparam("most"))
)
_SAVE_SILENCE = update(tables.silences).where(_S.id == bindparam("of_id"), _S.version == bindparam("expected_version"))
_CHANGING = ("seen_at", "state", "times", "silenced_by", "closed_at", "closed_by", "reason", "summary", "severity", "version")
_ENDING = ("ends_at", "ended_by", "version")
_SAVE_CHANGED = _SAVE.values({name: bindparam(name) for name in _CHANGING})
_SAVE_ENDED = _SAVE_SILENCE.values({name: bindparam(name) for name in _ENDING})


class SqlOperations:
    """``Operations`` over SQL."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen = pen
        self._get = _GET.with_for_update() if locking else _GET
        self._open_with = _OPEN_WITH.with_for_update() if locking else _OPEN_WITH
        self._silence = _GET_SILENCE.with_for_update() if locking else _GET_SILENCE

    def get(self, operation_id: str) -> Operation | None:
        """The operational warning; locked in a write transaction."""
        return _OPERATION.maybe(self._pen.execute(self._get, {"of_id": operation_id}).first())

    def open_with(self, fingerprint: str) -> Operation | None:
        """The open one of this fingerprint; locked in a write transaction."""
        return _OPERATION.maybe(self._pen.execute(self._open_with, {"of_fingerprint": fingerprint}).first())

    def add(self, operation: Operation) -> None:
        """Raises Conflict if the id is known, or one of this fingerprint is open."""
        self._pen.execute(insert(tables.operations), _OPERATION.values(operation))

    def save(self, operation: Operation, *, expected_version: int) -> None:
        """Raises Conflict if the stored version is another."""
        known = _OPERATION.values(operation)
        values = {name: known[name] for name in _CHANGING} | {"of_id": operation.id, "expected_version": expected_version}
        if self._pen.execute(_SAVE_CHANGED, values).rowcount != 1:
            raise Conflict(f"operational warning {operation.id} is no longer at version {expected_version}")

    def find(self, wish: Wish) -> tuple[Sequence[Operation], str | None]:
        """One page, newest first, and the cursor of the next. Raises BadInput E003 on a cursor that is none."""
        statement, values = _PAGE, {"most": wish.limit + 1}
        more: dict[str, object] = dict(values)
        if wish.state is not None:
            statement = statement.where(_O.state == wish.state)
        if wish.region:
            statement = statement.where(_O.region >= wish.region, _O.region < wish.region + "\U0010ffff")
        if wish.cursor:
            statement = statement.where(_AFTER)
            more["last_at"], more["last_id"] = _read(wish.cursor)
        found = _OPERATION.all(self._pen.execute(statement, more))
        page = found[: wish.limit]
        return page, _cursor(page[-1]) if len(found) > wish.limit else None

    def silence(self, silence_id: str) -> Silence | None:
        """The silence; locked in a write transaction."""
        return _SILENCE.maybe(self._pen.execute(self._silence, {"of_id": silence_id}).first())

    def add_silence(self, silence: Silence) -> None:
        """Raises Conflict if the id is known."""
        self._pen.execute(insert(tables.silences), _SILENCE.values(silence))

    def save_silence(self, silence: Silence, *, expected_version: int) -> None:
        """Raises Conflict if the stored version is another."""
        known = _SILENCE.values(silence)
        values = {name: known[name] for name in _ENDING} | {"of_id": silence.id, "expected_version": expected_version}
        if self._pen.execute(_SAVE_ENDED, values).rowcount != 1:
            raise Conflict(f"silence {silence.id} is no longer at version {expected_version}")

    def silences(self, after: datetime, *, limit: int = 200) -> Sequence[Silence]:
        """Those that end after an instant, the last to end first."""
        return _SILENCE.all(self._pen.execute(_SILENCES, {"after": after, "most": limit}))


def _cursor(last: Operation) -> str:
    return base64.urlsafe_b64encode(f"{micros(last.opened_at)}.{last.id}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        at, _, operation_id = plain.partition(".")
        return instant(int(at)), operation_id
    except (binascii.Error, ValueError, OverflowError):
        raise BadInput(Code.FIELD, "this is no cursor", where="cursor", hint="pass `next` of the page before") from None
