"""Commitments: signed by the operator, public within a day, renewed, kept, broken or found false (D.3, X-02, X-07, R-04).

The text that was signed is kept beside its hash: a template that changes later changes nothing that was promised. Signing
publishes at the next sweep, and takes the place of the one before.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from casework.consequences import telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import (
    Machine,
    Order,
    Step,
    begin,
    by_itself,
    keep,
    need,
    retime,
    seen_merchant,
    terms_of,
)
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import commitments
from credit.commitments import LIVE, Commitment, CommitmentCommand, CommitmentState
from credit.transitions import Transition
from domain.deductions import DeductionState
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Role
from domain.time import local_day, midnight
from store.registers import Book, Wanted

CABINET = Cabinet(Book.COMMITMENTS, Commitment)
LAST_DAY = 1
"""Besides the template's days the signer is reminded on the day before the end (R-05a)."""


def draft(work: Work, uscc: str, order: Order) -> Filed[Commitment]:
    """A draft of what the template says today; the one that waits for a signature already, if there is one."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "draft a commitment", Role.MERCHANT)
    template = terms_of(work).template
    own = CABINET.find(work.uow, Wanted(uscc=uscc, limit=None))
    for filed in own:
        if filed.case.state is CommitmentState.DRAFT and filed.case.template_version == template.version:
            return filed
    commitment = Commitment(
        id=derived_id("commitment", uscc, template.name, template.version, str(len(own))),
        uscc=uscc,
        template=template.name,
        template_version=template.version,
    )
    filed = Filed(case=commitment, filed_at=order.now, uscc=uscc, region=merchant.region, topic=template.name)
    return begin(work, MACHINE, filed, order)


def sign_now(work: Work, uscc: str, order: Order) -> Filed[Commitment]:
    """Draft and sign in one step, as the page does."""
    filed = draft(work, uscc, order)
    return keep(work, MACHINE, filed, _sign(work, filed, order), order)


def _sign(work: Work, filed: Filed[Commitment], order: Order) -> Step[Commitment]:
    template = terms_of(work).template
    seen = order.text("content_hash", required=False)
    if seen and seen != template.content_hash():
        raise BadInput(Code.FIELD, "the text has changed since it was read", where="content_hash", hint="read it again")
    moved = commitments.sign(filed.case, template, signer=order.text("signer"), actor=order.actor, now=order.now)
    text = {clause.id: dict(clause.text) for clause in template.clauses}
    return Step(moved=moved, about={"signed_by": order.actor.id, "title": dict(template.title), "clauses": text})


def _publish(_: Work, filed: Filed[Commitment], order: Order) -> Step[Commitment]:
    return Step(moved=commitments.publish(filed.case, actor=order.actor, now=order.now))


def _record_breach(work: Work, filed: Filed[Commitment], order: Order) -> Step[Commitment]:
    deduction = work.uow.deductions.get(order.text("deduction_id"))
    if deduction is None or deduction.uscc != filed.case.uscc or deduction.state is not DeductionState.FINAL:
        raise BadInput(Code.FIELD, "a breach rests on a final deduction of this merchant", where="deduction_id")
    broken = terms_of(work).template.clauses_of(deduction.violation_code)
    if not broken:
        raise BadInput(Code.FIELD, f"{deduction.violation_code} breaks no clause", where="deduction_id")
    moved = commitments.record_breach(filed.case, deduction.id, actor=order.actor, reason=order.reason, now=order.now)
    known = list(filed.about.get("breaches", ()))
    return Step(
        moved=moved, about={"breaches": [*known, {"code": deduction.violation_code, "clauses": list(broken), "at": order.now}]}
    )


def _find_false(_: Work, filed: Filed[Commitment], order: Order) -> Step[Commitment]:
    moved = commitments.find_false(
        filed.case, actor=order.actor, reason=order.reason, evidence_ids=order.evidence_ids, now=order.now
    )
    return Step(moved=moved, about={"found_false": order.reason})


def _revoke(work: Work, filed: Filed[Commitment], order: Order) -> Step[Commitment]:
    moved = commitments.revoke(filed.case, terms_of(work).template, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"revoked_because": order.reason})


def _settled(work: Work, after: Filed[Commitment], told: Transition, order: Order) -> None:
    if told.command == CommitmentCommand.PUBLISH:
        _replace_older(work, after, order.now)
    elif told.command in (CommitmentCommand.RECORD_BREACH, CommitmentCommand.FIND_FALSE, CommitmentCommand.REVOKE):
        telling.tell_merchant(work, after, telling.COMMITMENT_CHANGED, order.now, link="/my-credit")


def _replace_older(work: Work, after: Filed[Commitment], now: datetime) -> None:
    """A new signature takes the place of the live one: it is the signer's doing."""
    signer = Actor(id=str(after.about.get("signed_by", "")), role=Role.MERCHANT, uscc=after.case.uscc)
    live = tuple(state.value for state in LIVE)
    for older in CABINET.find(work.uow, Wanted(uscc=after.uscc, states=live, limit=None)):
        if older.case.id != after.case.id:
            moved = commitments.replaced(older.case, after.case, actor=signer, now=now)
            keep(work, MACHINE, older, Step(moved=moved), Order(actor=signer, now=now))


def reminder_days(terms: Terms) -> tuple[int, ...]:
    """How many days before the end the signer is reminded, first to last."""
    return tuple(sorted({*terms.template.remind_days, LAST_DAY}, reverse=True))


def _due(filed: Filed[Commitment], terms: Terms) -> datetime | None:
    case = filed.case
    if case.state is CommitmentState.SIGNED:
        return case.signed_at
    if case.state not in LIVE or case.ends_by is None:
        return None
    told = filed.about.get("reminded", 0)
    days = reminder_days(terms)
    if told >= len(days):
        return case.ends_by
    return midnight(local_day(case.ends_by) - timedelta(days=1 + days[told]))


def _pass_due(work: Work, filed: Filed[Commitment], now: datetime) -> None:
    case = filed.case
    if case.state is CommitmentState.SIGNED:
        by_itself(work, MACHINE, filed, commitments.publish(case, actor=SYSTEM, now=now), now)
        return
    ended = commitments.expire(case, actor=SYSTEM, now=now)
    if ended is not None:
        after = by_itself(work, MACHINE, filed, ended, now)
        telling.tell_merchant(work, after, telling.COMMITMENT_EXPIRED, now, link="/my-credit")
        return
    assert case.ends_by is not None
    last_day = local_day(case.ends_by) - timedelta(days=1)
    passed = sum(midnight(last_day - timedelta(days=days)) <= now for days in reminder_days(terms_of(work)))
    after = retime(work, MACHINE, filed, reminded=passed)
    telling.remind(work, after, telling.COMMITMENT_ENDS, now, on=last_day.isoformat(), link="/my-credit")


MACHINE: Machine[Commitment] = Machine(
    name="commitments",
    life=commitments.LIFE,
    cabinet=CABINET,
    handlers={
        CommitmentCommand.SIGN: _sign,
        CommitmentCommand.PUBLISH: _publish,
        CommitmentCommand.RECORD_BREACH: _record_breach,
        CommitmentCommand.FIND_FALSE: _find_false,
        CommitmentCommand.REVOKE: _revoke,
    },
    decisions=frozenset({CommitmentCommand.REVOKE}),
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
)


def find_false_live(work: Work, uscc: str, order: Order) -> None:
    """False documents elsewhere are a false commitment too (D.5): mark the live one, for a leader to revoke."""
    live = tuple(state.value for state in LIVE)
    for filed in CABINET.find(work.uow, Wanted(uscc=uscc, states=live, limit=None)):
        keep(work, MACHINE, filed, _find_false(work, filed, order), order)


def blocked_until(work: Work, uscc: str, now: datetime) -> datetime | None:
    """Until when a merchant is kept from notice-and-commitment procedures; None = free."""
    return commitments.blocked([one.case for one in CABINET.find(work.uow, Wanted(uscc=uscc, limit=None))], now)


def public_list(work: Work, region: str | None, now: datetime) -> tuple[list[Filed[Commitment]], tuple[str, ...]]:
    """The commitments everybody may read, and the active units that have none (X-02)."""
    live = tuple(state.value for state in LIVE)
    found = CABINET.find(work.uow, Wanted(region=region, states=live, limit=None))
    units = [one.uscc for one in work.uow.merchants.list() if region is None or one.region.startswith(region)]
    return found, commitments.uncommitted(units, [one.case for one in found], now)
