"""Repositories of facts: observations as they came in, batches of goods with what changed them, weighings.

A batch's ``judge_at`` is computed here on every ``put``, so that the sweep finds expired stock by an index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, false, func, select, tuple_

from domain.observations import Observation
from domain.records import SEGREGATED, Batch, LotChange, Weighing
from store import tables
from store.gathering import Bulk, Pen, add_all
from store.rows import Rows, in_parts, insert_or_replace

_OBSERVATION = Rows(Observation, tables.observations)
_KNOWN = select(tables.observations.c.content_hash).where(tables.observations.c.event_id == bindparam("event_id"))
_KNOWN_ALL = select(tables.observations.c.event_id, tables.observations.c.content_hash).where(
    tables.observations.c.event_id.in_(bindparam("event_ids", expanding=True))
)
_COUNT = select(func.count()).select_from(tables.observations)
ADD_OBSERVATIONS = Bulk(tables.observations)

_BATCH = Rows(Batch, tables.batches)
_PUT_BATCH = insert_or_replace(tables.batches, ["uscc", "lot"])
_GET_BATCH = select(*_BATCH.columns).where(tables.batches.c.uscc == bindparam("uscc"), tables.batches.c.lot == bindparam("lot"))
_GET_BATCH_LOCKED = _GET_BATCH.with_for_update()
_GET_BATCHES = (
    select(*_BATCH.columns)
    .where(tuple_(tables.batches.c.uscc, tables.batches.c.lot).in_(bindparam("lots", expanding=True)))
    .order_by(tables.batches.c.uscc, tables.batches.c.lot)
)
_GET_BATCHES_LOCKED = _GET_BATCHES.with_for_update()
PUT_BATCHES = Bulk(tables.batches, replace=["uscc", "lot"])
_EXPIRED = (
    select(*_BATCH.columns)
    .where(tables.batches.c.judge_at <= bindparam("now"))
    .order_by(tables.batches.c.judge_at, tables.batches.c.uscc, tables.batches.c.lot)
    .limit(bindparam("limit"))
)
_EXPIRED_LOCKED = _EXPIRED.with_for_update(skip_locked=True)
_BATCHES = select(*_BATCH.columns).where(tables.batches.c.uscc == bindparam("uscc")).order_by(tables.batches.c.lot)

_WEIGHING = Rows(Weighing, tables.weighings)
ADD_WEIGHINGS = Bulk(tables.weighings)
_BY_TRACE_CODES = (
    select(*_WEIGHING.columns)
    .where(tables.weighings.c.trace_code.in_(bindparam("trace_codes", expanding=True)))
    .order_by(tables.weighings.c.at, tables.weighings.c.event_id)
)
_LOT = tuple_(tables.weighings.c.uscc, tables.weighings.c.lot).in_(bindparam("lots", expanding=True))
_SALES_OF_LOTS = select(*_WEIGHING.columns).where(_LOT, tables.weighings.c.suspect.is_(false())).order_by(tables.weighings.c.at)
_LAST_SALES = (
    select(tables.weighings.c.uscc, tables.weighings.c.lot, func.max(tables.weighings.c.at))
    .where(_LOT)
    .group_by(tables.weighings.c.uscc, tables.weighings.c.lot)
)

_CHANGE = Rows(LotChange, tables.lot_changes)
ADD_LOT_CHANGES = Bulk(tables.lot_changes, skip=["id"])
_CHANGES_OF_LOTS = (
    select(*_CHANGE.columns)
    .where(tuple_(tables.lot_changes.c.uscc, tables.lot_changes.c.lot).in_(bindparam("lots", expanding=True)))
    .order_by(tables.lot_changes.c.at, tables.lot_changes.c.id)
)


class SqlObservations:
    """``ports.Observations``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def known(self, event_id: str) -> str | None:
        """The content hash stored under this event id, if any."""
        found: str | None = self._pen.execute(_KNOWN, {"event_id": event_id}).scalar()
        return found

    def known_all(self, event_ids: Iterable[str]) -> dict[str, str]:
        """The content hashes stored under these event ids, for those that are known."""
        found: dict[str, str] = {}
        for part in in_parts(event_ids):
            found.update((event_id, hash_) for event_id, hash_ in self._pen.execute(_KNOWN_ALL, {"event_ids": part}))
        return found

    def add(self, observation: Observation) -> None:
        """Raises Conflict if the event id is known."""
        self.add_all([observation])

    def add_all(self, observations: Iterable[Observation]) -> None:
        """All in one statement. Raises Conflict if an event id is known."""
        add_all(self._pen, ADD_OBSERVATIONS, map(_OBSERVATION.values, observations))

    def count(self) -> int:
        """How many there are."""
        return int(self._pen.execute(_COUNT).scalar_one())


class SqlBatches:
    """``ports.Batches``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen = pen
        self._get = _GET_BATCH_LOCKED if locking else _GET_BATCH
        self._get_all = _GET_BATCHES_LOCKED if locking else _GET_BATCHES
        self._expired = _EXPIRED_LOCKED if locking else _EXPIRED

    def get(self, uscc: str, lot: str) -> Batch | None:
        """The batch, if known; locked until the end of a write transaction, because a move reads what remains first."""
        return _BATCH.maybe(self._pen.execute(self._get, {"uscc": uscc, "lot": lot}).first())

    def look(self, uscc: str, lot: str) -> Batch | None:
        """The batch, if known; not locked."""
        return _BATCH.maybe(self._pen.execute(_GET_BATCH, {"uscc": uscc, "lot": lot}).first())

    def get_all(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Batch]:
        """The same for several, by merchant and lot, locked in that order; those that are unknown are left out."""
        found: dict[tuple[str, str], Batch] = {}
        for part in in_parts(sorted(lots)):
            for batch in _BATCH.all(self._pen.execute(self._get_all, {"lots": part})):
                found[batch.uscc, batch.lot] = batch
        return found

    def put(self, batch: Batch) -> None:
        """Insert or replace."""
        to_judge = batch.qty_g > 0 and batch.state not in SEGREGATED and batch.expiry_judged_at is None
        values = _BATCH.values(batch, judge_at=batch.expires_at if to_judge else None)
        if self._pen.gathers:
            self._pen.wait(PUT_BATCHES, PUT_BATCHES.row(self._pen.dialect, values))
        else:
            self._pen.execute(_PUT_BATCH.on(self._pen), values)

    def expired(self, now: datetime, *, limit: int) -> Sequence[Batch]:
        """Batches past their expiry whose expiry nobody has judged, soonest expired first; to write, those nobody else holds."""
        return _BATCH.all(self._pen.execute(self._expired, {"now": now, "limit": limit}))

    def list(self, uscc: str) -> Sequence[Batch]:
        """All of one merchant, by lot."""
        return _BATCH.all(self._pen.execute(_BATCHES, {"uscc": uscc}))


class SqlWeighings:
    """``ports.Weighings``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def add(self, weighing: Weighing) -> None:
        """Raises Conflict if the event id is known."""
        self.add_all([weighing])

    def add_all(self, weighings: Iterable[Weighing]) -> None:
        """All in one statement. Raises Conflict if an event id is known."""
        add_all(self._pen, ADD_WEIGHINGS, map(_WEIGHING.values, weighings))

    def by_trace_code(self, trace_code: str) -> Sequence[Weighing]:
        """Sales under one code, earliest first; more than one means a copied label (E080)."""
        return self.by_trace_codes([trace_code])[trace_code]

    def by_trace_codes(self, trace_codes: Iterable[str]) -> dict[str, list[Weighing]]:
        """The same for several; each asked for is there, with an empty list if it has none."""
        found: dict[str, list[Weighing]] = {code: [] for code in trace_codes}
        for part in in_parts(found):
            for item in _WEIGHING.all(self._pen.execute(_BY_TRACE_CODES, {"trace_codes": part})):
                found[item.trace_code].append(item)
        return found

    def of_lots(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[Weighing]]:
        """Every sale of these lots that counts, earliest first; suspect ones are left out."""
        found: dict[tuple[str, str], list[Weighing]] = defaultdict(list)
        for part in in_parts(lots):
            for item in _WEIGHING.all(self._pen.execute(_SALES_OF_LOTS, {"lots": part})):
                found[item.uscc, item.lot].append(item)
        return found

    def last_of_lots(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
        """When these lots were last sold from; those that never were are left out."""
        found: dict[tuple[str, str], datetime] = {}
        for part in in_parts(lots):
            found.update(((uscc, lot), at) for uscc, lot, at in self._pen.execute(_LAST_SALES, {"lots": part}))
        return found


class SqlLotChanges:
    """``ports.LotChanges``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def add(self, change: LotChange) -> None:
        """Adding it again changes nothing."""
        add_all(self._pen, ADD_LOT_CHANGES, [_CHANGE.values(change)])

    def of_lots(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[LotChange]]:
        """Every change of these lots, earliest first."""
        found: dict[tuple[str, str], list[LotChange]] = defaultdict(list)
        for part in in_parts(lots):
            for item in _CHANGE.all(self._pen.execute(_CHANGES_OF_LOTS, {"lots": part})):
                found[item.uscc, item.lot].append(item)
        return found
