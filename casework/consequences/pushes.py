"""Joint punishment: what liaison departments are told, their answers, and who is asked again (domain.md D.7, R-01, R-11).

A message lies in the department's own account from the moment of the decision; being sent means lying there. Whoever was told of
a listing is told of its end, and asked every day until they acknowledge it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from casework.consequences import telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, Step, begin, by_clock, entry, retime, terms_of
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import pushes
from credit.calendar import within_working_days
from credit.lists import Listing
from credit.pushes import Push, PushKind
from credit.transitions import Lifecycle
from domain.ids import derived_id
from domain.parties import Actor, Role, User
from domain.time import local_day, midnight
from store.registers import Book, Wanted


class PushState(StrEnum):
    """States of a message to a department."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"


class PushCommand(StrEnum):
    """What may happen to one."""

    ACKNOWLEDGE = "acknowledge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one department."""

    id: str
    push: Push
    list: str
    uscc: str
    state: PushState = PushState.SENT
    version: int = 1


LIFE = Lifecycle(
    entity="push",
    steps={PushState.SENT: {PushCommand.ACKNOWLEDGE: PushState.ACKNOWLEDGED}},
    who={PushCommand.ACKNOWLEDGE: frozenset({Role.DEPARTMENT})},
)
CABINET = Cabinet(Book.PUSHES, Message)


def send_all(work: Work, filed: Filed[Listing], now: datetime) -> list[Filed[Message]]:
    """Send what a listing calls for now: to every department while it lasts, and its end to those who were told."""
    earlier = of_listing(work, filed.case.id)
    wanted = pushes.pushes(filed.case, [one.id for one in terms_of(work).departments], [one.case.push for one in earlier])
    accounts = {user.department: user for user in work.uow.users.list(role=Role.DEPARTMENT) if user.active}
    return [_send(work, filed, push, accounts.get(push.department), now) for push in wanted]


def _send(work: Work, listing: Filed[Listing], push: Push, account: User | None, now: datetime) -> Filed[Message]:
    message = Message(
        id=derived_id("push", push.listing_id, push.department, push.kind.value),
        push=replace(push, sent_at=now),
        list=listing.case.list,
        uscc=listing.case.uscc,
    )
    filed = Filed(case=message, filed_at=now, uscc=listing.uscc, region=listing.region, topic=push.listing_id)
    sent = begin(work, MACHINE, filed, by_clock(now, f"{push.kind.value}: {push.department}"))
    if account is not None:
        telling.tell_user(work, sent, _words(push.kind), now, user=account, link="/credit/pushes")
    return sent


def _words(kind: PushKind) -> str:
    return telling.PUSHED if kind is PushKind.LISTED else telling.PUSHED_REMOVAL


def of_listing(work: Work, listing_id: str) -> list[Filed[Message]]:
    """Every message about a listing."""
    return CABINET.find(work.uow, Wanted(topic=listing_id, limit=None))


def _acknowledge(_: Work, filed: Filed[Message], order: Order) -> Step[Message]:
    feedback = order.text("feedback", required=False) or order.reason
    answered = replace(filed.case.push, acked_at=order.now, feedback=feedback)
    moved = LIFE.move(
        filed.case, PushCommand.ACKNOWLEDGE, actor=order.actor, reason=feedback or "acknowledged", now=order.now, push=answered
    )
    return Step(moved=moved)


def _due(filed: Filed[Message], terms: Terms) -> datetime | None:
    """A removal is asked about every day; a listing once, when its five working days are over."""
    push = filed.case.push
    if filed.case.state is PushState.ACKNOWLEDGED or push.sent_at is None:
        return None
    if push.kind is PushKind.REMOVED:
        return midnight(local_day(push.chased_at or push.sent_at) + timedelta(days=1))
    if filed.about.get("told_late"):
        return None
    days = terms.list_named(filed.case.list).ack_working_days
    return within_working_days(push.sent_at, days, terms.calendar).by


def _pass_due(work: Work, filed: Filed[Message], now: datetime) -> None:
    push = filed.case.push
    account = next((user for user in work.uow.users.list(role=Role.DEPARTMENT) if user.department == push.department), None)
    if pushes.chase_due(push, now):
        chased = replace(filed, case=replace(filed.case, push=replace(push, chased_at=now)))
        filed = retime(work, MACHINE, chased, chased=int(filed.about.get("chased", 0)) + 1)
        order = by_clock(now, f"asked again: {push.department}")
        entry(work, LIFE.entity, filed.case.id, (PushState.SENT.value, PushState.SENT.value), order)
    else:
        filed = retime(work, MACHINE, filed, told_late=True)
        telling.tell_officials(work, filed, telling.ACK_LATE, now, link="/credit/listings")
    if account is not None:
        telling.tell_user(work, filed, _words(push.kind), now, user=account, link="/credit/pushes")


def _visible(filed: Filed[Message], actor: Actor) -> bool:
    if actor.role is Role.DEPARTMENT:
        return actor.department == filed.case.push.department
    return actor.uscc is None and actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[Message] = Machine(
    name="pushes",
    life=LIFE,
    cabinet=CABINET,
    handlers={PushCommand.ACKNOWLEDGE: _acknowledge},
    due=_due,
    pass_due=_pass_due,
    visible=_visible,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How one department answers."""

    department: str
    told: int
    acknowledged: int
    late: int


def answers(work: Work, found: Sequence[Filed[Message]], now: datetime) -> list[Answers]:
    """How every department answers, in the order of the duty list."""
    terms = terms_of(work)

    def of(department: str) -> Answers:
        own = [one.case for one in found if one.case.push.department == department]
        late = [one for one in own if pushes.ack_overdue(one.push, terms.list_named(one.list), terms.calendar, now)]
        done = sum(one.state is PushState.ACKNOWLEDGED for one in own)
        return Answers(department=department, told=len(own), acknowledged=done, late=len(late))

    return [of(department.id) for department in terms.departments]
