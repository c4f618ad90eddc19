"""Repository of the audit trail.

The head row is read under lock before each entry: the chain has no gap and no fork, whoever else writes at the same time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import fields

from sqlalchemy import Connection, bindparam, insert, select, update

from domain.errors import Conflict
from domain.warnings import AuditEntry
from store import tables
from store.chain import entry_hash, follow
from store.ports import AuditStep
from store.rows import Rows

_ENTRY = Rows(AuditEntry, tables.audit)
_STEP = tuple(item.name for item in fields(AuditStep))
_HEAD = select(tables.audit_head.c.seq, tables.audit_head.c.hash)
_HEAD_LOCKED = _HEAD.with_for_update()
_ADD = insert(tables.audit)
_MOVE_HEAD = update(tables.audit_head).values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))
_OF = (
    select(*_ENTRY.columns)
    .where(tables.audit.c.entity == bindparam("entity"), tables.audit.c.entity_id == bindparam("entity_id"))
    .order_by(tables.audit.c.seq)
)
_ROWS_AT_ONCE = 1000
_WHOLE = select(*_ENTRY.columns).order_by(tables.audit.c.seq).execution_options(yield_per=_ROWS_AT_ONCE)


class SqlAudit:
    """``ports.Audit``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, step: AuditStep) -> AuditEntry:
        """Chain one step to the end of the trail."""
        head = self._connection.execute(_HEAD_LOCKED).one()
        seq: int = head.seq + 1
        said = {name: getattr(step, name) for name in _STEP}
        entry = AuditEntry(seq=seq, previous_hash=head.hash, hash=entry_hash(head.hash, seq, step), **said)
        self._connection.execute(_ADD, _ENTRY.values(entry))
        self._connection.execute(_MOVE_HEAD, {"new_seq": seq, "new_hash": entry.hash})
        return entry

    def of(self, entity: str, entity_id: str) -> Sequence[AuditEntry]:
        """The history of one thing, oldest first."""
        return _ENTRY.all(self._connection.execute(_OF, {"entity": entity, "entity_id": entity_id}))

    def verify(self) -> int:
        """Recompute the chain, streaming; returns its length.

        Raises:
            Conflict: naming the first broken seq, or saying that entries are missing at the end.
        """
        head = self._connection.execute(_HEAD).one_or_none()
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
        with self._connection.execute(_WHOLE) as rows:
            for row in rows:
                yield _ENTRY.one(row)
