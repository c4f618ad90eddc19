"""The double-random draw: committed to first, drawn later, and anybody's to repeat (domain.md C.3, C.6.2, F.10, F.15).

When grades are published the units of each grade are frozen, and the SHA-256 of a seed nobody has seen goes into the audit trail.
Only after that the seed is revealed and sorts the units: nobody can have chosen a seed that spares somebody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from casework.consequences import tasks
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, Step, begin, by_clock, keep, note, terms_of
from casework.consequences.terms import Terms
from casework.desk import Work
from credit import sampling
from credit import tasks as inspections
from credit.sampling import Unit, Visits
from credit.tasks import Origin, Task, TaskState
from credit.transitions import CLOCK, LEADERS, Lifecycle, Transition
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor
from domain.time import local_day, midnight
from store.registers import Book, Wanted


class DrawState(StrEnum):
    """States of a draw."""

    COMMITTED = "committed"
    DRAWN = "drawn"
    CANCELLED = "cancelled"


class DrawCommand(StrEnum):
    """What may happen to one."""

    DRAW = "draw"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawCase:
    """One draw among the units of one grade in one place.

    Attributes:
        seed: the batch id; nobody is shown it before the draw.
        commitment: SHA-256 of the seed, in the trail since the draw was planned.
        units: the grade's units as they stood then.
        wanted: how many are drawn among those in the pool.
        span_began: first day of the period in which nobody is drawn twice.
        order: everybody in the pool in the order the seed gives.
        drawn: the first of them; ``added`` were not inspected for 24 months.
    """

    id: str
    scheme: str
    grade: str
    place: str
    seed: str
    commitment: str
    units: tuple[Unit, ...]
    wanted: int
    each: int
    apart_days: int
    not_twice_in_months: int
    weekly: bool
    span_began: date
    committed_on: date
    ends_on: date
    state: DrawState = DrawState.COMMITTED
    order: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    version: int = 1


_S, _C = DrawState, DrawCommand
LIFE = Lifecycle(
    entity="draw",
    steps={_S.COMMITTED: {_C.DRAW: _S.DRAWN, _C.CANCEL: _S.CANCELLED}},
    who={_C.DRAW: CLOCK | LEADERS, _C.CANCEL: LEADERS},
    reasoned=frozenset({_C.CANCEL}),
)
CABINET = Cabinet(Book.DRAWS, DrawCase)


def commitment_to(seed: str) -> str:
    """What is published of a seed before the draw."""
    return hashlib.sha256(seed.encode()).hexdigest()


def reveal(case: DrawCase) -> dict[str, Any]:
    """The outcome: the order, who is drawn, who is added, and who was not in the pool and why."""
    visits = Visits(percent=100, not_twice_in_months=case.not_twice_in_months)
    chosen = sampling.select(case.units, seed=case.seed, visits=visits, period_began=case.span_began, today=case.committed_on)
    drawn = chosen.draw.order[: case.wanted]
    left_alone = set(chosen.excluded)
    overdue = [
        unit.id
        for unit in case.units
        if unit.id not in drawn and unit.id not in left_alone and sampling.overdue_for_inspection(unit, case.committed_on)
    ]
    added = sorted({*overdue, *chosen.added} - set(drawn))
    return {
        "order": chosen.draw.order,
        "drawn": drawn,
        "added": tuple(added),
        "excluded": {unit: reason.value for unit, reason in chosen.excluded.items()},
    }


def plan(work: Work, scheme: str, graded: Mapping[str, str], now: datetime) -> list[Filed[DrawCase]]:
    """Commit to the draws that newly published grades call for: one for each grade and street.

    Args:
        scheme: whose measures say how often.
        graded: merchant → published grade.
    """
    measures = terms_of(work).measures.get(scheme, {})
    said = {grade: told for grade, told in measures.items() if told.get("visits")}
    if not said:
        return []
    yearly, visits = sampling.visits_of(said)
    places: dict[tuple[str, str, str], list[str]] = {}
    merchants = work.uow.merchants.get_all(graded)
    for uscc, grade in sorted(graded.items()):
        merchant = merchants.get(uscc)
        if merchant is not None and grade in visits and visits[grade].percent:
            places.setdefault((grade, merchant.region, merchant.site), []).append(uscc)
    units = _units(work, merchants, now)
    committed = []
    for (grade, region, site), found in sorted(places.items()):
        pool = _Pool(
            scheme=scheme,
            grade=grade,
            region=region,
            site=site,
            units=tuple(units[uscc] for uscc in found),
            visits=visits[grade],
            period=said[grade]["visits"]["period"],
            each=said[grade]["visits"].get("each", 1),
            yearly=yearly == "year",
        )
        filed = _commit(work, pool, now)
        if filed is not None:
            committed.append(filed)
    return committed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """The units of one grade in one place, and how often they are visited."""

    scheme: str
    grade: str
    region: str
    site: str
    units: tuple[Unit, ...]
    visits: Visits
    period: str
    each: int
    yearly: bool

    @property
    def place(self) -> str:
        """The street or market, else the region."""
        return self.site or self.region

    def span(self, today: date) -> date:
        """The first day of the period in which a unit is not drawn twice."""
        if self.yearly:
            return today.replace(month=1, day=1)
        return today.replace(month=(today.month - 1) // self.visits.over * self.visits.over + 1, day=1)

    def wanted(self, today: date) -> int:
        """How many are still to be drawn: the share of the whole period's pool, less those drawn in this turn of it."""
        span = self.span(today)
        turn = span if self.yearly else today.replace(day=1)
        busy = sum(_drawn_since(unit, span) for unit in self.units)
        done = sum(_drawn_since(unit, turn) for unit in self.units)
        pool = sum(not (unit.stopped or unit.open_case or _drawn_since(unit, span)) for unit in self.units)
        return max(0, min(pool, self.visits.share_of(pool + busy) - done))


def _drawn_since(unit: Unit, day: date) -> bool:
    return unit.drawn_on is not None and unit.drawn_on >= day


def _commit(work: Work, pool: _Pool, now: datetime) -> Filed[DrawCase] | None:
    today = local_day(now)
    wanted, number = pool.wanted(today), _further(work, pool, today)
    if number and not wanted and not any(sampling.overdue_for_inspection(unit, today) for unit in pool.units):
        return None  # published again, and everybody who should be visited has been drawn
    month = f"{today:%Y-%m}"
    seed = f"{month}-{pool.scheme}-{pool.grade}-{work.desk.new_id(now)}"
    case = DrawCase(
        id=derived_id("draw", pool.scheme, pool.grade, pool.region, pool.site, month, str(number)),
        scheme=pool.scheme,
        grade=pool.grade,
        place=pool.place,
        seed=seed,
        commitment=commitment_to(seed),
        units=pool.units,
        wanted=wanted,
        each=pool.each,
        apart_days=pool.visits.apart_days,
        not_twice_in_months=pool.visits.not_twice_in_months,
        weekly=pool.period == "week",
        span_began=pool.span(today),
        committed_on=today,
        ends_on=_month_end(today),
    )
    filed = Filed(case=case, filed_at=now, region=pool.region, topic=month)
    return begin(work, MACHINE, filed, by_clock(now, f"commitment {case.commitment}"))


def _further(work: Work, pool: _Pool, today: date) -> int:
    """How many draws of this grade and place the month has seen already; one that is only committed is not repeated."""
    wanted = (pool.scheme, pool.grade, pool.region, pool.place)
    known = [
        one
        for one in CABINET.find(work.uow, Wanted(topic=f"{today:%Y-%m}", limit=None))
        if (one.case.scheme, one.case.grade, one.region, one.case.place) == wanted
    ]
    return len(known) - any(one.case.state is DrawState.COMMITTED for one in known)


def _month_end(day: date) -> date:
    following = sampling.months_after(day.replace(day=1), 1)
    return following - timedelta(days=1)


def _units(work: Work, merchants: Iterable[str], now: datetime) -> dict[str, Unit]:
    """What the draw must know of every merchant, in three questions."""
    drawn: dict[str, date] = {}
    inspected: dict[str, date] = {}
    for one in tasks.CABINET.find(work.uow, Wanted(limit=None)):
        uscc, task = one.case.uscc, one.case
        if task.state is TaskState.CANCELLED:
            continue
        if task.origin is Origin.DRAWN:
            drawn[uscc] = max(drawn.get(uscc, date.min), local_day(one.filed_at))
        if task.entered_at is not None:
            inspected[uscc] = max(inspected.get(uscc, date.min), local_day(task.entered_at))
    penalties = work.uow.registers.book(Book.PENALTIES).find(Wanted(states=("filed",), limit=None))
    open_case = {leaf.uscc for leaf in penalties}
    stopped = _stopped(work, now)
    standings = work.uow.registers.book(Book.STANDINGS).find(Wanted(limit=None))
    since = {leaf.uscc: date.fromisoformat(leaf.details["case"]["known_since"]) for leaf in standings}
    return {
        uscc: Unit(
            id=uscc,
            known_since=since.get(uscc, local_day(now)),
            stopped=uscc in stopped,
            open_case=uscc in open_case,
            drawn_on=drawn.get(uscc),
            inspected_on=inspected.get(uscc),
        )
        for uscc in merchants
    }


def _stopped(work: Work, now: datetime) -> set[str | None]:
    """Merchants under a suspension that is being carried out."""
    executed = work.uow.registers.book(Book.PROPOSALS).find(Wanted(states=("executed",), limit=None))
    found = set()
    for leaf in executed:
        case, about = leaf.details["case"], leaf.details["about"]
        began = about.get("executed_at")
        if case["measure"] == "suspension" and began and case["days"]:
            if datetime.fromisoformat(began) + timedelta(days=case["days"]) > now:
                found.add(leaf.uscc)
        elif case["measure"] == "clear_out":
            found.add(leaf.uscc)
    return found


def draw(filed: Filed[DrawCase], actor: Actor, now: datetime) -> Step[DrawCase]:
    """Reveal the seed: the outcome follows from it."""
    moved = LIFE.move(filed.case, _C.DRAW, actor=actor, reason=f"seed {filed.case.seed}", now=now, **reveal(filed.case))
    return Step(moved=moved, about={"drawn_at": now})


def _draw(_: Work, filed: Filed[DrawCase], order: Order) -> Step[DrawCase]:
    return draw(filed, order.actor, order.now)


def _cancel(_: Work, filed: Filed[DrawCase], order: Order) -> Step[DrawCase]:
    return Step(moved=LIFE.move(filed.case, _C.CANCEL, actor=order.actor, reason=order.reason, now=order.now))


def _settled(work: Work, after: Filed[DrawCase], told: Transition, order: Order) -> None:
    if told.command == DrawCommand.DRAW:
        _open_tasks(work, after, order.now)


def _open_tasks(work: Work, filed: Filed[DrawCase], now: datetime) -> None:
    """Tasks for everybody drawn, with officers where two are free of conflicts; all written together."""
    case = filed.case
    chosen = [*((uscc, False) for uscc in case.drawn), *((uscc, True) for uscc in case.added)]
    merchants = work.uow.merchants.get_all([uscc for uscc, _ in chosen])
    conflicts: dict[str, set[str]] = {}
    for one in tasks.CONFLICTS.find(work.uow, Wanted(states=(tasks.ConflictState.DECLARED.value,), limit=None)):
        conflicts.setdefault(one.uscc or "", set()).add(one.case.officer)
    first = next(iter(merchants.values()), None)
    everybody = () if first is None else tasks.able_officers(work, first)
    new: list[Filed[Task]] = []
    steps: list[Transition] = []
    for uscc, extra in chosen:
        for number, window in enumerate([_windows(case)[0]] if extra else _windows(case)):
            task_id = derived_id("task", case.id, uscc, str(number))
            planned = Task(id=task_id, uscc=uscc, origin=Origin.DRAWN, due_by=window.due_by)
            task, taken = _task(case, planned, set(everybody) - conflicts.get(uscc, set()), now)
            about = {"draw": case.id, "apart_days": case.apart_days if case.each > 1 else 0, **window.about(added=extra)}
            made = Filed(
                case=task, filed_at=now, uscc=uscc, region=merchants[uscc].region, topic=f"{case.id}/{uscc}", about=about
            )
            new.append(replace(made, due_at=tasks.MACHINE.due(made, terms_of(work))))
            steps += taken
    with work.uow.gathering():
        tasks.CABINET.add_all(work.uow, new)
        for step in steps:
            note(work, step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """When one visit may begin and until when it is due."""

    due_by: datetime
    not_before: date | None = None
    carried: bool = False

    def about(self, *, added: bool) -> dict[str, Any]:
        said: dict[str, Any] = {"carried": True} if self.carried else {}
        if self.not_before is not None:
            said["not_before"] = self.not_before
        return {**said, "added": True} if added else said


def _windows(case: DrawCase) -> list[_Window]:
    """The visits to one unit: by the week, apart, or once until the end of the month (F.10)."""
    end = midnight(case.ends_on + timedelta(days=1))
    if case.weekly:
        mondays = []
        monday = case.committed_on - timedelta(days=case.committed_on.weekday())
        while monday <= case.ends_on:
            mondays.append(monday)
            monday += timedelta(days=7)
        return [_Window(due_by=midnight(day + timedelta(days=7)), not_before=day) for day in mondays]
    if case.each == 1:
        return [_Window(due_by=end)]
    checks = sampling.red_checks(case.committed_on, case.ends_on, each=case.each)
    apart = timedelta(days=case.apart_days)
    found = [
        _Window(due_by=end, not_before=case.committed_on + apart * number if number else None)
        for number in range(checks.in_month)
    ]
    following = midnight(_month_end(case.ends_on + timedelta(days=1)) + timedelta(days=1))
    later = _Window(due_by=following, not_before=case.committed_on + apart, carried=True)
    return found + [later] * checks.carried


def _task(case: DrawCase, task: Task, able: Collection[str], now: datetime) -> tuple[Task, list[Transition]]:
    """A task as drawn and, if two officers are free of conflicts, assigned."""
    moved = inspections.drawn(task, seed=case.seed, actor=SYSTEM, now=now)
    steps = [moved.transition]
    if len(able) >= sampling.OFFICERS_PER_TASK:
        named = sampling.draw_officers(able, seed=case.seed, task_id=task.id)
        moved = inspections.assign(moved.case, named, actor=SYSTEM, now=now)
        steps.append(moved.transition)
    return moved.case, steps


def _due(filed: Filed[DrawCase], terms: Terms) -> datetime | None:
    return filed.filed_at + terms.draw_after if filed.case.state is DrawState.COMMITTED else None


def _pass_due(work: Work, filed: Filed[DrawCase], now: datetime) -> None:
    keep(work, MACHINE, filed, draw(filed, SYSTEM, now), by_clock(now))


MACHINE: Machine[DrawCase] = Machine(
    name="draws",
    life=LIFE,
    cabinet=CABINET,
    handlers={_C.DRAW: _draw, _C.CANCEL: _cancel},
    due=_due,
    settled=_settled,
    pass_due=_pass_due,
    visible=lambda filed, actor: actor.uscc is None and actor.may_see(uscc="", region=filed.region),
)
