"""What devices and registers report: each observation is stored once, and moves batches, sales and presence (domain.md E.2, E.4).

Facts come late and out of order; what that means for a lot stands in ``lots``. Nothing that is late backdates a clock: what it
raises is raised ``now``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from alerts import register_rules
from casework import lots
from casework.assessment_days import forget
from casework.desk import Work
from casework.outbound import tell_presence
from casework.registers import additives, samples, staff
from domain.errors import BadInput, Code, Conflict, KitchenError, Unavailable
from domain.events import Event, EventName
from domain.observations import Flag, Kind, Observation
from domain.parties import Merchant
from domain.records import Weighing


def take_all(work: Work, observations: Sequence[Observation], now: datetime) -> list[list[Event] | KitchenError]:
    """Store observations and do what follows from each; what they lead to is written together.

    Returns:
        For each what happened, ``observation.stored`` or ``observation.replayed`` first; or why it was refused: E011 unknown
        merchant, E031 the event id came before with other content, E052 a batch would go below zero. One that is refused is not
        stored and holds up none of the others.
    """
    _expect(work, observations)
    results: list[list[Event] | KitchenError] = []
    with work.uow.gathering():
        for observation in observations:
            try:
                result = _take(work, observation, now)
            except (Conflict, Unavailable):
                raise
            except KitchenError as error:
                work.tray.forget()
                results.append(error)
            else:
                results.append(result)
                if not isinstance(result, BadInput):
                    work.tray.hashes[observation.event_id] = observation.content_hash
        forget(work.uow, observations, now)
        work.file()
    return results


def _expect(work: Work, observations: Sequence[Observation]) -> None:
    tray = work.tray
    named = [(item.uscc, str(item.body["lot"]), item.kind) for item in observations if "lot" in item.body]
    changed = [(uscc, lot) for uscc, lot, kind in named if kind in (Kind.BATCH_UPSERT, Kind.BATCH_MOVE)]
    work.expect(item.uscc for item in observations)
    tray.hashes.expect(item.event_id for item in observations)
    tray.sales.expect(str(item.body["trace_code"]) for item in observations if item.kind is Kind.SCALE_WEIGH)
    tray.batches.expect((uscc, lot) for uscc, lot, _ in named)
    tray.changes.expect(changed)
    tray.sold_at.expect(changed)
    tray.online.expect(item.device_id for item in observations)
    tray.latest.expect(key for uscc, lot, _ in named for key in register_rules.open_keys(uscc, lot))


def _take(work: Work, observation: Observation, now: datetime) -> list[Event] | BadInput:
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
        done = effect(work, observation, merchant, now)
    return done if isinstance(done, BadInput) else [stored, *done]


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
    work.tray.sold(weighing)
    events = _heard(work, observation, merchant, now)
    return events if weighing.suspect else events + lots.sell(work, weighing, merchant, now)


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


def _upsert(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """A statement of a lot; one of an additive, or with a food class, means something to the register of additives too."""
    if additives.names_an_additive(observation):
        observation = additives.flagged(work, observation)
    work.uow.observations.add(observation)
    events = _heard(work, observation, merchant, now) + lots.state(work, observation, merchant, now)
    return events + additives.take_lot(work, observation, merchant, now)


def _recorded(effect: Callable[[Work, Observation, Merchant, datetime], list[Event]]) -> Effect:
    """An effect of a register: the observation is stored before it."""

    def take(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
        if additives.names_an_additive(observation):
            observation = additives.flagged(work, observation)
        work.uow.observations.add(observation)
        return _heard(work, observation, merchant, now) + effect(work, observation, merchant, now)

    return take


def _move(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event] | BadInput:
    """A move between places. One that is refused is no stored observation: told again it is judged again."""
    moved = lots.move(work, observation, merchant, now)
    if isinstance(moved, BadInput):
        return moved
    work.uow.observations.add(observation)
    return _heard(work, observation, merchant, now) + moved


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


Effect = Callable[[Work, Observation, Merchant, datetime], list[Event] | BadInput]

EFFECTS: Mapping[Kind, Effect] = MappingProxyType(
    {
        Kind.SCALE_WEIGH: _weigh,
        Kind.BATCH_UPSERT: _upsert,
        Kind.BATCH_MOVE: _move,
        Kind.CAM_STATUS: _status,
        Kind.STAFF_CERTIFICATE: _recorded(staff.take_certificate),
        Kind.STAFF_SHIFT: _recorded(staff.take_shift),
        Kind.ADDITIVE_USE: _recorded(additives.take_use),
        Kind.SAMPLING_RESULT: _recorded(samples.take),
    }
)
"""Kinds that do something today; every other one is stored for the rules to come. An effect stores its observation itself."""
