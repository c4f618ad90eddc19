"""Industry training: planned, held, and who was there (X-08). Absence is a fact for the indicators, no deduction by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from casework.consequences import telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Handler, Machine, Order, Step, begin, need
from casework.desk import Work
from credit.transitions import LEADERS, OFFICERS, Lifecycle
from domain.errors import BadInput, Code, NotFound
from domain.ids import derived_id
from domain.parties import Role
from domain.time import local_day
from store.registers import Book


class TrainingState(StrEnum):
    """States of a training."""

    PLANNED = "planned"
    HELD = "held"
    CANCELLED = "cancelled"


class TrainingCommand(StrEnum):
    """What may happen to one."""

    HOLD = "hold"
    CANCEL = "cancel"


class AttendanceState(StrEnum):
    """Whether somebody came."""

    INVITED = "invited"
    ATTENDED = "attended"
    ABSENT = "absent"
    EXCUSED = "excused"


class AttendanceCommand(StrEnum):
    """What is said of an invitation."""

    ATTEND = "attend"
    MISS = "miss"
    EXCUSE = "excuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training for the merchants of a region."""

    id: str
    title: str
    begins_at: datetime
    place: str
    state: TrainingState = TrainingState.PLANNED
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """One merchant's invitation, and whether they came."""

    id: str
    uscc: str
    training_id: str
    state: AttendanceState = AttendanceState.INVITED
    version: int = 1


LIFE = Lifecycle(
    entity="training",
    steps={
        TrainingState.PLANNED: {
            TrainingCommand.HOLD: TrainingState.HELD,
            TrainingCommand.CANCEL: TrainingState.CANCELLED,
        }
    },
    who={TrainingCommand.HOLD: OFFICERS, TrainingCommand.CANCEL: LEADERS},
    reasoned=frozenset({TrainingCommand.CANCEL}),
)
_ANSWERS = {
    AttendanceCommand.ATTEND: AttendanceState.ATTENDED,
    AttendanceCommand.MISS: AttendanceState.ABSENT,
    AttendanceCommand.EXCUSE: AttendanceState.EXCUSED,
}
ATTENDING = Lifecycle(
    entity="attendance",
    steps={
        AttendanceState.INVITED: _ANSWERS,
        AttendanceState.ABSENT: {AttendanceCommand.EXCUSE: AttendanceState.EXCUSED},
    },
    who=dict.fromkeys(AttendanceCommand, OFFICERS),
    reasoned=frozenset({AttendanceCommand.EXCUSE}),
)
CABINET = Cabinet(Book.TRAININGS, Training)
ATTENDANCES = Cabinet(Book.ATTENDANCES, Attendance)


def plan(work: Work, region: str, order: Order) -> Filed[Training]:
    """Plan a training and invite the merchants of a region, or its ``form`` of business: ``title``, ``begins_at``, ``place``."""
    need(order, "plan a training", Role.INSPECTOR, Role.SUPERVISOR)
    if order.actor.role is Role.INSPECTOR and not region.startswith(order.actor.region or "-"):
        raise NotFound(f"no region {region[:20]}")
    begins_at = order.instant("begins_at")
    if begins_at <= order.now:
        raise BadInput(Code.FIELD, "a training is planned ahead", where="begins_at")
    title = order.text("title")
    case = Training(
        id=derived_id("training", region, title, begins_at.isoformat()),
        title=title,
        begins_at=begins_at,
        place=order.text("place", required=False),
    )
    filed = begin(work, MACHINE, Filed(case=case, filed_at=order.now, region=region), order)
    form = order.text("form", required=False)
    invited = [
        one for one in work.uow.merchants.list() if one.region.startswith(region) and form in ("", one.business_form.value)
    ]
    for merchant in invited:
        attendance = Attendance(id=derived_id("attendance", case.id, merchant.uscc), uscc=merchant.uscc, training_id=case.id)
        invitation = Filed(case=attendance, filed_at=order.now, uscc=merchant.uscc, region=merchant.region, topic=case.id)
        if ATTENDANCES.add(work.uow, invitation):
            on = local_day(begins_at).isoformat()
            telling.tell_merchant(work, invitation, telling.TRAINING_INVITED, order.now, link="/my-credit", on=on)
    return filed


def _hold(_: Work, filed: Filed[Training], order: Order) -> Step[Training]:
    if order.now < filed.case.begins_at:
        raise BadInput(Code.FIELD, "it has not begun", where="now")
    return Step(moved=LIFE.move(filed.case, TrainingCommand.HOLD, actor=order.actor, now=order.now))


def _cancel(_: Work, filed: Filed[Training], order: Order) -> Step[Training]:
    return Step(moved=LIFE.move(filed.case, TrainingCommand.CANCEL, actor=order.actor, reason=order.reason, now=order.now))


MACHINE: Machine[Training] = Machine(
    name="trainings",
    life=LIFE,
    cabinet=CABINET,
    handlers={TrainingCommand.HOLD: _hold, TrainingCommand.CANCEL: _cancel},
    visible=lambda filed, actor: (
        actor.role is not Role.DEPARTMENT and (actor.role is not Role.INSPECTOR or filed.region.startswith(actor.region or "-"))
    ),
)


def _answer(command: AttendanceCommand) -> Handler[Attendance]:
    def handle(work: Work, filed: Filed[Attendance], order: Order) -> Step[Attendance]:
        training = CABINET.get(work.uow, filed.case.training_id)
        if command is not AttendanceCommand.EXCUSE and (training is None or order.now < training.case.begins_at):
            raise BadInput(Code.FIELD, "the training has not begun", where="now")
        return Step(moved=ATTENDING.move(filed.case, command, actor=order.actor, reason=order.reason, now=order.now))

    return handle


ATTENDANCE: Machine[Attendance] = Machine(
    name="attendances",
    life=ATTENDING,
    cabinet=ATTENDANCES,
    handlers={command.value: _answer(command) for command in AttendanceCommand},
)
