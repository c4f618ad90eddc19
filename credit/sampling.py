"""Double-random sampling: how many, which units, which officers, and when again (domain.md C.2, C.3, C.6.2, F.10, F.15).

Everything is counted in integers, ``ceil_div(n * percent, 100)``: binary fractions would send inspectors to the wrong shops. The
draw is anybody's to repeat: SHA-256 of the published seed, a bar and the unit's id, in ascending order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import BadInput, Code, ConfigurationError

OFFICERS_PER_TASK = 2
RESULT_PUBLIC_WITHIN_WORKING_DAYS = 20
EVERYBODY_WITHIN_MONTHS = 24
"""All items of everybody at least once in two years (Order 49 art. 22)."""
SUPERIOR_CHECK_HOLDS_MONTHS = 3
"""What a superior authority has checked is not checked again so soon (Order 49 art. 42)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """How often the units of one grade are visited in one period of the plan.

    Attributes:
        percent: share of the units, 0–100.
        each: visits to every unit of that share.
        over: how many periods the share is spread over (1 a quarter in a monthly plan: 3).
        not_twice_in_months: a unit drawn is not drawn again for so long; 0 = may be.
        apart_days: days that must lie between two visits to one unit.
    """

    percent: int
    each: int = 1
    over: int = 1
    not_twice_in_months: int = 0
    apart_days: int = 0

    def of(self, units: int) -> int:
        """Visits in one period among so many units."""
        return self.share_of(units) * self.each

    def share_of(self, units: int) -> int:
        """How many of so many units are visited in one period."""
        return ceil_div(units * self.percent, 100 * self.over)


_PER_MONTH = {"week": (5, 1), "month": (1, 1), "quarter": (1, 3)}
"""Period → how often it begins in a month at most, and how many months it takes. Five weeks at most begin in a month."""


def visits_of(measures: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, Visits]]:
    """What a scheme's measures say about visits, for one period of its plan.

    Args:
        measures: grade → measures of a scheme; ``visits`` has ``percent``, ``each``, ``period`` and what limits the draw.

    Returns:
        The plan's period, ``year`` if every grade is visited by the year, else ``month``; and the visits of each grade in it.

    Raises:
        ConfigurationError: if the scheme says nothing about visits, or mixes years with shorter periods.
    """
    said = {grade: told["visits"] for grade, told in measures.items() if told.get("visits")}
    yearly = {grade for grade, visits in said.items() if visits["period"] == "year"}
    if not said:
        raise ConfigurationError("the scheme plans no visits", key="measures", hint="give its grades `visits`")
    if yearly and yearly != set(said):
        raise ConfigurationError("the visits of all grades must be counted by the year, or none", key="measures")
    if yearly:
        return "year", {grade: _visits(visits, 1, 1) for grade, visits in said.items()}
    return "month", {grade: _visits(visits, *_PER_MONTH[visits["period"]]) for grade, visits in said.items()}


def _visits(told: Mapping[str, Any], times: int, over: int) -> Visits:
    return Visits(
        percent=told["percent"],
        each=told.get("each", 1) * times,
        over=over,
        not_twice_in_months=told.get("not_again_within_months") or 0,
        apart_days=told.get("days_between") or 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Visits per grade, in the order of the grades, and in all."""

    visits: Mapping[str, int]

    @property
    def total(self) -> int:
        """All visits."""
        return sum(self.visits.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A draw: every unit in the order the seed gives, and the first of them."""

    order: tuple[str, ...]
    drawn: tuple[str, ...]


class Excluded(StrEnum):
    """Why a unit is not in the pool (C.6.2)."""

    LEGAL_STOP = "legal_stop"
    DRAWN_THIS_PERIOD = "drawn_this_period"
    OPEN_CASE = "open_case"
    DRAWN_RECENTLY = "drawn_recently"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit as the draw needs to know it; days are Shanghai days.

    Attributes:
        stopped: it may not operate at present.
        open_case: a case against it is open.
        drawn_on: when it was last drawn.
        inspected_on: its last inspection on all items; None = never.
        known_since: when it came under supervision.
    """

    id: str
    known_since: date
    stopped: bool = False
    open_case: bool = False
    drawn_on: date | None = None
    inspected_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Who is inspected in a period.

    Attributes:
        draw: among the pool.
        added: not inspected for 24 months and not drawn: inspected all the same, on top.
        excluded: unit → why it was not in the pool.
    """

    draw: Draw
    added: tuple[str, ...]
    excluded: Mapping[str, Excluded]


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient rounded up, in integers."""
    return -(-numerator // denominator)


def plan(counts: Mapping[str, int], visits: Mapping[str, Visits]) -> Plan:
    """How many visits a period needs.

    Args:
        counts: grade → units.
        visits: grade → how often, as the scheme says; its order is kept.

    Raises:
        BadInput: E003 if the scheme has no such grade or a count is negative.
    """
    for grade, count in counts.items():
        if grade not in visits:
            hint = f"known: {', '.join(visits)}"
            raise BadInput(Code.FIELD, f"the scheme plans no visits for the grade {grade!r}", where="counts", hint=hint)
        if count < 0:
            raise BadInput(Code.FIELD, f"{count} is no number of units", where=f"counts.{grade}")
    return Plan(visits={grade: each.of(counts[grade]) for grade, each in visits.items() if grade in counts})


def rank(seed: str, *ids: str) -> str:
    """What the draw sorts by: the hexadecimal SHA-256 of seed and ids, joined by bars."""
    return hashlib.sha256("|".join((seed, *ids)).encode()).hexdigest()


def draw(units: Iterable[str], *, seed: str, percent: int) -> Draw:
    """Draw a share of the units (C.6.2).

    Args:
        units: ids, in any order, none twice.
        seed: published batch id; its commitment is logged before the draw.
        percent: 0–100.

    Raises:
        BadInput: E003 if the percentage is outside its range or a unit stands there twice.
    """
    if not 0 <= percent <= 100:
        raise BadInput(Code.FIELD, f"{percent} is no percentage", where="percent", hint="0 to 100")
    pool = list(units)
    if len(set(pool)) != len(pool):
        twice = next(unit for unit in pool if pool.count(unit) > 1)
        raise BadInput(Code.FIELD, f"{twice!r} stands there twice", where="units", hint="one line per unit")
    order = tuple(sorted(pool, key=lambda unit: (rank(seed, unit), unit)))
    return Draw(order=order, drawn=order[: ceil_div(len(order) * percent, 100)])


def draw_officers(
    officers: Collection[str], *, seed: str, task_id: str, conflicts: Collection[str] = (), count: int = OFFICERS_PER_TASK
) -> tuple[str, ...]:
    """Who goes: the officers in the order of the seed, without those with a conflict of interest (回避).

    Args:
        officers: ids of all who may be sent.
        seed: the one the units were drawn with.
        task_id: each task has its own order.
        conflicts: ids of those who must not take part.
        count: how many, at least two (Order 49 art. 23).

    Raises:
        BadInput: E003 if fewer are left than are needed.
    """
    left = sorted(set(officers) - set(conflicts), key=lambda officer: (rank(seed, task_id, officer), officer))
    if len(left) < count:
        raise BadInput(
            Code.FIELD,
            f"{len(left)} officers are left for {task_id}, {count} are needed",
            where="officers",
            hint="ask another team",
        )
    return tuple(left[:count])


def select(units: Iterable[Unit], *, seed: str, visits: Visits, period_began: date, today: date) -> Selection:
    """The units of one grade that are inspected in a period (C.6.2).

    Args:
        units: all units of the grade.
        seed: published batch id.
        visits: of the grade.
        period_began: the first day of the period; who was drawn since is not drawn again.
        today: the day of the draw.
    """
    known = {unit.id: unit for unit in units}
    reasons = {unit.id: _excluded(unit, visits, period_began, today) for unit in known.values()}
    excluded = {id_: reason for id_, reason in reasons.items() if reason is not None}
    drawn = draw((id_ for id_ in known if id_ not in excluded), seed=seed, percent=visits.percent)
    left_alone = (Excluded.LEGAL_STOP, Excluded.OPEN_CASE, Excluded.DRAWN_THIS_PERIOD)
    added = sorted(
        unit.id
        for unit in known.values()
        if unit.id not in drawn.drawn and excluded.get(unit.id) not in left_alone and overdue_for_inspection(unit, today)
    )
    return Selection(draw=drawn, added=tuple(added), excluded=excluded)


def overdue_for_inspection(unit: Unit, today: date) -> bool:
    """Whether 24 months have passed without an inspection on all items."""
    return months_after(unit.inspected_on or unit.known_since, EVERYBODY_WITHIN_MONTHS) <= today


def items_to_check(
    items: Sequence[str], superior: Mapping[str, date], *, clues: Collection[str] = (), today: date
) -> tuple[str, ...]:
    """The items left to check after a superior authority was there (Order 49 art. 42).

    Args:
        items: of the checklist.
        superior: item → when a superior authority last checked it.
        clues: items there is a clue about: they are checked whatever was checked before.
        today: the day of the inspection.
    """
    spared = {item for item, on in superior.items() if today < months_after(on, SUPERIOR_CHECK_HOLDS_MONTHS)}
    return tuple(item for item in items if item in clues or item not in spared)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedChecks:
    """The checks of a merchant that became red; what does not fit is carried into the next month and said in the report."""

    in_month: int
    carried: int


def red_checks(effective_on: date, month_ends_on: date, *, each: int = 2, enough_days: int = 14) -> RedChecks:
    """How many checks still belong into the month a colour takes effect in (F.10).

    Args:
        effective_on: the first day the colour holds.
        month_ends_on: the last day of the month.
        each: checks of a whole month.
        enough_days: so many days left, the first included, and all of them are due.
    """
    left = (month_ends_on - effective_on).days + 1
    if left >= enough_days:
        return RedChecks(in_month=each, carried=0)
    return RedChecks(in_month=each - 1, carried=1) if left > 0 else RedChecks(in_month=0, carried=each)


def far_enough(first_on: date, second_on: date, visits: Visits) -> bool:
    """Whether two visits to one unit lie on different days and far enough apart (C.3: 7 days)."""
    return second_on > first_on and (second_on - first_on).days >= visits.apart_days


def months_after(day: date, months: int) -> date:
    """The same day so many months later, clamped to the end of the month."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    following = (first + timedelta(days=31)).replace(day=1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))


def _excluded(unit: Unit, visits: Visits, period_began: date, today: date) -> Excluded | None:
    if unit.stopped:
        return Excluded.LEGAL_STOP
    if unit.open_case:
        return Excluded.OPEN_CASE
    if unit.drawn_on is not None and unit.drawn_on >= period_began:
        return Excluded.DRAWN_THIS_PERIOD
    recently = visits.not_twice_in_months and unit.drawn_on is not None
    if recently and unit.drawn_on is not None and today < months_after(unit.drawn_on, visits.not_twice_in_months):
        return Excluded.DRAWN_RECENTLY
    return None
