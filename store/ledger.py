"""Repository of deductions: the ledger. Entries are never deleted, by the database's own trigger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update

from domain.deductions import Deduction, DeductionState
from domain.errors import Conflict, NotFound
from store import tables
from store.gathering import Pen
from store.rows import Rows, insert_or_skip

_D = tables.deductions.c
_DEDUCTION = Rows(Deduction, tables.deductions)
_ALL = select(*_DEDUCTION.columns).order_by(_D.proposed_at, _D.id)
_ADD = insert_or_skip(tables.deductions, ["key"])
_SAVE = update(tables.deductions).where(_D.id == bindparam("deduction_id"), _D.version == bindparam("expected_version"))
_VERSION = select(_D.version).where(_D.id == bindparam("id"))
_GET = _ALL.where(_D.id == bindparam("id"))
_GET_LOCKED = _GET.with_for_update()
_BY_KEY = _ALL.where(_D.key == bindparam("key"))
_OF_MERCHANT = _ALL.where(_D.uscc == bindparam("uscc"))
_OF_WARNING = _ALL.where(_D.warning_id == bindparam("warning_id"))
_OF_CODE_SINCE = _OF_MERCHANT.where(
    _D.violation_code == bindparam("violation_code"),
    _D.proposed_at >= bindparam("since"),
    _D.state.not_in([DeductionState.WITHDRAWN, DeductionState.REVERSED]),
)
_IN_STATE = _ALL.where(_D.state == bindparam("state")).limit(bindparam("limit"))


class SqlDeductions:
    """``ports.Deductions``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen = pen
        self._get = _GET_LOCKED if locking else _GET

    def get(self, deduction_id: str) -> Deduction | None:
        """The entry, if there is one; locked until the end of a write transaction."""
        return _DEDUCTION.maybe(self._pen.execute(self._get, {"id": deduction_id}).first())

    def look(self, deduction_id: str) -> Deduction | None:
        """The entry, if there is one; not locked."""
        return _DEDUCTION.maybe(self._pen.execute(_GET, {"id": deduction_id}).first())

    def by_key(self, key: str) -> Deduction | None:
        """The entry with this idempotency key."""
        return _DEDUCTION.maybe(self._pen.execute(_BY_KEY, {"key": key}).first())

    def add(self, deduction: Deduction) -> bool:
        """False, and nothing changes, if the key exists."""
        return self._pen.execute(_ADD.on(self._pen), _DEDUCTION.values(deduction)).rowcount == 1

    def save(self, deduction: Deduction, *, expected_version: int) -> None:
        """Write a changed deduction; its version must have grown. Raises Conflict if the stored version is another."""
        if deduction.version <= expected_version:
            raise ValueError(f"deduction {deduction.id} was changed but its version is still {deduction.version}")
        names = {"deduction_id": deduction.id, "expected_version": expected_version}
        if self._pen.execute(_SAVE, _DEDUCTION.values(deduction) | names).rowcount == 1:
            return
        stored = self._pen.execute(_VERSION, {"id": deduction.id}).scalar()
        if stored is None:
            raise NotFound(f"there is no deduction {deduction.id}")
        raise Conflict(f"deduction {deduction.id} has version {stored}, not {expected_version}: read it again")

    def of_merchant(self, uscc: str, *, month: str | None = None) -> Sequence[Deduction]:
        """All of one merchant, or of one month, in the order they were proposed."""
        query = _OF_MERCHANT if month is None else _OF_MERCHANT.where(_D.month == month)
        return _DEDUCTION.all(self._pen.execute(query, {"uscc": uscc}))

    def of_warning(self, warning_id: str) -> Sequence[Deduction]:
        """Those one warning led to."""
        return _DEDUCTION.all(self._pen.execute(_OF_WARNING, {"warning_id": warning_id}))

    def of_code_since(self, uscc: str, violation_code: str, since: datetime) -> Sequence[Deduction]:
        """Standing (not withdrawn, not reversed) entries of one code proposed at or after ``since``."""
        values = {"uscc": uscc, "violation_code": violation_code, "since": since}
        return _DEDUCTION.all(self._pen.execute(_OF_CODE_SINCE, values))

    def in_state(self, state: DeductionState, *, limit: int = 200) -> Sequence[Deduction]:
        """Those in one state, longest waiting first."""
        return _DEDUCTION.all(self._pen.execute(_IN_STATE, {"state": state, "limit": limit}))
