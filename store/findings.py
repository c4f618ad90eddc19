"""Repository of findings and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from domain.errors import NotFound
from domain.findings import Finding, FindingState
from store import tables
from store.rows import Rows

_FINDING = Rows(Finding, tables.findings)
_ADD = insert(tables.findings)
_GET = select(*_FINDING.columns, tables.findings.c.state).where(tables.findings.c.id == bindparam("id"))
_GET_LOCKED = _GET.with_for_update()
_SET_STATE = update(tables.findings).where(tables.findings.c.id == bindparam("finding_id"))
_IN_STATE = (
    select(*_FINDING.columns)
    .where(tables.findings.c.state == bindparam("state"))
    .order_by(tables.findings.c.detected_at, tables.findings.c.id)
    .limit(bindparam("limit"))
)


class SqlFindings:
    """``ports.Findings``."""

    def __init__(self, connection: Connection, *, locking: bool) -> None:
        self._connection = connection
        self._get = _GET_LOCKED if locking else _GET

    def get(self, finding_id: str) -> tuple[Finding, FindingState] | None:
        """The finding and its state; locked until the end of a write transaction, so that two reviews cannot both count."""
        row = self._connection.execute(self._get, {"id": finding_id}).first()
        return None if row is None else (_FINDING.one(row), row.state)

    def add(self, finding: Finding, state: FindingState, *, warning_id: str | None = None) -> None:
        """Raises Conflict if the id is known."""
        self._connection.execute(_ADD, _FINDING.values(finding, state=state, warning_id=warning_id))

    def set_state(self, finding_id: str, state: FindingState, *, warning_id: str | None = None) -> None:
        """Change the state; without a warning id the stored one is kept. Raises NotFound."""
        values: dict[str, object] = {"state": state}
        if warning_id is not None:
            values["warning_id"] = warning_id
        done = self._connection.execute(_SET_STATE.values(**values), {"finding_id": finding_id})
        if done.rowcount != 1:
            raise NotFound(f"there is no finding {finding_id}")

    def in_state(self, state: FindingState, *, uscc: str | None = None, limit: int = 100) -> Sequence[Finding]:
        """Those in one state, longest waiting first."""
        query = _IN_STATE if uscc is None else _IN_STATE.where(tables.findings.c.uscc == uscc)
        return _FINDING.all(self._connection.execute(query, {"state": state, "limit": limit}))
