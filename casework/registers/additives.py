"""Uses and stocks of additives against the standard: RW4, and names that only a person can resolve (domain.md C.8, E053).

A name that nobody knows is kept and becomes a question, once, for all merchants. Whoever answers it names what it means, and
everything recorded under it is judged again. A use whose product has no food class yet waits for the statement of the lot.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from alerts import record_rules
from alerts.register_rules import RECORD_TYPE, canonical
from casework import intake
from casework.desk import Work, merchant_of
from casework.outbound import tell_record
from casework.registers import corrections
from domain.errors import BadInput, Code, Forbidden, IllegalTransition, NotFound
from domain.events import Event, EventName
from domain.observations import Flag, Kind, Observation
from domain.parties import Actor, Merchant, Role
from domain.records import SEGREGATED, BatchKind, BatchState
from domain.registers import AdditiveName, AdditiveRecord, AdditiveSource, AdditiveState, NameState
from domain.rules import RedWarning
from store.ports import AuditStep
from traceability import additives
from traceability.additives import NONE, UNLISTED, plain_name
from traceability.batches import NOTHING, grams

RESOLVERS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
AT_ONCE = 200


def names_an_additive(observation: Observation) -> bool:
    """Whether an observation names an additive: a use, or a lot of one in stock."""
    if observation.kind is Kind.ADDITIVE_USE:
        return True
    return observation.kind is Kind.BATCH_UPSERT and observation.body["kind"] == BatchKind.ADDITIVE.value


def flagged(work: Work, observation: Observation) -> Observation:
    """The observation, marked E053 if nobody knows the name it gives."""
    written = str(observation.body["additive" if observation.kind is Kind.ADDITIVE_USE else "name"])
    if meaning(work, written):
        return observation
    return replace(observation, flags=(*observation.flags, Flag.NEEDS_MAPPING))


def meaning(work: Work, written: str) -> str:
    """The substance of a name, as the table or a person says; empty if neither does."""
    known = work.desk.additives.named(written)
    if known is not None:
        return known.key
    answered = work.uow.records.additive_name(plain_name(written))
    return "" if answered is None or answered.state is NameState.OPEN else answered.substance


def take_use(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """Record a use, and judge it."""
    body = observation.body
    work.uow.lock(f"additives:{merchant.uscc}")
    record = AdditiveRecord(
        id=observation.event_id,
        uscc=merchant.uscc,
        source=AdditiveSource.USE,
        name=str(body["additive"]),
        lot=str(body["lot"]),
        product_lot=str(body["product_lot"]),
        qty_g=grams(body["qty_g"]),
        product_qty_g=grams(body["product_qty_g"]),
        at=observation.event_time,
        state=AdditiveState.NEEDS_MAPPING,
        food_class=str(body.get("food_class") or _class_of(work, merchant.uscc, str(body["product_lot"]))),
        ingredient=str(body.get("ingredient") or ""),
        ingredient_qty_g=NOTHING if body.get("ingredient_qty_g") is None else grams(body["ingredient_qty_g"]),
    )
    return settle(work, record, merchant, now)


def _class_of(work: Work, uscc: str, product_lot: str) -> str:
    batch = work.tray.batches[uscc, product_lot]
    return "" if batch is None else batch.gb2760_class


def take_lot(work: Work, observation: Observation, merchant: Merchant, now: datetime) -> list[Event]:
    """What a statement of a lot means here: a stock of an additive, or the food class that uses in the lot waited for."""
    body = observation.body
    if body["kind"] != BatchKind.ADDITIVE.value:
        return class_known(work, merchant, str(body["lot"]), str(body.get("gb2760_class") or ""), now)
    work.uow.lock(f"additives:{merchant.uscc}")
    lot, qty_g = str(body["lot"]), grams(body["qty_g"])
    if BatchState(body["state"]) in SEGREGATED or qty_g <= 0:
        record = canonical({"lot": lot, "name": body["name"], "state": body["state"], "qty_g": f"{qty_g:f}"})
        return corrections.show(work, (RedWarning.ADDITIVE_BEYOND_SCOPE, lot), record, observation, now)
    stock = AdditiveRecord(
        id=observation.event_id,
        uscc=merchant.uscc,
        source=AdditiveSource.STOCK,
        name=str(body["name"]),
        lot=lot,
        product_lot=lot,
        qty_g=qty_g,
        product_qty_g=NOTHING,
        at=observation.event_time,
        state=AdditiveState.NEEDS_MAPPING,
        food_class=str(body.get("gb2760_class") or ""),
    )
    return settle(work, stock, merchant, now)


def class_known(work: Work, merchant: Merchant, lot: str, food_class: str, now: datetime) -> list[Event]:
    """Judge the uses that waited for a product's food class."""
    if not food_class:
        return []
    waiting = [one for one in work.uow.records.additives_in(merchant.uscc, lot) if one.state is AdditiveState.NEEDS_CLASS]
    if waiting:
        work.uow.lock(f"additives:{merchant.uscc}")
    events: list[Event] = []
    for one in waiting:
        events += settle(work, replace(one, food_class=food_class), merchant, now)
    return events


def settle(work: Work, record: AdditiveRecord, merchant: Merchant, now: datetime) -> list[Event]:
    """Judge a record and keep it with what it came to. What is found is raised, or goes to review where a person must judge."""
    substance, table = meaning(work, record.name), work.desk.additives
    if not substance:
        work.uow.lock("additive-names")  # somebody may be answering just now
        substance = meaning(work, record.name)
    if not substance:
        work.uow.records.put_additive(record, plain_name=plain_name(record.name))
        return _ask(work, record, merchant, now)
    known = replace(record, substance=substance)
    lot = work.uow.records.additives_in(record.uscc, record.product_lot)
    verdict = additives.judge(known, lot, table, merchant.business_form.value)
    known = replace(known, state=verdict.state)
    work.uow.records.put_additive(known, plain_name=plain_name(record.name))
    named = table.substance(substance)
    amounts = {name: additives.shown(value) for name in ("used", "share") if (value := getattr(verdict, name)) is not None}
    if verdict.limit is not None:
        amounts["limit"] = f"{verdict.limit:f}"
    if verdict.partners:
        amounts["additives"] = "、".join(_title(work, key) for key in verdict.partners)
    found = record_rules.judge_additive(
        known,
        title=record.name if named is None else named.title,
        amounts=amounts,
        held=table.is_barred(substance, merchant.business_form.value),
        rules=work.desk.rules,
        now=now,
    )
    if found is None:
        return []
    work.record(record_rules.additive_record(known), RECORD_TYPE)
    return intake.take(work, found, now)


def _title(work: Work, key: str) -> str:
    named = work.desk.additives.substance(key)
    return key if named is None else named.title


def _ask(work: Work, record: AdditiveRecord, merchant: Merchant, now: datetime) -> list[Event]:
    """Make a question of a name nobody knows; the first to use it is named with it."""
    name = AdditiveName(
        name=plain_name(record.name),
        written=record.name,
        state=NameState.OPEN,
        first_uscc=merchant.uscc,
        region=merchant.region,
        seen_at=now,
    )
    if not work.uow.records.add_additive_name(name):
        return []
    event = Event(
        name=EventName.ADDITIVE_UNMAPPED,
        entity_id=f"additive-name/{name.name}",
        uscc=merchant.uscc,
        region=merchant.region,
        at=now,
        data={"additive": record.name},
    )
    tell_record(work, event, version="1", link="/registers/names")
    return [event]


def resolve(work: Work, name: str, substance: str, actor: Actor, *, note: str, now: datetime) -> tuple[AdditiveName, list[Event]]:
    """A person says what a name means; everything recorded under it is judged again.

    Args:
        name: as the question names it, or as it was written.
        substance: a key of the table, ``none`` or ``unlisted``.

    Raises:
        NotFound: nobody asked.
        Forbidden: not an official.
        BadInput: E003, no such substance.
        IllegalTransition: it was answered already.
    """
    if actor.role not in RESOLVERS:
        raise Forbidden(f"names of additives are resolved by officials, not by {actor.role.value}")
    work.uow.lock("additive-names")
    asked = work.uow.records.additive_name(plain_name(name))
    if asked is None:
        raise NotFound(f"nobody asked what {name[:40]!r} means")
    if substance not in (NONE, UNLISTED) and work.desk.additives.substance(substance) is None:
        raise BadInput(
            Code.FIELD, f"no substance {substance[:40]!r}", where="substance", hint="one of the table, none or unlisted"
        )
    if asked.state is not NameState.OPEN:
        raise IllegalTransition("additive name", asked.name, asked.state.value, "resolve")
    answered = replace(
        asked,
        state=NameState.RESOLVED,
        substance=substance,
        decided_by=actor.id,
        decided_at=now,
        note=note.strip(),
        version=asked.version + 1,
    )
    work.uow.records.save_additive_name(answered, expected_version=asked.version)
    step = AuditStep(
        entity="additive name",
        entity_id=asked.name,
        from_state=asked.state.value,
        to_state=f"{answered.state.value}:{substance}",
        at=now,
        actor=actor.id,
        actor_role=actor.role.value,
        reason=answered.note,
    )
    work.uow.audit.append(step)
    return answered, _judge_again(work, answered.name, now)


def _judge_again(work: Work, name: str, now: datetime) -> list[Event]:
    events: list[Event] = []
    while waiting := work.uow.records.additives_named(name, AdditiveState.NEEDS_MAPPING, limit=AT_ONCE):
        for one in sorted(waiting, key=lambda item: (item.uscc, item.at, item.id)):
            work.uow.lock(f"additives:{one.uscc}")
            food_class = one.food_class or _class_of(work, one.uscc, one.product_lot)
            events += settle(work, replace(one, food_class=food_class), merchant_of(work.uow, one.uscc), now)
    return events
