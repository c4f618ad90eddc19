"""Rules over registers: expired goods (RW1, RW2 with XV01–XV04; domain.md C.4, F.4).

A lot is expired from ``expires_at`` on, that instant included. Goods set apart raise nothing, however long expired; a sale on a
scale is always "on sale", whatever the register says of the lot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Set as AbstractSet
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.findings import EvidenceKind, EvidenceRef, Finding, Reason, ReasonCode
from domain.ids import derived_id
from domain.records import SEGREGATED, Batch, BatchKind, BatchState, Weighing
from domain.rules import RedWarning, Rules
from domain.time import format_instant

RECORD_TYPE = "application/json"

_Fact = tuple[RedWarning, str, ReasonCode]

_SOLD: _Fact = (RedWarning.PRODUCT_EXPIRED, "XV04", ReasonCode.PRODUCT_EXPIRED_ON_SALE)
_RAW: _Fact = (RedWarning.RAW_EXPIRED, "XV01", ReasonCode.RAW_EXPIRED)
_RAW_USED: _Fact = (RedWarning.RAW_EXPIRED, "XV02", ReasonCode.RAW_EXPIRED_USED)
_PRODUCT: _Fact = (RedWarning.PRODUCT_EXPIRED, "XV03", ReasonCode.PRODUCT_EXPIRED)


def judge_batch(
    batch: Batch,
    *,
    rules: Rules,
    region: str,  # noqa: ARG001  every register rule is called alike; those on additives and samples differ by region
    now: datetime,
    sold: Weighing | None = None,
) -> Finding | None:
    """Judge one lot, by itself or because some of it was sold.

    Args:
        batch: the lot as the register knows it.
        rules: for the level and whether the rule is on.
        region: of the merchant.
        now: server time.
        sold: the sale that made us look; it is judged at its own time.

    Returns:
        A finding with the record as evidence (``record``), or None. Told twice of the same fact, its id is the same.
    """
    if sold is not None and sold.at >= batch.expires_at:
        return _finding(batch, _SOLD, rules, event_time=sold.at, now=now, sold=sold)
    if now < batch.expires_at or batch.qty_g <= 0 or batch.state in SEGREGATED:
        return None
    return _finding(batch, _fact(batch), rules, event_time=max(batch.expires_at, batch.event_time), now=now)


def open_keys(uscc: str, lot: str) -> tuple[str, ...]:
    """The keys of every warning that a finding on this lot may lead to."""
    return tuple(f"{uscc}|{red.value}|{lot}" for red in (RedWarning.RAW_EXPIRED, RedWarning.PRODUCT_EXPIRED))


def record(batch: Batch, sold: Weighing | None = None) -> bytes:
    """The evidence of a register finding: the record as it stood, canonical JSON. Its SHA-256 stands in the finding.

    Which instant it was judged at is no part of it, so that the same fact has the same bytes.
    """
    body = {"batch": _plain(batch, {"expiry_judged_at"})}
    if sold is not None:
        body["sold"] = _plain(sold)
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _fact(batch: Batch) -> _Fact:
    if batch.state is BatchState.ON_SALE:
        return _SOLD
    if batch.kind is BatchKind.PRODUCT:
        return _PRODUCT
    return _RAW_USED if batch.state is BatchState.IN_USE else _RAW  # an additive is an input like any raw material


def _finding(
    batch: Batch, fact: _Fact, rules: Rules, *, event_time: datetime, now: datetime, sold: Weighing | None = None
) -> Finding | None:
    red, code, reason = fact
    rule = rules.register.get(red)
    if rule is None or not rule.enabled:
        return None
    params = {"lot": batch.lot, "name": batch.name, "expires_at": format_instant(batch.expires_at)}
    if sold is not None:
        params |= {"trace_code": sold.trace_code, "sold_at": format_instant(sold.at)}
    occasion = sold.event_id if sold is not None else format_instant(event_time)
    digest = hashlib.sha256(record(batch, sold)).hexdigest()
    return Finding(
        id=derived_id("finding", batch.uscc, red.value, batch.lot, code, occasion),
        uscc=batch.uscc,
        rule=red.value,
        class_=rule.class_,
        violation_code=code,
        level=rule.level,
        subject=batch.lot,
        event_time=event_time,
        first_seen_at=event_time,
        detected_at=now,
        automatic=True,
        why=Reason(code=reason, params=params),
        evidence=(EvidenceRef(kind=EvidenceKind.RECORD, sha256=digest, media_type=RECORD_TYPE, at=event_time),),
    )


def _plain(facts: Batch | Weighing, without: AbstractSet[str] = frozenset()) -> dict[str, object]:
    """JSON values: instants in RFC 3339, decimals and closed sets as their words."""
    names = (item.name for item in fields(facts) if item.name not in without)
    return {name: _word(getattr(facts, name)) for name in names}


def _word(value: object) -> object:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.value if isinstance(value, StrEnum) else value
