"""The repair desk: applications decided the same day, and what they free (domain.md D.5, R-13, R-14, F.19).

Applying completely starts the clock, a request for supplements stops it. An approval is published by the next sweep, so that the
penalty vanishes from every page within minutes; scores follow from the next day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from casework.consequences import commitments, telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, Step, begin, by_itself, retime, terms_of
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import repair
from credit.calendar import Calendar
from credit.repair import Repair, RepairCommand, RepairState
from credit.repair_profile import Condition, Penalty, RepairProfile, eligibility, restarted
from credit.transitions import Transition
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import SYSTEM
from domain.time import local_day, midnight
from store.registers import Book

CABINET = Cabinet(Book.REPAIRS, Repair)
LAST_HOURS = timedelta(hours=4)
"""How long before the promise ends the desk is told that somebody waits."""
_RUNNING = frozenset({RepairState.APPLIED, RepairState.ACCEPTED, RepairState.CHECKED})


def open_for(work: Work, public: Penalty, notice_id: str, order: Order) -> Filed[Repair]:
    """The repair that a penalty's notice tells of; it waits for its earliest day."""
    merchant = work.merchant(public.uscc)
    case = Repair(id=derived_id("repair", public.id), uscc=public.uscc, penalty_id=public.id, notice_id=notice_id)
    profile = terms_of(work).repair
    found = eligibility(public, profile, local_day(order.now))
    about = {
        "penalty": {
            "kind": public.kind,
            "class": public.class_,
            "field": public.field,
            "published_on": public.published_on,
        },
        "standing": found.standing.value,
        "from_on": found.from_on,
        "ends_on": found.ends_on,
        "profile": profile.name,
    }
    filed = Filed(case=case, filed_at=order.now, uscc=merchant.uscc, region=merchant.region, topic=public.id, about=about)
    return begin(work, MACHINE, filed, order)


def _penalty(filed: Filed[Repair]) -> Penalty:
    said = filed.about["penalty"]
    return Penalty(
        id=filed.case.penalty_id,
        uscc=filed.case.uscc,
        kind=said["kind"],
        class_=said["class"],
        field=said["field"],
        published_on=datetime.fromisoformat(said["published_on"]).date(),
    )


def _shown(order: Order) -> frozenset[Condition]:
    try:
        return frozenset(Condition(word) for word in order.words("shown"))
    except ValueError:
        raise BadInput(Code.FIELD, "no such condition", where="shown", hint=" | ".join(Condition)) from None


def _apply(work: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    calendar = terms_of(work).calendar
    moved = repair.apply(filed.case, shown=_shown(order), calendar=calendar, actor=order.actor, now=order.now)
    _accepted, decided = repair.statutory(terms_of(work).repair, order.now, calendar)
    about = {
        "application": order.reason,
        "evidence_ids": order.evidence_ids,
        "told": False,
        "statutory_by": decided.by,
    }
    return Step(moved=moved, about=about)


def _request_supplement(_: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    moved = repair.request_supplement(filed.case, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"wanted": order.reason})


def _supplement(work: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    calendar = terms_of(work).calendar
    moved = repair.supplement(filed.case, shown=_shown(order), calendar=calendar, actor=order.actor, now=order.now)
    return Step(moved=moved, about={"supplement": order.reason, "told": False})


def _accept(_: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    return Step(moved=repair.accept(filed.case, actor=order.actor, now=order.now))


def _check(work: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    profile = terms_of(work).repair
    moved = repair.check(filed.case, profile, actor=order.actor, evidence_ids=order.evidence_ids, now=order.now)
    return Step(moved=moved, about={"checked_by": order.actor.id})


def _approve(_: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    return Step(moved=repair.approve(filed.case, actor=order.actor, now=order.now))


def _reject(_: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    moved = repair.reject(filed.case, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"rejected_because": order.reason})


def _withdraw(_: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    return Step(moved=repair.withdraw(filed.case, actor=order.actor, now=order.now))


def _revoke(_: Work, filed: Filed[Repair], order: Order) -> Step[Repair]:
    moved = repair.revoke(filed.case, actor=order.actor, reason=order.reason, evidence_ids=order.evidence_ids, now=order.now)
    return Step(moved=moved, about={"revoked_because": order.reason})


def _settled(work: Work, after: Filed[Repair], told: Transition, order: Order) -> None:
    from casework.consequences import penalties  # noqa: PLC0415 - a penalty opens its repair, and the repair ends the penalty

    now = order.now
    match told.command:
        case RepairCommand.APPLY | RepairCommand.SUPPLEMENT:
            telling.tell_officials(work, after, telling.REPAIR_WAITS, now, link="/credit/repairs")
        case RepairCommand.PUBLISH:
            penalties.end(work, after.case.penalty_id, "repaired", now)
            telling.tell_merchant(work, after, telling.REPAIR_CHANGED, now, link="/my-credit")
        case RepairCommand.REVOKE:
            penalties.restore(work, after.case.penalty_id, order)
            commitments.find_false_live(work, after.case.uscc, order)
            telling.tell_merchant(work, after, telling.REPAIR_CHANGED, now, link="/my-credit")
        case RepairCommand.REQUEST_SUPPLEMENT | RepairCommand.REJECT | RepairCommand.ACCEPT:
            telling.tell_merchant(work, after, telling.REPAIR_CHANGED, now, link="/my-credit")
        case _:
            pass


def _due(filed: Filed[Repair], terms: Terms) -> datetime | None:
    case = filed.case
    if case.state in (RepairState.ELIGIBLE_PENDING, RepairState.REVOKED) and not filed.about.get("never"):
        penalty = _penalty(filed)
        counted = penalty if case.period_began_on is None else restarted(penalty, case.period_began_on)
        from_on = eligibility(counted, terms.repair, counted.published_on).from_on
        return None if from_on is None else midnight(from_on)
    if case.state is RepairState.APPROVED:
        return case.decided_at
    if case.state in _RUNNING and case.decide_by is not None and not filed.about.get("told"):
        return case.decide_by - LAST_HOURS
    return None


def _pass_due(work: Work, filed: Filed[Repair], now: datetime) -> None:
    case = filed.case
    if case.state is RepairState.APPROVED:
        until = repair.withdrawn_from_screens_by(case)
        late = until is not None and now > until
        published = repair.publish(case, actor=SYSTEM, now=now)
        after = by_itself(work, MACHINE, filed, published, now, withdrawn_at=now, withdrawn_late=late)
        if late:  # the sweep was away for a day: somebody must know that a name was shown for too long (F.8)
            telling.tell_officials(work, after, telling.WITHDRAWAL_LATE, now, link="/credit/repairs")
    elif case.state in _RUNNING:
        after = retime(work, MACHINE, filed, told=True)
        telling.tell_officials(work, after, telling.REPAIR_WAITS, now, link="/credit/repairs")
    else:
        moved = repair.become_eligible(case, _penalty(filed), terms_of(work).repair, actor=SYSTEM, now=now)
        if moved is None:  # its publication ends before anybody may ask
            retime(work, MACHINE, filed, never=True)
        else:
            after = by_itself(work, MACHINE, filed, moved, now)
            telling.tell_merchant(work, after, telling.REPAIR_OPEN, now, link="/my-credit")


MACHINE: Machine[Repair] = Machine(
    name="repairs",
    life=repair.LIFE,
    cabinet=CABINET,
    handlers={
        RepairCommand.APPLY: _apply,
        RepairCommand.REQUEST_SUPPLEMENT: _request_supplement,
        RepairCommand.SUPPLEMENT: _supplement,
        RepairCommand.ACCEPT: _accept,
        RepairCommand.CHECK: _check,
        RepairCommand.APPROVE: _approve,
        RepairCommand.REJECT: _reject,
        RepairCommand.WITHDRAW: _withdraw,
        RepairCommand.REVOKE: _revoke,
    },
    decisions=frozenset({RepairCommand.APPROVE, RepairCommand.REJECT, RepairCommand.REVOKE}),
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """R-14 in figures, from real cases.

    Attributes:
        decided: applications that were decided.
        same_day: of those, within the promise.
        waiting_late: not decided although the promise is over.
        withdrawn_late: approved, and the penalty was still shown more than 24 hours later (F.8).
        hours: mean time from the complete application to the decision.
        faster_percent: how much less that is than the baseline; None before the first decision.
    """

    decided: int
    same_day: int
    waiting_late: int
    hours: Decimal
    faster_percent: Decimal | None
    withdrawn_late: int = 0


def promise(found: Sequence[Filed[Repair]], profile: RepairProfile, calendar: Calendar, now: datetime) -> Promise:
    """How the promise of the same day is kept."""
    cases = [one.case for one in found]
    kept = [outcome for one in cases if (outcome := repair.decided_the_same_day(one, calendar)) is not None]
    spans = [one.decided_at - one.complete_at for one in cases if one.decided_at is not None and one.complete_at is not None]
    late = sum(one.state in _RUNNING and one.decide_by is not None and now > one.decide_by for one in cases)
    shown = sum(_still_shown(one, now) for one in found)
    if not spans:
        return Promise(decided=0, same_day=0, waiting_late=late, hours=Decimal(0), faster_percent=None, withdrawn_late=shown)
    seconds = sum((span // timedelta(seconds=1) for span in spans), 0)
    hours = Decimal(seconds) / len(spans) / 3600
    baseline = Decimal(24 * profile.baseline_working_days)
    faster = (1 - hours / baseline) * 100
    tenth = Decimal("0.1")
    return Promise(
        decided=len(spans),
        same_day=sum(kept),
        waiting_late=late,
        hours=hours.quantize(tenth, ROUND_HALF_UP),
        faster_percent=faster.quantize(tenth, ROUND_HALF_UP),
        withdrawn_late=shown,
    )


def _still_shown(filed: Filed[Repair], now: datetime) -> bool:
    """Whether a repaired penalty was, or is, shown for longer than a day after the approval."""
    if filed.case.state is RepairState.APPROVED:
        until = repair.withdrawn_from_screens_by(filed.case)
        return until is not None and now > until
    return bool(filed.about.get("withdrawn_late"))
