"""What the registers of credit consequences hold against a merchant: failed evaluations, missed trainings (X-08, X-09).

Only what the merchant was told counts: an evaluation that is published, an absence that stands. Both are read as of the cut, from
the trail, so that an excuse given later changes the next month and not this one.
"""

from __future__ import annotations

from datetime import datetime

from casework.consequences import tasks, training
from casework.consequences.training import AttendanceState
from casework.indicators_record import Absence, FailedItem
from credit.tasks import Finding, Origin
from domain.time import parse_instant
from store.ports import UnitOfWork
from store.registers import Wanted


def failed_items(uow: UnitOfWork, uscc: str, *, since: datetime, before: datetime) -> list[FailedItem]:
    """Items that failed in weekly evaluations which were entered or published in a span, and published before its end."""
    found = []
    for filed in tasks.CABINET.find(uow, Wanted(uscc=uscc, limit=None)):
        task, published = filed.case, filed.about.get("published_at")
        if task.origin is not Origin.WEEKLY or published is None or task.entered_at is None or task.finding is Finding.NO_PROBLEM:
            continue
        published_at = parse_instant(published, "published_at")
        if not published_at < before or max(task.entered_at, published_at) < since:
            continue
        found += [
            FailedItem(
                task_id=task.id,
                key=item["key"],
                gravity=item["gravity"],
                at=task.entered_at,
                published_at=published_at,
                evidence=tuple(filed.about.get("evidence_ids", ())),
            )
            for item in filed.about.get("items", ())
            if not item["ok"]
        ]
    return sorted(found, key=lambda item: (item.at, item.task_id, item.key))


def absences(uow: UnitOfWork, uscc: str, *, since: datetime, before: datetime) -> list[Absence]:
    """Trainings that were missed, held or written down in a span, as it stood at the span's end."""
    found = []
    for filed in training.ATTENDANCES.find(uow, Wanted(uscc=uscc, limit=None)):
        held = training.CABINET.get(uow, filed.case.training_id)
        if held is None or not held.case.begins_at < before:
            continue
        steps = [step for step in uow.audit.of(training.ATTENDING.entity, filed.case.id) if step.at < before]
        if not steps or steps[-1].to_state != AttendanceState.ABSENT:
            continue
        if max(held.case.begins_at, steps[-1].at) >= since:
            found.append(
                Absence(
                    training_id=filed.case.training_id,
                    attendance_id=filed.case.id,
                    held_at=held.case.begins_at,
                    recorded_at=steps[-1].at,
                )
            )
    return sorted(found, key=lambda item: (item.held_at, item.training_id))
