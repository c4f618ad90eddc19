"""The monthly roll of a street: red list, standard units, warning units, black list (domain.md C.3, Z-13 to Z-16, F.21).

A grade only *proposes* a place on the red or black list; a named leader publishes it or not. A merchant without a proper grade
(provisional, unrated) is on neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from credit.transitions import LEADERS, Lifecycle, Moved
from domain.parties import Actor


class Roll(StrEnum):
    """The four statuses of C.3."""

    RED_LIST = "red_list"
    STANDARD_UNIT = "standard_unit"
    WARNING_UNIT = "warning_unit"
    BLACK_LIST = "black_list"


DECIDED_BY_SOMEBODY = frozenset({Roll.RED_LIST, Roll.BLACK_LIST})
"""Rolls that are shown only after a named leader's decision: commendation and exposure."""


class EntryState(StrEnum):
    """States of a place on a roll."""

    PROPOSED = "proposed"
    PUBLISHED = "published"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class EntryCommand(StrEnum):
    """What may happen to one."""

    PUBLISH = "publish"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollEntry:
    """One merchant's place on a roll in one month."""

    id: str
    uscc: str
    month: str
    roll: Roll
    grade: str
    state: EntryState = EntryState.PROPOSED
    decided_by: str = ""
    version: int = 1


_S, _C = EntryState, EntryCommand
LIFE = Lifecycle(
    entity="roll entry",
    steps={
        _S.PROPOSED: {_C.PUBLISH: _S.PUBLISHED, _C.REFUSE: _S.REFUSED},
        _S.PUBLISHED: {_C.WITHDRAW: _S.WITHDRAWN},
        _S.REFUSED: {_C.PUBLISH: _S.PUBLISHED},
    },
    who={_C.PUBLISH: LEADERS, _C.REFUSE: LEADERS, _C.WITHDRAW: LEADERS},
    reasoned=frozenset({_C.PUBLISH, _C.REFUSE, _C.WITHDRAW}),
)


def enrol(grades: Mapping[str, str], measures: Mapping[str, Mapping[str, Any]], month: str) -> tuple[RollEntry, ...]:
    """What the published grades propose for the roll of a month.

    Args:
        grades: merchant → published grade.
        measures: grade → measures of the scheme; ``list`` names the roll.
        month: ``YYYY-MM``.
    """
    named = {uscc: measures.get(grade, {}).get("list") for uscc, grade in grades.items()}
    return tuple(
        RollEntry(id=f"{month}|{uscc}", uscc=uscc, month=month, roll=Roll(roll), grade=grades[uscc])
        for uscc, roll in sorted(named.items())
        if roll is not None
    )


def decide(entry: RollEntry, *, published: bool, actor: Actor, reason: str, now: datetime) -> Moved[RollEntry]:
    """A named leader publishes the place, or does not."""
    command = _C.PUBLISH if published else _C.REFUSE
    return LIFE.move(entry, command, actor=actor, reason=reason, now=now, decided_by=actor.id)


def withdraw(entry: RollEntry, *, actor: Actor, reason: str, now: datetime) -> Moved[RollEntry]:
    """A published place is taken back, as after a reversal."""
    return LIFE.move(entry, _C.WITHDRAW, actor=actor, reason=reason, now=now, decided_by=actor.id)


def shown(entry: RollEntry) -> bool:
    """Whether the public sees it: at once where nobody is commended or exposed by it, else after the decision."""
    if entry.roll in DECIDED_BY_SOMEBODY:
        return entry.state is _S.PUBLISHED
    return entry.state in (_S.PROPOSED, _S.PUBLISHED)
