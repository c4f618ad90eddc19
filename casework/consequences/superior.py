"""What a superior authority has checked is not checked again for three months (domain.md C.6.2, Order 49 art. 42).

Somebody says which items were checked and when; the checklist of a drawn or triggered inspection then leaves them out, unless
there is a clue about them. The weekly evaluation and a recheck leave nothing out: they are no inspections of that kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, Step, begin, need, seen_merchant, terms_of
from casework.desk import Work
from credit import sampling
from credit.documents import Citation, DocumentClause
from credit.tasks import Origin, Task
from credit.transitions import LEADERS, Lifecycle
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import Actor, Role
from domain.time import local_day
from store.registers import Book, Wanted

SPARING = frozenset({Origin.DRAWN, Origin.TRIGGERED})
"""Inspections that leave out what a superior authority has checked."""


class CheckState(StrEnum):
    """States of such a record."""

    RECORDED = "recorded"
    WITHDRAWN = "withdrawn"


class CheckCommand(StrEnum):
    """What may happen to one."""

    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperiorCheck:
    """One check by a superior authority: which items, and on which day."""

    id: str
    uscc: str
    authority: str
    on: date
    items: tuple[str, ...]
    state: CheckState = CheckState.RECORDED
    version: int = 1


LIFE = Lifecycle(
    entity="superior check",
    steps={CheckState.RECORDED: {CheckCommand.WITHDRAW: CheckState.WITHDRAWN}},
    who={CheckCommand.WITHDRAW: LEADERS},
    reasoned=frozenset({CheckCommand.WITHDRAW}),
)
CABINET = Cabinet(Book.SUPERIOR_CHECKS, SuperiorCheck)


def record(work: Work, uscc: str, order: Order) -> Filed[SuperiorCheck]:
    """An officer records a superior authority's check: ``authority``, ``on``, ``items`` (keys of the checklist)."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "record a superior authority's check", Role.INSPECTOR, Role.SUPERVISOR)
    try:
        on = date.fromisoformat(order.text("on"))
    except ValueError:
        raise BadInput(Code.FIELD, "say the day", where="on", hint="write 2026-12-31") from None
    if on > local_day(order.now):
        raise BadInput(Code.FIELD, "the day has not come", where="on")
    items = order.words("items")
    if not items:
        raise BadInput(Code.FIELD, "say which items were checked", where="items")
    for key in items:
        terms_of(work).rulebook.cite(key)
    authority = order.text("authority")
    case = SuperiorCheck(
        id=derived_id("superior check", uscc, authority, on.isoformat(), *sorted(items)),
        uscc=uscc,
        authority=authority,
        on=on,
        items=tuple(dict.fromkeys(items)),
    )
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, topic=on.isoformat())
    return begin(work, MACHINE, filed, order)


def _withdraw(_: Work, filed: Filed[SuperiorCheck], order: Order) -> Step[SuperiorCheck]:
    return Step(moved=LIFE.move(filed.case, CheckCommand.WITHDRAW, actor=order.actor, reason=order.reason, now=order.now))


def spared(work: Work, task: Filed[Task], today: date) -> dict[str, date]:
    """Items an inspection leaves out, and when a superior authority checked each."""
    if task.case.origin not in SPARING:
        return {}
    checked: dict[str, date] = {}
    wanted = Wanted(uscc=task.uscc, states=(CheckState.RECORDED.value,), limit=None)
    for filed in CABINET.find(work.uow, wanted):
        for key in filed.case.items:
            checked[key] = max(checked.get(key, date.min), filed.case.on)
    left = sampling.items_to_check(tuple(checked), checked, clues=task.about.get("clues", ()), today=today)
    return {key: on for key, on in checked.items() if key not in left}


def checklist(work: Work, task: Filed[Task], today: date) -> dict[str, tuple[DocumentClause, Citation]]:
    """What an inspection asks for on a day."""
    left_out = spared(work, task, today)
    return {key: item for key, item in terms_of(work).rulebook.checklist().items() if key not in left_out}


def _visible(filed: Filed[SuperiorCheck], actor: Actor) -> bool:
    return actor.uscc is None and actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[SuperiorCheck] = Machine(
    name="superior-checks", life=LIFE, cabinet=CABINET, handlers={CheckCommand.WITHDRAW: _withdraw}, visible=_visible
)
