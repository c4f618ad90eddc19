"""Joint punishment 联合惩戒: telling every department of a listing and of its end (domain.md D.7, R-11).

Whoever was told of a listing is told of its removal within 24 hours, and asked again every day until they acknowledge it: a name
must not stay on somebody's list because a message was lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from credit.calendar import Calendar, within_working_days
from credit.lists import ON_LIST, Listing, ListingTerms
from domain.time import local_day


class PushKind(StrEnum):
    """What a department is told."""

    LISTED = "listed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One message to one department, and its answer.

    Attributes:
        due_at: since when it is to be sent: the decision or the end of the listing.
        acked_at: when the department acknowledged.
        feedback: what it says it does.
    """

    listing_id: str
    department: str
    kind: PushKind
    due_at: datetime
    sent_at: datetime | None = None
    acked_at: datetime | None = None
    feedback: str = ""
    chased_at: datetime | None = None


def pushes(listing: Listing, departments: Iterable[str], sent: Iterable[Push] = ()) -> tuple[Push, ...]:
    """The messages a listing calls for: to every department while it lasts, and after its end to whom it had been pushed.

    Args:
        listing: as it stands.
        departments: all members of the joint punishment.
        sent: what went out for this listing before.
    """
    if listing.listed_at is not None and listing.state in ON_LIST:
        told = {push.department for push in sent if push.kind is PushKind.LISTED}
        return tuple(_push(listing, name, PushKind.LISTED, listing.listed_at) for name in departments if name not in told)
    if listing.ended_at is None:
        return ()
    earlier = tuple(sent)
    told = {push.department for push in earlier if push.kind is PushKind.REMOVED}
    knew = dict.fromkeys(push.department for push in earlier if push.kind is PushKind.LISTED and push.sent_at is not None)
    return tuple(_push(listing, name, PushKind.REMOVED, listing.ended_at) for name in knew if name not in told)


def push_overdue(push: Push, terms: ListingTerms, now: datetime) -> bool:
    """Whether it should have gone out."""
    return push.sent_at is None and now > push.due_at + terms.push_within


def ack_overdue(push: Push, terms: ListingTerms, calendar: Calendar, now: datetime) -> bool:
    """Whether the department should have acknowledged by now."""
    if push.sent_at is None or push.acked_at is not None:
        return False
    return now >= within_working_days(push.sent_at, terms.ack_working_days, calendar).by


def chase_due(push: Push, now: datetime) -> bool:
    """Whether a department that has not acknowledged a removal is asked again: once every Shanghai day."""
    if push.kind is not PushKind.REMOVED or push.sent_at is None or push.acked_at is not None:
        return False
    return local_day(push.chased_at or push.sent_at) < local_day(now)


def _push(listing: Listing, department: str, kind: PushKind, due_at: datetime) -> Push:
    return Push(listing_id=listing.id, department=department, kind=kind, due_at=due_at)
