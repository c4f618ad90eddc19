"""Joint punishment: what liaison departments are told, their answers, and who is asked again (domain.md D.7, R-01, R-11).

A message lies in the department's own account from the moment of the decision. Being sent means lying there, or, where the
department has a system of its own, having been accepted by it: until then the message waits, and after 24 hours somebody is told.
Whoever was told of a listing is told of its end, and asked every day until they acknowledge it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from casework.consequences import telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, Step, begin, by_clock, by_itself, entry, retime, terms_of
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import pushes
from credit.calendar import within_working_days
from credit.departments import Department
from credit.lists import Listing
from credit.pushes import Push, PushKind
from credit.transitions import CLOCK, Lifecycle
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Role
from domain.time import format_instant, local_day, midnight
from store.registers import Book, Wanted

SYSTEM_OF = "department:"
"""How the outbox names the systems of departments."""
AGAIN = timedelta(days=1)
"""After which a system that has not accepted a message is told again."""


class PushState(StrEnum):
    """States of a message to a department; it waits while its own system has not accepted it."""

    WAITING = "waiting"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"


class PushCommand(StrEnum):
    """What may happen to one."""

    ARRIVE = "arrive"
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
    steps={
        PushState.WAITING: {PushCommand.ARRIVE: PushState.SENT, PushCommand.ACKNOWLEDGE: PushState.ACKNOWLEDGED},
        PushState.SENT: {PushCommand.ACKNOWLEDGE: PushState.ACKNOWLEDGED},
    },
    who={PushCommand.ARRIVE: CLOCK, PushCommand.ACKNOWLEDGE: frozenset({Role.DEPARTMENT})},
)
CABINET = Cabinet(Book.PUSHES, Message)


def send_all(work: Work, filed: Filed[Listing], now: datetime) -> list[Filed[Message]]:
    """Send what a listing calls for now: to every department while it lasts, and its end to those who may have been told."""
    departments = {one.id: one for one in terms_of(work).departments}
    earlier = [replace(one.case.push, sent_at=one.case.push.sent_at or one.filed_at) for one in of_listing(work, filed.case.id)]
    wanted = pushes.pushes(filed.case, list(departments), earlier)
    return [_send(work, filed, push, departments.get(push.department), now) for push in wanted]


def _send(work: Work, listing: Filed[Listing], push: Push, department: Department | None, now: datetime) -> Filed[Message]:
    waits = department is not None and department.has_system
    message = Message(
        id=derived_id("push", push.listing_id, push.department, push.kind.value),
        push=push if waits else replace(push, sent_at=now),
        list=listing.case.list,
        uscc=listing.case.uscc,
        state=PushState.WAITING if waits else PushState.SENT,
    )
    filed = Filed(case=message, filed_at=now, uscc=listing.uscc, region=listing.region, topic=push.listing_id)
    sent = begin(work, MACHINE, filed, by_clock(now, f"{push.kind.value}: {push.department}"))
    _tell(work, sent, department, now)
    return sent


def _tell(work: Work, filed: Filed[Message], department: Department | None, now: datetime) -> None:
    """Tell the department's people, and its own system."""
    push = filed.case.push
    if department is not None and department.has_system:
        telling.tell_system(work, filed, _words(push.kind), now, recipient=recipient_of(department), said=_said(filed.case))
    users = work.uow.users.list(role=Role.DEPARTMENT)
    account = next((user for user in users if user.active and user.department == push.department), None)
    if account is not None:
        telling.tell_user(work, filed, _words(push.kind), now, user=account, link="/credit/pushes")


def recipient_of(department: Department) -> str:
    """How the outbox names a department's own system."""
    return f"{SYSTEM_OF}{department.id}"


def _said(message: Message) -> dict[str, str]:
    """What a department's own system is told; of two messages about one listing the one with the later ``since`` counts."""
    push = message.push
    return {
        "push": message.id,
        "listing": push.listing_id,
        "kind": push.kind.value,
        "list": message.list,
        "department": push.department,
        "since": format_instant(push.due_at),
        "acknowledge": f"/api/v1/departments/{push.department}/acknowledgements",
    }


def arrived(work: Work, push_id: str, now: datetime) -> None:
    """A department's own system accepted a message; only the first time changes anything."""
    filed = CABINET.get(work.uow, push_id)
    if filed is not None and filed.case.state is PushState.WAITING:
        told = replace(filed.case.push, sent_at=now)
        moved = LIFE.move(filed.case, PushCommand.ARRIVE, actor=SYSTEM, reason="accepted by its system", now=now, push=told)
        by_itself(work, MACHINE, filed, moved, now)


def _words(kind: PushKind) -> str:
    return telling.PUSHED if kind is PushKind.LISTED else telling.PUSHED_REMOVAL


def of_listing(work: Work, listing_id: str) -> list[Filed[Message]]:
    """Every message about a listing."""
    return CABINET.find(work.uow, Wanted(topic=listing_id, limit=None))


def _acknowledge(_: Work, filed: Filed[Message], order: Order) -> Step[Message]:
    feedback = order.text("feedback", required=False) or order.reason
    push = filed.case.push
    answered = replace(push, sent_at=push.sent_at or order.now, acked_at=order.now, feedback=feedback)
    moved = LIFE.move(
        filed.case, PushCommand.ACKNOWLEDGE, actor=order.actor, reason=feedback or "acknowledged", now=order.now, push=answered
    )
    return Step(moved=moved)


def _due(filed: Filed[Message], terms: Terms) -> datetime | None:
    """A removal is asked about every day, a listing once, when its five working days are over; what waits, after 24 hours."""
    push = filed.case.push
    if filed.case.state is PushState.ACKNOWLEDGED:
        return None
    if push.sent_at is None:
        tried = filed.about.get("tried_at")
        late_at = push.due_at + terms.list_named(filed.case.list).push_within + timedelta(microseconds=1)
        return late_at if tried is None else datetime.fromisoformat(tried) + AGAIN
    if push.kind is PushKind.REMOVED:
        return midnight(local_day(push.chased_at or push.sent_at) + timedelta(days=1))
    if filed.about.get("told_late"):
        return None
    days = terms.list_named(filed.case.list).ack_working_days
    return within_working_days(push.sent_at, days, terms.calendar).by


def _pass_due(work: Work, filed: Filed[Message], now: datetime) -> None:
    push, terms = filed.case.push, terms_of(work)
    department = next((one for one in terms.departments if one.id == push.department), None)
    if pushes.push_overdue(push, terms.list_named(filed.case.list), now):
        first = not filed.about.get("tried_at")
        filed = retime(work, MACHINE, filed, tried_at=now)
        if first:
            telling.tell_officials(work, filed, telling.PUSH_LATE, now, link="/credit/pushes")
    elif pushes.chase_due(push, now):
        chased = replace(filed, case=replace(filed.case, push=replace(push, chased_at=now)))
        filed = retime(work, MACHINE, chased, chased=int(filed.about.get("chased", 0)) + 1)
        order = by_clock(now, f"asked again: {push.department}")
        entry(work, LIFE.entity, filed.case.id, (PushState.SENT.value, PushState.SENT.value), order)
    else:
        filed = retime(work, MACHINE, filed, told_late=True)
        telling.tell_officials(work, filed, telling.ACK_LATE, now, link="/credit/listings")
    _tell(work, filed, department, now)


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
    """How one department answers; ``unsent`` are those its own system has not accepted in time (R-11)."""

    department: str
    told: int
    acknowledged: int
    late: int
    unsent: int


def answers(work: Work, found: Sequence[Filed[Message]], now: datetime) -> list[Answers]:
    """How every department answers, in the order of the duty list."""
    terms = terms_of(work)

    def of(department: str) -> Answers:
        own = [one.case for one in found if one.case.push.department == department]
        late = [one for one in own if pushes.ack_overdue(one.push, terms.list_named(one.list), terms.calendar, now)]
        unsent = [one for one in own if pushes.push_overdue(one.push, terms.list_named(one.list), now)]
        done = sum(one.state is PushState.ACKNOWLEDGED for one in own)
        return Answers(department=department, told=len(own), acknowledged=done, late=len(late), unsent=len(unsent))

    return [of(department.id) for department in terms.departments]
