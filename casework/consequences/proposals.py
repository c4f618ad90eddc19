"""Measures that cumulative points propose: interview, suspension, bid ban, clearing out (domain.md C.5, X-12, F.21).

Every final deduction and every reversal is followed at once, in its own transaction: crossing a threshold opens a proposal,
falling below it takes back what is open and corrects what was carried out. Nothing is done to anybody unless a leader decides.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from casework.consequences import telling, watching
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import (
    Machine,
    Order,
    Step,
    begin,
    by_clock,
    entry,
    find,
    keep,
    need,
    retime,
    terms_of,
)
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import measures, rounds
from credit.measures import Measure, Proposal, ProposalCommand, ProposalState
from credit.rounds import Round
from credit.sampling import months_after
from credit.transitions import Transition
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import Role
from domain.time import local_day
from store.registers import Book, Wanted

CABINET = Cabinet(Book.PROPOSALS, Proposal)
_GONE = frozenset({ProposalState.WITHDRAWN, ProposalState.CORRECTED})


def round_at(work: Work, uscc: str, day: date) -> Round:
    """The contract round of a day: of the stall's contract where one is known, else the calendar year."""
    contract = watching.contract_of(work, uscc)
    began = contract if contract is not None and contract <= day else day.replace(month=1, day=1)
    return rounds.round_of(began, day)


def points(work: Work, uscc: str, now: datetime) -> Decimal:
    """``C``: the final points of the running round."""
    return rounds.points_in(round_at(work, uscc, local_day(now)), work.uow.deductions.of_merchant(uscc))


def follow(work: Work, uscc: str, now: datetime) -> list[Filed[Proposal]]:
    """Bring the proposals in line with the cumulative points, after the ledger changed."""
    if work.desk.terms is None:
        return []
    merchant = work.merchant(uscc)
    thresholds = terms_of(work).thresholds.get(merchant.scheme, ())
    if not thresholds:
        return []
    work.uow.lock(f"measures:{uscc}")
    running = round_at(work, uscc, local_day(now))
    total = points(work, uscc, now)
    known = CABINET.find(work.uow, Wanted(uscc=uscc, topic=running.began_on.isoformat(), limit=None))
    order = by_clock(now)
    for moved in measures.after_reversal([one.case for one in known], total, actor=order.actor, now=now):
        filed = next(one for one in known if one.case.id == moved.case.id)
        keep(work, MACHINE, filed, Step(moved=moved), order)
    standing = [one.case for one in known if one.case.state not in _GONE and total >= one.case.threshold]
    before = max((one.threshold for one in standing), default=Decimal(0))
    done = sum(one.measure is Measure.SUSPENSION and one.state is ProposalState.EXECUTED for one in standing)
    new = measures.proposals(before, total, thresholds, suspensions=done)
    opened = {one.measure for one in standing}
    return [_open(work, merchant.uscc, one, running, len(known), now) for one in new if one.measure not in opened]


def _open(  # noqa: PLR0917 - what a proposal is about
    work: Work, uscc: str, proposed: measures.Proposed, running: Round, number: int, now: datetime
) -> Filed[Proposal]:
    case = Proposal(
        id=derived_id("measure", uscc, running.began_on.isoformat(), proposed.measure.value, str(number)),
        uscc=uscc,
        measure=proposed.measure,
        threshold=proposed.threshold,
        points=proposed.points,
        proposed_at=now,
        days=proposed.days,
    )
    merchant = work.merchant(uscc)
    topic = running.began_on.isoformat()
    about = {"round_ends_on": running.ends_on}
    filed = Filed(case=case, filed_at=now, uscc=uscc, region=merchant.region, topic=topic, about=about)
    begun = begin(work, MACHINE, filed, by_clock(now, f"{proposed.points:f} >= {proposed.threshold:f}"))
    telling.tell_officials(work, begun, telling.DECISION_WAITS, now, link="/credit/measures")
    return begun


def _notify(work: Work, filed: Filed[Proposal], order: Order) -> Step[Proposal]:
    calendar = terms_of(work).calendar
    moved = measures.notify(filed.case, calendar=calendar, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"notice": order.reason})


def _decide(_: Work, filed: Filed[Proposal], order: Order) -> Step[Proposal]:
    moved = measures.decide(filed.case, taken=True, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"decision": order.reason})


def _refuse(_: Work, filed: Filed[Proposal], order: Order) -> Step[Proposal]:
    moved = measures.decide(filed.case, taken=False, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"decision": order.reason})


def _execute(_: Work, filed: Filed[Proposal], order: Order) -> Step[Proposal]:
    moved = measures.execute(filed.case, actor=order.actor, evidence_ids=order.evidence_ids, now=order.now)
    return Step(moved=moved, about={"executed_at": order.now})


def _withdraw(_: Work, filed: Filed[Proposal], order: Order) -> Step[Proposal]:
    moved = measures.LIFE.move(filed.case, ProposalCommand.WITHDRAW, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"withdrawn_because": order.reason})


def _settled(work: Work, after: Filed[Proposal], told: Transition, order: Order) -> None:
    words = {
        ProposalCommand.NOTIFY: telling.MEASURE_NOTICE,
        ProposalCommand.DECIDE: telling.MEASURE_DECIDED,
        ProposalCommand.REFUSE: telling.MEASURE_DECIDED,
        ProposalCommand.WITHDRAW: telling.MEASURE_WITHDRAWN,
        ProposalCommand.CORRECT: telling.MEASURE_WITHDRAWN,
    }
    if told.command in words:
        telling.tell_merchant(work, after, words[ProposalCommand(told.command)], order.now, link="/my-credit")


def _due(filed: Filed[Proposal], terms: Terms) -> datetime | None:
    del terms
    waits = filed.case.state is ProposalState.NOTIFIED and not filed.about.get("told_decision")
    return filed.case.hearing_until if waits else None


def _pass_due(work: Work, filed: Filed[Proposal], now: datetime) -> None:
    after = retime(work, MACHINE, filed, told_decision=True)
    telling.tell_officials(work, after, telling.DECISION_WAITS, now, link="/credit/measures")


MACHINE: Machine[Proposal] = Machine(
    name="measures",
    life=measures.LIFE,
    cabinet=CABINET,
    handlers={
        ProposalCommand.NOTIFY: _notify,
        ProposalCommand.DECIDE: _decide,
        ProposalCommand.REFUSE: _refuse,
        ProposalCommand.EXECUTE: _execute,
        ProposalCommand.WITHDRAW: _withdraw,
    },
    decisions=frozenset({ProposalCommand.DECIDE, ProposalCommand.REFUSE}),
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
)


def be_heard(work: Work, proposal_id: str, order: Order) -> Filed[Proposal]:
    """The merchant says their piece within the hearing."""
    filed = find(work, MACHINE, proposal_id, order.actor)
    need(order, "be heard", Role.MERCHANT)
    case = filed.case
    if case.state is not ProposalState.NOTIFIED or case.hearing_until is None or order.now > case.hearing_until:
        raise BadInput(Code.FIELD, "there is no hearing now", where="now")
    heard = [*filed.about.get("heard", ()), {"at": order.now, "text": order.why()}]
    after = retime(work, MACHINE, filed, heard=heard)
    entry(work, measures.LIFE.entity, case.id, (case.state.value, case.state.value), replace(order, reason=order.why()))
    return after


def bid_banned(work: Work, uscc: str, day: date) -> bool:
    """Whether a merchant may not take part in the next bidding round (X-12)."""
    running = round_at(work, uscc, day)
    last = running.began_on, months_after(running.began_on, -rounds.MONTHS)
    topics = {one.isoformat() for one in last}
    carried = CABINET.find(work.uow, Wanted(uscc=uscc, states=(ProposalState.EXECUTED.value,), limit=None))
    return any(one.topic in topics and one.case.measure in (Measure.BID_BAN, Measure.CLEAR_OUT) for one in carried)
