"""The grade each merchant holds, as published: what entitlements, quotas and draws go by (domain.md C.2, C.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import terms_of
from casework.desk import Work
from credit.entitlements import NOTHING, Offer, offer_of
from store.ports import UnitOfWork
from store.registers import Book, Wanted


class StandingState(StrEnum):
    """A standing has one state: the latest publication is in force."""

    IN_FORCE = "in_force"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A merchant's published grade.

    Attributes:
        id: the merchant's code: there is one for each.
        month: the month that was rated.
        effective_at: since when the grade holds.
        known_since: the day the first grade was published.
        report_id: the report it stands in.
    """

    id: str
    scheme: str
    grade: str
    month: str
    effective_at: datetime
    known_since: date
    score: str = ""
    report_id: str = ""
    state: StandingState = StandingState.IN_FORCE
    version: int = 1


CABINET = Cabinet(Book.STANDINGS, Standing)


def of(uow: UnitOfWork, uscc: str) -> Standing | None:
    """The grade a merchant holds, if one was ever published."""
    filed = CABINET.get(uow, uscc)
    return None if filed is None else filed.case


def known(uow: UnitOfWork) -> Mapping[str, Filed[Standing]]:
    """Every standing, by merchant."""
    return {filed.case.id: filed for filed in CABINET.find(uow, Wanted(limit=None))}


def offer(work: Work, standing: Standing | None) -> Offer:
    """What a merchant is offered: nothing before the first grade was published."""
    if standing is None:
        return NOTHING
    return offer_of(terms_of(work).measures.get(standing.scheme, {}).get(standing.grade, {}))
