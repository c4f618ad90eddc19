"""Rules over registers: expired goods (RW1, RW2 with XV01–XV04; domain.md C.4, F.4).

A lot is expired from ``expires_at`` on, that instant included. Goods set apart raise nothing, however long expired; a sale on a
scale is always "on sale", whatever the register says of the lot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

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
    body = {"batch": plain(batch, {"expiry_judged_at"})}
    if sold is not None:
        body["sold"] = plain(sold)
    return canonical(body)


def canonical(body: Mapping[str, object]) -> bytes:
    """JSON with the same bytes for the same facts."""
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
    params = {"lot": batch.lot, "name": batch.name, "expires_at": format_instant(batch.expires_at)}
    if sold is not None:
        params |= {"trace_code": sold.trace_code, "sold_at": format_instant(sold.at)}
    return finding(
        Told(
            uscc=batch.uscc,
            red=red,
            violation_code=code,
            why=Reason(code=reason, params=params),
            subject=batch.lot,
            occasion=sold.event_id if sold is not None else format_instant(event_time),
            at=event_time,
            record=record(batch, sold),
        ),
        rules,
        now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A violation that a record shows, before it is a finding.

    Attributes:
        occasion: what tells this sighting from the next of the same subject; told twice it is one finding.
        record: the evidence, canonical JSON.
        automatic: whether it raises by itself; otherwise a person looks first.
    """

    uscc: str
    red: RedWarning
    violation_code: str
    why: Reason
    subject: str
    occasion: str
    at: datetime
    record: bytes
    automatic: bool = True


def finding(told: Told, rules: Rules, now: datetime) -> Finding | None:
    """The finding of a violation, with its record as evidence; None where the site has the rule switched off."""
    rule = rules.register.get(told.red)
    if rule is None or not rule.enabled:
        return None
    digest = hashlib.sha256(told.record).hexdigest()
    return Finding(
        id=derived_id("finding", told.uscc, told.red.value, told.subject, told.violation_code, told.occasion),
        uscc=told.uscc,
        rule=told.red.value,
        class_=rule.class_,
        violation_code=told.violation_code,
        level=rule.level,
        subject=told.subject,
        event_time=told.at,
        first_seen_at=told.at,
        detected_at=now,
        automatic=told.automatic,
        why=told.why,
        evidence=(EvidenceRef(kind=EvidenceKind.RECORD, sha256=digest, media_type=RECORD_TYPE, at=told.at),),
    )


def plain(facts: Any, without: AbstractSet[str] = frozenset()) -> dict[str, object]:
    """A dataclass as JSON values: instants in RFC 3339, decimals and closed sets as their words."""
    names = (item.name for item in fields(facts) if item.name not in without)
    return {name: _word(getattr(facts, name)) for name in names}


def _word(value: object) -> object:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, tuple):
        return [dict(item) if isinstance(item, Mapping) else item for item in value]
    return value.value if isinstance(value, StrEnum) else value
