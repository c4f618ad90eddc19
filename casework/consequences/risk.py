"""The national risk grade beside the local grade, and the review where they disagree (domain.md C.7).

Somebody says the static and the dynamic risk; the national grade follows, and higher is riskier there. Whenever either grade
changes the two are compared by their places: from two levels on a leader must look and say what is right. Nothing else follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from casework.consequences import standing, telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import (
    MERCHANT_SIDE,
    Machine,
    Order,
    Step,
    begin,
    by_clock,
    keep,
    need,
    retime,
    seen_merchant,
    terms_of,
)
from casework.consequences.terms import Terms
from casework.desk import Work
from credit.calendar import within_working_days
from credit.rating.national import REVIEW_FROM, disagreement, national_risk_grade
from credit.transitions import CLOCK, LEADERS, OFFICERS, Lifecycle, Transition
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import Actor, Role
from store.registers import Book, Wanted

REVIEW_WORKING_DAYS = 10
"""How soon a disagreement is looked into, before the leaders are told again."""


class RiskState(StrEnum):
    """States of a comparison."""

    AGREED = "agreed"
    REVIEW = "review"
    REVIEWED = "reviewed"


class RiskCommand(StrEnum):
    """What may happen to one."""

    AGREE = "agree"
    DIFFER = "differ"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCase:
    """One merchant's national risk grade beside its local grade.

    Attributes:
        shift: levels the grade is raised, or lowered.
        score: 0 to 100, higher is riskier.
        local_grade: the published one it was last compared with; empty before the first.
        levels: how many levels lie between the two; None if they cannot be compared.
        differs_since: since when a leader has been asked to look.
    """

    id: str
    uscc: str
    static: Decimal
    dynamic: Decimal
    shift: int
    score: Decimal
    grade: str
    local_grade: str = ""
    levels: int | None = None
    differs_since: datetime | None = None
    state: RiskState = RiskState.AGREED
    version: int = 1


_S, _C = RiskState, RiskCommand
_COMPARED = {_C.AGREE: _S.AGREED, _C.DIFFER: _S.REVIEW}
LIFE = Lifecycle(
    entity="risk grade",
    steps={_S.AGREED: _COMPARED, _S.REVIEW: {**_COMPARED, _C.SETTLE: _S.REVIEWED}, _S.REVIEWED: _COMPARED},
    who={_C.AGREE: CLOCK | OFFICERS, _C.DIFFER: CLOCK | OFFICERS, _C.SETTLE: LEADERS},
    reasoned=frozenset({_C.SETTLE}),
)
CABINET = Cabinet(Book.RISK_GRADES, RiskCase)


def record(work: Work, uscc: str, order: Order) -> Filed[RiskCase]:
    """An officer says the risks: ``static`` (0–40), ``dynamic`` (0–60), ``shift`` (−1 to 2)."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "say a risk grade", Role.INSPECTOR, Role.SUPERVISOR)
    static, dynamic, shift = _number(order, "static"), _number(order, "dynamic"), order.whole("shift", default=0)
    found = national_risk_grade(static, dynamic, shift=shift)
    case = RiskCase(
        id=derived_id("risk grade", uscc),
        uscc=uscc,
        static=static,
        dynamic=dynamic,
        shift=shift,
        score=found.score,
        grade=found.grade,
    )
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, topic=found.grade)
    known = begin(work, MACHINE, filed, order)
    held = standing.of(work.uow, uscc)
    told = replace(known.case, static=static, dynamic=dynamic, shift=shift, score=found.score, grade=found.grade)
    return _compare(work, replace(known, topic=found.grade), told, held, order)


def _number(order: Order, name: str) -> Decimal:
    try:
        value = Decimal(order.text(name))
    except InvalidOperation:
        raise BadInput(Code.FIELD, f"{name} is a number", where=name) from None
    if not value.is_finite():
        raise BadInput(Code.FIELD, f"{name} is a number", where=name)
    return value


def follow(work: Work, usccs: Iterable[str], now: datetime) -> int:
    """Compare again after grades were published; how many must be looked into."""
    wanted = set(usccs)
    opened = 0
    for filed in CABINET.find(work.uow, Wanted(limit=None)):
        if filed.uscc in wanted:
            after = _compare(work, filed, filed.case, standing.of(work.uow, filed.uscc), by_clock(now))
            opened += after.case.state is _S.REVIEW and filed.case.state is not _S.REVIEW
    return opened


def _compare(work: Work, filed: Filed[RiskCase], told: RiskCase, held: standing.Standing | None, order: Order) -> Filed[RiskCase]:
    """The case after both grades were laid side by side; what was reviewed is not asked again while nothing changed."""
    levels = None
    if held is not None:
        grades = terms_of(work).grades.get(held.scheme, ())
        national = national_risk_grade(told.static, told.dynamic, shift=told.shift)
        levels = disagreement(held.grade, grades, national)
    local = "" if held is None else held.grade
    same = (told.grade, local, levels) == (filed.case.grade, filed.case.local_grade, filed.case.levels)
    if same and told == filed.case:
        return filed
    differs = levels is not None and levels >= REVIEW_FROM
    if same and filed.case.state is _S.REVIEWED:
        case = replace(told, version=filed.case.version)
        return retime(work, MACHINE, replace(filed, case=case))
    waiting = filed.case.differs_since if filed.case.state is _S.REVIEW else None
    since = (waiting or order.now) if differs else None
    moved = LIFE.move(
        filed.case,
        _C.DIFFER if differs else _C.AGREE,
        actor=order.actor,
        reason=f"national {told.grade}, local {local or 'none'}",
        now=order.now,
        static=told.static,
        dynamic=told.dynamic,
        shift=told.shift,
        score=told.score,
        grade=told.grade,
        local_grade=local,
        levels=levels,
        differs_since=since,
    )
    return keep(work, MACHINE, filed, Step(moved=moved, about={"told_late": False}), order)


def _settle(_: Work, filed: Filed[RiskCase], order: Order) -> Step[RiskCase]:
    moved = LIFE.move(filed.case, _C.SETTLE, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"decision": order.reason})


def _settled(work: Work, after: Filed[RiskCase], told: Transition, order: Order) -> None:
    if told.command == RiskCommand.DIFFER and told.before != RiskState.REVIEW:
        telling.tell_officials(work, after, telling.RISK_DIFFERS, order.now, link="/credit/risk-grades")


def _due(filed: Filed[RiskCase], terms: Terms) -> datetime | None:
    case = filed.case
    if case.state is not _S.REVIEW or case.differs_since is None or filed.about.get("told_late"):
        return None
    return within_working_days(case.differs_since, REVIEW_WORKING_DAYS, terms.calendar).by


def _pass_due(work: Work, filed: Filed[RiskCase], now: datetime) -> None:
    after = retime(work, MACHINE, filed, told_late=True)
    telling.tell_officials(work, after, telling.RISK_DIFFERS, now, link="/credit/risk-grades")


def _visible(filed: Filed[RiskCase], actor: Actor) -> bool:
    return actor.role not in MERCHANT_SIDE and actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[RiskCase] = Machine(
    name="risk-grades",
    life=LIFE,
    cabinet=CABINET,
    handlers={_C.SETTLE: _settle},
    decisions=frozenset({_C.SETTLE}),
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
    visible=_visible,
)


def of(work: Work, uscc: str) -> RiskCase | None:
    """A merchant's national risk grade, if somebody said one."""
    filed = CABINET.get(work.uow, derived_id("risk grade", uscc))
    return None if filed is None else filed.case
