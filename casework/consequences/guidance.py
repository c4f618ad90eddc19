"""Inclusive and prudent supervision: asked first, listed only if nothing was mended in time (domain.md R-12, C.6.5).

Who is not found at the registered address but answers the telephone, and whose information is late or wrong, is asked to correct
it and has ten working days. What is corrected by then leads nowhere; what is not becomes a clue for the list of abnormal
operations, which a named leader decides about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from casework.consequences import listings, telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import (
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
from casework.words import N_
from credit import leniency
from credit.calendar import Calendar, within_working_days
from credit.leniency import IN_TIME_WORKING_DAYS, Disclosure, Outcome
from credit.lists import Clue, Listing
from credit.transitions import CLOCK, OFFICERS, Lifecycle, Transition
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import SYSTEM, Merchant, Role
from domain.time import local_day, midnight
from store.registers import Book


class Kind(StrEnum):
    """What is to be corrected."""

    ADDRESS = "address"
    INSTANT = "instant"
    ANNUAL = "annual"


WORDS: Mapping[Kind, str] = MappingProxyType(
    {Kind.ADDRESS: N_("登记住所"), Kind.INSTANT: N_("即时信息公示"), Kind.ANNUAL: N_("年度报告公示")}
)


class GuidanceState(StrEnum):
    """States of a guidance."""

    ASKED = "asked"
    CORRECTED = "corrected"
    LAPSED = "lapsed"


class GuidanceCommand(StrEnum):
    """What may happen to one."""

    CORRECT = "correct"
    LAPSE = "lapse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """One thing a merchant was asked to correct.

    Attributes:
        asked_at: when they were asked; the ten working days begin.
        reachable_by_phone: somebody answered the number of the registration or the annual report; matters for an address only.
        corrected_at: when they did.
        outcome: what the rule says in the end.
    """

    id: str
    uscc: str
    kind: Kind
    subject: str
    asked_at: datetime
    reachable_by_phone: bool = True
    corrected_at: datetime | None = None
    outcome: Outcome | None = None
    state: GuidanceState = GuidanceState.ASKED
    version: int = 1


_S, _C = GuidanceState, GuidanceCommand
LIFE = Lifecycle(
    entity="guidance",
    steps={_S.ASKED: {_C.CORRECT: _S.CORRECTED, _C.LAPSE: _S.LAPSED}},
    who={_C.CORRECT: OFFICERS, _C.LAPSE: CLOCK},
)
CABINET = Cabinet(Book.GUIDANCES, Guidance)


def judged(case: Guidance, corrected_at: datetime | None, calendar: Calendar) -> Outcome:
    """What the rule says of a case, corrected at an instant or never."""
    if case.kind is Kind.ADDRESS:
        return leniency.abnormal_address(
            unreachable_on_site=True,
            reachable_by_phone=case.reachable_by_phone,
            contacted_at=case.asked_at,
            address_changed_at=corrected_at,
            calendar=calendar,
        )
    kind = Disclosure(case.kind.value)
    return leniency.disclosure_late(kind, reminded_at=case.asked_at, corrected_at=corrected_at, calendar=calendar)


def ends_by(case: Guidance, calendar: Calendar) -> datetime:
    """First instant that is too late to correct it; at once for who cannot be reached at all."""
    if case.kind is Kind.ADDRESS and not case.reachable_by_phone:
        return case.asked_at
    return within_working_days(case.asked_at, IN_TIME_WORKING_DAYS, calendar).by


def guide(work: Work, uscc: str, order: Order) -> Filed[Guidance]:
    """An officer asks a merchant to correct something: ``kind``, ``subject``; for an address ``reachable_by_phone``."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "ask for a correction", Role.INSPECTOR, Role.SUPERVISOR)
    order.why()
    try:
        kind = Kind(order.text("kind"))
    except ValueError:
        raise BadInput(Code.FIELD, "nothing of that kind is asked for", where="kind", hint=" | ".join(Kind)) from None
    name = order.token or work.desk.new_id(order.now)
    case_id = derived_id("guidance", uscc, kind.value, name)
    known = CABINET.get(work.uow, case_id)
    if done_before(work, order, f"guidances/{case_id}") and known is not None:
        return known
    case = Guidance(
        id=case_id,
        uscc=uscc,
        kind=kind,
        subject=order.text("subject", required=False),
        asked_at=order.now,
        reachable_by_phone=kind is not Kind.ADDRESS or order.flag("reachable_by_phone"),
    )
    return _ask(work, case, merchant, order, ground=order.reason)


def unreachable(work: Work, merchant: Merchant, task_id: str, order: Order, *, by_phone: bool) -> Filed[Guidance]:
    """An inspection met nobody at the registered address."""
    case = Guidance(
        id=derived_id("guidance", task_id),
        uscc=merchant.uscc,
        kind=Kind.ADDRESS,
        subject="",
        asked_at=order.now,
        reachable_by_phone=by_phone,
    )
    return _ask(work, case, merchant, order, task=task_id)


def _ask(work: Work, case: Guidance, merchant: Merchant, order: Order, **about: str) -> Filed[Guidance]:
    filed = Filed(case=case, filed_at=order.now, uscc=merchant.uscc, region=merchant.region, topic=case.kind.value, about=about)
    begun = begin(work, MACHINE, filed, order)
    by = ends_by(case, terms_of(work).calendar)
    if by > order.now:
        on = local_day(by - timedelta(microseconds=1)).isoformat()
        telling.remind(work, begun, telling.PLEASE_CORRECT, order.now, link="/my-credit", subject=WORDS[case.kind], on=on)
    return begun


def _correct(work: Work, filed: Filed[Guidance], order: Order) -> Step[Guidance]:
    at = order.now
    said = order.text("corrected_on", required=False)
    if said:
        at = _day(said, filed.case.asked_at, order.now)
    calendar = terms_of(work).calendar
    if judged(filed.case, at, calendar) is Outcome.LISTED:
        raise BadInput(Code.FIELD, "that is later than ten working days", where="corrected_on", hint="decide about the clue")
    moved = LIFE.move(
        filed.case, _C.CORRECT, actor=order.actor, reason=order.reason, now=order.now, corrected_at=at, outcome=Outcome.NOT_LISTED
    )
    return Step(moved=moved)


def _day(text: str, asked_at: datetime, now: datetime) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(Code.FIELD, f"{text[:20]!r} is no day", where="corrected_on", hint="write 2026-12-31") from None
    if not local_day(asked_at) <= day <= local_day(now):
        raise BadInput(Code.FIELD, "it was corrected since it was asked for, and not in the future", where="corrected_on")
    return max(asked_at, midnight(day))


def _due(filed: Filed[Guidance], terms: Terms) -> datetime | None:
    return ends_by(filed.case, terms.calendar) if filed.case.state is _S.ASKED else None


def _pass_due(work: Work, filed: Filed[Guidance], now: datetime) -> None:
    outcome = judged(filed.case, None, terms_of(work).calendar)
    moved = LIFE.move(filed.case, _C.LAPSE, actor=SYSTEM, now=now, outcome=outcome)
    by_itself(work, MACHINE, filed, moved, now)


def _settled(work: Work, after: Filed[Guidance], told: Transition, order: Order) -> None:
    if told.command == GuidanceCommand.CORRECT:
        telling.tell_merchant(work, after, telling.CORRECTED_IN_TIME, order.now, link="/my-credit")
    elif after.case.outcome is Outcome.LISTED:
        case = after.case
        listing = Listing(
            id=derived_id("listing", case.uscc, listings.ABNORMAL, case.id),
            uscc=case.uscc,
            list=listings.ABNORMAL,
            clue=Clue.ADDRESS if case.kind is Kind.ADDRESS else Clue.DISCLOSURE,
            came_at=order.now,
        )
        why = by_clock(order.now, f"not corrected within {IN_TIME_WORKING_DAYS} working days: {case.kind.value}")
        listings.from_source(work, work.merchant(case.uscc), listing, why, guidance=case.id)


MACHINE: Machine[Guidance] = Machine(
    name="guidances",
    life=LIFE,
    cabinet=CABINET,
    handlers={_C.CORRECT: _correct},
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
)
