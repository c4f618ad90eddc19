"""From a finding to a warning: raise a new one, attach to the open one, or leave it (domain.md F.2, section 0).

A warning's clocks start at ``now``, the server's time of raising: late device data never backdates them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.deadlines import next_due_at
from alerts.escalation import Chain, begun
from domain.findings import Finding
from domain.ids import derived_id
from domain.rules import Level, RedWarning, Rules
from domain.warnings import State, Warning

GRAVER: Mapping[str, frozenset[str]] = {
    "XV01": frozenset({"XV02"}),
    "XV03": frozenset({"XV04"}),
    "XV07": frozenset({"XV06", "XV08"}),
    "XV06": frozenset({"XV08"}),
    "XV09": frozenset({"XV10", "XV08"}),
    "XV10": frozenset({"XV08"}),
}
"""A fact of an open warning that turns out worse: in store, then used or sold (C.4, "one fact, one deduction")."""


class Merge(StrEnum):
    """What to do with a finding."""

    RAISE = "raise"
    ATTACH = "attach"
    IGNORE = "ignore"


def merge(existing_latest: Warning | None, finding: Finding) -> Merge:
    """Decide by event time what a finding means beside the latest warning of its key.

    Args:
        existing_latest: the most recently raised warning with the finding's ``open_key``, open or not.
        finding: the new one.

    Returns:
        ATTACH while that warning is open; RAISE if there is none or the finding was seen after it ended; IGNORE a finding that
        comes late and speaks of the time before the end: that fact has been judged.
    """
    if existing_latest is None:
        return Merge.RAISE
    if existing_latest.is_open:
        return Merge.ATTACH
    ended_at = existing_latest.closed_at
    return Merge.RAISE if ended_at is None or finding.event_time > ended_at else Merge.IGNORE


def raise_warning(
    finding: Finding, *, region: str, rules: Rules, warning_id: str, now: datetime, chains: Iterable[Chain] = ()
) -> Warning:
    """A new warning from a finding.

    Args:
        finding: found automatically, or confirmed in review.
        region: six digits of where the merchant is.
        rules: for the merchant's limit and ``close_within``.
        warning_id: a new id.
        chains: the first that concerns it is laid down in it.
        now: server time; ``raised_at``, and what ``close_by`` counts from.

    Returns:
        In state ``raised``, not yet delivered: ``rectify_by`` is unset. Only a red warning has ``close_by``.
    """
    warning = Warning(
        id=warning_id,
        uscc=finding.uscc,
        region=region,
        rule=finding.rule,
        violation_code=finding.violation_code,
        class_=finding.class_,
        subject=finding.subject,
        open_key=finding.open_key,
        level=finding.level,
        state=State.RAISED,
        event_time=finding.event_time,
        raised_at=now,
        rectify_within=_rectify_within(finding, rules),
        why=finding.why,
        incident_id=_incident(finding),
        camera=finding.camera,
        zone=finding.zone,
        close_by=now + rules.close_within if finding.level is Level.RED else None,
    )
    warning = begun(warning, chains)
    return replace(warning, next_due_at=next_due_at(warning, rules))


def attach(warning: Warning, finding: Finding) -> Warning:
    """The open warning after a further finding: its violation code grows graver where the fact did, never milder.

    Returns:
        The same object if nothing changed; no clock ever moves.
    """
    if finding.violation_code not in GRAVER.get(warning.violation_code, ()):
        return warning
    return replace(warning, violation_code=finding.violation_code, why=finding.why, version=warning.version + 1)


def _rectify_within(finding: Finding, rules: Rules) -> timedelta:
    """The rule's limit; a finding whose rule a site has since removed gets the common one of 12 h."""
    camera = rules.camera.get(finding.rule)
    if camera is not None:
        return camera.rectify_within
    known = RedWarning(finding.rule) if finding.rule in set(RedWarning) else None
    register = rules.register.get(known) if known is not None else None
    return register.rectify_within if register is not None else _COMMON_LIMIT


_COMMON_LIMIT = timedelta(hours=12)


def _incident(finding: Finding) -> str:
    """A camera's episode is its own incident; what the registers say of one lot or person is one (C.4)."""
    if finding.camera is not None:
        return derived_id("incident", finding.id)
    return derived_id("incident", finding.uscc, finding.subject)
