"""What remains of a lot, and where it is (domain.md D.10, E.2, E052).

A lot has one state, that of its most exposed part: some of it on sale is "on sale". What is set apart leaves the quantity that
rules judge and is kept beside it, so that no more can come back; a lot wholly set apart keeps its quantity and is
``quarantined``. Each change is judged anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.errors import BadInput, Code
from domain.observations import Observation
from domain.records import Batch, BatchKind, BatchState, Weighing
from domain.time import parse_instant

_APART = frozenset({BatchState.QUARANTINED, BatchState.DESTROYED})
NOTHING = Decimal(0)
_EXPOSURE = {BatchState.RECEIVED: 0, BatchState.IN_STORE: 1, BatchState.IN_USE: 2, BatchState.ON_SALE: 3}


def stated(existing: Batch | None, observation: Observation) -> Batch:
    """The lot after a ``batch.upsert``, which says all there is to say about it.

    Returns:
        The existing one, unchanged, if the statement is older than what is known. A part set apart stays known unless all of it
        is said to be.
    """
    if existing is not None and observation.event_time < existing.event_time:
        return existing
    body = observation.body
    state = BatchState(body["state"])
    return Batch(
        uscc=observation.uscc,
        lot=body["lot"],
        kind=BatchKind(body["kind"]),
        name=body["name"],
        qty_g=grams(body["qty_g"]),
        expires_at=parse_instant(body["expires_at"], "body.expires_at"),
        state=state,
        event_time=observation.event_time,
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
    if weighing.at < batch.event_time:
        return batch
    left = max(Decimal(0), batch.qty_g - weighing.net_g)
    state = BatchState.DEPLETED if left == 0 and batch.state not in _APART else batch.state
    return replace(batch, qty_g=left, state=state)


def grams(value: float | str) -> Decimal:
    """A JSON number as exact grams: what the sender wrote, not its binary neighbour."""
    return Decimal(str(value))
