"""A run beside the published results before it: who changed, how, and how the grades are distributed.

Of a correction, the result before is that of the version it corrects, not of another month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from casework.assessment import Assessor, Progress
from casework.assessment_scores import HISTORY_MONTHS, may_see
from credit.publication import first_of
from credit.rating.value import RatedScheme
from credit.sampling import months_after
from domain.parties import Actor, Merchant
from store.assessments import Result, Run
from store.ports import UnitOfWork

MOST_COMPARED: Final = 20_000


class Change(StrEnum):
    """How a result differs from the one before."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    OTHER = "other"
    """To or from a grade that is none, as ``unrated``."""
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One merchant of a run beside its result before."""

    merchant: Merchant
    result: Result
    before: Result | None
    change: Change

    @property
    def difference(self) -> Decimal | None:
        """By how much the score rose."""
        if self.before is None or self.before.score is None or self.result.score is None:
            return None
        return self.result.score - self.before.score


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A run beside the last results before it, of the merchants a reader may see.

    Attributes:
        now, before: merchants by grade, the scheme's best grade first.
        month_before: the newest month among those compared with; empty if there is none.
        cut: there are more merchants than are compared.
    """

    progress: Progress
    scheme: RatedScheme
    rows: Sequence[Row]
    now: Mapping[str, int]
    before: Mapping[str, int]
    month_before: str
    cut: bool

    @property
    def changes(self) -> Mapping[Change, int]:
        """Merchants by how they changed."""
        counted = Counter(row.change for row in self.rows)
        return {change: counted[change] for change in Change}


def compared(assessor: Assessor, run_id: str, actor: Actor) -> Compared:
    """A run beside the results before it, of the merchants an actor may see. Raises NotFound."""
    progress = assessor.progress(run_id)
    run = progress.run
    with assessor.store.reading() as uow:
        scheme = assessor.rater(run, uow).scheme
        results = uow.assessments.results(run.id, limit=MOST_COMPARED + 1)
        merchants = uow.merchants.get_all(result.uscc for result in results)
        seen = [result for result in results if may_see(actor, merchants.get(result.uscc))][:MOST_COMPARED]
        before = _before(uow, run, [result.uscc for result in seen])
    order = {grade: at for at, grade in enumerate(scheme.grade_titles)}
    rows = [
        Row(
            merchant=merchants[result.uscc],
            result=result,
            before=before.get(result.uscc, (None, ""))[0],
            change=change_of(before.get(result.uscc, (None, ""))[0], result, order),
        )
        for result in seen
    ]
    rows.sort(key=_worst_first)
    return Compared(
        progress=progress,
        scheme=scheme,
        rows=rows,
        now=_by_grade((result.grade for result in seen), order),
        before=_by_grade((result.grade for result, _ in before.values()), order),
        month_before=max((month for _, month in before.values()), default=""),
        cut=len(results) > MOST_COMPARED,
    )


def _before(uow: UnitOfWork, run: Run, usccs: Sequence[str]) -> dict[str, tuple[Result, str]]:
    """By merchant the last published result before a run's, with its month; of a correction, the version before."""
    if run.version > 1:
        found = {}
        for uscc in usccs:
            for version in range(run.version - 1, 0, -1):
                result = uow.assessments.result(f"{run.scheme}-{run.month}-v{version}", uscc)
                if result is not None:
                    found[uscc] = (result, run.month)
                    break
        return found
    since = f"{months_after(first_of(run.month), -HISTORY_MONTHS):%Y-%m}"
    standings = uow.assessments.standings(usccs, run.scheme, before=run.month, since=since)
    return {uscc: (items[0].result, items[0].run.month) for uscc, items in standings.items() if items}


def change_of(before: Result | None, result: Result, order: Mapping[str, int]) -> Change:
    """How a result differs from the one before.

    Args:
        before: the one before.
        result: this one.
        order: the place of each grade, the best first.
    """
    if before is None:
        return Change.NEW
    if before.grade == result.grade:
        return Change.SAME
    was, now = order.get(before.grade), order.get(result.grade)
    if was is None or now is None:
        return Change.OTHER
    return Change.BETTER if now < was else Change.WORSE


_URGENCY: Final = {Change.WORSE: 0, Change.OTHER: 1, Change.BETTER: 2, Change.NEW: 3, Change.SAME: 4}


def _worst_first(row: Row) -> tuple[int, Decimal, Decimal, str]:
    return (_URGENCY[row.change], row.difference or Decimal(0), row.result.score or Decimal(0), row.merchant.uscc)


def _by_grade(grades: Iterable[str], order: Mapping[str, int]) -> dict[str, int]:
    counted = Counter(grades)
    known = {grade: counted.pop(grade, 0) for grade in order}
    return known | dict(sorted(counted.items()))
