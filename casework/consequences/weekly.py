"""The weekly evaluation of braised-meat workshops (domain.md X-09): one for each ISO week, late at Monday 00:00.

The first sweep of a week plans them for the workshops whose scheme wants them. What an evaluation finds cites the document
each item stands in; ``casework.assessment_registers`` counts it by gravity (XV16).
"""

from __future__ import annotations

from datetime import datetime

from casework.consequences import tasks
from casework.consequences.machine import by_clock, terms_of
from casework.desk import Work
from credit.tasks import Origin, week_ends_by
from domain.parties import SYSTEM, BusinessForm
from domain.time import local_day


def week_of(now: datetime) -> str:
    """The ISO week of an instant in Shanghai, e.g. ``2026-W50``."""
    year, week, _ = local_day(now).isocalendar()
    return f"{year:04d}-W{week:02d}"


def plan_week(work: Work, now: datetime) -> int:
    """Plan this week's evaluations, once; how many there are."""
    week = week_of(now)
    if work.uow.registers.tokens.claim(SYSTEM.id, f"weekly/{week}", "plan", now) is not None:
        return 0
    measures = terms_of(work).measures
    wanting = {name for name, grades in measures.items() if any(told.get("weekly_evaluation") for told in grades.values())}
    workshops = [one for one in work.uow.merchants.list() if one.business_form is BusinessForm.WORKSHOP and one.scheme in wanting]
    for merchant in workshops:
        due_by = week_ends_by(now)
        of = ("weekly", week)
        filed = tasks.open_task(work, merchant, Origin.WEEKLY, due_by, now, of=of, topic=f"weekly/{week}", week=week)
        tasks.trigger(work, filed, by_clock(now, f"weekly evaluation {week}"))
    return len(workshops)
