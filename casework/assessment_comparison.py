"""A run beside the published results before it: who changed, how and why, and how the grades are distributed.

Of a correction, the result before is that of the version it corrects, not of another month. The whole run is compared by a few
columns; only those who are shown are rated again from what is kept, to say why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from casework.assessment import Assessor, Progress
from casework.assessment_scores import HISTORY_MONTHS
from casework.report import losses_of
from credit.publication import first_of
from credit.rating.value import RatedScheme, Rating, Text
from credit.sampling import months_after
from domain.parties import Actor, Role
from store.assessments import Beside, Run
from store.ports import UnitOfWork

CENT: Final = Decimal("0.01")
MOST_WHYS: Final = 3
"""How many lines are named as the reason of a difference."""
NOBODYS: Final = "-"
"""A region in which nobody is."""


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

    beside: Beside
    change: Change

    @property
    def difference(self) -> Decimal | None:
        """By how much the score rose."""
        if self.beside.score is None or self.beside.score_before is None:
            return None
        return self.beside.score - self.beside.score_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A run beside the last results before it, of the merchants a reader may see.

    Attributes:
        rows: those who fell first, the deepest fall before the others.
        now, before: merchants by grade, the scheme's best grade first.
        month_before: the newest month among those compared with; empty if there is none.
    """

    progress: Progress
    scheme: RatedScheme
    rows: Sequence[Row]
    now: Mapping[str, int]
    before: Mapping[str, int]
    month_before: str

    @property
    def changes(self) -> Mapping[Change, int]:
        """Merchants by how they changed."""
        counted = Counter(row.change for row in self.rows)
        return {change: counted[change] for change in Change}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the merchants of a run are narrowed to.

    Attributes:
        change: a ``Change``, or ``changed`` for any of them; empty = all.
        text: part of a name or of a code.
        after: the merchant after whom the list goes on.
    """

    change: str = ""
    grade: str = ""
    text: str = ""
    after: str = ""

    def picks(self, row: Row) -> bool:
        """Whether a row is among them."""
        changed = self.change in ("", row.change.value) or (self.change == "changed" and row.change is not Change.SAME)
        sought = self.text.strip().casefold()
        named = not sought or sought in row.beside.name.casefold() or sought in row.beside.uscc.casefold()
        return changed and named and self.grade in ("", row.beside.grade)


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What a difference came from.

    Attributes:
        lines: titles of lines, and by how much each moved the total; the greatest first.
        reasons: what overrode the score now and did not before.
    """

    lines: Sequence[tuple[Text, Decimal]]
    reasons: Sequence[Text]


def compared(assessor: Assessor, run_id: str, actor: Actor) -> Compared:
    """A run beside the results before it, of the merchants an actor may see. Raises NotFound."""
    progress = assessor.progress(run_id)
    run = progress.run
    since = f"{months_after(first_of(run.month), -HISTORY_MONTHS):%Y-%m}"
    region = "" if actor.role is not Role.INSPECTOR else actor.region or NOBODYS
    with assessor.store.reading() as uow:
        scheme = assessor.rater(run, uow).scheme
        found = uow.assessments.beside(run, since=since, region=region)
    seen = [each for each in found if actor.may_see(uscc=each.uscc, region=each.region)]
    order = {grade: at for at, grade in enumerate(scheme.grade_titles)}
    rows = [Row(beside=each, change=change_of(each.grade_before, each.grade, order)) for each in seen]
    rows.sort(key=_worst_first)
    return Compared(
        progress=progress,
        scheme=scheme,
        rows=rows,
        now=_by_grade((each.grade for each in seen), order),
        before=_by_grade((each.grade_before for each in seen if each.grade_before is not None), order),
        month_before=max((each.month_before for each in seen if each.month_before), default=""),
    )


def part_of(rows: Sequence[Row], choice: Choice, limit: int) -> tuple[list[Row], int, str]:
    """Some rows of a choice after its cursor, how many there are in all, and the cursor of the next part; empty at the end."""
    picked = [row for row in rows if choice.picks(row)]
    begins = next((at + 1 for at, row in enumerate(picked) if row.beside.uscc == choice.after), 0)
    shown = picked[begins : begins + limit]
    return shown, len(picked), shown[-1].beside.uscc if shown and begins + limit < len(picked) else ""


def change_of(before: str | None, grade: str, order: Mapping[str, int]) -> Change:
    """How a grade differs from the one before.

    Args:
        before: the one before.
        grade: this one.
        order: the place of each grade, the best first.
    """
    if before is None:
        return Change.NEW
    if before == grade:
        return Change.SAME
    was, now = order.get(before), order.get(grade)
    if was is None or now is None:
        return Change.OTHER
    return Change.BETTER if now < was else Change.WORSE


def explained(assessor: Assessor, run: Run, rows: Iterable[Row]) -> dict[str, Why]:
    """By merchant, why its result differs from the one before; nothing of those who have none before, or no difference."""
    found = {}
    with assessor.store.reading() as uow:
        for row in rows:
            was = row.beside.run_before
            earlier = None if was is None else uow.assessments.run(was)
            if earlier is None or (row.change is Change.SAME and not row.difference):
                continue
            now, before = rating_of(assessor, uow, run, row.beside.uscc), rating_of(assessor, uow, earlier, row.beside.uscc)
            if now is not None and before is not None:
                found[row.beside.uscc] = why(now, before)
    return found


def rating_of(
    assessor: Assessor, uow: UnitOfWork, run: Run, uscc: str, revision: int | None = None
) -> tuple[Rating, RatedScheme] | None:
    """A kept result's rating, made again from the kept inputs by the kept scheme."""
    result = uow.assessments.result(run.id, uscc, revision)
    inputs = None if result is None else uow.assessments.inputs(run.id, uscc, result.revision)
    if inputs is None:
        return None
    rater = assessor.rater(run, uow)
    return rater.rating(inputs.facts, inputs.origins), rater.scheme


def why(now: tuple[Rating, RatedScheme], before: tuple[Rating, RatedScheme], *, most: int = MOST_WHYS) -> Why:
    """What makes two ratings of one merchant differ."""
    lost_now, lost_before = _by_line(now), _by_line(before)
    none = Decimal(0)
    moved = {id: (lost_before.get(id, none) - lost_now.get(id, none)).quantize(CENT) for id in {*lost_now, *lost_before}}
    greatest = sorted((id for id in moved if moved[id]), key=lambda each: (-abs(moved[each]), each))[:most]
    titles = _titles(before) | _titles(now)
    known = {reason.code for reason in before[0].reasons}
    return Why(
        lines=[(titles.get(id, Text(id, id)), moved[id]) for id in greatest],
        reasons=[reason.text for reason in now[0].reasons if reason.code not in known],
    )


def _by_line(rated: tuple[Rating, RatedScheme]) -> dict[str, Decimal]:
    """By indicator or code, what it cost in the total."""
    found: dict[str, Decimal] = {}
    for name, lost in losses_of(*rated).items():
        id = name.partition("|")[0]
        found[id] = found.get(id, Decimal(0)) + lost
    return found


def _titles(rated: tuple[Rating, RatedScheme]) -> dict[str, Text]:
    rating, scheme = rated
    titles = {line.id: line.title for line in (*rating.subtotals, *rating.lines) if line.title is not None}
    rules = {} if scheme.ledger is None else scheme.ledger.rules
    return titles | {code: Text(rule.title.get("zh", code), rule.title.get("en", code)) for code, rule in rules.items()}


_URGENCY: Final = {Change.WORSE: 0, Change.OTHER: 1, Change.BETTER: 2, Change.NEW: 3, Change.SAME: 4}


def _worst_first(row: Row) -> tuple[int, Decimal, Decimal, str]:
    return (_URGENCY[row.change], row.difference or Decimal(0), row.beside.score or Decimal(0), row.beside.uscc)


def _by_grade(grades: Iterable[str], order: Mapping[str, int]) -> dict[str, int]:
    counted = Counter(grades)
    known = {grade: counted.pop(grade, 0) for grade in order}
    return known | dict(sorted(counted.items()))
