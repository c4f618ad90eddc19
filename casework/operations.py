"""Operational warnings: alerts of a monitoring system about cameras and machines, opened, told, and closed again.

An alert is taken once for each occurrence (fingerprint and beginning): told again it only counts, and one that comes late about
an occurrence that has ended is left. A person may close one by hand; the same occurrence does not open it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from casework import silences
from casework.desk import Work
from casework.outbound import tell_operation
from domain.errors import BadInput, Conflict, Forbidden, IllegalTransition, NotFound
from domain.events import Event, EventName
from domain.ids import derived_id, parse_device_id
from domain.operations import Alert, Operation, OperationState
from domain.parties import Actor, Role
from store.operations import Wish
from store.ports import AuditStep

ENTITY = "operation"
MONITORING = Actor(id="monitoring", role=Role.SYSTEM, name="monitoring")
OFFICIALS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
NOTHING = "none"
"""The severity of an alert that only says that alerts arrive."""


class Effect(StrEnum):
    """What an alert led to."""

    OPENED = "opened"
    ATTACHED = "attached"
    CLOSED = "closed"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What several alerts led to, and what happened."""

    effects: Mapping[Effect, int]
    events: tuple[Event, ...]


def take(work: Work, alerts: Sequence[Alert], now: datetime) -> Taken:
    """Take alerts, in order. Taking the same ones again changes nothing but how often they were told."""
    effects: Counter[Effect] = Counter(dict.fromkeys(Effect, 0))
    events: list[Event] = []
    for alert in alerts:
        effect, happened = _take(work, alert, now)
        effects[effect] += 1
        events += happened
    return Taken(effects=dict(effects), events=tuple(events))


def _take(work: Work, alert: Alert, now: datetime) -> tuple[Effect, list[Event]]:
    standing = work.uow.operations.open_with(alert.fingerprint)
    late = alert.resolved_at is not None and (standing is None or alert.resolved_at < standing.began_at)
    if alert.severity == NOTHING or late:
        return Effect.IGNORED, []
    if alert.resolved_at is not None and standing is not None:
        return Effect.CLOSED, [_close(work, standing, MONITORING, now, reason="resolved")]
    if standing is not None:
        return Effect.ATTACHED, _attach(work, standing, alert, now)
    if work.uow.operations.get(_id_of(alert)) is not None:
        return Effect.IGNORED, []
    try:
        with work.uow.savepoint():
            return Effect.OPENED, [_open(work, alert, now)]
    except Conflict:  # two monitoring systems that watch each other tell the same at once
        standing = work.uow.operations.open_with(alert.fingerprint)
        if standing is None:
            raise
        return Effect.ATTACHED, _attach(work, standing, alert, now)


def _id_of(alert: Alert) -> str:
    return derived_id(ENTITY, alert.fingerprint, alert.began_at.isoformat())


def _open(work: Work, alert: Alert, now: datetime) -> Event:
    uscc, region, device_id = _about(work, alert.labels)
    opened = Operation(
        id=_id_of(alert),
        fingerprint=alert.fingerprint,
        name=alert.name,
        severity=alert.severity,
        summary=alert.summary,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        link=alert.link,
        began_at=alert.began_at,
        opened_at=now,
        seen_at=now,
        uscc=uscc,
        region=region,
        device_id=device_id,
    )
    silence = _muting(work, opened, now)
    if silence is not None:
        opened = replace(opened, silenced_by=silence)
    work.uow.operations.add(opened)
    _audit(work, opened, MONITORING, now, before="", reason=alert.name)
    return _tell(work, EventName.OPERATION_OPENED, opened, MONITORING, now)


def _attach(work: Work, standing: Operation, alert: Alert, now: datetime) -> list[Event]:
    """The same again: count it; and if its silence is over meanwhile, tell it now."""
    told_late = standing.silenced_by is not None and _muting(work, standing, now) is None
    after = replace(
        standing,
        seen_at=now,
        times=standing.times + 1,
        summary=alert.summary,
        severity=alert.severity,
        silenced_by=None if told_late else standing.silenced_by,
        version=standing.version + 1,
    )
    work.uow.operations.save(after, expected_version=standing.version)
    return [_tell(work, EventName.OPERATION_OPENED, after, MONITORING, now)] if told_late else []


def close(
    work: Work, operation_id: str, actor: Actor, reason: str, now: datetime, *, expected_version: int | None = None
) -> tuple[Operation, Event]:
    """An official closes one by hand.

    Raises:
        NotFound: there is none the actor may know of.
        IllegalTransition: it is closed.
        Conflict: somebody changed it since the caller looked.
    """
    standing = find(work, operation_id, actor)
    if actor.role not in OFFICIALS:
        raise Forbidden("only officials close operational warnings")
    if expected_version not in (None, standing.version):
        raise Conflict(f"operational warning {operation_id} is at version {standing.version}")
    if standing.state is OperationState.CLOSED:
        raise IllegalTransition(ENTITY, operation_id, standing.state.value, "close")
    event = _close(work, standing, actor, now, reason=reason)
    return find(work, operation_id, actor), event


def _close(work: Work, standing: Operation, actor: Actor, now: datetime, *, reason: str) -> Event:
    closed = replace(
        standing,
        state=OperationState.CLOSED,
        closed_at=now,
        closed_by=actor.id,
        reason=reason,
        version=standing.version + 1,
    )
    work.uow.operations.save(closed, expected_version=standing.version)
    _audit(work, closed, actor, now, before=standing.state.value, reason=reason)
    return _tell(work, EventName.OPERATION_CLOSED, closed, actor, now)


def find(work: Work, operation_id: str, actor: Actor) -> Operation:
    """The operational warning. Raises NotFound where there is none the actor may know of."""
    found = work.uow.operations.get(operation_id)
    if found is None or not _may_see(found, actor):
        raise NotFound(f"no operational warning {operation_id[:80]}")
    return found


def listed(
    work: Work, actor: Actor, *, state: OperationState | None, cursor: str | None, limit: int
) -> tuple[Sequence[Operation], str | None]:
    """Those an official may see, newest first: a supervisor all, an inspector those of the region."""
    if actor.role not in OFFICIALS or (actor.role is Role.INSPECTOR and not actor.region):
        return [], None
    region = (actor.region or "") if actor.role is Role.INSPECTOR else ""
    return work.uow.operations.find(Wish(state=state, region=region, cursor=cursor, limit=limit))


def _may_see(operation: Operation, actor: Actor) -> bool:
    return actor.role in OFFICIALS and actor.may_see(uscc=operation.uscc or "", region=operation.region)


def _about(work: Work, labels: Mapping[str, str]) -> tuple[str | None, str, str | None]:
    """Merchant, region and device that the labels name, as far as they are registered."""
    device = None
    with suppress(BadInput):
        device = work.uow.devices.get(parse_device_id(labels.get("device") or labels.get("device_id")))
    merchant = work.uow.merchants.get(
        device.uscc if device is not None else labels.get("merchant", labels.get("uscc", "")).upper()
    )
    if merchant is None:
        return None, "", None
    return merchant.uscc, merchant.region, None if device is None else device.id


def _muting(work: Work, operation: Operation, now: datetime) -> str | None:
    silence = silences.muting(
        work,
        name=operation.name,
        device_id=operation.device_id or "",
        uscc=operation.uscc or "",
        region=operation.region,
        now=now,
    )
    return None if silence is None else silence.id


def _tell(work: Work, name: EventName, operation: Operation, actor: Actor, now: datetime) -> Event:
    event = Event(
        name=name,
        entity_id=operation.id,
        uscc=operation.uscc or "",
        region=operation.region,
        at=now,
        data={"alert": operation.name, "severity": operation.severity, "level": "ordinary", "by": actor.id},
    )
    if operation.silenced_by is None:
        tell_operation(work, event, operation)
    return event


def _audit(work: Work, operation: Operation, actor: Actor, now: datetime, *, before: str, reason: str) -> None:
    step = AuditStep(
        entity=ENTITY,
        entity_id=operation.id,
        from_state=before,
        to_state=operation.state.value,
        at=now,
        actor=actor.id,
        actor_role=actor.role.value,
        reason=reason,
    )
    work.uow.audit.append(step)
