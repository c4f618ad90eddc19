"""Indicators from cases: confirmed camera violations, rectification in time, what stood open at the month's end.

Only what a person made final counts, in the month its warning was raised; what became final after that month's cut is charged in
the month in which it did, as a prior-period item (section 0.3, F.6). What was taken back counts as if it had never been (F.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from casework.indicators_record import Counted, Record, named
from casework.registers.senders import by_official
from credit.points import at_of
from credit.scheme import Scheme
from domain.deductions import Deduction, DeductionState
from domain.observations import Kind
from domain.time import format_instant, local_day, month_of
from domain.warnings import State, Warning

RODENT = "rodent"
RETEST_WORDS = ("fail",)


def final_entries(record: Record) -> list[Deduction]:
    """Final deductions this month is charged with: its own, and earlier ones that were decided in it."""
    begins, ends = record.span
    return [
        entry
        for entry in record.deductions
        if entry.state is DeductionState.FINAL
        and entry.decided_at is not None
        and entry.decided_at < record.cut_at
        and (
            entry.month == record.month or (entry.month < record.month and begins <= entry.decided_at < max(ends, record.cut_at))
        )
    ]


def earlier_entries(record: Record) -> list[Deduction]:
    """Final deductions that an earlier month was charged with."""
    begins, _ = record.span
    return [
        entry
        for entry in record.deductions
        if entry.state is DeductionState.FINAL
        and entry.month < record.month
        and entry.decided_at is not None
        and entry.decided_at < begins
    ]


def camera_violations(record: Record) -> Counted:
    """I06: final camera findings, one list per day; the scheme counts at most three per class, camera and day."""
    classes = {rule.violation_code: (name, rule.severity.value) for name, rule in record.rules.camera.items()}
    warnings = {warning.id: warning for warning in record.warnings}
    days: dict[str, dict[tuple[str, str, str], int]] = {}
    entries = []
    for entry in final_entries(record):
        warning, known = warnings.get(entry.warning_id), classes.get(entry.violation_code)
        if warning is None or warning.camera is None or known is None:
            continue
        entries.append(entry)
        day = days.setdefault(local_day(at_of(entry)).isoformat(), {})
        place = (warning.camera, *known)
        day[place] = day.get(place, 0) + 1
    value = {
        "days": [
            [
                {"camera": camera, "class": class_, "severity": severity, "count": count}
                for (camera, class_, severity), count in items
            ]
            for items in (sorted(found.items()) for _, found in sorted(days.items()))
        ]
    }
    prior = sum(1 for entry in entries if entry.month < record.month)
    told = {"violations": str(len(entries)), "prior_period": str(prior)}
    return Counted(value=value, evidence=named(entry.id for entry in entries), told=told)


def rectified_in_time(record: Record) -> Counted:
    """I07: warnings whose limit for the merchant passed in the month, and those rectified by then."""
    begins, ends = record.span
    due = [
        warning
        for warning in record.warnings
        if warning.rectify_by is not None and begins <= warning.rectify_by < ends and warning.state is not State.DISMISSED
    ]
    if not due:
        return Counted(value=None, reason="none_due")
    kept = [warning for warning in due if _kept(warning)]
    value = {"on_time": len(kept), "due": len(due)}
    told = {key: str(number) for key, number in value.items()}
    return Counted(value=value, evidence=named(warning.id for warning in due), told=told)


def _kept(warning: Warning) -> bool:
    if warning.on_time is not None:
        return warning.on_time
    submitted = warning.submitted_at
    return submitted is not None and warning.rectify_by is not None and submitted <= warning.rectify_by


def escalated_open(record: Record) -> Counted:
    """C2: a red warning that was escalated and is still open at the month's end."""
    _, ends = record.span
    found = [
        warning.id
        for warning in record.warnings
        if warning.close_by is not None
        and warning.close_by < ends
        and (warning.closed_at is None or warning.closed_at >= ends)
        and (warning.closed_at is not None or warning.is_open)
        and warning.state is not State.DISMISSED
    ]
    return Counted(value=bool(found), evidence=named(found))


def rodent_late(record: Record) -> Counted:
    """C3: confirmed rodent activity of the month that was not rectified in time."""
    warnings = {warning.id: warning for warning in record.warnings}
    found = []
    for entry in final_entries(record):
        warning = warnings.get(entry.warning_id)
        if warning is not None and warning.class_ == RODENT and not _kept(warning):
            found.append(warning.id)
    return Counted(value=bool(found), evidence=named(found))


def sampling_failed(record: Record) -> Counted:
    """C1: an official sampling failed in the month; a passing retest of the same report takes it back (F.18).

    Only an official's word takes it back: what the merchant's own device tells of a retest is a report, not a result (E.2).
    """
    results: dict[str, Any] = {}
    for item in record.of_month(Kind.SAMPLING_RESULT, late=False):
        retest_passed = item.body.get("retest_of") and item.body.get("conclusion") not in RETEST_WORDS
        if item.body.get("kind") == "official" and not (retest_passed and not by_official(item)):
            results[str(item.body.get("retest_of") or item.body["report_no"])] = item
    failed = [item.event_id for item in results.values() if item.body.get("conclusion") in RETEST_WORDS]
    return Counted(value=bool(failed), evidence=named(failed))


def as_violation(entry: Deduction, warning: Warning | None, scheme: Scheme) -> dict[str, Any]:
    """An entry of the ledger as the fact it rests on, for a rating from facts."""
    rule, told = scheme.rules[entry.violation_code], entry.components
    violation: dict[str, Any] = {
        "code": entry.violation_code,
        "at": format_instant(at_of(entry)),
        "notified_at": _instant(None if warning is None else warning.notified_at),
        "rectified_at": _instant(None if warning is None else warning.submitted_at),
        "rectify_by": _instant(None if warning is None else warning.rectify_by),
        "incident_id": entry.incident_id,
        "subject": entry.key.split("|")[3] if warning is None else warning.subject,
    }
    if warning is not None and warning.camera is not None:
        violation |= {"camera": warning.camera, "class": warning.class_, "incident_id": None}
    if rule.waivable_lapse is not None:
        violation["days_lapsed"] = int(told["lapsed_days"]) if "lapsed_days" in told else None
    if rule.degree is not None and not rule.degree.below:
        violation[rule.degree.fact] = told.get("variant")
    if told.get("leniency") == "always":
        violation["self_reported"] = True
    return violation


def lost_entries(record: Record, winners: Sequence[Deduction]) -> list[Deduction]:
    """Entries that lost to one of these in their incident: they cost nothing, but what they forbid of a grade stands (C.4)."""
    ids = {winner.id for winner in winners}
    return [
        entry
        for entry in record.deductions
        if entry.state is DeductionState.WITHDRAWN
        and entry.components.get("lost_to") in ids
        and entry.decided_at is not None
        and entry.decided_at < record.cut_at
    ]


def violations_of(
    record: Record, scheme: Scheme
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Sequence[Deduction], Mapping[str, int]]:
    """What a scheme that deducts charges the month with, what came before, the entries behind, and how many are prior.

    The losers of an incident are handed over with its winner: the rating charges one of them and looks at the floors of all.
    """
    warnings = {warning.id: warning for warning in record.warnings}
    own = [entry for entry in final_entries(record) if entry.scheme == scheme.name and entry.violation_code in scheme.rules]
    past = [entry for entry in earlier_entries(record) if entry.scheme == scheme.name and entry.violation_code in scheme.rules]
    prior = sum(1 for entry in own if entry.month < record.month)
    own += [entry for entry in lost_entries(record, own) if entry.violation_code in scheme.rules]
    return (
        [as_violation(entry, warnings.get(entry.warning_id), scheme) for entry in own],
        [{"code": entry.violation_code, "at": format_instant(at_of(entry))} for entry in past],
        own,
        {"prior_period": prior},
    )


def _instant(at: datetime | None) -> str | None:
    return None if at is None else format_instant(at)


def month_of_violation(violation: Mapping[str, Any]) -> str:
    """The month a told violation happened in."""
    at = str(violation.get("at", ""))
    return at[:7] if len(at) == 10 else month_of(datetime.fromisoformat(at))
