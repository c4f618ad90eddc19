"""Outages, announced maintenance and announced closures: who tells them, and who takes them back (domain.md F.11, F.12).

What is told here takes time out of every rate, so nobody tells it of themselves alone: an outage needs a regulator, and a closure
told by the shop counts only if it was told before it began. Nothing is deleted: a wrong one is withdrawn, with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from casework.indicators_record import MAINTENANCE_AHEAD, counts
from domain.errors import BadInput, Code, Conflict, Forbidden, NotFound
from domain.ids import derived_id
from domain.parties import Actor, Role
from domain.time import format_instant
from store.assessments import Interruption, InterruptionKind
from store.ports import AuditStep, Store, UnitOfWork

ENTITY: Final = "interruption"
LONGEST: Final = timedelta(days=366)
MAY_TELL: Final = {
    InterruptionKind.PLATFORM: frozenset({Role.SUPERVISOR}),
    InterruptionKind.AREA: frozenset({Role.SUPERVISOR, Role.INSPECTOR}),
    InterruptionKind.MAINTENANCE: frozenset({Role.SUPERVISOR, Role.INSPECTOR}),
    InterruptionKind.CLOSURE: frozenset({Role.SUPERVISOR, Role.INSPECTOR, Role.MERCHANT}),
}
OFFICIALS: Final = frozenset({Role.SUPERVISOR, Role.INSPECTOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What somebody tells.

    Attributes:
        uscc: the merchant it is about; None = all of ``region``, a prefix of six digits, empty = everybody.
        announced_at: when it was told on paper or by telephone; only an official may say so. None = now.
    """

    kind: InterruptionKind
    began_at: datetime
    ended_at: datetime
    reason: str
    uscc: str | None = None
    region: str = ""
    announced_at: datetime | None = None


def announce(store: Store, told: Announcement, actor: Actor, now: datetime) -> Interruption:
    """Write down an interruption; telling the same again answers the one there is.

    Raises:
        Forbidden: the role may not tell that kind, or not of that place.
        NotFound: no such merchant, or none the actor may know of.
        BadInput: E003, naming the field; an outage that is not over, a closure or maintenance that is told too late.
    """
    if actor.role not in MAY_TELL[told.kind]:
        raise Forbidden(f"the role {actor.role.value} may not tell of {told.kind.value}")
    if actor.role is Role.MERCHANT and told.uscc is None:
        told = replace(told, uscc=actor.uscc)
    announced_at = _announced(told, actor, now)
    _check(told, announced_at, now)
    with store.writing() as uow:
        _may_tell_of(uow, told, actor)
        about = (told.kind.value, told.uscc or "", told.region, format_instant(told.began_at), format_instant(told.ended_at))
        known = [one for one in _same(uow, told) if one.withdrawn_at is None]
        if known:
            return known[0]
        item = Interruption(
            id=derived_id(ENTITY, *about, str(len(_same(uow, told)))),
            kind=told.kind,
            uscc=told.uscc,
            region=told.region,
            began_at=told.began_at,
            ended_at=told.ended_at,
            announced_at=announced_at,
            reason=told.reason.strip(),
            recorded_by=actor.id,
            recorded_at=now,
        )
        if not uow.assessments.add_interruption(item):
            raise Conflict("somebody else has just told the same")
        _audit(uow, item, ("", "told"), actor, now)
        uow.commit()
    return item


def withdraw(store: Store, interruption_id: str, reason: str, actor: Actor, now: datetime) -> Interruption:
    """Take one back: whoever reads from now on finds that it never counted; months that are frozen keep what they were made from.

    Raises:
        NotFound: there is none that the actor may know of.
        Forbidden: the role may not tell that kind, so it may not take it back.
        BadInput: E003 without a reason.
        Conflict: it is withdrawn already.
    """
    if not reason.strip():
        raise BadInput(Code.FIELD, "a reason is required", where="reason")
    with store.writing() as uow:
        item = uow.assessments.interruption(interruption_id)
        if item is None or not concerns(uow, item, actor):
            raise NotFound(f"no interruption {interruption_id[:40]}")
        if actor.role not in MAY_TELL[item.kind] or (actor.role is Role.MERCHANT and item.recorded_by != actor.id):
            raise Forbidden("only somebody who may tell it may take it back")
        if actor.role is Role.INSPECTOR and item.uscc is None and not item.region.startswith(actor.region or "-"):
            raise Forbidden("it reaches beyond your region")
        gone = replace(item, withdrawn_at=now, withdrawn_by=actor.id, withdrawn_why=reason.strip())
        uow.assessments.withdraw_interruption(gone)
        _audit(uow, gone, ("told", "withdrawn"), actor, now)
        uow.commit()
    return gone


def told_in(store: Store, since: datetime, until: datetime, actor: Actor) -> list[Interruption]:
    """Those that overlap a span and concern the actor, the withdrawn ones too, earliest first."""
    with store.reading() as uow:
        return [item for item in uow.assessments.told_interruptions(since, until) if concerns(uow, item, actor)]


def concerns(uow: UnitOfWork, item: Interruption, actor: Actor) -> bool:
    """Whether an interruption is any business of the actor's."""
    if actor.role is Role.SUPERVISOR:
        return True
    if actor.role is Role.INSPECTOR:
        region = actor.region or "-"
        if item.uscc is None:
            return item.region.startswith(region) or region.startswith(item.region)
        merchant = uow.merchants.get(item.uscc)
        return merchant is not None and actor.may_see(uscc=merchant.uscc, region=merchant.region)
    merchant = None if actor.uscc is None else uow.merchants.get(actor.uscc)
    return merchant is not None and item.concerns(merchant.uscc, merchant.region)


def to_wire(item: Interruption) -> dict[str, Any]:
    """An interruption as JSON."""
    return {
        "id": item.id,
        "kind": item.kind.value,
        "merchant": item.uscc,
        "region": item.region,
        "from": format_instant(item.began_at),
        "to": format_instant(item.ended_at),
        "announced_at": format_instant(item.announced_at),
        "recorded_at": format_instant(item.recorded_at),
        "recorded_by": item.recorded_by,
        "reason": item.reason,
        "counts": item.withdrawn_at is None and counts(item),
        "withdrawn_at": None if item.withdrawn_at is None else format_instant(item.withdrawn_at),
        "withdrawn_by": item.withdrawn_by,
        "withdrawn_why": item.withdrawn_why,
    }


def _announced(told: Announcement, actor: Actor, now: datetime) -> datetime:
    if told.announced_at is None:
        return now
    if actor.role not in OFFICIALS:
        raise Forbidden("only an official says when something was announced on paper")
    if told.announced_at > now:
        raise BadInput(Code.FIELD, "it lies in the future", where="announced_at")
    return told.announced_at


def _check(told: Announcement, announced_at: datetime, now: datetime) -> None:
    if not told.reason.strip() or len(told.reason) > 2000:
        raise BadInput(Code.FIELD, "a reason of at most 2000 characters is required", where="reason")
    if told.ended_at <= told.began_at or told.ended_at - told.began_at > LONGEST:
        raise BadInput(Code.FIELD, "it ends after it began, within 366 days", where="to")
    if told.uscc is not None and told.region:
        raise BadInput(Code.FIELD, "either a merchant or a region", where="region")
    if told.region and not (told.region.isdecimal() and len(told.region) in (2, 4, 6)):
        raise BadInput(Code.FIELD, "two, four or six digits", where="region", hint="e.g. 330211")
    match told.kind:
        case InterruptionKind.PLATFORM | InterruptionKind.AREA if told.ended_at > now:
            raise BadInput(Code.FIELD, "an outage is told when it is over", where="to")
        case InterruptionKind.MAINTENANCE if announced_at > told.began_at - MAINTENANCE_AHEAD:
            raise BadInput(Code.FIELD, "maintenance counts only if it is announced 24 hours ahead", where="from")
        case InterruptionKind.CLOSURE if announced_at > told.began_at:
            raise BadInput(Code.FIELD, "a closure counts only if it is told before it begins", where="from")
        case InterruptionKind.CLOSURE if told.uscc is None:
            raise BadInput(Code.FIELD, "a closure is one merchant's", where="uscc")


def _may_tell_of(uow: UnitOfWork, told: Announcement, actor: Actor) -> None:
    if told.uscc is not None:
        merchant = uow.merchants.get(told.uscc)
        if merchant is None or not actor.may_see(uscc=merchant.uscc, region=merchant.region):
            raise NotFound(f"no merchant {told.uscc[:40]}")
    elif actor.role is Role.INSPECTOR and not (actor.region and told.region.startswith(actor.region)):
        raise Forbidden("an inspector tells of their own region")


def _same(uow: UnitOfWork, told: Announcement) -> list[Interruption]:
    about = (told.kind, told.uscc, told.region, told.began_at, told.ended_at)
    found = uow.assessments.told_interruptions(told.began_at, told.ended_at)
    return [one for one in found if (one.kind, one.uscc, one.region, one.began_at, one.ended_at) == about]


def _audit(uow: UnitOfWork, item: Interruption, states: tuple[str, str], actor: Actor, now: datetime) -> None:
    uow.audit.append(
        AuditStep(
            entity=ENTITY,
            entity_id=item.id,
            from_state=states[0],
            to_state=states[1],
            at=now,
            actor=actor.id,
            actor_role=actor.role.value,
            reason=item.withdrawn_why or item.reason,
        )
    )
