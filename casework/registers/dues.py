"""What the sweep does with an entry of the expiry index: look at the subject again, and judge it as it is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from casework.desk import Work
from casework.registers import samples, shelf, staff
from domain.events import Event
from domain.parties import Merchant
from domain.registers import Due, DueKind

Pass = Callable[[Work, Due, Merchant, datetime], list[Event]]

PASSING: Mapping[DueKind, Pass] = MappingProxyType(
    {
        DueKind.LOT_NOTICE: shelf.pass_lot_notice,
        DueKind.CERTIFICATE_NOTICE: staff.pass_certificate_notice,
        DueKind.SHIFT: staff.pass_shift,
        DueKind.RETEST: samples.pass_retest,
    }
)


def pass_due(work: Work, offered: Due, now: datetime) -> list[Event]:
    """Do what is due; since it was offered somebody may have changed what it is about."""
    due = work.uow.records.due(offered.kind, offered.uscc, offered.subject)
    if due is None or due.due_at > now:
        return []
    return PASSING[due.kind](work, due, work.merchant(due.uscc), now)
