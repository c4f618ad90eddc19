"""One step of a lifecycle, and the record every step leaves (domain.md D).

A lifecycle is a table: state → command → next state, and command → who may. A command that the table does not know from a state
is refused and changes nothing; what decides over somebody needs a named person and a reason, so the system itself never may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from domain.errors import BadInput, Code, Forbidden, IllegalTransition
from domain.parties import Actor, Role


class Case(Protocol):
    """Anything with a lifecycle: a frozen dataclass with these fields."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def state(self) -> StrEnum:
        """Where it stands."""

    @property
    def version(self) -> int:
        """One higher after every step."""


C = TypeVar("C", bound=Case)
Table = Mapping[Any, Mapping[Any, Any]]
"""State → command → next state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What one step leaves in the append-only record."""

    entity: str
    entity_id: str
    command: str
    before: str
    after: str
    at: datetime
    actor: str
    actor_role: Role
    reason: str = ""
    evidence_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Generic[C]):
    """The case after a step, and the step."""

    case: C
    transition: Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """A table of steps.

    Attributes:
        entity: what it is the life of, in messages and records.
        steps: state → command → next state.
        who: command → roles that may; the others are refused.
        reasoned: commands that need a reason in words.
    """

    entity: str
    steps: Table
    who: Mapping[Any, frozenset[Role]]
    reasoned: frozenset[Any] = frozenset()

    def move(
        self,
        case: C,
        command: StrEnum,
        *,
        actor: Actor,
        reason: str = "",
        evidence_ids: Sequence[str] = (),
        now: datetime,
        **changes: Any,
    ) -> Moved[C]:
        """The case after a command.

        Args:
            case: as it stands.
            command: what is to happen to it.
            actor: who does it.
            reason: in words, where the command needs one.
            evidence_ids: what it rests on.
            now: server time.
            changes: further fields of the case.

        Raises:
            IllegalTransition: the command is not possible from that state.
            Forbidden: the actor's role may not.
            BadInput: E003 if the reason is missing.
        """
        after = self.steps.get(case.state, {}).get(command)
        if after is None:
            raise IllegalTransition(self.entity, case.id, case.state.value, command.value)
        if actor.role not in self.who[command]:
            raise Forbidden(f"the role {actor.role.value} may not {command.value} a {self.entity}")
        if command in self.reasoned and not reason.strip():
            raise BadInput(Code.FIELD, f"{command.value} needs a reason", where="reason", hint="say why, in words")
        moved: C = replace(case, state=after, version=case.version + 1, **changes)  # type: ignore[type-var]
        return Moved(
            case=moved,
            transition=Transition(
                entity=self.entity,
                entity_id=case.id,
                command=command.value,
                before=case.state.value,
                after=after.value,
                at=now,
                actor=actor.id,
                actor_role=actor.role,
                reason=reason.strip(),
                evidence_ids=tuple(evidence_ids),
            ),
        )

    def commands(self, state: StrEnum, role: Role) -> tuple[Any, ...]:
        """What somebody of a role may do in a state."""
        return tuple(command for command in self.steps.get(state, {}) if role in self.who[command])


ANYBODY = frozenset(Role)
BUSINESS = frozenset({Role.MERCHANT})
OFFICERS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
LEADERS = frozenset({Role.SUPERVISOR})
CLOCK = frozenset({Role.SYSTEM})
"""Steps that only time takes; they never harm anybody."""
