"""Lists of the dishonest 列入: clue, notice, decision, publication, removal (domain.md D.7, C.6.3, R-07, R-10).

Nobody is listed before the notice period has passed in which they may state and defend their case, and a named leader decides
with a reason. Whom the other departments tell is in ``credit.pushes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from credit.calendar import Calendar, Deadline, within_working_days
from credit.sampling import months_after
from credit.transitions import BUSINESS, CLOCK, LEADERS, OFFICERS, Lifecycle, Moved
from domain.errors import BadInput, Code, Forbidden
from domain.parties import Actor
from domain.time import local_day, midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingTerms:
    """The clocks of a list, as data.

    Attributes:
        name: of the list, e.g. ``serious_dishonesty``.
        notice_working_days: how long the merchant may state and defend their case.
        months: how long a listing lasts.
        early_removal_months: when its end may be asked for.
        push_within: how soon every department is told of a listing or a removal.
        ack_working_days: how soon a department acknowledges.
        review_working_days: how soon a clue from a court is reviewed (R-10).
        heavier_penalty: only a violation of the listed kinds with a heavier penalty leads to it (Order 44).
    """

    name: str
    notice_working_days: int = 5
    months: int = 36
    early_removal_months: int = 12
    push_within: timedelta = timedelta(hours=24)
    ack_working_days: int = 5
    review_working_days: int = 1
    heavier_penalty: bool = True


class Clue(StrEnum):
    """Where the thought of a listing comes from."""

    PENALTY = "penalty"
    COURT = "court"
    ACCIDENT = "accident"
    ADDRESS = "address"
    DISCLOSURE = "disclosure"


class ListingState(StrEnum):
    """States of a listing (D.7)."""

    CLUE = "clue"
    REVIEW = "review"
    ADVANCE_NOTICE = "advance_notice"
    LISTED = "listed"
    NOT_LISTED = "not_listed"
    PUBLISHED = "published"
    PUSHED = "pushed"
    EARLY_REMOVAL_REQUESTED = "early_removal_requested"
    REMOVED = "removed"
    EXPIRED = "expired"
    UNPUSHED = "unpushed"


class ListingCommand(StrEnum):
    """What may happen to one."""

    REVIEW = "review"
    GIVE_NOTICE = "give_notice"
    DROP = "drop"
    STATE_CASE = "state_case"
    LIST = "list"
    PUBLISH = "publish"
    PUSH = "push"
    ASK_REMOVAL = "ask_removal"
    REFUSE_REMOVAL = "refuse_removal"
    REMOVE = "remove"
    EXPIRE = "expire"
    UNPUSH = "unpush"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One merchant on the way to a list, on it, or off it again.

    Attributes:
        came_at: when the clue came.
        violation_listed: the violation is of the kinds the list is for (Order 44).
        heavier_penalty: a heavier administrative penalty was imposed for it.
        defended: what the merchant stated, in order.
        notice_ends_at: nothing is decided before.
        listed_at: when the listing was decided.
        ended_at: when it was removed or ran out: the push of the removal is due from then.
    """

    id: str
    uscc: str
    list: str
    clue: Clue
    came_at: datetime
    state: ListingState = ListingState.CLUE
    violation_listed: bool = False
    heavier_penalty: bool = False
    defended: tuple[str, ...] = ()
    notice_ends_at: datetime | None = None
    listed_at: datetime | None = None
    ended_at: datetime | None = None
    version: int = 1


_S, _C = ListingState, ListingCommand
LIFE = Lifecycle(
    entity="listing",
    steps={
        _S.CLUE: {_C.REVIEW: _S.REVIEW},
        _S.REVIEW: {_C.GIVE_NOTICE: _S.ADVANCE_NOTICE, _C.DROP: _S.NOT_LISTED},
        _S.ADVANCE_NOTICE: {_C.STATE_CASE: _S.ADVANCE_NOTICE, _C.LIST: _S.LISTED, _C.DROP: _S.NOT_LISTED},
        _S.LISTED: {_C.PUBLISH: _S.PUBLISHED},
        _S.PUBLISHED: {_C.PUSH: _S.PUSHED},
        _S.PUSHED: {_C.ASK_REMOVAL: _S.EARLY_REMOVAL_REQUESTED, _C.EXPIRE: _S.EXPIRED},
        _S.EARLY_REMOVAL_REQUESTED: {_C.REMOVE: _S.REMOVED, _C.REFUSE_REMOVAL: _S.PUSHED, _C.EXPIRE: _S.EXPIRED},
        _S.REMOVED: {_C.UNPUSH: _S.UNPUSHED},
        _S.EXPIRED: {_C.UNPUSH: _S.UNPUSHED},
    },
    who={
        _C.REVIEW: CLOCK | OFFICERS,
        _C.GIVE_NOTICE: OFFICERS,
        _C.DROP: OFFICERS,
        _C.STATE_CASE: BUSINESS,
        _C.LIST: LEADERS,
        _C.PUBLISH: LEADERS,
        _C.PUSH: CLOCK | OFFICERS,
        _C.ASK_REMOVAL: BUSINESS,
        _C.REFUSE_REMOVAL: LEADERS,
        _C.REMOVE: LEADERS,
        _C.EXPIRE: CLOCK,
        _C.UNPUSH: CLOCK | OFFICERS,
    },
    reasoned=frozenset({_C.GIVE_NOTICE, _C.DROP, _C.STATE_CASE, _C.LIST, _C.REFUSE_REMOVAL, _C.REMOVE, _C.ASK_REMOVAL}),
)

ON_LIST = frozenset({_S.LISTED, _S.PUBLISHED, _S.PUSHED, _S.EARLY_REMOVAL_REQUESTED})
"""States in which the merchant is on the list."""


def review(listing: Listing, *, actor: Actor, now: datetime) -> Moved[Listing]:
    """Somebody looks into the clue."""
    return LIFE.move(listing, _C.REVIEW, actor=actor, now=now)


def give_notice(
    listing: Listing, terms: ListingTerms, *, calendar: Calendar, actor: Actor, reason: str, now: datetime
) -> Moved[Listing]:
    """The merchant is told what is intended and why, and may state and defend their case.

    Raises:
        BadInput: E003 unless there are both a violation of the listed kinds and a heavier penalty, where the list needs them;
            what came from a court rests on its judgment alone.
    """
    needed = terms.heavier_penalty and listing.clue is not Clue.COURT
    if needed and not (listing.violation_listed and listing.heavier_penalty):
        raise BadInput(Code.FIELD, "a listing needs a violation of the listed kinds and a heavier penalty", where="listing")
    ends_at = within_working_days(now, terms.notice_working_days, calendar).by
    return LIFE.move(listing, _C.GIVE_NOTICE, actor=actor, reason=reason, now=now, notice_ends_at=ends_at)


def state_case(listing: Listing, *, actor: Actor, text: str, now: datetime) -> Moved[Listing]:
    """The merchant speaks, within the notice period.

    Raises:
        BadInput: E003 after its end.
    """
    _own(listing, actor)
    if listing.notice_ends_at is not None and now > listing.notice_ends_at:
        raise BadInput(Code.FIELD, "the notice period has ended", where="now")
    return LIFE.move(listing, _C.STATE_CASE, actor=actor, reason=text, now=now, defended=(*listing.defended, text.strip()))


def decide(
    listing: Listing, *, listed: bool, actor: Actor, reason: str, evidence_ids: Sequence[str] = (), now: datetime
) -> Moved[Listing]:
    """A named leader decides, after the notice period and with a reason.

    Raises:
        BadInput: E003 before the notice period has ended.
    """
    if listed and (listing.notice_ends_at is None or now < listing.notice_ends_at):
        raise BadInput(Code.FIELD, "the merchant may still state their case", where="now", hint="wait for the notice to end")
    if not listed:
        return LIFE.move(listing, _C.DROP, actor=actor, reason=reason, evidence_ids=evidence_ids, now=now)
    return LIFE.move(listing, _C.LIST, actor=actor, reason=reason, evidence_ids=evidence_ids, now=now, listed_at=now)


def publish(listing: Listing, *, actor: Actor, now: datetime) -> Moved[Listing]:
    """The list shows it."""
    return LIFE.move(listing, _C.PUBLISH, actor=actor, now=now)


def pushed(listing: Listing, *, actor: Actor, now: datetime) -> Moved[Listing]:
    """Every department has been told."""
    return LIFE.move(listing, _C.PUSH, actor=actor, now=now)


def ask_removal(listing: Listing, terms: ListingTerms, *, actor: Actor, reason: str, now: datetime) -> Moved[Listing]:
    """The merchant asks to be taken off early.

    Raises:
        BadInput: E003 before the shortest time has passed.
    """
    _own(listing, actor)
    from_on = early_removal_from(listing, terms)
    if from_on is None or local_day(now) < from_on:
        raise BadInput(Code.FIELD, f"early removal may be asked for from {from_on}", where="now")
    return LIFE.move(listing, _C.ASK_REMOVAL, actor=actor, reason=reason, now=now)


def decide_removal(listing: Listing, *, granted: bool, actor: Actor, reason: str, now: datetime) -> Moved[Listing]:
    """A named leader grants or refuses the early removal."""
    if granted:
        return LIFE.move(listing, _C.REMOVE, actor=actor, reason=reason, now=now, ended_at=now)
    return LIFE.move(listing, _C.REFUSE_REMOVAL, actor=actor, reason=reason, now=now)


def expire(listing: Listing, terms: ListingTerms, *, actor: Actor, now: datetime) -> Moved[Listing] | None:
    """Its time has run out; None while it has not."""
    ends_by = listing_ends_by(listing, terms)
    if ends_by is None or now < ends_by:
        return None
    return LIFE.move(listing, _C.EXPIRE, actor=actor, now=now, ended_at=now)


def unpushed(listing: Listing, *, actor: Actor, now: datetime) -> Moved[Listing]:
    """Every department has been told of the removal."""
    return LIFE.move(listing, _C.UNPUSH, actor=actor, now=now)


def review_deadline(listing: Listing, terms: ListingTerms, calendar: Calendar) -> Deadline:
    """Until when somebody looks into the clue: for one from a court the next working day (R-10)."""
    return within_working_days(listing.came_at, terms.review_working_days, calendar)


def listing_ends_by(listing: Listing, terms: ListingTerms) -> datetime | None:
    """First instant the listing no longer lasts."""
    if listing.listed_at is None:
        return None
    return midnight(months_after(local_day(listing.listed_at), terms.months))


def early_removal_from(listing: Listing, terms: ListingTerms) -> date | None:
    """The first day on which the end may be asked for."""
    if listing.listed_at is None:
        return None
    return months_after(local_day(listing.listed_at), terms.early_removal_months)


def _own(listing: Listing, actor: Actor) -> None:
    if actor.uscc != listing.uscc:
        raise Forbidden(f"{actor.id} does not speak for {listing.uscc}")
