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
from casework.tray import Tray
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
    """Take many; one that is refused leaves no trace, and the others go on. What has no effect is written together."""
    tray = Tray.laid(work.uow, observations)
    results: list[list[Event] | KitchenError] = []
    for observation in observations:
        try:
            results.append(_take(work, tray, observation, now))
        except (Conflict, Unavailable):
            raise
        except KitchenError as error:
            results.append(error)
        else:
            tray.hashes[observation.event_id] = observation.content_hash
    tray.empty()
    return results


def _take(work: Work, tray: Tray, observation: Observation, now: datetime) -> list[Event]:
    merchant = work.merchant(observation.uscc)
    known = tray.hashes.get(observation.event_id)
    if known is not None:
        if known != observation.content_hash:
            raise BadInput(
                Code.DUPLICATE_CONFLICT,
                f"{observation.event_id} came before with other content",
                where="event_id",
                hint="give each event its own id",
            )
        return [event_of(EventName.OBSERVATION_REPLAYED, observation, merchant, now)]
    effect = EFFECTS.get(observation.kind)
    stored = event_of(EventName.OBSERVATION_STORED, observation, merchant, now)
    if effect is None:
        tray.put(observation)
        return [stored]
    if observation.kind is Kind.SCALE_WEIGH and _put_plain_sale(work, tray, observation, merchant, now):
        return [stored]
    tray.empty()
    with work.uow.savepoint():
        followed = effect(work, observation, merchant, now)
    if observation.kind is Kind.SCALE_WEIGH:
        tray.stored_sale(_weighing(observation))
    return [stored, *followed]


def _put_plain_sale(work: Work, tray: Tray, observation: Observation, merchant: Merchant, now: datetime) -> bool:
    """Whether a sale changes nothing but its lot's quantity; then it lies on the tray."""
    weighing = _weighing(observation)
    if not tray.online(observation.device_id):
        return False
    if any(_another_sale(weighing, other) for other in tray.sales(weighing.trace_code)):
        return False
    batch = None if weighing.suspect else tray.batch(weighing.uscc, weighing.lot)
    if batch is not None and _finding(work, batch, merchant, now, sold=weighing) is not None:
        return False
    left = None if batch is None else batches.sold(batch, weighing)
    tray.put_sale(observation, weighing, None if left is batch else left)
    return True


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
    if any(_another_sale(weighing, other) for other in work.uow.weighings.by_trace_code(weighing.trace_code)):
        weighing = replace(weighing, code_conflict=True)
        observation = replace(observation, flags=(*observation.flags, Flag.CODE_CONFLICT))
    work.uow.observations.add(observation)
    work.uow.weighings.add(weighing)
    events = _heard(work, observation, merchant, now)
    batch = None if weighing.suspect else work.uow.batches.get(weighing.uscc, weighing.lot)
    if batch is None:
        return events
    events += judge(work, batch, merchant, now, sold=weighing)
    left = batches.sold(batch, weighing)
    if left != batch:
        work.uow.batches.put(left)
    return events


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
    work.desk.media.put(register_rules.record(batch, sold), register_rules.RECORD_TYPE)
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
        warning = work.uow.warnings.open_with_key(finding.open_key)
        if warning is not None:
            minute = format_instant(sold.at.replace(second=0, microsecond=0))
            finding = replace(finding, id=derived_id("finding", warning.id, "sold", minute))
    return None if work.uow.findings.get(finding.id) is not None else finding


def _upsert(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    work.uow.observations.add(observation)
    events = _heard(work, observation, merchant, now)
    known = work.uow.batches.get(observation.uscc, str(observation.body["lot"]))
    batch = batches.stated(known, observation)
    return events if batch is known else events + _settle(work, batch, merchant, now)


def _settle(work: Work, batch: Batch, merchant: Merchant, now: datetime) -> list[Event]:
    """Write a changed batch. One already past its expiry is judged at once; the sweep judges the others when they get there."""
    expired = batch.expires_at <= now
    work.uow.batches.put(replace(batch, expiry_judged_at=now if expired else None))
    return judge(work, batch, merchant, now) if expired else []


def _move(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """A move between places. One older than what is known of the batch is kept but changes nothing: it is in there already."""
    lot = str(observation.body["lot"])
    known = work.uow.batches.get(observation.uscc, lot)
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
    presence = work.uow.devices.presence(observation.device_id)
    if presence is not None and presence[0]:
        return []
    return _present(work, observation, merchant, now, online=True)


def _present(work: Work, observation: Observation, merchant: Merchant, now: datetime, *, online: bool) -> list[Event]:
    device = work.uow.devices.get(observation.device_id)
    if device is None or not work.uow.devices.set_presence(device.id, online=online, at=observation.event_time):
        return []
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
