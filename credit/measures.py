"""The cumulative market-credit ledger and what its thresholds propose (domain.md C.5, X-12, F.21).

Nothing here is done to anybody: crossing a threshold opens a *proposal*, which needs a notice, a hearing of at least three
working days and a named leader. A reversal withdraws what is still open; what was carried out gets a corrective record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from credit.calendar import Calendar, within_working_days
from credit.transitions import CLOCK, LEADERS, OFFICERS, Lifecycle, Moved
from domain.errors import BadInput, Code
from domain.parties import Actor

HEARING_WORKING_DAYS = 3
BELOW_THRESHOLD = "below_threshold"
"""Reason of what a reversal takes back, followed by the two numbers; pages put it into words."""


class Measure(StrEnum):
    """What may be proposed, mildest first."""

    INTERVIEW = "interview"
    SUSPENSION = "suspension"
    BID_BAN = "bid_ban"
    CLEAR_OUT = "clear_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What is proposed when the cumulative points reach a number.

    Attributes:
        points: reached means ``C >= points``.
        days: how long a suspension lasts, the first, the second, …; the last one holds for all that follow.
    """

    points: Decimal
    measure: Measure
    days: tuple[int, ...] = ()

    def days_of(self, before: int) -> int | None:
        """How many days, if the same measure was carried out so often before in the round."""
        return self.days[min(before, len(self.days) - 1)] if self.days else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One proposal, before anybody has looked at it."""

    measure: Measure
    threshold: Decimal
    points: Decimal
    days: int | None = None


def cumulative(carried: Decimal, points: Iterable[Decimal]) -> Decimal:
    """``C``: the points carried so far in the stall's contract round, and the final ones that came to them."""
    return carried + sum(points, Decimal(0))


def reached(total: Decimal, thresholds: Sequence[Threshold]) -> tuple[Threshold, ...]:
    """Every threshold at or below the points, lowest first."""
    return tuple(sorted((each for each in thresholds if total >= each.points), key=lambda each: each.points))


def proposals(before: Decimal, after: Decimal, thresholds: Sequence[Threshold], *, suspensions: int = 0) -> tuple[Proposed, ...]:
    """What a rise of the cumulative points proposes (C.5).

    Args:
        before: the points before; what they had reached is proposed already.
        after: the points now.
        thresholds: of the scheme.
        suspensions: carried out before in this round.

    Returns:
        The gravest of what was newly reached, and the bid ban besides if its threshold is reached; nothing if no threshold was
        crossed. The ban is about the next round and takes the place of nothing in this one: whoever comes from 20 to 70 points
        in one step is proposed for the suspension and for the ban.
    """
    crossed = [each for each in reached(after, thresholds) if each.points > before]
    if not crossed:
        return ()
    gravest = [each for each in crossed if each.measure is not Measure.BID_BAN][-1:]
    ban = [each for each in reached(after, thresholds) if each.measure is Measure.BID_BAN]
    chosen = {each.measure: each for each in (*gravest, *ban)}
    return tuple(
        Proposed(
            measure=each.measure,
            threshold=each.points,
            points=after,
            days=each.days_of(suspensions) if each.measure is Measure.SUSPENSION else each.days_of(0),
        )
        for each in chosen.values()
    )


class ProposalState(StrEnum):
    """States of a proposed measure."""

    PROPOSED = "proposed"
    NOTIFIED = "notified"
    DECIDED = "decided"
    REFUSED = "refused"
    EXECUTED = "executed"
    WITHDRAWN = "withdrawn"
    CORRECTED = "corrected"


class ProposalCommand(StrEnum):
    """What may happen to one."""

    NOTIFY = "notify"
    DECIDE = "decide"
    REFUSE = "refuse"
    EXECUTE = "execute"
    WITHDRAW = "withdraw"
    CORRECT = "correct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A measure somebody must decide about.

    Attributes:
        threshold: the points that called for it; a total that falls below takes it back.
        hearing_until: nothing is decided before: the merchant's right to be heard.
    """

    id: str
    uscc: str
    measure: Measure
    threshold: Decimal
    points: Decimal
    proposed_at: datetime
    days: int | None = None
    state: ProposalState = ProposalState.PROPOSED
    hearing_until: datetime | None = None
    decided_by: str = ""
    version: int = 1


_S, _C = ProposalState, ProposalCommand
LIFE = Lifecycle(
    entity="measure",
    steps={
        _S.PROPOSED: {_C.NOTIFY: _S.NOTIFIED, _C.REFUSE: _S.REFUSED, _C.WITHDRAW: _S.WITHDRAWN},
        _S.NOTIFIED: {_C.DECIDE: _S.DECIDED, _C.REFUSE: _S.REFUSED, _C.WITHDRAW: _S.WITHDRAWN},
        _S.DECIDED: {_C.EXECUTE: _S.EXECUTED, _C.WITHDRAW: _S.WITHDRAWN},
        _S.EXECUTED: {_C.CORRECT: _S.CORRECTED},
    },
    who={
        _C.NOTIFY: OFFICERS,
        _C.DECIDE: LEADERS,
        _C.REFUSE: LEADERS,
        _C.EXECUTE: OFFICERS,
        _C.WITHDRAW: CLOCK | LEADERS,
        _C.CORRECT: CLOCK | LEADERS,
    },
    reasoned=frozenset({_C.NOTIFY, _C.DECIDE, _C.REFUSE, _C.WITHDRAW, _C.CORRECT}),
)

OPEN = frozenset({_S.PROPOSED, _S.NOTIFIED, _S.DECIDED})


def notify(proposal: Proposal, *, calendar: Calendar, actor: Actor, reason: str, now: datetime) -> Moved[Proposal]:
    """The merchant is told what is intended, and may be heard for three working days."""
    until = within_working_days(now, HEARING_WORKING_DAYS, calendar).by
    return LIFE.move(proposal, _C.NOTIFY, actor=actor, reason=reason, now=now, hearing_until=until)


def decide(proposal: Proposal, *, taken: bool, actor: Actor, reason: str, now: datetime) -> Moved[Proposal]:
    """A named leader takes the measure, after the hearing, or refuses it at any time.

    Raises:
        BadInput: E003 if it is taken before the hearing has ended.
    """
    if not taken:
        return LIFE.move(proposal, _C.REFUSE, actor=actor, reason=reason, now=now, decided_by=actor.id)
    if proposal.hearing_until is not None and now < proposal.hearing_until:
        raise BadInput(Code.FIELD, "the merchant may still be heard", where="now", hint="wait for the hearing to end")
    return LIFE.move(proposal, _C.DECIDE, actor=actor, reason=reason, now=now, decided_by=actor.id)


def execute(proposal: Proposal, *, actor: Actor, evidence_ids: Sequence[str] = (), now: datetime) -> Moved[Proposal]:
    """It has been carried out."""
    return LIFE.move(proposal, _C.EXECUTE, actor=actor, evidence_ids=evidence_ids, now=now)


def after_reversal(proposals_: Iterable[Proposal], total: Decimal, *, actor: Actor, now: datetime) -> tuple[Moved[Proposal], ...]:
    """What a reversed deduction does to the measures it had called for (C.5, F.5).

    Args:
        proposals_: the merchant's, of the round.
        total: the cumulative points without the reversed deduction.
        actor: who reversed it, or the system.
        now: server time.

    Returns:
        Those whose threshold is no longer reached: withdrawn while open, corrected once carried out.
    """
    moved = []
    for each in proposals_:
        if total >= each.threshold:
            continue
        reason = f"{BELOW_THRESHOLD}: {total:f} < {each.threshold:f}"
        if each.state in OPEN:
            moved.append(LIFE.move(each, _C.WITHDRAW, actor=actor, reason=reason, now=now))
        elif each.state is _S.EXECUTED:
            moved.append(LIFE.move(each, _C.CORRECT, actor=actor, reason=reason, now=now))
    return tuple(moved)
