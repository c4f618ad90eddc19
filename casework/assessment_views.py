"""JSON views of the monthly assessment for the API and the pages: runs, results, differences, objections, the live rating.

The names of the fields are an outside contract; new ones may be added, none may go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from casework.assessment import Assessor
from casework.assessment_scores import SHOWN
from casework.views import _instant
from credit.rating.value import Rating
from domain.errors import NotFound
from domain.parties import Actor, Role
from domain.time import format_instant
from store.assessments import Objection, Result, Run
from store.ports import UnitOfWork

OFFICIALS: Final = frozenset({Role.INSPECTOR, Role.SUPERVISOR})


def run_item(run: Run, grades: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A run, with its merchants by grade where they are known."""
    item = {
        "id": run.id,
        "scheme": run.scheme,
        "month": run.month,
        "version": run.version,
        "state": run.state.value,
        "catalogue_version": run.catalogue_version,
        "config_hash": run.config_hash,
        "calendar": run.calendar,
        "frozen_at": format_instant(run.frozen_at),
        "provisional_at": format_instant(run.provisional_at),
        "objection_until": format_instant(run.objection_until),
        "publish_at": format_instant(run.publish_at),
        "published_at": _instant(run.published_at),
        "published_by": run.published_by,
        "reason": run.reason,
    }
    return item if grades is None else {**item, "grades": dict(grades), "merchants": sum(grades.values())}


def result_item(result: Result, *, name: str = "") -> dict[str, Any]:
    """A result in a list."""
    return {
        "run": result.run_id,
        "merchant": result.uscc,
        "merchant_name": name,
        "revision": result.revision,
        "score": None if result.score is None else f"{result.score:f}",
        "band": result.band,
        "grade": result.grade,
        "previous": result.previous,
        "reasons": list(result.reasons),
        "points": None if result.points is None else f"{result.points:f}",
        "measures": result.measures,
        "hash": result.hash,
    }


def objection_item(objection: Objection) -> dict[str, Any]:
    """An objection; who decided is shown, who filed is the merchant."""
    return {
        "id": objection.id,
        "run": objection.run_id,
        "merchant": objection.uscc,
        "state": objection.state.value,
        "filed_at": format_instant(objection.filed_at),
        "note": objection.note,
        "facts": list(objection.facts),
        "decided_at": _instant(objection.decided_at),
        "decided_by": objection.decided_by,
        "decision": objection.decision,
        "changes": dict(objection.changes),
    }


def live_item(uscc: str, month: str, rating: Rating, language: str) -> dict[str, Any]:
    """What a merchant would come to if the month ended now."""
    return {"merchant": uscc, "month": month, "live": True, **rating.to_wire(language)}


def visible_run(uow: UnitOfWork, run_id: str, actor: Actor) -> Run:
    """A run, if it is there and the actor may know of it. Raises NotFound."""
    run = uow.assessments.run(run_id)
    if run is None or actor.role is Role.DEPARTMENT or (actor.role not in OFFICIALS and run.state not in SHOWN):
        raise NotFound(f"no assessment {run_id[:80]}")
    return run


def visible_results(
    uow: UnitOfWork, run: Run, actor: Actor, *, grade: str | None, after: str, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Results an actor may see, by merchant, and the cursor of the next page."""
    if actor.uscc is not None:
        own = uow.assessments.result(run.id, actor.uscc)
        found = [] if own is None or (grade is not None and own.grade != grade) else [own]
        return [result_item(each) for each in found], None
    items: list[dict[str, Any]] = []
    while len(items) < limit:
        some = uow.assessments.results(run.id, after=after, limit=limit, grade=grade)
        merchants = uow.merchants.get_all(each.uscc for each in some)
        for each in some:
            merchant = merchants.get(each.uscc)
            after = each.uscc
            if merchant is not None and actor.may_see(uscc=each.uscc, region=merchant.region):
                items.append(result_item(each, name=merchant.name))
                if len(items) == limit:
                    return items, after
        if len(some) < limit:
            break
    return items, None


def changes_of(assessor: Assessor, run: Run, actor: Actor) -> dict[str, Any]:
    """What differs from each merchant's last published month: who moved, and how many from where to where."""
    moved, counts = [], Counter[str]()
    with assessor.store.reading() as uow:
        results = uow.assessments.results(run.id)
        merchants = uow.merchants.get_all(each.uscc for each in results)
        before = uow.assessments.standings([each.uscc for each in results], run.scheme, before=run.month)
        for each in results:
            merchant = merchants.get(each.uscc)
            if merchant is None or not actor.may_see(uscc=each.uscc, region=merchant.region):
                continue
            last = before[each.uscc][0] if before[each.uscc] else None
            old = None if last is None else last.result.grade
            counts[f"{old or 'none'}→{each.grade}"] += 1
            if old != each.grade:
                score = None if last is None or last.result.score is None else f"{last.result.score:f}"
                moved.append({**result_item(each, name=merchant.name), "before": old, "score_before": score})
    return {"run": run.id, "counts": dict(sorted(counts.items())), "moved": moved}
