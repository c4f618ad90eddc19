"""Penalties: filed, decided by a leader, served together with their repair notice, ended (domain.md R-13, C.6.3, C.6.4).

A decision cannot be served without its notice in the same delivery: the rule refuses it, and so does the database. What was
served opens the way to its repair, and, where it is grave enough, a clue for the list that somebody must look into.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from casework.consequences import listings, repairs, telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import (
    MERCHANT_SIDE,
    Machine,
    Order,
    Step,
    begin,
    by_clock,
    by_itself,
    done_before,
    need,
    seen_merchant,
    terms_of,
)
from casework.consequences.terms import Terms
from casework.desk import Work
from credit.lists import Clue, Listing
from credit.repair import RepairState, Service, check_service
from credit.repair_profile import Penalty, RepairProfile, Standing, eligibility
from credit.transitions import CLOCK, LEADERS, OFFICERS, Lifecycle, Transition
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Role
from domain.time import local_day, midnight
from store.registers import Book, Wanted


class PenaltyState(StrEnum):
    """States of a penalty."""

    FILED = "filed"
    DECIDED = "decided"
    SERVED = "served"
    ENDED = "ended"
    DROPPED = "dropped"


class PenaltyCommand(StrEnum):
    """What may happen to one."""

    DECIDE = "decide"
    SERVE = "serve"
    DROP = "drop"
    END = "end"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyCase:
    """One penalty from the filing of its case.

    Attributes:
        kind: what was imposed: ``fine``, ``suspension``, …
        class_: its class in the repair profile.
        heavier: a heavier penalty in the sense of Order 44.
        listed_kind: its violation is of the kinds the serious list is for.
        published_on: since when it is on public notice.
    """

    id: str
    uscc: str
    doc_no: str
    field: str = "food"
    kind: str = ""
    class_: str = ""
    amount_fen: int = 0
    heavier: bool = False
    listed_kind: bool = False
    decided_on: date | None = None
    published_on: date | None = None
    decision_delivery_id: str = ""
    notice_delivery_id: str = ""
    state: PenaltyState = PenaltyState.FILED
    version: int = 1

    def public(self) -> Penalty:
        """As the repair profile sees it."""
        return Penalty(
            id=self.id,
            uscc=self.uscc,
            kind=self.kind,
            class_=self.class_,
            field=self.field,
            published_on=self.published_on or self.decided_on or date.max,
        )


_S, _C = PenaltyState, PenaltyCommand
LIFE = Lifecycle(
    entity="penalty",
    steps={
        _S.FILED: {_C.DECIDE: _S.DECIDED, _C.DROP: _S.DROPPED},
        _S.DECIDED: {_C.SERVE: _S.SERVED, _C.DROP: _S.DROPPED},
        _S.SERVED: {_C.END: _S.ENDED},
        _S.ENDED: {_C.RESTORE: _S.SERVED},
    },
    who={_C.DECIDE: LEADERS, _C.SERVE: OFFICERS, _C.DROP: LEADERS, _C.END: CLOCK | OFFICERS, _C.RESTORE: CLOCK | LEADERS},
    reasoned=frozenset({_C.DECIDE, _C.DROP, _C.RESTORE}),
)
CABINET = Cabinet(Book.PENALTIES, PenaltyCase)


def file(work: Work, uscc: str, order: Order) -> Filed[PenaltyCase]:
    """An officer files a case."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "file a case", Role.INSPECTOR, Role.SUPERVISOR)
    order.why()
    doc_no = order.text("doc_no")
    case = PenaltyCase(id=derived_id("penalty", uscc, doc_no), uscc=uscc, doc_no=doc_no)
    done_before(work, order, f"penalties/{case.id}/file")
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, about={"ground": order.reason})
    return begin(work, MACHINE, filed, order)


def _decide(work: Work, filed: Filed[PenaltyCase], order: Order) -> Step[PenaltyCase]:
    profile = terms_of(work).repair
    class_ = order.text("class")
    if class_ not in profile.classes:
        known = " | ".join(profile.classes)
        raise BadInput(Code.FIELD, f"{profile.name} has no class {class_[:40]!r}", where="class", hint=known)
    moved = LIFE.move(
        filed.case,
        _C.DECIDE,
        actor=order.actor,
        reason=order.reason,
        evidence_ids=order.evidence_ids,
        now=order.now,
        kind=order.text("kind"),
        class_=class_,
        field=order.text("field", required=False) or "food",
        amount_fen=order.whole("amount_fen", default=0),
        heavier=order.flag("heavier"),
        listed_kind=order.flag("listed_kind"),
        decided_on=local_day(order.now),
    )
    return Step(moved=moved, about={"decision": order.reason})


def _serve(_: Work, filed: Filed[PenaltyCase], order: Order) -> Step[PenaltyCase]:
    decision = order.text("decision_delivery_id", required=False)
    notice = order.text("notice_delivery_id", required=False)
    if filed.case.state is _S.DECIDED:
        check_service(filed.case.id, Service(decision_delivery_id=decision, notice_delivery_id=notice))
    moved = LIFE.move(
        filed.case,
        _C.SERVE,
        actor=order.actor,
        now=order.now,
        published_on=local_day(order.now),
        decision_delivery_id=decision,
        notice_delivery_id=notice,
    )
    return Step(moved=moved, about={"served_at": order.now})


def _drop(_: Work, filed: Filed[PenaltyCase], order: Order) -> Step[PenaltyCase]:
    return Step(moved=LIFE.move(filed.case, _C.DROP, actor=order.actor, reason=order.reason, now=order.now))


def _settled(work: Work, after: Filed[PenaltyCase], told: Transition, order: Order) -> None:
    if told.command != PenaltyCommand.SERVE:
        return
    case = after.case
    work.uow.registers.serve(case.id, decision=case.decision_delivery_id, notice=case.notice_delivery_id, at=order.now)
    repairs.open_for(work, case.public(), case.notice_delivery_id, order)
    telling.tell_merchant(work, after, telling.PENALTY_SERVED, order.now, link="/my-credit")
    if case.heavier and case.listed_kind:
        listing = Listing(
            id=derived_id("listing", case.uscc, listings.SERIOUS, case.id),
            uscc=case.uscc,
            list=listings.SERIOUS,
            clue=Clue.PENALTY,
            came_at=order.now,
            violation_listed=True,
            heavier_penalty=True,
        )
        why = by_clock(order.now, f"penalty {case.doc_no}")
        listings.from_source(work, work.merchant(case.uscc), listing, why, penalty=case.id)


def _ends_at(filed: Filed[PenaltyCase], terms: Terms) -> datetime | None:
    case = filed.case
    if case.state is not _S.SERVED or case.published_on is None or case.class_ not in terms.repair.classes:
        return None
    found = eligibility(case.public(), terms.repair, case.published_on)
    if found.standing is Standing.NOT_PUBLISHED or found.ends_on is None:
        return filed.filed_at if found.standing is Standing.NOT_PUBLISHED else None
    return midnight(found.ends_on)


def _pass_due(work: Work, filed: Filed[PenaltyCase], now: datetime) -> None:
    end(work, filed.case.id, "publication has run out", now)


def end(work: Work, penalty_id: str, reason: str, now: datetime) -> None:
    """A penalty leaves the public record: its time is over, or it was repaired."""
    filed = CABINET.get(work.uow, penalty_id)
    if filed is not None and filed.case.state is _S.SERVED:
        moved = LIFE.move(filed.case, _C.END, actor=SYSTEM, reason=reason, now=now)
        by_itself(work, MACHINE, filed, moved, now, ended_because=reason)


def restore(work: Work, penalty_id: str, order: Order) -> None:
    """A repair was revoked: the penalty is on the public record again."""
    filed = CABINET.get(work.uow, penalty_id)
    if filed is not None and filed.case.state is _S.ENDED:
        moved = LIFE.move(filed.case, _C.RESTORE, actor=order.actor, reason=order.reason, now=order.now)
        by_itself(work, MACHINE, filed, moved, order.now)


def on_notice(work: Work, region: str | None) -> list[Filed[PenaltyCase]]:
    """The penalties that everybody may read: served, and neither ended nor being taken off after a repair."""
    approved = repairs.CABINET.find(work.uow, Wanted(states=(RepairState.APPROVED.value,), limit=None))
    repaired = {one.case.penalty_id for one in approved}
    served = CABINET.find(work.uow, Wanted(region=region, states=(_S.SERVED.value,), limit=None))
    profile = terms_of(work).repair
    return [
        one
        for one in served
        if one.case.id not in repaired and one.case.published_on is not None and _published(one.case, profile)
    ]


def _published(case: PenaltyCase, profile: RepairProfile) -> bool:
    """Whether the class of a penalty is published at all."""
    return (
        case.class_ in profile.classes
        and eligibility(case.public(), profile, case.published_on or date.max).standing is not Standing.NOT_PUBLISHED
    )


def _visible(filed: Filed[PenaltyCase], actor: Actor) -> bool:
    if actor.role in MERCHANT_SIDE and filed.case.state in (_S.FILED, _S.DECIDED, _S.DROPPED):
        return False
    return actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[PenaltyCase] = Machine(
    name="penalties",
    life=LIFE,
    cabinet=CABINET,
    handlers={_C.DECIDE: _decide, _C.SERVE: _serve, _C.DROP: _drop},
    decisions=frozenset({_C.DECIDE, _C.DROP}),
    due=_ends_at,
    settled=_settled,
    pass_due=_pass_due,
    visible=_visible,
)
