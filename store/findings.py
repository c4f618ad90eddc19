"""Repository of findings and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, update

from domain.errors import NotFound
from domain.findings import Finding, FindingState, Review
from store import tables
from store.gathering import Bulk, Pen
from store.rows import Rows, in_parts

_FINDING = Rows(Finding, tables.findings)
_ADD = insert(tables.findings)
_GET = select(*_FINDING.columns, tables.findings.c.state).where(tables.findings.c.id == bindparam("id"))
_GET_LOCKED = _GET.with_for_update()
_SET_STATE = update(tables.findings).where(tables.findings.c.id == bindparam("finding_id"))
_F = tables.findings.c
_KNOWN_ALL = select(_F.id).where(_F.id.in_(bindparam("ids", expanding=True)))
_KNOWN = select(_F.id).where(_F.id == bindparam("id"))
ADD_FINDINGS = Bulk(tables.findings)
_IN_STATE = (
    select(*_FINDING.columns)
    .where(_F.state == bindparam("state"))
    .order_by(func.coalesce(_F.review_by, _F.detected_at), _F.id)
    .limit(bindparam("limit"))
)
_AT_MERCHANT = _F.uscc == tables.merchants.c.uscc
_REVIEW = select(_F.review_by, _F.review_expires_at, _F.review_escalated).where(_F.id == bindparam("id"))
_REVIEWS_DUE = (
    select(*_FINDING.columns)
    .where(_F.review_due_at <= bindparam("now"))
    .order_by(_F.review_due_at, _F.id)
    .limit(bindparam("limit"))
)
_REVIEWS_DUE_LOCKED = _REVIEWS_DUE.with_for_update(skip_locked=True)


class SqlFindings:
    """``ports.Findings``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen = pen
        self._get = _GET_LOCKED if locking else _GET
        self._due = _REVIEWS_DUE_LOCKED if locking else _REVIEWS_DUE

    def get(self, finding_id: str) -> tuple[Finding, FindingState] | None:
        """The finding and its state; locked until the end of a write transaction, so that two reviews cannot both count."""
        row = self._pen.execute(self._get, {"id": finding_id}).first()
        return None if row is None else (_FINDING.one(row), row.state)

    def known_all(self, finding_ids: Iterable[str]) -> set[str]:
        """Those of them that are known."""
        wanted = set(finding_ids)
        found = {row[0] for row in self._pen.waits(ADD_FINDINGS) if row[0] in wanted}
        if len(wanted) == 1:  # asked one by one while a batch is judged: the statement for many costs twice as much
            found.update(row[0] for row in self._pen.ask(_KNOWN, {"id": next(iter(wanted))}))
            return found
        for part in in_parts(wanted):
            found.update(row[0] for row in self._pen.ask(_KNOWN_ALL, {"ids": part}))
        return found

    def add(self, finding: Finding, state: FindingState, *, warning_id: str | None = None, review: Review | None = None) -> None:
        """Raises Conflict if the id is known."""
        values = _FINDING.values(finding, state=state, warning_id=warning_id, **_clock(review))
        if self._pen.gathers:
            self._pen.wait(ADD_FINDINGS, ADD_FINDINGS.row(self._pen.dialect, values))
        else:
            self._pen.execute(_ADD, values)

    def set_state(self, finding_id: str, state: FindingState, *, warning_id: str | None = None) -> None:
        """Change the state; without a warning id the stored one is kept. Raises NotFound."""
        values: dict[str, object] = {"state": state}
        if warning_id is not None:
            values["warning_id"] = warning_id
        if state is not FindingState.REVIEW:
            values["review_due_at"] = None
        self._update(finding_id, values)

    def review(self, finding_id: str) -> Review | None:
        """The clock it was queued with, if it ever was."""
        row = self._pen.execute(_REVIEW, {"id": finding_id}).first()
        if row is None or row.review_by is None:
            return None
        return Review(review_by=row.review_by, expires_at=row.review_expires_at, escalated=bool(row.review_escalated))

    def set_review(self, finding_id: str, review: Review) -> None:
        """Change the clock of a finding in review. Raises NotFound."""
        self._update(finding_id, _clock(review))

    def reviews_due(self, now: datetime, *, limit: int) -> Sequence[Finding]:
        """Findings in review whose clock has something due, longest due first; to write, those nobody else holds, locked."""
        return _FINDING.all(self._pen.execute(self._due, {"now": now, "limit": limit}))

    def _update(self, finding_id: str, values: dict[str, object]) -> None:
        done = self._pen.execute(_SET_STATE.values(**values), {"finding_id": finding_id})
        if done.rowcount != 1:
            raise NotFound(f"there is no finding {finding_id}")

    def in_state(
        self, state: FindingState, *, uscc: str | None = None, region: str | None = None, limit: int = 100
    ) -> Sequence[Finding]:
        """Those in one state, the one to be reviewed first (else the one seen first) first; narrowed before it is cut off."""
        query = _IN_STATE if uscc is None else _IN_STATE.where(_F.uscc == uscc)
        if region is not None:
            query = query.join(tables.merchants, _AT_MERCHANT).where(
                tables.merchants.c.region.startswith(region, autoescape=True)
            )
        return _FINDING.all(self._pen.execute(query, {"state": state, "limit": limit}))


def _clock(review: Review | None) -> dict[str, object]:
    return {
        "review_by": None if review is None else review.review_by,
        "review_expires_at": None if review is None else review.expires_at,
        "review_escalated": None if review is None else review.escalated,
        "review_due_at": None if review is None else review.next_due_at,
    }
