"""Repositories of facts: observations as they came in, batches of goods, weighings.

A batch's ``judge_at`` is computed here on every ``put``, so that the sweep finds expired stock by an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from domain.observations import Observation
from domain.records import SEGREGATED, Batch, Weighing
from store import tables
from store.rows import Rows, insert_or_replace

_OBSERVATION = Rows(Observation, tables.observations)
_ADD_OBSERVATION = insert(tables.observations)
_KNOWN = select(tables.observations.c.content_hash).where(tables.observations.c.event_id == bindparam("event_id"))
_KNOWN_ALL = select(tables.observations.c.event_id, tables.observations.c.content_hash).where(
    tables.observations.c.event_id.in_(bindparam("event_ids", expanding=True))
)
_COUNT = select(func.count()).select_from(tables.observations)
_IDS_AT_ONCE = 500

_BATCH = Rows(Batch, tables.batches)
_PUT_BATCH = insert_or_replace(tables.batches, ["uscc", "lot"])
_GET_BATCH = select(*_BATCH.columns).where(tables.batches.c.uscc == bindparam("uscc"), tables.batches.c.lot == bindparam("lot"))
_GET_BATCH_LOCKED = _GET_BATCH.with_for_update()
_EXPIRED = (
    select(*_BATCH.columns)
    .where(tables.batches.c.judge_at <= bindparam("now"))
    .order_by(tables.batches.c.judge_at, tables.batches.c.uscc, tables.batches.c.lot)
    .limit(bindparam("limit"))
)
_BATCHES = select(*_BATCH.columns).where(tables.batches.c.uscc == bindparam("uscc")).order_by(tables.batches.c.lot)

_WEIGHING = Rows(Weighing, tables.weighings)
_ADD_WEIGHING = insert(tables.weighings)
_BY_TRACE_CODES = (
    select(*_WEIGHING.columns)
    .where(tables.weighings.c.trace_code.in_(bindparam("trace_codes", expanding=True)))
    .order_by(tables.weighings.c.at, tables.weighings.c.event_id)
)


class SqlObservations:
    """``ports.Observations``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self, event_id: str) -> str | None:
        """The content hash stored under this event id, if any."""
        found: str | None = self._connection.execute(_KNOWN, {"event_id": event_id}).scalar()
        return found

    def known_all(self, event_ids: Iterable[str]) -> dict[str, str]:
        """The content hashes stored under these event ids, for those that are known."""
        wanted, found = list(event_ids), dict[str, str]()
        for start in range(0, len(wanted), _IDS_AT_ONCE):
            part = {"event_ids": wanted[start : start + _IDS_AT_ONCE]}
            found.update((row[0], row[1]) for row in self._connection.execute(_KNOWN_ALL, part))
        return found

    def add(self, observation: Observation) -> None:
        """Raises Conflict if the event id is known."""
        self._connection.execute(_ADD_OBSERVATION, _OBSERVATION.values(observation))

    def add_all(self, observations: Iterable[Observation]) -> None:
        """All in one statement. Raises Conflict if an event id is known."""
        if values := [_OBSERVATION.values(item) for item in observations]:
            self._connection.execute(_ADD_OBSERVATION, values)

    def count(self) -> int:
        """How many there are."""
        return self._connection.execute(_COUNT).scalar_one()


class SqlBatches:
    """``ports.Batches``."""

    def __init__(self, connection: Connection, *, locking: bool) -> None:
        self._connection = connection
        self._get = _GET_BATCH_LOCKED if locking else _GET_BATCH

    def get(self, uscc: str, lot: str) -> Batch | None:
        """The batch, if known; locked until the end of a write transaction, because a move reads what remains first."""
        return _BATCH.maybe(self._connection.execute(self._get, {"uscc": uscc, "lot": lot}).first())

    def put(self, batch: Batch) -> None:
        """Insert or replace."""
        to_judge = batch.qty_g > 0 and batch.state not in SEGREGATED and batch.expiry_judged_at is None
        values = _BATCH.values(batch, judge_at=batch.expires_at if to_judge else None)
        self._connection.execute(_PUT_BATCH.on(self._connection), values)

    def expired(self, now: datetime, *, limit: int) -> Sequence[Batch]:
        """Batches past their expiry whose expiry nobody has judged, soonest expired first."""
        return _BATCH.all(self._connection.execute(_EXPIRED, {"now": now, "limit": limit}))

    def list(self, uscc: str) -> Sequence[Batch]:
        """All of one merchant, by lot."""
        return _BATCH.all(self._connection.execute(_BATCHES, {"uscc": uscc}))


class SqlWeighings:
    """``ports.Weighings``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, weighing: Weighing) -> None:
        """Raises Conflict if the event id is known."""
        self._connection.execute(_ADD_WEIGHING, _WEIGHING.values(weighing))

    def add_all(self, weighings: Iterable[Weighing]) -> None:
        """All in one statement. Raises Conflict if an event id is known."""
        if values := [_WEIGHING.values(item) for item in weighings]:
            self._connection.execute(_ADD_WEIGHING, values)

    def by_trace_code(self, trace_code: str) -> Sequence[Weighing]:
        """Sales under one code, earliest first; more than one means a copied label (E080)."""
        return self.by_trace_codes([trace_code])[trace_code]

    def by_trace_codes(self, trace_codes: Iterable[str]) -> dict[str, list[Weighing]]:
        """The same for several; each asked for is there, with an empty list if it has none."""
        found: dict[str, list[Weighing]] = {code: [] for code in trace_codes}
        wanted = list(found)
        for start in range(0, len(wanted), _IDS_AT_ONCE):
            part = {"trace_codes": wanted[start : start + _IDS_AT_ONCE]}
            for item in _WEIGHING.all(self._connection.execute(_BY_TRACE_CODES, part)):
                found[item.trace_code].append(item)
        return found
