"""The deduction ledger: what a confirmed warning costs (domain.md C.4, F.1). Who decides about it is in ``credit.decisions``.

Nothing here makes points count: an entry is proposed, and only a person makes it final, after the objection window. One fact is
charged once: of the entries of one incident only the gravest stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from credit.points import (
    NOTHING,
    PLAIN,
    Before,
    Circumstances,
    Leniency,
    at_of,
    counted,
    day_of,
    full_points,
    leniency_for,
    numbered,
    rank,
    rank_of,
)
from credit.scheme import DeductionRule, Scheme
from credit.score import STANDING
from domain.deductions import Deduction, DeductionState
from domain.time import format_instant, local_day, month_of
from domain.warnings import Warning


def subject_key(warning: Warning) -> str:
    """What a deduction is about (F.1): a lot or person; for a camera its place, class and the warning it was counted in."""
    if warning.camera is None:
        return warning.subject
    return f"{warning.camera}/{warning.class_}/{warning.zone or ''}/{warning.id}"


def key_of(warning: Warning, scheme: Scheme) -> str:
    """The idempotency key ``scheme|uscc|rule_code|subject_key|period`` (F.1)."""
    month = month_of(warning.raised_at)
    return f"{scheme.name}|{warning.uscc}|{warning.violation_code}|{subject_key(warning)}|{month}"


def propose(
    warning: Warning,
    scheme: Scheme,
    *,
    history: Iterable[Deduction],
    incident: Iterable[Deduction],
    now: datetime,
    objection_until: datetime,
    on_time: bool | None,
    deduction_id: str,
    circumstances: Circumstances = PLAIN,
) -> Deduction:
    """The entry a warning comes to.

    Args:
        warning: confirmed, or past both its deadlines (``alerts.deadlines.charge_due``).
        scheme: of the merchant.
        history: the merchant's entries: all of the month of ``raised_at``, and those of this code of the last 365 days. Entries
            told twice or not standing do no harm.
        incident: the merchant's entries with the same ``incident_id``.
        now: server time.
        objection_until: end of the objection window.
        on_time: as ``alerts.deadlines.rectified_on_time`` says: True kept, False late or never, None no limit passed.
        deduction_id: a new id.
        circumstances: what else the points depend on.

    Returns:
        State ``proposed``; or ``withdrawn`` with no points if the incident is already charged at least as high. ``superseded``
        says which other entries the new one replaces. ``components`` tells how the points came about.

    Raises:
        ConfigurationError: the scheme does not know the violation code.
    """
    rule = scheme.rule(warning.violation_code)
    base = rule.base_of(circumstances.variant)
    key = key_of(warning, scheme)
    rivals = [d for d in incident if _stands(d, warning, scheme, key) and d.incident_id == warning.incident_id]
    replaced = {d.id for d in rivals if d.state is not DeductionState.FINAL}
    past = {d.id: d for d in history if _stands(d, warning, scheme, key) and d.id not in replaced}.values()
    month = month_of(warning.raised_at)
    overdue = base * scheme.overdue_share if rule.clocked and (on_time is False or warning.rectify_overdue) else NOTHING
    leniency = leniency_for(rule, circumstances, on_time=on_time is True and not warning.rectify_overdue)
    entry = Deduction(
        id=deduction_id,
        key=key,
        scheme=scheme.name,
        uscc=warning.uscc,
        warning_id=warning.id,
        violation_code=rule.code,
        incident_id=warning.incident_id,
        points=NOTHING,
        state=DeductionState.PROPOSED,
        month=month,
        ordinal=1,
        proposed_at=now,
        objection_until=objection_until,
        components=_components(warning, circumstances, base=base, overdue=overdue, leniency=leniency),
    )
    winner = next((d for d in rivals if rank_of(d, scheme) >= rank(rule, base, scheme)), None)
    if winner is not None:
        ordinal = 1 + sum(d.violation_code == rule.code and d.month == month for d in past)
        return _lost(numbered(entry, rule, scheme, ordinal), winner, now)
    return charged(entry, scheme, past=tuple(past), set_off=[d for d in rivals if d.id not in replaced])


def charged(
    entry: Deduction,
    scheme: Scheme,
    *,
    past: Sequence[Deduction],
    set_off: Iterable[Deduction] = (),
    later: Iterable[Deduction] = (),
) -> Deduction:
    """What an entry costs after others: its ordinal, points and the components they came about by.

    Args:
        entry: its facts are read (code, month, and the components ``propose`` wrote); what was computed before is not.
        scheme: of the merchant; it knows the entry's code.
        past: entries that stand and were proposed before.
        set_off: final entries of the same incident.
        later: final entries proposed after it. They do not count for the ordinal, but for the caps and the daily limit.
    """
    rule = scheme.rule(entry.violation_code)
    of_month = [d for d in past if d.month == entry.month]
    of_code = [d for d in past if d.violation_code == rule.code]
    under_cap = [*of_month, *(d for d in later if d.month == entry.month)]
    under_limit = [*of_month, *(d for d in under_cap[len(of_month) :] if "beyond_daily_limit" not in d.components)]
    before = Before(
        ordinal=1 + sum(d.month == entry.month for d in of_code),
        first=not any(at_of(d) > at_of(entry) - scheme.history for d in of_code),
        of_day=_of_day(entry, rule, under_limit),
        spent=sum((d.points for d in under_cap if d.violation_code == rule.code), NOTHING),
        spent_by_group=sum((d.points for d in under_cap if rule.group and _group_of(d, scheme) == rule.group), NOTHING),
    )
    return counted(entry, rule, scheme, before, set_off=set_off)


def superseded(winner: Deduction, incident: Iterable[Deduction], now: datetime) -> tuple[Deduction, ...]:
    """The entries of one incident that a newly proposed one replaces, withdrawn; a final one stays and was set off against it.

    Args:
        winner: as ``propose`` returned it; a withdrawn one replaces nothing.
        incident: the merchant's entries with the same ``incident_id``.
        now: server time.
    """
    if winner.state is not DeductionState.PROPOSED:
        return ()
    open_states = {DeductionState.PROPOSED, DeductionState.OBJECTED}
    rivals = {d.id: d for d in incident if d.incident_id == winner.incident_id and d.key != winner.key}
    replaced = [d for d in rivals.values() if d.state in open_states and d.scheme == winner.scheme]
    return tuple(replace(_lost(d, winner, now), version=d.version + 1) for d in replaced)


def _stands(deduction: Deduction, warning: Warning, scheme: Scheme, key: str) -> bool:
    own = deduction.uscc == warning.uscc and deduction.scheme == scheme.name
    return own and deduction.key != key and deduction.state in STANDING


def _components(
    warning: Warning, circumstances: Circumstances, *, base: Decimal, overdue: Decimal, leniency: Leniency
) -> Mapping[str, str]:
    """The facts the points depend on, told once: they may be counted again."""
    told = {
        "base": f"{base:f}",
        "overdue": f"{overdue:f}",
        "leniency": leniency.value,
        "raised_at": format_instant(warning.raised_at),
    }
    if circumstances.variant is not None:
        told["variant"] = circumstances.variant
    if warning.camera is not None:
        told |= {"camera": warning.camera, "day": local_day(warning.raised_at).isoformat()}
    return told


def _of_day(entry: Deduction, rule: DeductionRule, entries: Sequence[Deduction]) -> list[Decimal]:
    if rule.daily_limit is None:
        return []
    return [full_points(d, rule) for d in entries if day_of(d) == day_of(entry)]


def _group_of(entry: Deduction, scheme: Scheme) -> str | None:
    rule = scheme.rules.get(entry.violation_code)
    return None if rule is None else rule.group


def _lost(entry: Deduction, winner: Deduction, now: datetime) -> Deduction:
    """The entry that loses to a sibling of its incident: recorded, without points, not counted for n."""
    return replace(
        entry,
        points=NOTHING,
        state=DeductionState.WITHDRAWN,
        decided_at=now,
        note=f"one fact, one deduction: charged as {winner.violation_code}",
        components={**entry.components, "lost_to": winner.id},
    )
