"""The serious and the abnormal list: clue, notice, decision, publication, removal (domain.md D.7, C.6.3, R-07, R-10, R-11).

Publishing tells every department in the same transaction, and so does the end. A court's news is under review at once; everything
that harms waits for a named leader.
"""

from __future__ import annotations

from datetime import datetime

from casework.consequences import pushes, records, telling
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
    keep,
    need,
    retime,
    seen_merchant,
    terms_of,
)
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import lists
from credit.lists import Clue, Listing, ListingCommand, ListingState
from credit.transitions import Moved, Transition
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Merchant, Role
from store.registers import Book

CABINET = Cabinet(Book.LISTINGS, Listing)
SERIOUS = "serious_dishonesty"
ABNORMAL = "abnormal_operations"
_BEFORE_NOTICE = frozenset({ListingState.CLUE, ListingState.REVIEW})


def open_clue(work: Work, uscc: str, order: Order) -> Filed[Listing]:
    """An officer has a clue: ``list``, ``clue``, ``violation_listed``, ``heavier_penalty``."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "open a clue", Role.INSPECTOR, Role.SUPERVISOR)
    order.why()
    name = order.text("list", required=False) or SERIOUS
    if name not in terms_of(work).lists:
        raise BadInput(Code.FIELD, "there is no such list", where="list", hint=" | ".join(terms_of(work).lists))
    try:
        clue = Clue(order.text("clue", required=False) or Clue.PENALTY)
    except ValueError:
        raise BadInput(Code.FIELD, "no such kind of clue", where="clue", hint=" | ".join(Clue)) from None
    listing_id = derived_id("listing", uscc, name, order.token or work.desk.new_id(order.now), order.actor.id)
    known = CABINET.get(work.uow, listing_id)
    if done_before(work, order, f"listings/{listing_id}/open") and known is not None:
        return known
    listing = Listing(
        id=listing_id,
        uscc=uscc,
        list=name,
        clue=clue,
        came_at=order.now,
        violation_listed=order.flag("violation_listed"),
        heavier_penalty=order.flag("heavier_penalty"),
    )
    return _file(work, listing, merchant, order)


def from_source(work: Work, merchant: Merchant, listing: Listing, order: Order, **about: str) -> Filed[Listing]:
    """A clue that came with a penalty or from the court; a court's is under review at once (R-10)."""
    filed = _file(work, listing, merchant, order, **about)
    if listing.clue is Clue.COURT and filed.case.state is ListingState.CLUE:
        moved = lists.review(filed.case, actor=SYSTEM, now=order.now)
        filed = keep(work, MACHINE, filed, Step(moved=moved), by_clock(order.now))
    return filed


def _file(work: Work, listing: Listing, merchant: Merchant, order: Order, **about: str) -> Filed[Listing]:
    filed = Filed(case=listing, filed_at=order.now, uscc=merchant.uscc, region=merchant.region, topic=listing.list, about=about)
    begun = begin(work, MACHINE, filed, order)
    telling.tell_officials(work, begun, telling.CLUE_WAITS, order.now, link="/credit/listings")
    return begun


def _terms(work: Work, filed: Filed[Listing]) -> lists.ListingTerms:
    return terms_of(work).list_named(filed.case.list)


def _review(_: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    return Step(moved=lists.review(filed.case, actor=order.actor, now=order.now))


def _give_notice(work: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    calendar = terms_of(work).calendar
    moved = lists.give_notice(
        filed.case, _terms(work, filed), calendar=calendar, actor=order.actor, reason=order.reason, now=order.now
    )
    return Step(moved=moved, about={"noticed_by": order.actor.id, "notice": order.reason})


def _drop(_: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    return _with_reason(lists.decide(filed.case, listed=False, actor=order.actor, reason=order.reason, now=order.now), order)


def _state_case(_: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    return Step(moved=lists.state_case(filed.case, actor=order.actor, text=order.reason, now=order.now))


def _list(_: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    moved = lists.decide(
        filed.case,
        listed=True,
        actor=order.actor,
        reason=order.reason,
        evidence_ids=order.evidence_ids,
        now=order.now,
    )
    return _with_reason(moved, order)


def _publish(_: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    return Step(moved=lists.publish(filed.case, actor=order.actor, now=order.now), about={"published_at": order.now})


def _ask_removal(work: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    moved = lists.ask_removal(filed.case, _terms(work, filed), actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"removal_asked": order.reason})


def _refuse_removal(_: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    moved = lists.decide_removal(filed.case, granted=False, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"removal_refused": order.reason})


def _remove(_: Work, filed: Filed[Listing], order: Order) -> Step[Listing]:
    moved = lists.decide_removal(filed.case, granted=True, actor=order.actor, reason=order.reason, now=order.now)
    return Step(moved=moved, about={"removed_because": order.reason})


def _with_reason(moved: Moved[Listing], order: Order) -> Step[Listing]:
    return Step(moved=moved, about={"decision": order.reason, "decided_at": order.now})


def _settled(work: Work, after: Filed[Listing], told: Transition, order: Order) -> None:
    now = order.now
    match told.command:
        case ListingCommand.GIVE_NOTICE:
            telling.tell_merchant(work, after, telling.LISTED_NOTICE, now, link="/my-credit")
        case ListingCommand.LIST | ListingCommand.DROP:
            records.answer_court(work, after.about.get("court_record"), after.case.state.value, now)
        case ListingCommand.PUBLISH:
            pushes.send_all(work, after, now)
            moved = lists.pushed(after.case, actor=SYSTEM, now=now)
            keep(work, MACHINE, after, Step(moved=moved, about={"pushed_at": now}), by_clock(now))
            telling.tell_merchant(work, after, telling.LISTED, now, link="/my-credit")
        case ListingCommand.REMOVE | ListingCommand.EXPIRE:
            pushes.send_all(work, after, now)
            moved = lists.unpushed(after.case, actor=SYSTEM, now=now)
            keep(work, MACHINE, after, Step(moved=moved, about={"unpushed_at": now}), by_clock(now))
            telling.tell_merchant(work, after, telling.DELISTED, now, link="/my-credit")
        case _:
            pass


def _due(filed: Filed[Listing], terms: Terms) -> datetime | None:
    listing = filed.case
    if listing.state in _BEFORE_NOTICE and not filed.about.get("told_review"):
        return lists.review_deadline(listing, terms.list_named(listing.list), terms.calendar).by
    if listing.state is ListingState.ADVANCE_NOTICE and not filed.about.get("told_decision"):
        return listing.notice_ends_at
    if listing.state in (ListingState.PUSHED, ListingState.EARLY_REMOVAL_REQUESTED):
        return lists.listing_ends_by(listing, terms.list_named(listing.list))
    return None


def _pass_due(work: Work, filed: Filed[Listing], now: datetime) -> None:
    if filed.case.state in _BEFORE_NOTICE:
        after = retime(work, MACHINE, filed, told_review=True)
        telling.tell_officials(work, after, telling.CLUE_WAITS, now, link="/credit/listings")
    elif filed.case.state is ListingState.ADVANCE_NOTICE:
        after = retime(work, MACHINE, filed, told_decision=True)
        telling.tell_officials(work, after, telling.DECISION_WAITS, now, link="/credit/listings")
    else:
        by_itself(work, MACHINE, filed, lists.expire(filed.case, _terms(work, filed), actor=SYSTEM, now=now), now)


def _visible(filed: Filed[Listing], actor: Actor) -> bool:
    if actor.role in MERCHANT_SIDE and filed.case.notice_ends_at is None:
        return False
    return actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[Listing] = Machine(
    name="listings",
    life=lists.LIFE,
    cabinet=CABINET,
    handlers={
        ListingCommand.REVIEW: _review,
        ListingCommand.GIVE_NOTICE: _give_notice,
        ListingCommand.DROP: _drop,
        ListingCommand.STATE_CASE: _state_case,
        ListingCommand.LIST: _list,
        ListingCommand.PUBLISH: _publish,
        ListingCommand.ASK_REMOVAL: _ask_removal,
        ListingCommand.REFUSE_REMOVAL: _refuse_removal,
        ListingCommand.REMOVE: _remove,
    },
    decisions=frozenset({ListingCommand.LIST, ListingCommand.PUBLISH, ListingCommand.REMOVE, ListingCommand.DROP}),
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
    visible=_visible,
)
