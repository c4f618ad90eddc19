"""What devices and registers report: each observation is stored once, and moves batches, sales and presence (domain.md E.2, E.4).

Facts come late and out of order. An older word about a batch never overwrites a newer one, and nothing that is late backdates a
clock: what it raises is raised ``now``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from alerts import register_rules
from casework import intake
from casework.desk import Work
from casework.outbound import tell_presence
from domain.errors import BadInput, Code, Conflict, KitchenError, Unavailable
from domain.events import Event, EventName
from domain.findings import Finding
from domain.ids import derived_id
from domain.observations import Flag, Kind, Observation
from domain.parties import Merchant
from domain.records import Batch, Weighing
from domain.time import format_instant
from traceability import batches


def take(work: Work, observation: Observation, now: datetime) -> list[Event]:
    """Store an observation and do what follows from it.

    Returns:
        What happened, ``observation.stored`` or ``observation.replayed`` first.

    Raises:
        BadInput: E011 unknown merchant, E031 the event id came before with other content, E052 a batch would go below zero.
    """
    (result,) = take_all(work, [observation], now)
    if isinstance(result, KitchenError):
        raise result
    return result


def take_all(work: Work, observations: Sequence[Observation], now: datetime) -> list[list[Event] | KitchenError]:
    """Take many; one that is refused leaves no trace, and the others go on. What they lead to is written together."""
    _expect(work, observations)
    results: list[list[Event] | KitchenError] = []
    with work.uow.gathering():
        for observation in observations:
            try:
                results.append(_take(work, observation, now))
            except (Conflict, Unavailable):
                raise
            except KitchenError as error:
                work.tray.forget()
                results.append(error)
            else:
                work.tray.hashes[observation.event_id] = observation.content_hash
        work.file()
    return results


def _expect(work: Work, observations: Sequence[Observation]) -> None:
    tray, lots = work.tray, [(item.uscc, str(item.body["lot"])) for item in observations if "lot" in item.body]
    work.expect(item.uscc for item in observations)
    tray.hashes.expect(item.event_id for item in observations)
    tray.sales.expect(str(item.body["trace_code"]) for item in observations if item.kind is Kind.SCALE_WEIGH)
    tray.batches.expect(lots)
    tray.online.expect(item.device_id for item in observations)
    tray.latest.expect(key for uscc, lot in lots for key in register_rules.open_keys(uscc, lot))


def _take(work: Work, observation: Observation, now: datetime) -> list[Event]:
    merchant = work.merchant(observation.uscc)
    known = work.tray.hashes[observation.event_id]
    if known is not None:
        if known != observation.content_hash:
            raise BadInput(
                Code.DUPLICATE_CONFLICT,
                f"{observation.event_id} came before with other content",
                where="event_id",
                hint="give each event its own id",
            )
        return [event_of(EventName.OBSERVATION_REPLAYED, observation, merchant, now)]
    stored = event_of(EventName.OBSERVATION_STORED, observation, merchant, now)
    effect = EFFECTS.get(observation.kind)
    if effect is None:
        work.uow.observations.add(observation)
        return [stored]
    with work.uow.savepoint():
        return [stored, *effect(work, observation, merchant, now)]


def event_of(name: EventName, observation: Observation, merchant: Merchant, now: datetime, **data: Any) -> Event:
    """An event about an observation."""
    known = {"kind": observation.kind.value, "device": observation.device_id}
    return Event(
        name=name,
        entity_id=observation.event_id,
        uscc=merchant.uscc,
        region=merchant.region,
        at=now,
        data={**known, **data},
    )


def _weigh(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """A sale on a scale. A suspect one (E051) is kept but counts for nothing: neither stock nor a violation rests on it."""
    weighing = _weighing(observation)
    sales = work.tray.sales[weighing.trace_code] or []
    if any(_another_sale(weighing, other) for other in sales):
        weighing = replace(weighing, code_conflict=True)
        observation = replace(observation, flags=(*observation.flags, Flag.CODE_CONFLICT))
    work.uow.observations.add(observation)
    work.uow.weighings.add(weighing)
    work.tray.sales[weighing.trace_code] = [*sales, weighing]
    events = _heard(work, observation, merchant, now)
    batch = None if weighing.suspect else work.tray.batches[weighing.uscc, weighing.lot]
    if batch is None:
        return events
    events += judge(work, batch, merchant, now, sold=weighing)
    left = batches.sold(batch, weighing)
    if left != batch:
        _put(work, left)
    return events


def _put(work: Work, batch: Batch) -> None:
    work.uow.batches.put(batch)
    work.tray.batches[batch.uscc, batch.lot] = batch


def _weighing(observation: Observation) -> Weighing:
    body = observation.body
    return Weighing(
        event_id=observation.event_id,
        uscc=observation.uscc,
        device_id=observation.device_id,
        at=observation.event_time,
        trace_code=str(body["trace_code"]),
        plu=str(body["plu"]),
        lot=str(body["lot"]),
        net_g=int(body["net_g"]),
        amount_fen=int(body["amount_fen"]),
        suspect=Flag.SUSPECT in observation.flags,
    )


def _another_sale(one: Weighing, other: Weighing) -> bool:
    """Whether two weighings under one trace code are two sales (E080), not one sale told under two ids."""
    return (one.uscc, one.lot, one.net_g, one.amount_fen, one.at) != (
        other.uscc,
        other.lot,
        other.net_g,
        other.amount_fen,
        other.at,
    )


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
    if finding is None:
        return None
    if sold is not None and sold.at >= batch.expires_at:
        warning = work.tray.open_warning(finding.open_key)
        if warning is not None:
            minute = format_instant(sold.at.replace(second=0, microsecond=0))
            finding = replace(finding, id=derived_id("finding", warning.id, "sold", minute))
    return None if work.tray.findings[finding.id] else finding


def _upsert(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    work.uow.observations.add(observation)
    events = _heard(work, observation, merchant, now)
    known = work.tray.batches[observation.uscc, str(observation.body["lot"])]
    batch = batches.stated(known, observation)
    return events if batch is known else events + _settle(work, batch, merchant, now)


def _settle(work: Work, batch: Batch, merchant: Merchant, now: datetime) -> list[Event]:
    """Write a changed batch. One already past its expiry is judged at once; the sweep judges the others when they get there."""
    expired = batch.expires_at <= now
    _put(work, replace(batch, expiry_judged_at=now if expired else None))
    return judge(work, batch, merchant, now) if expired else []


def _move(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """A move between places. One older than what is known of the batch is kept but changes nothing: it is in there already."""
    lot = str(observation.body["lot"])
    known = work.tray.batches[observation.uscc, lot]
    if known is None:
        raise BadInput(Code.BATCH_BELOW_ZERO, f"nothing is known of {lot}", where="body.lot", hint="send batch.upsert first")
    moved = batches.moved(known, observation.body, observation.event_time)
    work.uow.observations.add(observation)
    events = _heard(work, observation, merchant, now)
    return events if moved is known else events + _settle(work, moved, merchant, now)


def _status(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    work.uow.observations.add(observation)
    return _present(work, observation, merchant, now, online=bool(observation.body["online"]))


def _heard(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """A device that reports is there; its presence is written only when that is news."""
    if work.tray.online[observation.device_id]:
        return []
    return _present(work, observation, merchant, now, online=True)


def _present(work: Work, observation: Observation, merchant: Merchant, now: datetime, *, online: bool) -> list[Event]:
    device = work.uow.devices.get(observation.device_id)
    if device is None or not work.uow.devices.set_presence(device.id, online=online, at=observation.event_time):
        return []
    work.tray.online[device.id] = online
    event = Event(
        name=EventName.DEVICE_ONLINE if online else EventName.DEVICE_OFFLINE,
        entity_id=device.id,
        uscc=merchant.uscc,
        region=merchant.region,
        at=now,
        data={"device": device.name or device.id, "since": observation.event_time.isoformat()},
    )
    tell_presence(work, event, merchant)
    return [event]


Effect = Callable[[Work, Observation, Merchant, datetime], list[Event]]

EFFECTS: Mapping[Kind, Effect] = MappingProxyType(
    {
        Kind.SCALE_WEIGH: _weigh,
        Kind.BATCH_UPSERT: _upsert,
        Kind.BATCH_MOVE: _move,
        Kind.CAM_STATUS: _status,
    }
)
"""Kinds that do something today; every other one is stored for the rules to come. An effect stores its observation itself."""
