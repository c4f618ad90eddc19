"""What a published month leads to: the grades in force, the roll's proposals, and commitments to draws (domain.md Z-12, D.8).

Called in the transaction that publishes. Publishing the same again changes nothing; a corrected version moves what is undecided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from casework.consequences import draws, risk, rolls, standing, telling
from casework.consequences.filing import Filed
from casework.consequences.standing import Standing
from casework.desk import Work
from credit.rolls import DECIDED_BY_SOMEBODY
from domain.time import local_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One merchant's published rating.

    Attributes:
        month: the month that was rated, ``YYYY-MM``.
        grade: ``green``, ``blue``, … or ``provisional``, ``unrated``.
        score: as shown.
        report_id: the report it stands in.
        known_since: since when the merchant is under supervision, where that is known; the day of publication otherwise.
    """

    uscc: str
    scheme: str
    month: str
    grade: str
    score: str = ""
    report_id: str = ""
    known_since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """How much a publication led to."""

    standings: int
    proposals: int
    draws: int
    reviews: int = 0


def on_published(work: Work, results: Iterable[Published], now: datetime) -> Aftermath:
    """Carry a publication into its consequences.

    Args:
        work: the transaction that publishes.
        results: every merchant's rating of the month, or those of a corrected version.
        now: when it is published: the grades hold from then on.
    """
    told = list(results)
    _stand(work, told, now)
    proposed = planned = 0
    for scheme, month in sorted({(one.scheme, one.month) for one in told}):
        graded = {one.uscc: one.grade for one in told if (one.scheme, one.month) == (scheme, month)}
        places = rolls.enrol(work, scheme, graded, month, now)
        waiting = [one for one in places if one.roll in DECIDED_BY_SOMEBODY]
        if waiting:
            first = rolls.CABINET.get(work.uow, waiting[0].id)
            assert first is not None
            telling.tell_officials(work, first, telling.DECISION_WAITS, now, link="/credit/rolls")
        proposed += len(waiting)
        planned += len(draws.plan(work, scheme, graded, now))
    reviews = risk.follow(work, [one.uscc for one in told], now)
    return Aftermath(standings=len(told), proposals=proposed, draws=planned, reviews=reviews)


def _stand(work: Work, results: Iterable[Published], now: datetime) -> None:
    """Put the grades in force; an older month never replaces a newer one."""
    known = standing.known(work.uow)
    told = list(results)
    merchants = work.uow.merchants.get_all([one.uscc for one in told])
    filed = []
    for one in told:
        before = known.get(one.uscc)
        merchant = merchants.get(one.uscc)
        if merchant is None or (before is not None and before.case.month > one.month):
            continue
        case = Standing(
            id=one.uscc,
            scheme=one.scheme,
            grade=one.grade,
            month=one.month,
            effective_at=now,
            known_since=before.case.known_since if before is not None else one.known_since or local_day(now),
            score=one.score,
            report_id=one.report_id,
            version=before.case.version + 1 if before is not None else 1,
        )
        filed.append(Filed(case=case, filed_at=now, uscc=one.uscc, region=merchant.region, topic=one.grade))
    standing.CABINET.put_all(work.uow, filed)
