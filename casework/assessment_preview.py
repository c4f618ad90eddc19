"""What the running month would come to, some merchants at a time, before anything of it is frozen (domain.md Z-04, D.8).

It is counted anew each time it is asked for and kept nowhere: nobody's grade follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from casework.assessment import Assessor
from casework.assessment_comparison import Change, change_of
from casework.assessment_scores import may_see
from credit.rating.value import Rating
from domain.parties import Actor, Merchant
from domain.time import month_of
from store.assessments import Result

READ_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """One merchant as the month stands, beside its last published result."""

    merchant: Merchant
    rating: Rating
    before: Result | None
    change: Change


def previewed(
    assessor: Assessor, scheme: str, actor: Actor, now: datetime, *, text: str = "", after: str = "", limit: int = 20
) -> tuple[Sequence[Ahead], str]:
    """Some merchants of a scheme as the running month stands, by code, and the cursor of the next; empty at the end.

    Args:
        assessor: the use cases.
        scheme: by which they are rated.
        actor: who looks.
        now: server time.
        text: part of a name or code.
        after: the code after which the list goes on.
        limit: how many at once; each is counted from its records.

    Raises:
        NotFound: no such scheme.
    """
    order = {grade: at for at, grade in enumerate(assessor.lens(scheme).scheme.grade_titles)}
    chosen, more = _chosen(assessor, scheme, actor, text.strip().casefold(), after, limit)
    with assessor.store.reading() as uow:
        standings = uow.assessments.standings([each.uscc for each in chosen], scheme, before=month_of(now))
    found = []
    for merchant in chosen:
        rating = assessor.live(merchant.uscc, now)
        last = standings[merchant.uscc][0].result if standings[merchant.uscc] else None
        change = change_of(None if last is None else last.grade, rating.grade, order)
        found.append(Ahead(merchant=merchant, rating=rating, before=last, change=change))
    return found, chosen[-1].uscc if chosen and more else ""


def _chosen(  # noqa: PLR0917 - private, in the order of use
    assessor: Assessor, scheme: str, actor: Actor, sought: str, after: str, limit: int
) -> tuple[list[Merchant], bool]:
    """The merchants that are looked at, and whether there are more."""
    found: list[Merchant] = []
    while True:
        with assessor.store.reading() as uow:
            some = uow.assessments.merchants(scheme, after=after, limit=READ_AT_ONCE)
        for each in some:
            if may_see(actor, each) and (not sought or sought in each.name.casefold() or sought in each.uscc.casefold()):
                if len(found) == limit:
                    return found, True
                found.append(each)
        if len(some) < READ_AT_ONCE:
            return found, False
        after = some[-1].uscc
