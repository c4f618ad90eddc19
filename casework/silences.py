"""Silences: who wants to hear nothing of which operational warnings, from when to when, and why.

A silence holds back pushes; what happened is stored, shown and counted all the same. It can never hold back a warning about a
merchant's conduct, red or ordinary: only operational warnings and devices that come and go ever ask here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from casework.desk import Work
from domain.errors import BadInput, Code, Conflict, Forbidden, IllegalTransition, NotFound
from domain.ids import derived_id
from domain.operations import LONGEST_SILENCE, Silence, SilenceKind
from domain.parties import Actor, Role
from domain.time import format_instant
from store.ports import AuditStep

ENTITY = "silence"
READERS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants held back; an empty filter means "any". ``begins_at`` None is at once."""

    kind: SilenceKind
    reason: str
    ends_at: datetime
    begins_at: datetime | None = None
    name: str = ""
    device_id: str = ""
    uscc: str = ""
    region: str = ""
    token: str = ""


def muting(work: Work, *, name: str, device_id: str, uscc: str, region: str, now: datetime) -> Silence | None:
    """The silence that holds back a push about this, if there is one."""
    known = work.uow.operations.silences(now)
    covering = (one for one in known if one.covers(name=name, device_id=device_id, uscc=uscc, region=region, now=now))
    return next(covering, None)


def begin(work: Work, asked: Asked, actor: Actor, now: datetime) -> Silence:
    """A supervisor lays down a silence. The same token again gives the same silence.

    Raises:
        Forbidden: anybody else.
        BadInput: E003 without a reason, or with an end that has passed, is before its beginning or more than 30 days after it.
    """
    _leader(actor)
    begins_at = max(asked.begins_at or now, now)
    if not asked.reason.strip():
        raise BadInput(Code.FIELD, "a reason is required", where="reason")
    if not begins_at < asked.ends_at <= begins_at + LONGEST_SILENCE:
        latest = format_instant(begins_at + LONGEST_SILENCE)
        raise BadInput(
            Code.FIELD, "a silence ends after it begins, within 30 days", where="ends_at", hint=f"at the latest {latest}"
        )
    silence_id = derived_id(ENTITY, actor.id, asked.token) if asked.token else work.desk.new_id(now)
    known = work.uow.operations.silence(silence_id)
    if known is not None:
        return known
    silence = Silence(
        id=silence_id,
        kind=asked.kind,
        author=actor.id,
        reason=asked.reason.strip(),
        begins_at=begins_at,
        ends_at=asked.ends_at,
        created_at=now,
        name=asked.name,
        device_id=asked.device_id,
        uscc=asked.uscc,
        region=asked.region,
    )
    work.uow.operations.add_silence(silence)
    _audit(work, silence, actor, now, before="", after="silenced", reason=silence.reason)
    return silence


def end(work: Work, silence_id: str, actor: Actor, now: datetime, *, expected_version: int | None = None) -> Silence:
    """A supervisor ends a silence before its time.

    Raises:
        Forbidden, NotFound.
        IllegalTransition: it is over.
        Conflict: somebody changed it since the caller looked.
    """
    _leader(actor)
    before = find(work, silence_id, actor)
    if expected_version not in (None, before.version):
        raise Conflict(f"silence {silence_id} is at version {before.version}")
    if before.ends_at <= now:
        raise IllegalTransition(ENTITY, silence_id, "ended", "end")
    after = replace(before, ends_at=max(now, before.begins_at), ended_by=actor.id, version=before.version + 1)
    work.uow.operations.save_silence(after, expected_version=before.version)
    _audit(work, after, actor, now, before="silenced", after="ended")
    return after


def find(work: Work, silence_id: str, actor: Actor) -> Silence:
    """The silence. Raises NotFound where there is none the actor may know of."""
    found = work.uow.operations.silence(silence_id) if actor.role in READERS else None
    if found is None:
        raise NotFound(f"no silence {silence_id[:80]}")
    return found


def standing(work: Work, now: datetime) -> Sequence[Silence]:
    """Those that hold or will hold something back."""
    return work.uow.operations.silences(now)


def _leader(actor: Actor) -> None:
    if actor.role is not Role.SUPERVISOR:
        raise Forbidden("only a supervisor silences")


def _audit(work: Work, silence: Silence, actor: Actor, now: datetime, *, before: str, after: str, reason: str = "") -> None:
    step = AuditStep(
        entity=ENTITY,
        entity_id=silence.id,
        from_state=before,
        to_state=after,
        at=now,
        actor=actor.id,
        actor_role=actor.role.value,
        reason=reason,
    )
    work.uow.audit.append(step)
