"""Inspection tasks: who goes, what they find, and until when it is public (domain.md D.6, C.3, C.6.2, F.10, X-09).

A task that was drawn may have a first day: the second check of a red merchant lies seven days after the first. Lateness is the
regulator's: it is told to them and counted in their figures, and touches no merchant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from casework.consequences import guidance, superior, telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import (
    MERCHANT_SIDE,
    Machine,
    Order,
    Step,
    begin,
    by_clock,
    by_itself,
    entry,
    keep,
    need,
    retime,
    seen_merchant,
    terms_of,
)
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import leniency, sampling, tasks
from credit.documents import Gravity
from credit.tasks import Finding, Origin, Task, TaskCommand, TaskState
from credit.transitions import LEADERS, Lifecycle, Transition
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Merchant, Role
from domain.time import local_day, midnight
from store.registers import Book, Wanted

CABINET = Cabinet(Book.TASKS, Task)
_SHOWN = frozenset({TaskState.PUBLISHED, TaskState.NEEDS_RECTIFICATION, TaskState.RECHECK_DUE, TaskState.RECHECK_DONE})
"""What a merchant sees of inspections: their results, and not that somebody is coming."""
_WAITING = frozenset({TaskState.RESULT_ENTERED, TaskState.MERCHANT_SIGNED, TaskState.REFUSED_SIGN})
CARRIED_OUT = _SHOWN | _WAITING
MORE_CHECKS = timedelta(days=14)
"""Within which what a failed recheck calls for is to be looked at."""


class Corrected(StrEnum):
    """When a minor error was corrected."""

    ON_THE_SPOT = "on_the_spot"
    LATER = "later"


class ConflictState(StrEnum):
    """States of a conflict of interest."""

    DECLARED = "declared"
    LIFTED = "lifted"


class ConflictCommand(StrEnum):
    """What may happen to one."""

    LIFT = "lift"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictOfInterest:
    """An officer who must not be sent to a merchant (回避)."""

    id: str
    officer: str
    state: ConflictState = ConflictState.DECLARED
    reason: str = ""
    version: int = 1


CONFLICTS = Cabinet(Book.CONFLICTS, ConflictOfInterest)
AVOIDING = Lifecycle(
    entity="conflict of interest",
    steps={ConflictState.DECLARED: {ConflictCommand.LIFT: ConflictState.LIFTED}},
    who={ConflictCommand.LIFT: LEADERS},
    reasoned=frozenset({ConflictCommand.LIFT}),
)


def _lift(_: Work, filed: Filed[ConflictOfInterest], order: Order) -> Step[ConflictOfInterest]:
    return Step(moved=AVOIDING.move(filed.case, ConflictCommand.LIFT, actor=order.actor, reason=order.reason, now=order.now))


AVOIDANCE: Machine[ConflictOfInterest] = Machine(
    name="conflicts",
    life=AVOIDING,
    cabinet=CONFLICTS,
    handlers={ConflictCommand.LIFT: _lift},
    visible=lambda filed, actor: actor.uscc is None and actor.may_see(uscc=filed.uscc or "", region=filed.region),
)


def able_officers(work: Work, merchant: Merchant) -> tuple[str, ...]:
    """Who may be sent to a merchant: the inspectors of the region; where there are only two or fewer, supervisors too."""
    users = work.uow.users
    inspectors = [one for one in users.list(role=Role.INSPECTOR) if one.active and merchant.region.startswith(one.region or "-")]
    if len(inspectors) <= sampling.OFFICERS_PER_TASK:
        inspectors += [one for one in users.list(role=Role.SUPERVISOR) if one.active]
    return tuple(one.id for one in inspectors)


def officers_for(work: Work, merchant: Merchant) -> tuple[tuple[str, ...], frozenset[str]]:
    """Who may be sent to a merchant and is free of conflicts, and who must not be."""
    declared = CONFLICTS.find(work.uow, Wanted(uscc=merchant.uscc, states=(ConflictState.DECLARED.value,), limit=None))
    barred = frozenset(one.case.officer for one in declared)
    return tuple(one for one in able_officers(work, merchant) if one not in barred), barred


def _assign(work: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    named = order.words("officers")
    able, barred = officers_for(work, work.merchant(filed.uscc or ""))
    if named:
        for officer in named:
            user = work.uow.users.get(officer)
            known = user is not None and user.active and user.role in (Role.INSPECTOR, Role.SUPERVISOR)
            if not known or user is None or not Actor.of(user).may_see(uscc=filed.uscc or "", region=filed.region):
                raise BadInput(Code.FIELD, f"{officer[:40]} cannot be sent there", where="officers")
            if officer in barred:
                raise BadInput(Code.FIELD, f"{officer} has declared a conflict of interest", where="officers", hint="send others")
    else:
        named = sampling.draw_officers(able, seed=filed.case.seed or filed.case.id, task_id=filed.case.id, conflicts=barred)
    return Step(moved=tasks.assign(filed.case, named, actor=order.actor, now=order.now))


def _start(work: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    first_on = filed.about.get("not_before")
    if first_on is not None and local_day(order.now) < date.fromisoformat(first_on):
        raise BadInput(Code.FIELD, f"this check may begin on {first_on}", where="order.now", hint="the checks lie apart")
    _far_enough(work, filed, order.now)
    return Step(moved=tasks.start(filed.case, actor=order.actor, now=order.now), about={"started_at": order.now})


def _far_enough(work: Work, filed: Filed[Task], now: datetime) -> None:
    """Refuse a check that lies too near the one before it of the same draw (C.3)."""
    apart = int(filed.about.get("apart_days", 0))
    if not apart or not filed.topic:
        return
    visits = sampling.Visits(percent=100, apart_days=apart)
    for other in CABINET.find(work.uow, Wanted(uscc=filed.uscc, topic=filed.topic, limit=None)):
        started = other.about.get("started_at")
        if other.case.id == filed.case.id or started is None or other.case.state is TaskState.CANCELLED:
            continue
        days = sorted((local_day(datetime.fromisoformat(started)), local_day(now)))
        if not sampling.far_enough(days[0], days[1], visits):
            raise BadInput(Code.FIELD, f"the other check was on {days[0]}, less than {apart} days ago", where="now")


def _enter(work: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    try:
        finding = Finding(order.text("finding"))
    except ValueError:
        raise BadInput(Code.FIELD, "no such result", where="finding", hint=" | ".join(Finding)) from None
    items = _items(work, filed, order)
    lenient = _leniently(finding, items, order)
    finding = finding if lenient is None else lenient
    if lenient is None and finding is Finding.NO_PROBLEM and any(not item["ok"] for item in items):
        raise BadInput(Code.FIELD, "an item failed, so there was a problem", where="finding")
    score = order.whole("score", default=-1)
    if score != -1 and not 0 <= score <= 100:
        raise BadInput(Code.FIELD, f"{score} is no score", where="score", hint="0 to 100")
    moved = tasks.enter_result(
        filed.case, finding, calendar=terms_of(work).calendar, actor=order.actor, evidence_ids=order.evidence_ids, now=order.now
    )
    about: dict[str, Any] = {"items": items, "remark": order.text("remark", required=False), "evidence_ids": order.evidence_ids}
    if lenient is not None:
        about["leniency"] = lenient
    if finding is Finding.UNREACHABLE:
        about["reachable_by_phone"] = order.flag("reachable_by_phone")
    return Step(moved=moved, about=about if score == -1 else {**about, "score": score})


def _leniently(finding: Finding, items: Sequence[Mapping[str, Any]], order: Order) -> Finding | None:
    """How a minor error is recorded that was corrected after guidance (R-12); None = the ordinary result stands."""
    if not order.flag("minor"):
        return None
    if any(not item["ok"] and item["gravity"] == Gravity.MAJOR for item in items):
        raise BadInput(Code.FIELD, "a major item failed, so the error is not minor", where="minor")
    if finding not in (Finding.NO_PROBLEM, Finding.ORDERED_TO_CORRECT):
        raise BadInput(Code.FIELD, "that result is no minor error", where="minor")
    corrected = order.text("corrected", required=False)
    if corrected not in ("", *Corrected):
        raise BadInput(Code.FIELD, "corrected when?", where="corrected", hint=" | ".join(Corrected))
    return leniency.minor_error(
        minor=True,
        guided=order.flag("guided"),
        corrected_on_the_spot=corrected == Corrected.ON_THE_SPOT,
        corrected_later=corrected == Corrected.LATER,
    )


def _items(work: Work, filed: Filed[Task], order: Order) -> list[dict[str, Any]]:
    """Checklist items with what was found, each citing the document in force."""
    said = order.values.get("items", ())
    left_out = superior.spared(work, filed, local_day(order.now))
    if not isinstance(said, list | tuple):
        raise BadInput(Code.FIELD, "items is a list", where="items")
    found = []
    for one in said:
        if not isinstance(one, Mapping) or not isinstance(one.get("key"), str) or not isinstance(one.get("ok"), bool):
            raise BadInput(Code.FIELD, "an item has a key and ok: true or false", where="items")
        clause, cited = terms_of(work).rulebook.cite(one["key"])
        if one["key"] in left_out:
            what = f"a superior authority checked {one['key']} on {left_out[one['key']]}"
            raise BadInput(Code.FIELD, what, where="items", hint="it is not checked again for three months without a clue")
        gravity = clause.check.value if clause.check is not None else ""
        cite = f"{cited.document}@{cited.version}#{cited.clause}"
        found.append(
            {"key": one["key"], "ok": one["ok"], "gravity": gravity, "cites": cite, "note": str(one.get("note", ""))[:500]}
        )
    return found


def _sign(_: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    return Step(moved=tasks.signed(filed.case, actor=order.actor, reason=order.reason, merchant_signed=True, now=order.now))


def _refuse_sign(_: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    return Step(moved=tasks.signed(filed.case, actor=order.actor, reason=order.reason, merchant_signed=False, now=order.now))


def _publish(_: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    return Step(moved=tasks.publish(filed.case, actor=order.actor, now=order.now), about={"published_at": order.now})


def _order_rectification(_: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    by = order.instant("recheck_by")
    return Step(moved=tasks.order_rectification(filed.case, recheck_by=by, actor=order.actor, reason=order.reason, now=order.now))


def _set_recheck(_: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    return Step(moved=tasks.recheck_due(filed.case, actor=order.actor, now=order.now))


def _recheck(_: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    passed = order.flag("passed")
    moved = tasks.recheck(filed.case, passed=passed, actor=order.actor, evidence_ids=order.evidence_ids, now=order.now)
    return Step(moved=moved, about={"recheck_passed": passed, "rechecked_at": order.now})


def _cancel(_: Work, filed: Filed[Task], order: Order) -> Step[Task]:
    return Step(moved=tasks.cancel(filed.case, actor=order.actor, reason=order.reason, now=order.now))


def _due(filed: Filed[Task], terms: Terms) -> datetime | None:
    del terms
    task = filed.case
    if task.state is TaskState.NEEDS_RECTIFICATION:
        return task.recheck_by
    if task.state in _WAITING:
        return None if filed.about.get("told_unpublished") else task.publish_by
    if task.state in CARRIED_OUT or task.state is TaskState.CANCELLED or filed.about.get("told_overdue"):
        return None
    return task.due_by


def _pass_due(work: Work, filed: Filed[Task], now: datetime) -> None:
    """Say that a task is late, and that a recheck is due."""
    if filed.case.state is TaskState.NEEDS_RECTIFICATION:
        by_itself(work, MACHINE, filed, tasks.recheck_due(filed.case, actor=SYSTEM, now=now), now)
        return
    what = telling.RESULT_LATE if filed.case.state in _WAITING else telling.TASK_LATE
    known = "told_unpublished" if filed.case.state in _WAITING else "told_overdue"
    after = retime(work, MACHINE, filed, **{known: True})
    telling.tell_officials(work, after, what, now, link="/credit/tasks")


def _settled(work: Work, after: Filed[Task], told: Transition, order: Order) -> None:
    now = order.now
    if told.command == TaskCommand.RECHECK and not after.about.get("recheck_passed"):
        due_by = midnight(local_day(now) + MORE_CHECKS)
        opened = open_task(work, work.merchant(after.uscc or ""), Origin.RECHECK, due_by, now, of=(after.case.id, "recheck"))
        trigger(work, opened, by_clock(now, f"recheck of {after.case.id}: not rectified"))
    elif told.command == TaskCommand.ASSIGN:
        telling.tell_officials(work, after, telling.TASK_ASSIGNED, now, link="/credit/tasks", only=after.case.officers)
    elif told.command == TaskCommand.ENTER_RESULT and after.case.finding is Finding.UNREACHABLE:
        merchant = work.merchant(after.uscc or "")
        guidance.unreachable(work, merchant, after.case.id, order, by_phone=bool(after.about.get("reachable_by_phone")))
    elif told.command in (TaskCommand.PUBLISH, TaskCommand.ORDER_RECTIFICATION):
        telling.tell_merchant(work, after, telling.RESULT_PUBLISHED, now, link="/my-credit")


def _visible(filed: Filed[Task], actor: Actor) -> bool:
    if actor.role in MERCHANT_SIDE and filed.case.state not in _SHOWN:
        return False
    return actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[Task] = Machine(
    name="tasks",
    life=tasks.LIFE,
    cabinet=CABINET,
    handlers={
        TaskCommand.ASSIGN: _assign,
        TaskCommand.START: _start,
        TaskCommand.ENTER_RESULT: _enter,
        TaskCommand.SIGN: _sign,
        TaskCommand.REFUSE_SIGN: _refuse_sign,
        TaskCommand.PUBLISH: _publish,
        TaskCommand.ORDER_RECTIFICATION: _order_rectification,
        TaskCommand.SET_RECHECK: _set_recheck,
        TaskCommand.RECHECK: _recheck,
        TaskCommand.CANCEL: _cancel,
    },
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
    visible=_visible,
)


def open_task(
    work: Work,
    merchant: Merchant,
    origin: Origin,
    due_by: datetime,
    now: datetime,
    *,
    of: Sequence[str],
    topic: str = "",
    **about: Any,
) -> Filed[Task]:
    """Plan one task; ``of`` names what it is for, so that planning it again finds it."""
    task = Task(id=derived_id("task", merchant.uscc, *of), uscc=merchant.uscc, origin=origin, due_by=due_by)
    filed = Filed(case=task, filed_at=now, uscc=merchant.uscc, region=merchant.region, topic=topic, about=about)
    return begin(work, MACHINE, filed, by_clock(now, origin.value))


def trigger(work: Work, filed: Filed[Task], order: Order) -> Filed[Task]:
    """Start a task outside the ratio, and send officers if there are two free of conflicts."""
    if filed.case.state is not TaskState.PLANNED:
        return filed
    moved = tasks.triggered(filed.case, actor=order.actor, reason=order.reason, now=order.now)
    return send(work, keep(work, MACHINE, filed, Step(moved=moved), order), order.now)


def send(work: Work, filed: Filed[Task], now: datetime) -> Filed[Task]:
    """Draw the officers; where two cannot be found the task waits for a leader."""
    able, barred = officers_for(work, work.merchant(filed.uscc or ""))
    if len(able) < sampling.OFFICERS_PER_TASK:
        telling.tell_officials(work, filed, telling.OFFICERS_MISSING, now, link="/credit/tasks")
        return filed
    named = sampling.draw_officers(able, seed=filed.case.seed or filed.case.id, task_id=filed.case.id, conflicts=barred)
    return keep(work, MACHINE, filed, Step(moved=tasks.assign(filed.case, named, actor=SYSTEM, now=now)), by_clock(now))


def order_check(work: Work, uscc: str, order: Order) -> Filed[Task]:
    """An officer asks for an inspection because of a complaint, a failed sample or a case: ``due_by``, ``clues`` (items)."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "order a check", Role.INSPECTOR, Role.SUPERVISOR)
    order.why()
    due_by = order.instant("due_by")
    if due_by <= order.now:
        raise BadInput(Code.FIELD, "it would be late already", where="due_by")
    clues = order.words("clues")
    for key in clues:
        terms_of(work).rulebook.cite(key)
    of = ("triggered", order.token or work.desk.new_id(order.now), order.actor.id)
    about: dict[str, Any] = {"clues": clues} if clues else {}
    return trigger(work, open_task(work, merchant, Origin.TRIGGERED, due_by, order.now, of=of, **about), order)


def declare_conflict(work: Work, uscc: str, order: Order) -> Filed[ConflictOfInterest]:
    """An officer says, or a leader says of one, that they must not be sent to a merchant."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "declare a conflict of interest", Role.INSPECTOR, Role.SUPERVISOR)
    officer = order.text("officer", required=False) or order.actor.id
    if officer != order.actor.id:
        need(order, "declare another's conflict of interest", Role.SUPERVISOR)
    case = ConflictOfInterest(id=derived_id("conflict", officer, uscc), officer=officer, reason=order.why())
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, topic=officer)
    if not CONFLICTS.add(work.uow, filed):
        known = CONFLICTS.get(work.uow, case.id)
        assert known is not None
        if known.case.state is ConflictState.DECLARED:
            return known
        again = replace(case, version=known.case.version + 1)
        filed = replace(known, case=again)
        CONFLICTS.save(work.uow, filed, expected_version=known.case.version)
    entry(work, AVOIDING.entity, case.id, ("", case.state.value), order)
    for task in CABINET.find(work.uow, Wanted(uscc=uscc, states=(TaskState.ASSIGNED.value,), limit=None)):
        if officer in task.case.officers:
            send(work, task, order.now)
    return filed


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The regulator's own figures about inspections.

    Attributes:
        due: tasks whose day has come, done or not.
        overdue: not carried out in time and still open.
        unpublished_late: results that should be public by now.
        published: results that are.
        published_in_time: of those, within 20 working days.
    """

    open: int
    due: int
    overdue: int
    unpublished_late: int
    published: int
    published_in_time: int


def figures(found: Sequence[Filed[Task]], now: datetime) -> Figures:
    """The figures of some tasks."""
    cases = [one.case for one in found if one.case.state is not TaskState.CANCELLED]
    published = [one for one in found if one.about.get("published_at")]
    in_time = [
        one
        for one in published
        if one.case.publish_by is not None and datetime.fromisoformat(one.about["published_at"]) < one.case.publish_by
    ]
    return Figures(
        open=sum(one.state not in CARRIED_OUT for one in cases),
        due=sum(one.due_by <= now for one in cases),
        overdue=sum(tasks.overdue(one, now) for one in cases),
        unpublished_late=sum(tasks.publication_overdue(one, now) for one in cases),
        published=len(published),
        published_in_time=len(in_time),
    )
