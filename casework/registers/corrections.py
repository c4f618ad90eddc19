"""A corrected register is evidence of an open warning: it shows what was put right, and closes nothing (domain.md D.1).

An officer still verifies. Where the rule asks for a record and not for a photo (RW3), the merchant may submit on it alone.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from alerts.register_rules import RECORD_TYPE
from casework.desk import Work
from casework.handling import CORRECTION, attach, change, event_of
from domain.events import Event, EventName
from domain.findings import EvidenceKind
from domain.ids import derived_id
from domain.observations import Observation
from domain.parties import SYSTEM
from domain.rules import RedWarning
from domain.warnings import Evidence


def show(work: Work, about: tuple[RedWarning, str], record: bytes, observation: Observation, now: datetime) -> list[Event]:
    """Attach what was corrected to the open warning about it, if there is one; told once for each observation.

    Args:
        about: the rule and the subject of the warning.
    """
    red, subject = about
    warning = work.tray.open_warning(f"{observation.uscc}|{red.value}|{subject}")
    if warning is None:
        return []
    evidence = Evidence(
        id=derived_id(CORRECTION, warning.id, observation.event_id),
        warning_id=warning.id,
        kind=EvidenceKind.RECORD,
        sha256=hashlib.sha256(record).hexdigest(),
        media_type=RECORD_TYPE,
        at=observation.event_time,
        by=observation.device_id,
        attempt=warning.attempt,
        note=CORRECTION,
    )
    if not attach(work, evidence):
        return []
    work.record(record, RECORD_TYPE)
    event = event_of(EventName.WARNING_CORRECTED, warning, SYSTEM, now)
    change(work, warning, warning, event, SYSTEM, reason=f"{CORRECTION} {observation.event_id}", evidence_ids=[evidence.id])
    return [event]
