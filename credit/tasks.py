"""Inspection tasks 检查任务: from the draw to the published result (domain.md D.6, C.6.2, Order 49 art. 23 and 39).

Never fewer than two officers, and a result is entered with them. A task that is late is the regulator's lateness: ``overdue`` is
computed for the regulator's figures and costs the merchant nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from credit.calendar import Calendar, Deadline, within_working_days
from credit.sampling import OFFICERS_PER_TASK, RESULT_PUBLIC_WITHIN_WORKING_DAYS
from credit.transitions import CLOCK, LEADERS, OFFICERS, Lifecycle, Moved
from domain.errors import BadInput, Code, Forbidden
from domain.parties import Actor
from domain.time import local_day, midnight


class Origin(StrEnum):
    """Why there is a task; what a trigger starts is outside the ratio of the draw."""

    DRAWN = "drawn"
    TRIGGERED = "triggered"
    RECHECK = "recheck"
    WEEKLY = "weekly"


class Finding(StrEnum):
    """Result values of a double-random check (D.6)."""

    NO_PROBLEM = "no_problem"
    ORDERED_TO_CORRECT = "ordered_to_correct"
    TO_BE_FOLLOWED_UP = "to_be_followed_up"
    NO_SUCH_ACTIVITY = "no_such_activity"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


FINDING_ZH = {
    Finding.NO_PROBLEM: "未发现问题",
    Finding.ORDERED_TO_CORRECT: "发现问题已责令改正",
    Finding.TO_BE_FOLLOWED_UP: "发现问题待后续处理",
    Finding.NO_SUCH_ACTIVITY: "未发现开展本次抽查涉及的经营活动",
    Finding.UNREACHABLE: "通过登记的住所无法联系",
    Finding.REFUSED: "不配合检查情节严重",
}
"""The result as it is published."""


class Recheck(StrEnum):
    """What a recheck finds; it is the reason of the step."""

    RECTIFIED = "rectified"
    NOT_RECTIFIED = "not_rectified"


NEEDS_RECHECK = frozenset({Finding.ORDERED_TO_CORRECT, Finding.TO_BE_FOLLOWED_UP})


class TaskState(StrEnum):
    """States of a task (D.6)."""

    PLANNED = "planned"
    DRAWN = "drawn"
    TRIGGERED = "triggered"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    RESULT_ENTERED = "result_entered"
    MERCHANT_SIGNED = "merchant_signed"
    REFUSED_SIGN = "refused_sign"
    PUBLISHED = "published"
    NEEDS_RECTIFICATION = "needs_rectification"
    RECHECK_DUE = "recheck_due"
    RECHECK_DONE = "recheck_done"
    CANCELLED = "cancelled"


class TaskCommand(StrEnum):
    """What may happen to one."""

    DRAW = "draw"
    TRIGGER = "trigger"
    ASSIGN = "assign"
    START = "start"
    ENTER_RESULT = "enter_result"
    SIGN = "sign"
    REFUSE_SIGN = "refuse_sign"
    PUBLISH = "publish"
    ORDER_RECTIFICATION = "order_rectification"
    SET_RECHECK = "set_recheck"
    RECHECK = "recheck"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One inspection.

    Attributes:
        due_by: until when it is to be done, e.g. the end of the month.
        officers: ids of those sent, at least two.
        publish_by: until when its result is public: 20 working days after it was entered.
        recheck_by: until when the rectification is checked.
    """

    id: str
    uscc: str
    origin: Origin
    due_by: datetime
    state: TaskState = TaskState.PLANNED
    seed: str = ""
    officers: tuple[str, ...] = ()
    finding: Finding | None = None
    entered_at: datetime | None = None
    publish_by: datetime | None = None
    recheck_by: datetime | None = None
    version: int = 1


_S, _C = TaskState, TaskCommand
_AFTER_SIGNING = {_C.PUBLISH: _S.PUBLISHED}
LIFE = Lifecycle(
    entity="inspection task",
    steps={
        _S.PLANNED: {_C.DRAW: _S.DRAWN, _C.TRIGGER: _S.TRIGGERED, _C.CANCEL: _S.CANCELLED},
        _S.DRAWN: {_C.ASSIGN: _S.ASSIGNED, _C.CANCEL: _S.CANCELLED},
        _S.TRIGGERED: {_C.ASSIGN: _S.ASSIGNED, _C.CANCEL: _S.CANCELLED},
        _S.ASSIGNED: {_C.ASSIGN: _S.ASSIGNED, _C.START: _S.IN_PROGRESS, _C.CANCEL: _S.CANCELLED},
        _S.IN_PROGRESS: {_C.ENTER_RESULT: _S.RESULT_ENTERED, _C.CANCEL: _S.CANCELLED},
        _S.RESULT_ENTERED: {_C.SIGN: _S.MERCHANT_SIGNED, _C.REFUSE_SIGN: _S.REFUSED_SIGN},
        _S.MERCHANT_SIGNED: _AFTER_SIGNING,
        _S.REFUSED_SIGN: _AFTER_SIGNING,
        _S.PUBLISHED: {_C.ORDER_RECTIFICATION: _S.NEEDS_RECTIFICATION},
        _S.NEEDS_RECTIFICATION: {_C.SET_RECHECK: _S.RECHECK_DUE},
        _S.RECHECK_DUE: {_C.RECHECK: _S.RECHECK_DONE},
    },
    who={
        _C.DRAW: CLOCK | LEADERS,
        _C.TRIGGER: CLOCK | OFFICERS,
        _C.ASSIGN: CLOCK | LEADERS,
        _C.START: OFFICERS,
        _C.ENTER_RESULT: OFFICERS,
        _C.SIGN: OFFICERS,
        _C.REFUSE_SIGN: OFFICERS,
        _C.PUBLISH: CLOCK | OFFICERS,
        _C.ORDER_RECTIFICATION: OFFICERS,
        _C.SET_RECHECK: CLOCK | OFFICERS,
        _C.RECHECK: OFFICERS,
        _C.CANCEL: LEADERS,
    },
    reasoned=frozenset({_C.TRIGGER, _C.CANCEL, _C.REFUSE_SIGN, _C.ORDER_RECTIFICATION}),
)

_DONE = frozenset(
    {
        _S.RESULT_ENTERED,
        _S.MERCHANT_SIGNED,
        _S.REFUSED_SIGN,
        _S.PUBLISHED,
        _S.NEEDS_RECTIFICATION,
        _S.RECHECK_DUE,
        _S.RECHECK_DONE,
        _S.CANCELLED,
    }
)


def drawn(task: Task, *, seed: str, actor: Actor, now: datetime) -> Moved[Task]:
    """The unit came out of the draw."""
    return LIFE.move(task, _C.DRAW, actor=actor, now=now, seed=seed)


def triggered(task: Task, *, actor: Actor, reason: str, evidence_ids: Sequence[str] = (), now: datetime) -> Moved[Task]:
    """A complaint, a failed sample or a case calls for it, outside the ratio."""
    return LIFE.move(task, _C.TRIGGER, actor=actor, reason=reason, evidence_ids=evidence_ids, now=now)


def assign(task: Task, officers: Sequence[str], *, actor: Actor, now: datetime) -> Moved[Task]:
    """Name who goes; again if they change before the start.

    Raises:
        BadInput: E003 if fewer than two different officers are named (Order 49 art. 23).
    """
    named = tuple(dict.fromkeys(officers))
    if len(named) < OFFICERS_PER_TASK:
        raise BadInput(Code.FIELD, f"{len(named)} officers are too few: an inspection needs two", where="officers")
    return LIFE.move(task, _C.ASSIGN, actor=actor, now=now, officers=named)


def start(task: Task, *, actor: Actor, now: datetime) -> Moved[Task]:
    """One of its officers begins."""
    _sent(task, actor)
    return LIFE.move(task, _C.START, actor=actor, now=now)


def enter_result(
    task: Task, finding: Finding, *, calendar: Calendar, actor: Actor, evidence_ids: Sequence[str] = (), now: datetime
) -> Moved[Task]:
    """What was found; the 20 working days until it is public begin."""
    _sent(task, actor)
    return LIFE.move(
        task,
        _C.ENTER_RESULT,
        actor=actor,
        evidence_ids=evidence_ids,
        now=now,
        finding=finding,
        entered_at=now,
        publish_by=publish_deadline(now, calendar).by,
    )


def signed(task: Task, *, actor: Actor, reason: str = "", merchant_signed: bool, now: datetime) -> Moved[Task]:
    """The merchant signed the record, or refused to; a refusal is recorded with its reason and stops nothing."""
    _sent(task, actor)
    return LIFE.move(task, _C.SIGN if merchant_signed else _C.REFUSE_SIGN, actor=actor, reason=reason, now=now)


def publish(task: Task, *, actor: Actor, now: datetime) -> Moved[Task]:
    """The result is public."""
    return LIFE.move(task, _C.PUBLISH, actor=actor, now=now)


def order_rectification(task: Task, *, recheck_by: datetime, actor: Actor, reason: str, now: datetime) -> Moved[Task]:
    """Problems must be mended by a date, and are then checked again.

    Raises:
        BadInput: E003 if nothing was found that could be mended, or the date has passed.
    """
    if task.finding not in NEEDS_RECHECK:
        raise BadInput(Code.FIELD, "no problem was found that could be rectified", where="finding")
    if recheck_by <= now:
        raise BadInput(Code.FIELD, "the date of the recheck has passed", where="recheck_by")
    return LIFE.move(task, _C.ORDER_RECTIFICATION, actor=actor, reason=reason, now=now, recheck_by=recheck_by)


def recheck_due(task: Task, *, actor: Actor, now: datetime) -> Moved[Task]:
    """The merchant has mended it, or the date has come: somebody must look."""
    return LIFE.move(task, _C.SET_RECHECK, actor=actor, now=now)


def recheck(task: Task, *, passed: bool, actor: Actor, evidence_ids: Sequence[str] = (), now: datetime) -> Moved[Task]:
    """The recheck; a failed one leaves the task done and is a clue for a new one."""
    outcome = Recheck.RECTIFIED if passed else Recheck.NOT_RECTIFIED
    return LIFE.move(task, _C.RECHECK, actor=actor, reason=outcome.value, evidence_ids=evidence_ids, now=now)


def cancel(task: Task, *, actor: Actor, reason: str, now: datetime) -> Moved[Task]:
    """It is not carried out, and why."""
    return LIFE.move(task, _C.CANCEL, actor=actor, reason=reason, now=now)


def overdue(task: Task, now: datetime) -> bool:
    """Whether it should have been carried out: a figure of the regulator's, never a deduction of the merchant's."""
    return task.state not in _DONE and now >= task.due_by


def week_ends_by(at: datetime) -> datetime:
    """Until when the weekly evaluation of an instant's ISO week is to be done: Monday 00:00 (X-09)."""
    day = local_day(at)
    return midnight(day + timedelta(days=7 - day.weekday()))


def publication_overdue(task: Task, now: datetime) -> bool:
    """Whether its result should be public by now."""
    waiting = task.state in (_S.RESULT_ENTERED, _S.MERCHANT_SIGNED, _S.REFUSED_SIGN)
    return waiting and task.publish_by is not None and now >= task.publish_by


def publish_deadline(entered_at: datetime, calendar: Calendar) -> Deadline:
    """Until when a result is public: 20 working days (Order 49 art. 39)."""
    return within_working_days(entered_at, RESULT_PUBLIC_WITHIN_WORKING_DAYS, calendar)


def _sent(task: Task, actor: Actor) -> None:
    if actor.id not in task.officers:
        raise Forbidden(f"{actor.id} was not sent on {task.id}")
