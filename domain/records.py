"""Records of the registers that rules read: batches of goods and weighings (domain.md D.10, E.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class BatchKind(StrEnum):
    """What a batch is made of."""

    RAW = "raw"
    PRODUCT = "product"
    ADDITIVE = "additive"


class BatchState(StrEnum):
    """Where a batch is (D.10)."""

    RECEIVED = "received"
    IN_STORE = "in_store"
    IN_USE = "in_use"
    ON_SALE = "on_sale"
    DEPLETED = "depleted"
    QUARANTINED = "quarantined"
    DESTROYED = "destroyed"
    RETURNED = "returned"


SEGREGATED = frozenset({BatchState.QUARANTINED, BatchState.DESTROYED, BatchState.RETURNED, BatchState.DEPLETED})
"""States in which an expired batch is no violation (C.4, F.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One lot at one merchant. ``qty_g`` is what remains; ``expires_at`` is the first instant it is no longer good.

    ``apart_g`` is what is quarantined of it besides: 0 when all of it is, for then ``qty_g`` says how much.
    """

    uscc: str
    lot: str
    kind: BatchKind
    name: str
    qty_g: Decimal
    expires_at: datetime
    state: BatchState
    event_time: datetime
    produced_on: str = ""
    gb2760_class: str = ""
    supplier_uscc: str = ""
    voucher_ref: str = ""
    expiry_judged_at: datetime | None = None
    apart_g: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """One sale on a traceability scale; masses in grams, money in fen."""

    event_id: str
    uscc: str
    device_id: str
    at: datetime
    trace_code: str
    plu: str
    lot: str
    net_g: int
    amount_fen: int
    suspect: bool = False
    code_conflict: bool = False


class ChangeKind(StrEnum):
    """What changes a lot besides its sales."""

    STATED = "stated"
    MOVED = "moved"
    APART = "apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class LotChange:
    """One word about a lot: a statement, a move, or that an officer verified it was set apart.

    Attributes:
        id: the event id of the observation, where there is one.
        at: when it happened; the lot is what its changes and sales come to in this order, in whichever they were told.
        body: of the observation; empty for what an officer verified.
    """

    id: str
    uscc: str
    lot: str
    at: datetime
    kind: ChangeKind
    body: Mapping[str, Any] = field(default_factory=dict)
