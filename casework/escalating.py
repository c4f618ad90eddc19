"""Escalation in casework: what a step says, and what ends when that for which it waited has come.

Whoever acknowledges a warning ends, in the same transaction, the steps that wait for it and the notifications of earlier steps
that are still on their way.
"""

from __future__ import annotations

from datetime import datetime

from alerts.escalation import awaits
from casework.desk import Work
from casework.outbound import told_of_step
from domain.events import Event, EventName
from domain.parties import SYSTEM
from domain.warnings import Warning


def escalated(warning: Warning, number: int, now: datetime) -> Event:
    """A step of the warning's chain is taken."""
    running = warning.escalation
    if running is None:
        raise ValueError(f"warning {warning.id} has no chain")
    data = {
        "level": warning.level.value,
        "class": warning.class_,
        "rule": warning.rule,
        "violation_code": warning.violation_code,
        "by": SYSTEM.id,
        "chain": running.chain,
        "step": number,
        "until": running.steps[number].until.value,
    }
    return Event(
        name=EventName.WARNING_ESCALATED, entity_id=warning.id, uscc=warning.uscc, region=warning.region, at=now, data=data
    )


def settle(work: Work, before: Warning, after: Warning, now: datetime) -> None:
    """Cancel what says that something has not come yet, once it has."""
    if before.escalation is None:
        return
    for until in {before.escalation.steps[number].until for number in before.escalation.done}:
        if awaits(before, until) and not awaits(after, until):
            work.uow.outbox.cancel(after.id, told_of_step(after.id, until), now, why=f"{until.value} meanwhile")
