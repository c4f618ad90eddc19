"""Credit repair 信用修复: when it may be asked for, and how it is decided the same day (domain.md D.5, C.6.4, R-13, R-14).

A complete application starts the clock; a request for supplements stops it and the supplement starts it anew. Scores no longer
count the penalty from the day *after* the approval, and reports already published stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from credit.calendar import Calendar, Deadline, repair_deadline, within_working_days
from credit.repair_profile import Condition, Penalty, RepairProfile, Standing, eligibility, restarted
from credit.transitions import BUSINESS, CLOCK, LEADERS, OFFICERS, Lifecycle, Moved
from domain.errors import BadInput, Code, Forbidden, IllegalTransition
from domain.parties import Actor
from domain.time import local_day


class RepairState(StrEnum):
    """States of a repair (D.5)."""

    ELIGIBLE_PENDING = "eligible_pending"
    ELIGIBLE = "eligible"
    APPLIED = "applied"
    SUPPLEMENT_REQUESTED = "supplement_requested"
    ACCEPTED = "accepted"
    CHECKED = "checked"
    APPROVED = "approved"
    PUBLISHED = "published"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


class RepairCommand(StrEnum):
    """What may happen to one."""

    BECOME_ELIGIBLE = "become_eligible"
    APPLY = "apply"
    REQUEST_SUPPLEMENT = "request_supplement"
    SUPPLEMENT = "supplement"
    ACCEPT = "accept"
    CHECK = "check"
    APPROVE = "approve"
    REJECT = "reject"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The repair of one penalty.

    Attributes:
        notice_id: the repair notice served together with the decision (R-13).
        complete_at: when the application was last complete: it started the same-day clock.
        decide_by: until when it is decided; None while the clock stands.
        applied_at: when the merchant asked, this time: R-14 is measured from there.
        effective_on: first day on which scores and screens no longer count the penalty.
    """

    id: str
    uscc: str
    penalty_id: str
    notice_id: str
    state: RepairState = RepairState.ELIGIBLE_PENDING
    applied_at: datetime | None = None
    complete_at: datetime | None = None
    decide_by: datetime | None = None
    shown: frozenset[Condition] = frozenset()
    decided_at: datetime | None = None
    effective_on: date | None = None
    period_began_on: date | None = None
    version: int = 1


_S, _C = RepairState, RepairCommand
LIFE = Lifecycle(
    entity="repair",
    steps={
        _S.ELIGIBLE_PENDING: {_C.BECOME_ELIGIBLE: _S.ELIGIBLE},
        _S.ELIGIBLE: {_C.APPLY: _S.APPLIED},
        _S.APPLIED: {
            _C.REQUEST_SUPPLEMENT: _S.SUPPLEMENT_REQUESTED,
            _C.ACCEPT: _S.ACCEPTED,
            _C.REJECT: _S.REJECTED,
            _C.WITHDRAW: _S.WITHDRAWN,
        },
        _S.SUPPLEMENT_REQUESTED: {_C.SUPPLEMENT: _S.APPLIED, _C.WITHDRAW: _S.WITHDRAWN},
        _S.ACCEPTED: {_C.CHECK: _S.CHECKED, _C.REJECT: _S.REJECTED, _C.WITHDRAW: _S.WITHDRAWN},
        _S.CHECKED: {_C.APPROVE: _S.APPROVED, _C.REJECT: _S.REJECTED},
        _S.APPROVED: {_C.PUBLISH: _S.PUBLISHED, _C.REVOKE: _S.REVOKED},
        _S.PUBLISHED: {_C.REVOKE: _S.REVOKED},
        _S.REJECTED: {_C.APPLY: _S.APPLIED},
        _S.WITHDRAWN: {_C.APPLY: _S.APPLIED},
        _S.REVOKED: {_C.BECOME_ELIGIBLE: _S.ELIGIBLE},
    },
    who={
        _C.BECOME_ELIGIBLE: CLOCK,
        _C.APPLY: BUSINESS,
        _C.REQUEST_SUPPLEMENT: OFFICERS,
        _C.SUPPLEMENT: BUSINESS,
        _C.ACCEPT: OFFICERS,
        _C.CHECK: OFFICERS,
        _C.APPROVE: OFFICERS,
        _C.REJECT: OFFICERS,
        _C.PUBLISH: CLOCK | OFFICERS,
        _C.WITHDRAW: BUSINESS,
        _C.REVOKE: LEADERS,
    },
    reasoned=frozenset({_C.REQUEST_SUPPLEMENT, _C.REJECT, _C.REVOKE}),
)


def become_eligible(
    repair: Repair, penalty: Penalty, profile: RepairProfile, *, actor: Actor, now: datetime
) -> Moved[Repair] | None:
    """The shortest time has passed; None while it has not. After a revocation the time is counted from there."""
    counted = penalty if repair.period_began_on is None else restarted(penalty, repair.period_began_on)
    if eligibility(counted, profile, local_day(now)).standing is not Standing.ELIGIBLE:
        return None
    return LIFE.move(repair, _C.BECOME_ELIGIBLE, actor=actor, now=now)


def apply(repair: Repair, *, shown: Collection[Condition], calendar: Calendar, actor: Actor, now: datetime) -> Moved[Repair]:
    """The merchant asks for it, for the first time or again; a complete application starts the same-day clock."""
    _own(repair, actor)
    return LIFE.move(
        repair,
        _C.APPLY,
        actor=actor,
        now=now,
        applied_at=now,
        complete_at=now,
        decide_by=repair_deadline(now, calendar).by,
        shown=frozenset(shown),
        decided_at=None,
        effective_on=None,
    )


def request_supplement(repair: Repair, *, actor: Actor, reason: str, now: datetime) -> Moved[Repair]:
    """Something is missing; the clock stands until it comes."""
    return LIFE.move(repair, _C.REQUEST_SUPPLEMENT, actor=actor, reason=reason, now=now, complete_at=None, decide_by=None)


def supplement(repair: Repair, *, shown: Collection[Condition], calendar: Calendar, actor: Actor, now: datetime) -> Moved[Repair]:
    """What was missing has come; the same-day clock starts anew."""
    _own(repair, actor)
    return LIFE.move(
        repair,
        _C.SUPPLEMENT,
        actor=actor,
        now=now,
        complete_at=now,
        decide_by=repair_deadline(now, calendar).by,
        shown=repair.shown | frozenset(shown),
    )


def accept(repair: Repair, *, actor: Actor, now: datetime) -> Moved[Repair]:
    """An officer takes the application on."""
    return LIFE.move(repair, _C.ACCEPT, actor=actor, now=now)


def check(
    repair: Repair, profile: RepairProfile, *, actor: Actor, evidence_ids: Sequence[str] = (), now: datetime
) -> Moved[Repair]:
    """An officer has verified every condition of the profile.

    Raises:
        BadInput: E003 naming the conditions not shown.
    """
    missing = [condition.value for condition in profile.conditions if condition not in repair.shown]
    if missing:
        raise BadInput(
            Code.FIELD, f"not shown: {', '.join(missing)}", where="shown", hint="ask for a supplement, or reject with the reason"
        )
    return LIFE.move(repair, _C.CHECK, actor=actor, evidence_ids=evidence_ids, now=now)


def approve(repair: Repair, *, actor: Actor, now: datetime) -> Moved[Repair]:
    """It is granted; scores no longer count the penalty from the next day on (D.5, F.19)."""
    return LIFE.move(
        repair, _C.APPROVE, actor=actor, now=now, decided_at=now, effective_on=local_day(now) + timedelta(days=1), decide_by=None
    )


def reject(repair: Repair, *, actor: Actor, reason: str, now: datetime) -> Moved[Repair]:
    """It is refused with a reason; the merchant may ask again."""
    return LIFE.move(repair, _C.REJECT, actor=actor, reason=reason, now=now, decided_at=now, decide_by=None)


def publish(repair: Repair, *, actor: Actor, now: datetime) -> Moved[Repair]:
    """The penalty is off the public record."""
    return LIFE.move(repair, _C.PUBLISH, actor=actor, now=now)


def withdraw(repair: Repair, *, actor: Actor, now: datetime) -> Moved[Repair]:
    """The merchant takes the application back."""
    _own(repair, actor)
    return LIFE.move(repair, _C.WITHDRAW, actor=actor, now=now, decide_by=None)


def revoke(repair: Repair, *, actor: Actor, reason: str, evidence_ids: Sequence[str], now: datetime) -> Moved[Repair]:
    """It was obtained by false documents: the record is restored and the shortest time begins anew.

    The caller also records a false commitment (D.5).

    Raises:
        BadInput: E003 without evidence.
    """
    if not evidence_ids:
        raise BadInput(Code.FIELD, "a repair is revoked only with evidence", where="evidence_ids")
    return LIFE.move(
        repair,
        _C.REVOKE,
        actor=actor,
        reason=reason,
        evidence_ids=evidence_ids,
        now=now,
        effective_on=None,
        period_began_on=local_day(now),
    )


def counts(repair: Repair, on: date) -> bool:
    """Whether the penalty still counts on a day, as far as this repair goes."""
    return repair.effective_on is None or on < repair.effective_on


def withdrawn_from_screens_by(repair: Repair) -> datetime | None:
    """Until when the penalty must have vanished from every screen and cache: 24 hours after the decision (F.8)."""
    if repair.decided_at is None or repair.effective_on is None:
        return None
    return repair.decided_at + timedelta(hours=24)


def decided_the_same_day(repair: Repair, calendar: Calendar) -> bool | None:
    """Whether R-14's promise was kept; None while undecided."""
    if repair.decided_at is None or repair.complete_at is None:
        return None
    return repair.decided_at <= repair_deadline(repair.complete_at, calendar).by


def statutory(profile: RepairProfile, received_at: datetime, calendar: Calendar) -> tuple[Deadline, Deadline]:
    """Until when the law wants it accepted and decided: the outer limit behind the same-day target."""
    accepted = within_working_days(received_at, profile.accept_working_days, calendar)
    return accepted, within_working_days(accepted.by - timedelta(microseconds=1), profile.decide_working_days, calendar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a penalty decision is served with: the notice must carry the same delivery id (R-13)."""

    decision_delivery_id: str
    notice_delivery_id: str


def check_service(penalty_id: str, service: Service) -> None:
    """Refuse to serve a decision without its repair notice: one household, one notice.

    Raises:
        IllegalTransition: the notice is missing or travels apart.
    """
    if not service.notice_delivery_id or service.notice_delivery_id != service.decision_delivery_id:
        raise IllegalTransition("penalty", penalty_id, "decided", "serve without its repair notice")


def _own(repair: Repair, actor: Actor) -> None:
    if actor.uscc != repair.uscc:
        raise Forbidden(f"{actor.id} does not speak for {repair.uscc}")
