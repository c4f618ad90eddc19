"""Repository of the audit trail.

The head row is read under lock before each entry: the chain has no gap and no fork, whoever else writes at the same time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import fields
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from domain.errors import Conflict
from domain.warnings import AuditEntry
from store import tables
from store.chain import entry_hash, follow
from store.gathering import Bulk, Pen
from store.ports import AuditStep
from store.rows import Rows

_ENTRY = Rows(AuditEntry, tables.audit)
_STEP = tuple(item.name for item in fields(AuditStep))
_HEAD = select(tables.audit_head.c.seq, tables.audit_head.c.hash)
_HEAD_LOCKED = _HEAD.with_for_update()
_ADD = insert(tables.audit)
_ADD_ENTRIES = Bulk(tables.audit)
_SEQ, _PREVIOUS, _HASH = (list(tables.audit.c.keys()).index(name) for name in ("seq", "previous_hash", "hash"))
_MOVE_HEAD = update(tables.audit_head).values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))
_OF = (
    select(*_ENTRY.columns)
    .where(tables.audit.c.entity == bindparam("entity"), tables.audit.c.entity_id == bindparam("entity_id"))
    .order_by(tables.audit.c.seq)
)
_ROWS_AT_ONCE = 1000
_WHOLE = select(*_ENTRY.columns).order_by(tables.audit.c.seq).execution_options(yield_per=_ROWS_AT_ONCE)


def _said(step: AuditStep, seq: int, previous_hash: str, hash_: str) -> dict[str, Any]:
    said = {name: getattr(step, name) for name in _STEP}
    return {**said, "seq": seq, "previous_hash": previous_hash, "hash": hash_}


class _Chain:
    """Steps that waited, chained to the end of the trail in their order; the head is read under lock once for all of them."""

    table = tables.audit.name

    def write(self, pen: Pen, items: Sequence[tuple[AuditStep, tuple[Any, ...]]]) -> None:
        """Write them."""
        head = pen.connection.execute(_HEAD_LOCKED).one()
        seq, last = head.seq, head.hash
        rows = []
        for step, row in items:
            seq += 1
            hash_ = entry_hash(last, seq, step)
            known = {_SEQ: seq, _PREVIOUS: last, _HASH: hash_}
            rows.append(tuple([known.get(place, value) for place, value in enumerate(row)]))
            last = hash_
        _ADD_ENTRIES.write(pen, rows)
        pen.connection.execute(_MOVE_HEAD, {"new_seq": seq, "new_hash": last})


CHAIN = _Chain()


class SqlAudit:
    """``ports.Audit``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def append(self, step: AuditStep) -> AuditEntry | None:
        """Chain one step to the end of the trail; None while gathering, when its place is not known yet."""
        if self._pen.gathers:
            self._pen.wait(CHAIN, (step, _ADD_ENTRIES.row(self._pen.dialect, _said(step, 0, "", ""))))
            return None
        head = self._pen.execute(_HEAD_LOCKED).one()
        seq: int = head.seq + 1
        entry = AuditEntry(**_said(step, seq, head.hash, entry_hash(head.hash, seq, step)))
        self._pen.execute(_ADD, _ENTRY.values(entry))
        self._pen.execute(_MOVE_HEAD, {"new_seq": seq, "new_hash": entry.hash})
        return entry

    def of(self, entity: str, entity_id: str) -> Sequence[AuditEntry]:
        """The history of one thing, oldest first."""
        return _ENTRY.all(self._pen.execute(_OF, {"entity": entity, "entity_id": entity_id}))

    def verify(self) -> int:
        """Recompute the chain, streaming; returns its length.

        Raises:
            Conflict: naming the first broken seq, or saying that entries are missing at the end.
        """
        head = self._pen.execute(_HEAD).one_or_none()
        if head is None:
            raise Conflict("the head of the audit trail is missing: nobody can say how long it was")
        with closing(self._stream()) as entries:
            length, last = follow(entries)
        if (length, last) != (head.seq, head.hash):
            raise Conflict(
                f"audit entry {length + 1} is missing: the trail had {head.seq} entries and was cut off after {length}"
            )
        return length

    def _stream(self) -> Generator[AuditEntry, None, None]:
        with self._pen.execute(_WHOLE) as rows:
            for row in rows:
                yield _ENTRY.one(row)
