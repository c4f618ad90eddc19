"""One way for every lifecycle: a command is found, allowed, carried out once, kept, written into the trail, and told.

A client's token makes a command harmless to repeat: under the same token the same command answers with the case as it stands, and
another one is refused. What somebody may not see is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from casework.consequences import plain
from casework.consequences.filing import Cabinet, Case, Filed
from casework.consequences.terms import Terms
from casework.desk import Work
from credit.transitions import Lifecycle, Moved, Transition
from domain.errors import BadInput, Code, Conflict, Forbidden, NotFound, Unavailable
from domain.parties import SYSTEM, Actor, Merchant, Role
from domain.time import parse_instant
from store.ports import AuditStep

C = TypeVar("C", bound=Case)
MERCHANT_SIDE = frozenset({Role.MERCHANT, Role.STAFF})
_LONGEST = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody asks for with a command.

    Attributes:
        actor: who asks.
        now: server time.
        reason: in words.
        evidence_ids: what it rests on.
        values: JSON values the command needs.
        token: the client's own name for this command; the same one again has no effect.
    """

    actor: Actor
    now: datetime
    reason: str = ""
    evidence_ids: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""

    def text(self, name: str, *, required: bool = True) -> str:
        """A text. Raises BadInput E003 if it is missing or none."""
        value = self.values.get(name, "")
        if not isinstance(value, str) or len(value) > _LONGEST or (required and not value.strip()):
            raise BadInput(Code.FIELD, f"{name} is required, in words", where=name)
        return value.strip()

    def whole(self, name: str, *, default: int | None = None) -> int:
        """A whole number, as such or in digits. Raises BadInput E003."""
        value = self.values.get(name, default)
        if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadInput(Code.FIELD, f"{name} is a whole number", where=name)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Yes or no. Raises BadInput E003."""
        value = self.values.get(name, default)
        if isinstance(value, str) and value in ("true", "false", "on", ""):
            value = value in ("true", "on")
        if not isinstance(value, bool):
            raise BadInput(Code.FIELD, f"{name} is true or false", where=name)
        return value

    def instant(self, name: str) -> datetime:
        """An instant with its offset. Raises BadInput."""
        return parse_instant(self.values.get(name), name)

    def why(self) -> str:
        """The reason. Raises BadInput E003 if there is none."""
        if not self.reason.strip():
            raise BadInput(Code.FIELD, "say why, in words", where="reason")
        return self.reason.strip()

    def words(self, name: str) -> tuple[str, ...]:
        """A list of words. Raises BadInput E003."""
        value = self.values.get(name, ())
        if isinstance(value, str):
            value = [part for part in value.replace(",", " ").split() if part]
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise BadInput(Code.FIELD, f"{name} is a list of words", where=name)
        return tuple(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[C]):
    """What a command did: the case after it, and what else is known of it now."""

    moved: Moved[C]
    about: Mapping[str, Any] = field(default_factory=dict)
    topic: str | None = None


Handler = Callable[[Work, Filed[C], Order], Step[C]]
Settled = Callable[[Work, Filed[C], Transition, Order], None]


def _nothing_more(*_: object) -> None:
    return None


def _never(_filed: Filed[Any], _terms: Terms) -> None:
    return None


def _seen(filed: Filed[Any], actor: Actor) -> bool:
    return actor.may_see(uscc=filed.uscc or "", region=filed.region)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Generic[C]):
    """A lifecycle with its register.

    Attributes:
        name: in addresses and messages.
        handlers: what each command does.
        decisions: commands that a named person answers for: their id is kept beside the case.
        due: when the sweep must look at a case again.
        settled: what else a step leads to, in the same transaction.
        pass_due: what the sweep does with a case whose time has come.
        visible: whether somebody may know of a case.
    """

    name: str
    life: Lifecycle
    cabinet: Cabinet[C]
    handlers: Mapping[str, Handler[C]]
    decisions: frozenset[str] = frozenset()
    due: Callable[[Filed[C], Terms], datetime | None] = _never
    settled: Settled[C] = _nothing_more
    pass_due: Callable[[Work, Filed[C], datetime], None] = _nothing_more
    visible: Callable[[Filed[C], Actor], bool] = _seen

    def commands(self, filed: Filed[C], actor: Actor) -> Sequence[str]:
        """What somebody may do to a case, for buttons."""
        return [item.value for item in self.life.commands(filed.case.state, actor.role) if item.value in self.handlers]


def terms_of(work: Work) -> Terms:
    """The site's terms.

    Raises:
        Unavailable: this installation was put together without them.
    """
    if work.desk.terms is None:
        raise Unavailable("this process was started without the terms of credit consequences")
    return work.desk.terms


def seen_merchant(work: Work, uscc: str, actor: Actor) -> Merchant:
    """The merchant, if the actor may know of it. Raises NotFound otherwise."""
    merchant = work.uow.merchants.get(uscc)
    if merchant is None or not actor.may_see(uscc=merchant.uscc, region=merchant.region):
        raise NotFound(f"no merchant {uscc[:40]}")
    return merchant


def need(order: Order, what: str, *roles: Role) -> None:
    """Refuse anybody who has none of the roles. Raises Forbidden."""
    if order.actor.role not in roles:
        raise Forbidden(f"the role {order.actor.role.value} may not {what}")


def find(work: Work, machine: Machine[C], case_id: str, actor: Actor) -> Filed[C]:
    """The case, if there is one that the actor may know of.

    Raises:
        NotFound: otherwise.
    """
    filed = machine.cabinet.get(work.uow, case_id)
    if filed is None or not machine.visible(filed, actor):
        raise NotFound(f"no {machine.life.entity} {case_id}")
    return filed


def done_before(work: Work, order: Order, what: str) -> bool:
    """Whether the actor gave this very command under the same token before.

    Raises:
        Conflict: another command was given under that token.
    """
    if not order.token:
        return False
    before = work.uow.registers.tokens.claim(order.actor.id, order.token, what, order.now)
    if before is not None and before != what:
        raise Conflict("another command was given under this token")
    return before is not None


def carry_out(work: Work, machine: Machine[C], case_id: str, command: str, order: Order) -> Filed[C]:
    """Carry out a person's command.

    Raises:
        NotFound: no such case or command, or none the actor may know of.
        IllegalTransition: not from that state.
        Forbidden: not by that role.
        BadInput: something the command needs is missing or wrong.
    """
    filed = find(work, machine, case_id, order.actor)
    if done_before(work, order, f"{machine.name}/{case_id}/{command}"):
        return filed
    handler = machine.handlers.get(command)
    if handler is None:
        raise NotFound(f"no command {command[:40]!r} for a {machine.life.entity}")
    keep(work, machine, filed, handler(work, filed, order), order)
    return find(work, machine, case_id, order.actor)


def keep(work: Work, machine: Machine[C], before: Filed[C], step: Step[C], order: Order) -> Filed[C]:
    """Write a step: the case, the trail, and what else follows."""
    told = step.moved.transition
    after = replace(
        before,
        case=step.moved.case,
        about=plain.plain({**before.about, **step.about}),
        topic=before.topic if step.topic is None else step.topic,
        decided_by=told.actor if told.command in machine.decisions else before.decided_by,
    )
    after = replace(after, due_at=machine.due(after, terms_of(work)))
    machine.cabinet.save(work.uow, after, expected_version=before.case.version)
    note(work, told)
    machine.settled(work, after, told, order)
    return after


def retime(work: Work, machine: Machine[C], filed: Filed[C], **about: Any) -> Filed[C]:
    """Remember something about a case without a step, and ask anew when it is due."""
    case = replace(filed.case, version=filed.case.version + 1)  # type: ignore[type-var]
    after = replace(filed, case=case, about=plain.plain({**filed.about, **about}))
    after = replace(after, due_at=machine.due(after, terms_of(work)))
    machine.cabinet.save(work.uow, after, expected_version=filed.case.version)
    return after


def begin(work: Work, machine: Machine[C], filed: Filed[C], order: Order) -> Filed[C]:
    """File a new case; if it is filed already, that one is answered."""
    written = replace(filed, about=plain.plain(filed.about))
    timed = replace(written, due_at=machine.due(written, terms_of(work)))
    if not machine.cabinet.add(work.uow, timed):
        known = machine.cabinet.get(work.uow, filed.case.id)
        assert known is not None
        return known
    entry(work, machine.life.entity, filed.case.id, ("", filed.case.state.value), order)
    return timed


def note(work: Work, told: Transition) -> None:
    """Write a step into the trail."""
    work.uow.audit.append(
        AuditStep(
            entity=told.entity,
            entity_id=told.entity_id,
            from_state=told.before,
            to_state=told.after,
            at=told.at,
            actor=told.actor,
            actor_role=told.actor_role.value,
            reason=told.reason or told.command,
            evidence_ids=told.evidence_ids,
        )
    )


def entry(work: Work, entity: str, entity_id: str, states: tuple[str, str], order: Order) -> None:
    """Write something that is no step of a lifecycle into the trail: its states before and after."""
    work.uow.audit.append(
        AuditStep(
            entity=entity,
            entity_id=entity_id,
            from_state=states[0],
            to_state=states[1],
            at=order.now,
            actor=order.actor.id,
            actor_role=order.actor.role.value,
            reason=order.reason,
            evidence_ids=order.evidence_ids,
        )
    )


def by_clock(now: datetime, reason: str = "") -> Order:
    """What the product itself orders when a time has come."""
    return Order(actor=SYSTEM, now=now, reason=reason)


def by_itself(work: Work, machine: Machine[C], filed: Filed[C], moved: Moved[C] | None, now: datetime, **about: Any) -> Filed[C]:
    """Write a step that time took; nothing if its time has not come."""
    if moved is None:
        return filed
    return keep(work, machine, filed, Step(moved=moved, about=about), by_clock(now))
