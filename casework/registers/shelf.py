"""Advance notices of lots (domain.md C.4): what will expire is told before; the expiry itself stands with the lot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from casework.desk import Work
from casework.outbound import tell_record
from domain.errors import BadInput
from domain.events import Event, EventName
from domain.parties import Merchant
from domain.records import SEGREGATED, Batch, BatchKind
from domain.registers import Due, DueKind
from domain.rules import RedWarning
from domain.time import format_instant, midnight, parse_instant
from traceability import notices


def is_exposed(batch: Batch) -> bool:
    """Whether its expiry would be a violation."""
    return batch.qty_g > 0 and batch.state not in SEGREGATED


def follow(work: Work, before: Batch | None, after: Batch, now: datetime) -> None:
    """Keep the expiry index in step with a changed lot; nothing is written where nothing about its expiry changed."""
    if before is not None and is_exposed(before) == is_exposed(after) and before.expires_at == after.expires_at:
        return
    _next(work, after, now, listed=before is not None and is_exposed(before))


def _next(work: Work, batch: Batch, now: datetime, *, listed: bool) -> None:
    """Put the lot's next notice into the index, or take the lot out of it if it may be listed there."""
    at = notices.next_notice(batch.expires_at, spans(work, batch), now) if is_exposed(batch) else None
    if at is None and not listed:
        return
    if at is None:
        work.uow.records.drop_due(DueKind.LOT_NOTICE, batch.uscc, batch.lot)
    else:
        work.uow.records.put_due(Due(kind=DueKind.LOT_NOTICE, uscc=batch.uscc, subject=batch.lot, due_at=at))


def spans(work: Work, batch: Batch) -> Sequence[timedelta]:
    """How long before its expiry a lot's merchant is told."""
    red = RedWarning.PRODUCT_EXPIRED if batch.kind is BatchKind.PRODUCT else RedWarning.RAW_EXPIRED
    rule = work.desk.rules.register.get(red)
    if rule is None or not rule.enabled:
        return ()
    if rule.notices_by_hour and notices.by_hour(batch.expires_at):
        return rule.notices_by_hour
    if rule.notices_long_life and notices.keeps_long(_produced_at(batch), batch.expires_at):
        return rule.notices_long_life
    return rule.notices


def _produced_at(batch: Batch) -> datetime | None:
    try:
        return (
            midnight(date.fromisoformat(batch.produced_on))
            if len(batch.produced_on) == 10
            else parse_instant(batch.produced_on, "")
        )
    except (ValueError, BadInput):
        return None


def pass_lot_notice(work: Work, due: Due, merchant: Merchant, now: datetime) -> list[Event]:
    """Tell the merchant that a lot will expire."""
    batch = work.tray.batches[due.uscc, due.subject]
    if batch is None or not is_exposed(batch) or batch.expires_at <= now:
        work.uow.records.drop_due(due.kind, due.uscc, due.subject)
        return []
    _next(work, batch, now, listed=True)
    if not any(batch.expires_at - span <= due.due_at for span in spans(work, batch)):
        return []
    event = Event(
        name=EventName.LOT_EXPIRES_SOON,
        entity_id=f"{due.uscc}/{due.subject}",
        uscc=due.uscc,
        region=merchant.region,
        at=now,
        data={"lot": batch.lot, "name": batch.name, "expires_at": format_instant(batch.expires_at)},
    )
    tell_record(work, event, version=due.due_at.isoformat(), link="/registers/batches")
    return [event]
