"""What remains of a lot, and where it is (domain.md D.10, E.2, E052).

A lot has one state, that of its most exposed part: some of it on sale is "on sale". What is set apart leaves the quantity that
rules judge and is kept beside it, so that no more can come back; a lot wholly set apart keeps its quantity and is
``quarantined``. Each change is judged anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

from domain.errors import BadInput, Code
from domain.observations import Observation
from domain.records import SEGREGATED, Batch, BatchKind, BatchState, ChangeKind, LotChange, Weighing
from domain.time import parse_instant

_APART = frozenset({BatchState.QUARANTINED, BatchState.DESTROYED})
NOTHING = Decimal(0)
_RANK = {kind: number for number, kind in enumerate(ChangeKind)}
_EXPOSURE = {BatchState.RECEIVED: 0, BatchState.IN_STORE: 1, BatchState.IN_USE: 2, BatchState.ON_SALE: 3}


def stated(existing: Batch | None, observation: Observation) -> Batch:
    """The lot after a ``batch.upsert``, which says all there is to say about it.

    Returns:
        The existing one, unchanged, if the statement is older than what is known. A part set apart stays known unless all of it
        is said to be.
    """
    if existing is not None and observation.event_time < existing.event_time:
        return existing
    return _stated(existing, observation.uscc, observation.body, observation.event_time)


def _stated(existing: Batch | None, uscc: str, body: Mapping[str, Any], at: datetime) -> Batch:
    state = BatchState(body["state"])
    return Batch(
        uscc=uscc,
        lot=body["lot"],
        kind=BatchKind(body["kind"]),
        name=body["name"],
        qty_g=grams(body["qty_g"]),
        expires_at=parse_instant(body["expires_at"], "body.expires_at"),
        state=state,
        event_time=at,
        produced_on=body.get("produced_on") or "",
        gb2760_class=body.get("gb2760_class") or "",
        supplier_uscc=body.get("supplier_uscc") or "",
        voucher_ref=body.get("voucher_ref") or "",
        apart_g=NOTHING if existing is None or state in _APART else existing.apart_g,
    )


def moved(batch: Batch, body: Mapping[str, Any], at: datetime) -> Batch:
    """The lot after a ``batch.move``; one older than what is known of the lot is in there already and changes nothing.

    Args:
        batch: as it stands.
        body: checked body of the move: ``from``, ``to``, ``qty_g``.
        at: when it was moved.

    Raises:
        BadInput: E052 if more is moved than is there.
    """
    if at < batch.event_time:
        return batch
    qty_g, origin, target = grams(body["qty_g"]), BatchState(body["from"]), BatchState(body["to"])
    known = _together(batch) if batch.state in _APART else batch
    left = _left(known, origin)
    if qty_g > left:
        raise BadInput(Code.BATCH_BELOW_ZERO, f"{qty_g} g of {left} g cannot be moved", where="body.qty_g")
    return replace(known, event_time=at, expiry_judged_at=None, **_after(known, qty_g, origin, target))


def _together(batch: Batch) -> Batch:
    """A lot wholly set apart, with what was set apart of it before."""
    return replace(batch, qty_g=batch.qty_g + batch.apart_g, apart_g=NOTHING)


def _left(batch: Batch, origin: BatchState) -> Decimal:
    """How much can be moved from there."""
    if origin is BatchState.DESTROYED:
        return NOTHING
    return batch.apart_g if origin in _APART and batch.state not in _APART else batch.qty_g


def _after(batch: Batch, qty_g: Decimal, origin: BatchState, target: BatchState) -> dict[str, Any]:
    """Quantities and state afterwards."""
    if batch.state in _APART:
        return _after_all_apart(batch, qty_g, target)
    if origin in _APART:
        return _after_part_apart(batch, qty_g, target)
    rest = batch.qty_g - qty_g
    if target is BatchState.QUARANTINED:
        return _all_apart(batch.apart_g + qty_g) if rest == 0 else {"qty_g": rest, "apart_g": batch.apart_g + qty_g}
    if target is BatchState.DESTROYED:
        if rest == 0 and batch.apart_g:
            return _all_apart(batch.apart_g)
        return {"qty_g": rest, "state": target if rest == 0 else batch.state}
    return {"state": target if rest == 0 else _more_exposed(batch.state, target)}


def _after_all_apart(batch: Batch, qty_g: Decimal, target: BatchState) -> dict[str, Any]:
    rest = batch.qty_g - qty_g
    if target is BatchState.QUARANTINED:
        return {}
    if target is BatchState.DESTROYED:
        return {"qty_g": rest, "state": target if rest == 0 else batch.state}
    return {"qty_g": qty_g, "apart_g": rest, "state": target}


def _after_part_apart(batch: Batch, qty_g: Decimal, target: BatchState) -> dict[str, Any]:
    if target is BatchState.QUARANTINED:
        return {}
    apart = {"apart_g": batch.apart_g - qty_g}
    if target is BatchState.DESTROYED:
        return apart
    return {**apart, "qty_g": batch.qty_g + qty_g, "state": _more_exposed(batch.state, target)}


def _all_apart(qty_g: Decimal) -> dict[str, Any]:
    return {"qty_g": qty_g, "apart_g": NOTHING, "state": BatchState.QUARANTINED}


def _more_exposed(one: BatchState, other: BatchState) -> BatchState:
    return max(one, other, key=lambda state: _EXPOSURE.get(state, 0))


def sold(batch: Batch, weighing: Weighing) -> Batch:
    """The lot after a sale. A sale is a fact: more sold than was known leaves nothing, and is no error.

    Returns:
        The same object if the sale was before what is known of the lot: it is in there already.
    """
    return batch if weighing.at < batch.event_time else _less(batch, weighing.net_g)


def _less(batch: Batch, sold_g: int) -> Batch:
    left = max(NOTHING, batch.qty_g - sold_g)
    state = BatchState.DEPLETED if left == 0 and batch.state not in _APART else batch.state
    return replace(batch, qty_g=left, state=state)


def verified_apart(batch: Batch, at: datetime) -> Batch:
    """The lot after an officer verified that it was set apart; one set apart already stays as it is."""
    return batch if batch.state in SEGREGATED else replace(batch, state=BatchState.QUARANTINED, event_time=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is to be known of a lot from everything that was told of it.

    Attributes:
        batch: as it stands; None while nobody has stated what it is.
        expired: as it stood after each change, where it was still exposed when it expired or later; by the id of the change.
        sold: sales at or after its expiry, each with the lot as it stood and the id of the statement that it is judged by.
        refused: ids of the moves that would have taken more than was there; they changed nothing.
    """

    batch: Batch | None
    expired: Mapping[str, Batch]
    sold: Sequence[tuple[str, Batch, Weighing]]
    refused: AbstractSet[str]


def account(changes: Iterable[LotChange], sales: Iterable[Weighing]) -> Account:
    """Everything told of one lot in the order in which it happened, whatever the order in which it was told.

    What happened at one instant counts in the order of ``ChangeKind``, sales last. A move or sale before the first statement is
    in there already; such a sale is judged by that statement all the same, for goods do not grow younger.

    Args:
        changes: every change of the lot.
        sales: every sale of it that counts.
    """
    book = _Book()
    told: list[tuple[datetime, int, str, LotChange | Weighing]] = [(item.at, _RANK[item.kind], item.id, item) for item in changes]
    told += [(item.at, len(_RANK), item.event_id, item) for item in sales]
    for _, _, _, item in sorted(told, key=itemgetter(0, 1, 2)):
        if isinstance(item, Weighing):
            book.sell(item)
        else:
            book.change(item)
    return book.closed()


class _Book:
    """A lot while its facts are gone through."""

    def __init__(self) -> None:
        self._batch: Batch | None = None
        self._statement, self._change = "", ""
        self._sold_g = 0
        self._before: list[Weighing] = []
        self._expired: dict[str, Batch] = {}
        self._sold: list[tuple[str, Batch, Weighing]] = []
        self._refused: set[str] = set()

    def sell(self, sale: Weighing) -> None:
        if self._batch is None:
            self._before.append(sale)
            return
        if sale.at >= self._batch.expires_at:
            self._expire()
            self._sold.append((self._statement, self._batch, sale))
        self._sold_g += sale.net_g

    def change(self, change: LotChange) -> None:
        if self._batch is not None and self._batch.expires_at < change.at:
            self._expire()
        self._deduct()
        if change.kind is ChangeKind.STATED:
            first = self._batch is None
            self._batch = _stated(self._batch, change.uscc, change.body, change.at)
            self._statement = self._change = change.id
            if first:
                old = (sale for sale in self._before if sale.at >= self._batch.expires_at)
                self._sold += [(self._statement, self._batch, sale) for sale in old]
        elif self._batch is not None:
            self._move(self._batch, change)

    def _move(self, batch: Batch, change: LotChange) -> None:
        if change.kind is ChangeKind.APART:
            self._batch = verified_apart(batch, change.at)
        else:
            try:
                self._batch = moved(batch, change.body, change.at)
            except BadInput:
                self._refused.add(change.id)
                return
        self._change = change.id

    def _expire(self) -> None:
        """Note the lot as it is after its last change if it is still exposed; the first time after each."""
        self._deduct()
        batch = self._batch
        if batch is not None and self._change not in self._expired and batch.qty_g > 0 and batch.state not in SEGREGATED:
            self._expired[self._change] = batch

    def _deduct(self) -> None:
        if self._batch is not None and self._sold_g:
            self._batch = _less(self._batch, self._sold_g)
        self._sold_g = 0

    def closed(self) -> Account:
        self._deduct()
        return Account(batch=self._batch, expired=self._expired, sold=self._sold, refused=frozenset(self._refused))


def grams(value: float | str) -> Decimal:
    """A JSON number as exact grams: what the sender wrote, not its binary neighbour."""
    return Decimal(str(value))
