"""Puts the assessor together from a site's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from casework.assessment import Assessor, Follow
from casework.consequences import standing
from casework.consequences.publication import Published, on_published
from casework.desk import Desk, Work
from configs.scheme_sources import scheme_content
from configs.values import Configuration
from credit.publication import first_of
from domain.time import local_day
from store.assessments import Result, Run
from store.ports import Store, UnitOfWork


def assessor_of(store: Store, configuration: Configuration, directory: Path, *, desk: Desk | None = None) -> Assessor:
    """The use cases over a store, by a site's configuration.

    Args:
        store: the system of record.
        configuration: of the site.
        directory: where it was read from; its schemes are kept with the results.
        desk: of the office; a publication leads to its consequences where the desk has their terms.
    """
    return Assessor(
        store,
        schemes=configuration.ratings,
        contents=lambda name: scheme_content(name, directory),
        rules=configuration.rules,
        assessing=configuration.assessments,
        calendar=configuration.calendar,
        follow=None if desk is None or desk.terms is None else following(desk),
    )


def following(desk: Desk) -> Follow:
    """Carries a publication into grades in force, roll proposals and draws."""

    def follow(uow: UnitOfWork, run: Run, results: Sequence[Result], now: datetime) -> None:
        since = _known_since(uow, run, [result.uscc for result in results])
        told = [
            Published(
                uscc=result.uscc,
                scheme=run.scheme,
                month=run.month,
                grade=result.grade,
                score="" if result.score is None else f"{result.score:f}",
                report_id=run.id,
                known_since=since.get(result.uscc),
            )
            for result in results
        ]
        on_published(Work(uow, desk), told, now)

    return follow


def _known_since(uow: UnitOfWork, run: Run, usccs: Sequence[str]) -> dict[str, date]:
    """Since when merchants are under supervision that had no grade before: the first that is known of them (C.6.2, 24 months)."""
    graded = standing.known(uow)
    new = [uscc for uscc in usccs if uscc not in graded]
    first = uow.assessments.first_seen(new)
    began = first_of(run.month)
    return {uscc: min(began, local_day(first[uscc])) if uscc in first else began for uscc in new}
