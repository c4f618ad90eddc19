"""A run beside the published results before it, read as a handful of columns: seventeen hundred merchants are one small answer.

Only a name, two grades and two scores of each merchant are read; whoever shows a page of them reads the rest of those alone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from store import assessment_tables as own
from store import tables
from store.assessments import Beside, Run, RunState
from store.gathering import Pen

_RUNS, _MERCHANTS = own.runs, tables.merchants
_NOTHING = (None, None, None, None)
_PUBLISHED = (RunState.PUBLISHED, RunState.CORRECTED)


def beside(pen: Pen, run: Run, *, since: str, region: str) -> list[Beside]:
    """Every merchant of a run beside its last result before.

    Args:
        pen: of the transaction.
        run: which one; of a correction the results before are those of the versions it corrects.
        since: the first month that is looked at.
        region: prefix of the regions that are looked at; empty = all.
    """
    now = _last(own.results, run)
    query = select(_MERCHANTS.c.uscc, _MERCHANTS.c.name, _MERCHANTS.c.region, now.c.grade, now.c.score)
    query = query.select_from(now.join(_MERCHANTS, _MERCHANTS.c.uscc == now.c.uscc)).order_by(_MERCHANTS.c.uscc)
    if region:
        query = query.where(_MERCHANTS.c.region.startswith(region, autoescape=True))
    # joined here: SQLite would look through all of the results before for each merchant anew
    before = {row[0]: tuple(row[1:]) for row in pen.execute(_before(run, since))}
    return [Beside(*row, *before.get(row[0], _NOTHING)) for row in pen.execute(query)]


def _last(results: Any, run: Run) -> Any:
    """Of each merchant of a run the last revision."""
    place = func.row_number().over(partition_by=results.c.uscc, order_by=results.c.revision.desc())
    ranked = select(results.c.uscc, results.c.grade, results.c.score, place.label("place")).where(results.c.run_id == run.id)
    found = ranked.subquery("ranked")
    return select(found.c.uscc, found.c.grade, found.c.score).where(found.c.place == 1).subquery("now")


def _before(run: Run, since: str) -> Any:
    """The query of each merchant's last result before a run."""
    results = own.results.alias("earlier")
    order = (_RUNS.c.month.desc(), _RUNS.c.version.desc(), results.c.revision.desc())
    place = func.row_number().over(partition_by=results.c.uscc, order_by=order)
    columns = (results.c.uscc, results.c.grade, results.c.score, results.c.run_id, _RUNS.c.month, place.label("place"))
    query = select(*columns).select_from(results.join(_RUNS, _RUNS.c.id == results.c.run_id)).where(_RUNS.c.scheme == run.scheme)
    if run.version > 1:
        query = query.where(_RUNS.c.month == run.month, _RUNS.c.version < run.version)
    else:
        query = query.where(_RUNS.c.month < run.month, _RUNS.c.month >= since, _RUNS.c.state.in_(_PUBLISHED))
    found = query.subquery("before")
    names = ("uscc", "grade", "score", "run_id", "month")
    return select(*(found.c[name] for name in names)).where(found.c.place == 1)
