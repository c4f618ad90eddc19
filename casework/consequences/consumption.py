"""The consumption-credit index of every trade, and whom it earns the bonus of the best tenth (domain.md C.6.1, C.6.6).

Counted anew each week from what consumers said in twelve months and from the complaints that were upheld, and told to the monthly
assessment as a fact of its own wherever a scheme asks for it, but only when it has changed. Who has fewer than ten ratings has no
sample and no place: a shop nobody rates would otherwise be the best of its trade.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from casework.assessment_rating import digest
from casework.consequences.machine import terms_of
from casework.desk import Work
from credit import consumption
from credit.consumption import FEWEST_RATINGS, ConsumerFacts
from domain.deductions import DeductionState
from domain.observations import Kind
from domain.parties import SYSTEM, Merchant
from domain.time import local_day, month_of
from store.assessments import FOR_EVER, Fact, Seen
from store.ports import UnitOfWork

YEAR: Final = timedelta(days=365)
AT_ONCE: Final = 500
UPHELD: Final = frozenset({"XV17"})
"""Violation codes that say a complaint was upheld."""
SOURCE: Final = "消费信用指数"


def facts_of(uow: UnitOfWork, merchants: Sequence[Merchant], now: datetime) -> dict[str, ConsumerFacts]:
    """What consumers said of some merchants in the last twelve months; the last rating of each device and day counts."""
    usccs = [one.uscc for one in merchants]
    last: dict[str, dict[tuple[str, date], Seen]] = {uscc: {} for uscc in usccs}
    for item in uow.assessments.seen(usccs, [Kind.RATING_NEW], since=now - YEAR, until=now, received_before=now):
        last[item.uscc][str(item.body["device_hash"]), local_day(item.event_time)] = item
    return {
        uscc: ConsumerFacts(
            upheld=_upheld(uow, uscc, now), ratings=len(ratings), stars=sum(int(one.body["stars"]) for one in ratings.values())
        )
        for uscc, ratings in last.items()
    }


def _upheld(uow: UnitOfWork, uscc: str, now: datetime) -> int:
    charged = uow.deductions.of_merchant(uscc)
    return sum(
        one.violation_code in UPHELD and one.state is DeductionState.FINAL and one.proposed_at > now - YEAR for one in charged
    )


def indices(work: Work, merchants: Sequence[Merchant], now: datetime) -> dict[str, Decimal | None]:
    """The index of each merchant; None without a sample of ratings."""
    found: dict[str, Decimal | None] = {}
    for start in range(0, len(merchants), AT_ONCE):
        for uscc, facts in facts_of(work.uow, merchants[start : start + AT_ONCE], now).items():
            found[uscc] = consumption.index(facts) if facts.ratings >= FEWEST_RATINGS else None
    return found


def best(work: Work, scheme: str, now: datetime) -> dict[str, bool]:
    """Of every merchant of a scheme whether it is among the best tenth of its trade."""
    trades: dict[str, list[Merchant]] = {}
    for one in work.uow.merchants.list():
        if one.scheme == scheme:
            trades.setdefault(one.business_form.value, []).append(one)
    found: dict[str, bool] = {}
    for members in trades.values():
        known = indices(work, members, now)
        top = consumption.top_tenth(known)
        found |= {uscc: uscc in top for uscc in known}
    return found


def refresh(ask: Callable[[Callable[[Work], Any]], Any], do: Callable[[Callable[[Work], Any]], Any], now: datetime) -> int:
    """Tell the assessment of every change; how many there were. Read in one snapshot, written in small transactions."""
    facts: list[Fact] = ask(lambda work: _changes(work, now))
    told = 0
    for start in range(0, len(facts), AT_ONCE):
        told += do(partial(_tell, facts=facts[start : start + AT_ONCE]))
    return told


def _tell(work: Work, facts: Sequence[Fact]) -> int:
    return work.uow.assessments.add_facts(facts)


def _changes(work: Work, now: datetime) -> list[Fact]:
    found = terms_of(work).index_facts.items()
    return [fact for scheme, path in found for fact in _changes_of(work, scheme, path, now)]


def _changes_of(work: Work, scheme: str, path: str, now: datetime) -> list[Fact]:
    standing = best(work, scheme, now)
    usccs, month = sorted(standing), month_of(now)
    before: dict[str, Any] = {}
    for start in range(0, len(usccs), AT_ONCE):
        piece = usccs[start : start + AT_ONCE]
        for known in work.uow.assessments.facts_of(piece, scheme, month=month, recorded_before=now):
            if known.fact == path:
                before[known.uscc] = known.value
    return [_fact(uscc, scheme, path, now, value=standing[uscc]) for uscc in usccs if before.get(uscc) is not standing[uscc]]


def _fact(uscc: str, scheme: str, path: str, now: datetime, *, value: bool) -> Fact:
    month = month_of(now)
    return Fact(
        id=digest([uscc, scheme, path, month, value, now.isoformat()])[:32],
        uscc=uscc,
        scheme=scheme,
        fact=path,
        month=month,
        until_month=FOR_EVER,
        value=value,
        observed_at=now,
        recorded_at=now,
        recorded_by=SYSTEM.id,
        source=SOURCE,
        origin="consumption",
    )
