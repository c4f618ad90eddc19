"""The monthly roll: red list, standard units, warning units, black list (domain.md C.3, Z-13 to Z-16, F.21).

Grades propose; a named leader publishes each place on the red or black list, or does not. A corrected grade takes an undecided
proposal along; a published place is only marked, and a leader withdraws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import MERCHANT_SIDE, Machine, Order, Step, by_clock, entry, retime, terms_of
from casework.desk import Work
from credit import rolls
from credit.rolls import EntryCommand, EntryState, Roll, RollEntry
from domain.parties import Actor
from store.registers import Book, Wanted

CABINET = Cabinet(Book.ROLLS, RollEntry)


def topic_of(month: str, roll: Roll) -> str:
    """How places are grouped."""
    return f"{month}/{roll.value}"


def enrol(work: Work, scheme: str, graded: Mapping[str, str], month: str, now: datetime) -> list[RollEntry]:
    """Propose what the published grades of a month call for; what is decided stays."""
    measures = terms_of(work).measures.get(scheme, {})
    wanted = {entry_.uscc: entry_ for entry_ in rolls.enrol(graded, measures, month)}
    if not wanted and not any(told.get("list") for told in measures.values()):
        return []
    known = {
        filed.case.uscc: filed
        for roll in Roll
        for filed in CABINET.find(work.uow, Wanted(topic=topic_of(month, roll), limit=None))
        if filed.case.uscc in graded
    }
    merchants = work.uow.merchants.get_all(wanted)
    new = [entry_ for uscc, entry_ in wanted.items() if uscc not in known and uscc in merchants]
    CABINET.add_all(
        work.uow,
        [
            Filed(case=one, filed_at=now, uscc=one.uscc, region=merchants[one.uscc].region, topic=topic_of(month, one.roll))
            for one in new
        ],
    )
    with work.uow.gathering():
        for one in new:
            if one.roll in rolls.DECIDED_BY_SOMEBODY:
                order = by_clock(now, f"{one.roll.value}: grade {one.grade}")
                entry(work, rolls.LIFE.entity, one.id, ("", one.state.value), order)
    for uscc, filed in known.items():
        _corrected(work, filed, wanted.get(uscc), graded[uscc], now)
    return new


def _corrected(work: Work, filed: Filed[RollEntry], wanted: RollEntry | None, grade: str, now: datetime) -> None:
    """A grade was published anew: an undecided place follows it, a decided one is marked for a leader."""
    if wanted is not None and wanted.roll is filed.case.roll:
        return
    if filed.case.state is not EntryState.PROPOSED or wanted is None:
        if filed.about.get("corrected_grade") != grade:
            retime(work, MACHINE, filed, corrected_grade=grade)
        return
    moved = replace(filed.case, roll=wanted.roll, grade=wanted.grade, version=filed.case.version + 1)
    topic = topic_of(wanted.month, wanted.roll)
    CABINET.save(work.uow, replace(filed, case=moved, topic=topic), expected_version=filed.case.version)
    state = filed.case.state.value
    entry(work, rolls.LIFE.entity, moved.id, (state, state), by_clock(now, f"{moved.roll.value}: corrected grade {grade}"))


def _publish(_: Work, filed: Filed[RollEntry], order: Order) -> Step[RollEntry]:
    moved = rolls.decide(filed.case, published=True, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"reason": order.reason, "decided_at": order.now})


def _refuse(_: Work, filed: Filed[RollEntry], order: Order) -> Step[RollEntry]:
    moved = rolls.decide(filed.case, published=False, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"reason": order.reason, "decided_at": order.now})


def _withdraw(_: Work, filed: Filed[RollEntry], order: Order) -> Step[RollEntry]:
    moved = rolls.withdraw(filed.case, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"reason": order.reason, "decided_at": order.now})


def _visible(filed: Filed[RollEntry], actor: Actor) -> bool:
    if actor.role in MERCHANT_SIDE and not rolls.shown(filed.case):
        return False
    return actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[RollEntry] = Machine(
    name="rolls",
    life=rolls.LIFE,
    cabinet=CABINET,
    handlers={EntryCommand.PUBLISH: _publish, EntryCommand.REFUSE: _refuse, EntryCommand.WITHDRAW: _withdraw},
    decisions=frozenset({EntryCommand.PUBLISH, EntryCommand.REFUSE, EntryCommand.WITHDRAW}),
    visible=_visible,
)
