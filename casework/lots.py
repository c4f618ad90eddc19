"""What sales, statements and moves make of a lot, and when it is judged (domain.md C.4, D.10, E.2).

Devices tell late and out of order, and MQTT tells again in another order. A lot is what its facts come to in the order in which
they happened: what comes in that order is applied to it as it stands, anything else counts it anew from all that was told. So
the lot is the same whatever the order. Warnings are raised from what is known: one that a later word would have prevented stays
open until a person ends it; the others are the same, but for when they were raised and what came first of their evidence.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from alerts import register_rules
from casework import intake
from casework.desk import Work
from casework.registers import corrections, shelf
from domain.errors import BadInput, Code
from domain.events import Event
from domain.findings import Finding
from domain.ids import derived_id
from domain.observations import Kind, Observation
from domain.parties import Merchant
from domain.records import Batch, ChangeKind, LotChange, Weighing
from domain.rules import RedWarning
from domain.time import format_instant
from traceability import batches
from traceability.batches import Account

log = structlog.get_logger(__name__)


def judge(work: Work, batch: Batch, merchant: Merchant, now: datetime, *, sold: Weighing | None = None) -> list[Event]:
    """Judge a batch by the rules on registers, and take the finding if there is one that is news."""
    finding = _finding(work, batch, merchant, now, sold=sold)
    if finding is None:
        return []
    work.record(register_rules.record(batch, sold), register_rules.RECORD_TYPE)
    return intake.take(work, finding, now)


def _finding(work: Work, batch: Batch, merchant: Merchant, now: datetime, *, sold: Weighing | None = None) -> Finding | None:
    """What the rules say of a batch, unless it was told before.

    Sale after sale of a lot under an open warning proves the same thing: one in each minute of sale becomes evidence. Every
    weighing is stored all the same.
    """
    finding = register_rules.judge_batch(batch, rules=work.desk.rules, region=merchant.region, now=now, sold=sold)
    if finding is None or work.tray.findings[finding.id]:
        return None
    if sold is not None and sold.at >= batch.expires_at:
        warning = work.tray.open_warning(finding.open_key)
        if warning is not None:
            minute = format_instant(sold.at.replace(second=0, microsecond=0))
            finding = replace(finding, id=derived_id("finding", warning.id, "sold", minute))
            return None if work.tray.findings[finding.id] else finding
    return finding


def sell(work: Work, weighing: Weighing, merchant: Merchant, now: datetime) -> list[Event]:
    """What a stored sale does to its lot; nothing while nobody has stated what the lot is."""
    batch = work.tray.batches[weighing.uscc, weighing.lot]
    if batch is None:
        return []
    if weighing.at < batch.event_time:
        told = _account(work, batch.uscc, batch.lot)
        events = [
            event
            for _, stood, sale in told.sold
            if sale.event_id == weighing.event_id
            for event in judge(work, stood, merchant, now, sold=sale)
        ]
        left = batch if told.batch is None else replace(told.batch, expiry_judged_at=batch.expiry_judged_at)
    else:
        events = judge(work, batch, merchant, now, sold=weighing)
        left = batches.sold(batch, weighing)
    if left != batch:
        _put(work, left, now)
    return events


def state(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """What a stored ``batch.upsert`` does: the lot is what it says, less what was sold and moved since."""
    change = _change_of(observation)
    known = work.tray.batches[change.uscc, change.lot]
    if _comes_in_order(work, change):
        batch = batches.stated(known, observation)
        _remember(work, change)
        return _settle(work, batch, merchant, observation, now)
    _remember(work, change)
    return _anew(work, observation, merchant, now, _account(work, change.uscc, change.lot))


def move(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event] | BadInput:
    """What a ``batch.move`` does; it waits for the lot to be stated.

    Returns:
        E052 if more is moved than was there. The move is remembered even so: what was told late may show that it was possible.
    """
    change = _change_of(observation)
    known = work.tray.batches[change.uscc, change.lot]
    if known is not None and _comes_in_order(work, change):
        _remember(work, change)
        try:
            moved = batches.moved(known, change.body, change.at)
        except BadInput as error:
            return error
        return _settle(work, moved, merchant, observation, now)
    _remember(work, change)
    told = _account(work, change.uscc, change.lot)
    if change.id in told.refused:
        return BadInput(Code.BATCH_BELOW_ZERO, f"more of {change.lot} is moved than was there", where="body.qty_g")
    return _anew(work, observation, merchant, now, told)


def _change_of(observation: Observation) -> LotChange:
    return LotChange(
        id=observation.event_id,
        uscc=observation.uscc,
        lot=str(observation.body["lot"]),
        at=observation.event_time,
        kind=ChangeKind.STATED if observation.kind is Kind.BATCH_UPSERT else ChangeKind.MOVED,
        body=observation.body,
    )


def _comes_in_order(work: Work, change: LotChange) -> bool:
    """Whether everything known of the lot happened before it, and was judged when it was told."""
    lot = (change.uscc, change.lot)
    sold_at = work.tray.sold_at[lot]
    if sold_at is not None and (sold_at >= change.at or work.tray.batches[lot] is None):
        return False
    return all(other.at < change.at for other in work.tray.changes[lot] or ())


def _remember(work: Work, change: LotChange) -> None:
    known = work.tray.changes[change.uscc, change.lot] or ()
    if all(other.id != change.id for other in known):
        work.uow.lot_changes.add(change)
        work.tray.told(change)


def _account(work: Work, uscc: str, lot: str) -> Account:
    return batches.account(work.tray.changes[uscc, lot] or (), work.tray.lot_sales[uscc, lot] or ())


def _anew(work: Work, observation: Observation, merchant: Merchant, now: datetime, told: Account) -> list[Event]:
    """Put the lot as it is by all that was told, and judge what this change made of it and of later changes and sales."""
    change, batch = _change_of(observation), told.batch
    if batch is None:
        return []
    log.info("lot.counted_anew", uscc=batch.uscc, lot=batch.lot)
    events: list[Event] = []
    for statement, stood, sale in told.sold:
        if statement == change.id:
            events += judge(work, stood, merchant, now, sold=sale)
    for stood in told.expired.values():
        if stood.event_time >= change.at:
            events += judge(work, stood, merchant, now)
    known = work.tray.batches[change.uscc, change.lot]
    if known is not None and replace(batch, expiry_judged_at=known.expiry_judged_at) == known:
        return events
    return events + _settle(work, batch, merchant, observation, now)


def _settle(work: Work, batch: Batch, merchant: Merchant, observation: Observation, now: datetime) -> list[Event]:
    """Write a changed batch. One already past its expiry is judged at once; the sweep judges the others when they get there."""
    expired = batch.expires_at <= now
    before = work.tray.batches[batch.uscc, batch.lot]
    _put(work, replace(batch, expiry_judged_at=now if expired else None), now)
    events = judge(work, batch, merchant, now) if expired else []
    return events + _show_set_apart(work, before, batch, observation, now)


def _show_set_apart(work: Work, before: Batch | None, after: Batch, observation: Observation, now: datetime) -> list[Event]:
    """What is set apart after its warning is evidence of it: the stock movement that C.4 asks for."""
    if before is None or not shelf.is_exposed(before) or shelf.is_exposed(after):
        return []
    events: list[Event] = []
    for red in (RedWarning.RAW_EXPIRED, RedWarning.PRODUCT_EXPIRED):
        events += corrections.show(work, (red, after.lot), register_rules.record(after), observation, now)
    return events


def _put(work: Work, batch: Batch, now: datetime) -> None:
    shelf.follow(work, work.tray.batches[batch.uscc, batch.lot], batch, now)
    work.uow.batches.put(batch)
    work.tray.batches[batch.uscc, batch.lot] = batch
