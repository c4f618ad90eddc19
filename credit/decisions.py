"""Who decides about a deduction, and when (domain.md D.9, E.7, F.5).

A person confirms, never the system, and never before the objection window has ended. Who took part in the case decides neither an
objection nor an appeal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from domain.deductions import Deduction, DeductionState
from domain.errors import Forbidden, IllegalTransition
from domain.parties import Actor, Role

_MERCHANT = frozenset({Role.MERCHANT})
_OFFICERS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
_LEADERS = frozenset({Role.SUPERVISOR})
_UNDECIDED = frozenset({DeductionState.PROPOSED, DeductionState.OBJECTED})


def object_to(deduction: Deduction, *, actor: Actor, region: str, note: str, now: datetime) -> Deduction:
    """The merchant objects, within the window (its last instant included).

    Raises:
        Forbidden: the actor is not the merchant the entry is about.
        IllegalTransition: it is not ``proposed``, or the window has ended.
    """
    _check_actor(deduction, actor, region, _MERCHANT, "object to")
    if deduction.state is not DeductionState.PROPOSED or now > deduction.objection_until:
        raise _refused(deduction, "object")
    return replace(deduction, state=DeductionState.OBJECTED, note=note, version=deduction.version + 1)


def confirm(
    deduction: Deduction, *, actor: Actor, region: str, now: datetime, note: str = "", involved: Collection[str] = ()
) -> Deduction:
    """A person makes the entry final; the objection, if there was one, is thereby refused.

    Args:
        deduction: ``proposed`` or ``objected``.
        actor: an inspector of the region or a supervisor.
        region: of the merchant.
        now: server time; the window must have ended.
        note: why, if there was an objection.
        involved: ids of those who took part in the case; none of them may decide an objection.

    Raises:
        Forbidden: the actor may not decide this one.
        IllegalTransition: it is decided already, or the objection window still runs.
    """
    _check_actor(deduction, actor, region, _OFFICERS, "confirm")
    if deduction.state not in _UNDECIDED or now <= deduction.objection_until:
        raise _refused(deduction, "confirm")
    _check_uninvolved(deduction, actor, involved)
    return replace(
        deduction,
        state=DeductionState.FINAL,
        confirmed_by=actor.id,
        decided_at=now,
        note=note or deduction.note,
        version=deduction.version + 1,
    )


def withdraw(
    deduction: Deduction, *, actor: Actor, region: str, note: str, now: datetime, involved: Collection[str] = ()
) -> Deduction:
    """An officer withdraws the entry, at any time before it is final.

    Raises:
        Forbidden: the actor may not decide this one.
        IllegalTransition: it is decided already.
    """
    _check_actor(deduction, actor, region, _OFFICERS, "withdraw")
    if deduction.state not in _UNDECIDED:
        raise _refused(deduction, "withdraw")
    _check_uninvolved(deduction, actor, involved)
    return replace(deduction, state=DeductionState.WITHDRAWN, decided_at=now, note=note, version=deduction.version + 1)


def reverse(
    deduction: Deduction, *, actor: Actor, region: str, note: str, now: datetime, involved: Collection[str] = ()
) -> Deduction:
    """A supervisor reverses a final entry on appeal; never the one who made it final (F.5).

    Raises:
        Forbidden: the actor is no supervisor, confirmed it, or took part in the case.
        IllegalTransition: it is not final.
    """
    _check_actor(deduction, actor, region, _LEADERS, "reverse")
    if deduction.state is not DeductionState.FINAL:
        raise _refused(deduction, "reverse")
    if actor.id == deduction.confirmed_by or actor.id in involved:
        raise Forbidden("an appeal is decided by someone who took no part in the case")
    return replace(deduction, state=DeductionState.REVERSED, decided_at=now, note=note, version=deduction.version + 1)


def _check_actor(deduction: Deduction, actor: Actor, region: str, roles: frozenset[Role], what: str) -> None:
    if not actor.may_see(uscc=deduction.uscc, region=region):
        raise Forbidden(f"{actor.id} has nothing to do with deduction {deduction.id}")
    if actor.role not in roles:
        raise Forbidden(f"the role {actor.role.value} may not {what} a deduction")


def _check_uninvolved(deduction: Deduction, actor: Actor, involved: Collection[str]) -> None:
    if deduction.state is DeductionState.OBJECTED and actor.id in involved:
        raise Forbidden("an objection is decided by someone who took no part in the case")


def _refused(deduction: Deduction, command: str) -> IllegalTransition:
    return IllegalTransition("deduction", deduction.id, deduction.state.value, command)
