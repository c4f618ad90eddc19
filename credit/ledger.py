"""The deduction ledger: what a confirmed warning costs (domain.md C.4, F.1). Who decides about it is in ``credit.decisions``.

Nothing here makes points count: an entry is proposed, and only a person makes it final, after the objection window. One fact is
charged once: of the entries of one incident only the gravest stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from credit.scheme import DeductionRule, Scheme
from credit.score import STANDING
from domain.deductions import Deduction, DeductionState
from domain.time import format_instant, local_day, month_of, parse_instant
from domain.warnings import Warning

TENTH = Decimal("0.1")
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the points depend on beyond the warning itself.

    Attributes:
        variant: degree of the fact, a key of the rule's ``variants``.
        lapsed: how long ago what lapsed had lapsed (XV05).
        self_reported: the merchant reported it themselves within an hour of the expiry (F.4).
    """

    variant: str | None = None
    lapsed: timedelta | None = None
    self_reported: bool = False


PLAIN = Circumstances()


class Leniency(StrEnum):
    """Whether an entry is waived (C.4, F.4): a fact of its case, while being the first depends on the ledger."""

    NONE = "none"
    IF_FIRST = "if_first"
    ALWAYS = "always"


_TAKEN_OFF = frozenset({"waived", "capped", "beyond_daily_limit", "incident", "lost_to"})
"""Components that say what was taken off the points of an entry, and why."""


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
    winner = next((d for d in rivals if rank_of(d, scheme) >= (base, rule.specificity)), None)
    if winner is not None:
        return _lost(_counted(entry, rule, scheme, past), winner, now)
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
    counted = _counted(entry, rule, scheme, past)
    of_month = [d for d in past if d.month == entry.month]
    earlier = [d for d in past if d.violation_code == rule.code and at_of(d) > at_of(entry) - scheme.history]
    leniency = _leniency_of(entry)
    if leniency is Leniency.ALWAYS or (leniency is Leniency.IF_FIRST and not earlier):
        return _reduced(counted, waived=counted.points)
    under_cap = [*of_month, *(d for d in later if d.month == entry.month)]
    under_limit = [*of_month, *(d for d in under_cap[len(of_month) :] if "beyond_daily_limit" not in d.components)]
    within = _reduced(counted, beyond_daily_limit=_beyond_daily_limit(counted, rule, under_limit))
    less = _reduced(within, incident=min(within.points, sum((d.points for d in set_off), NOTHING)))
    return _reduced(less, capped=max(NOTHING, less.points - _room(rule, scheme, under_cap)))


def _counted(entry: Deduction, rule: DeductionRule, scheme: Scheme, past: Iterable[Deduction]) -> Deduction:
    """The entry with its ordinal and full points, nothing taken off yet."""
    ordinal = 1 + sum(d.violation_code == rule.code and d.month == entry.month for d in past)
    repeat = scheme.repeat[min(ordinal, len(scheme.repeat)) - 1] if rule.repeats else Decimal(1)
    facts = {name: told for name, told in entry.components.items() if name not in _TAKEN_OFF}
    base, overdue = Decimal(facts["base"]), Decimal(facts.get("overdue", "0"))
    return replace(
        entry,
        ordinal=ordinal,
        points=(base * repeat + overdue).quantize(TENTH, ROUND_HALF_UP),
        components={**facts, "repeat": f"{repeat:f}", "waived": "0", "capped": "0"},
    )


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


def at_of(deduction: Deduction) -> datetime:
    """When the charged fact was raised."""
    told = deduction.components.get("raised_at")
    return deduction.proposed_at if told is None else parse_instant(told, "components.raised_at")


def rank_of(deduction: Deduction, scheme: Scheme) -> tuple[Decimal, int]:
    """What decides between two codes of one incident: base points, then the more specific (C.4)."""
    rule = scheme.rules.get(deduction.violation_code)
    specificity = rule.specificity if rule is not None else 0
    return Decimal(deduction.components.get("base", str(deduction.points))), specificity


def leniency_for(rule: DeductionRule, circumstances: Circumstances, *, on_time: bool) -> Leniency:
    """First-violation leniency, or the virtue of having told it oneself (C.4, F.4).

    Args:
        rule: of the violation.
        circumstances: of the fact.
        on_time: rectified within the limit; asked only where a limit runs.
    """
    if rule.self_report_waives and circumstances.self_reported:
        return Leniency.ALWAYS
    if not rule.waivable or (rule.clocked and not on_time):
        return Leniency.NONE
    lapse = rule.waivable_lapse
    recent = lapse is None or (circumstances.lapsed is not None and circumstances.lapsed <= lapse)
    return Leniency.IF_FIRST if recent else Leniency.NONE


def _leniency_of(entry: Deduction) -> Leniency:
    """What the entry says; one written before entries said it stays waived if it was."""
    told = entry.components.get("leniency")
    if told is not None:
        return Leniency(told)
    return Leniency.ALWAYS if Decimal(entry.components.get("waived", "0")) > 0 else Leniency.NONE


def _beyond_daily_limit(entry: Deduction, rule: DeductionRule, of_month: Sequence[Deduction]) -> Decimal:
    """What is not counted because the gravest of the class, camera and day are counted already (F.2).

    A graver one than they costs the difference: the day comes to the same in whatever order its events are told, and one more
    never makes it cheaper.
    """
    if rule.daily_limit is None:
        return NOTHING
    place = (entry.violation_code, entry.components.get("camera"), entry.components.get("day"))
    same_day = [d for d in of_month if (d.violation_code, d.components.get("camera"), d.components.get("day")) == place]
    gravest = sorted((_full_points(d, rule) for d in same_day), reverse=True)[: rule.daily_limit]
    return min(entry.points, gravest[-1]) if len(gravest) == rule.daily_limit else NOTHING


def _full_points(entry: Deduction, rule: DeductionRule) -> Decimal:
    """The points of an entry before anything was taken off."""
    told = entry.components
    base, repeat = Decimal(told.get("base", f"{rule.base:f}")), Decimal(told.get("repeat", "1"))
    return (base * repeat + Decimal(told.get("overdue", "0"))).quantize(TENTH, ROUND_HALF_UP)


def _room(rule: DeductionRule, scheme: Scheme, of_month: Sequence[Deduction]) -> Decimal:
    """Points the caps of the month still leave."""
    rooms = [Decimal("Infinity")]
    if rule.cap is not None:
        rooms.append(rule.cap - sum((d.points for d in of_month if d.violation_code == rule.code), NOTHING))
    if rule.group is not None:
        codes = {code for code, other in scheme.rules.items() if other.group == rule.group}
        rooms.append(scheme.group_caps[rule.group] - sum((d.points for d in of_month if d.violation_code in codes), NOTHING))
    return max(NOTHING, min(rooms))


def _reduced(entry: Deduction, **parts: Decimal) -> Deduction:
    """The entry less some points, each part told by its reason."""
    told = {reason: f"{points:f}" for reason, points in parts.items() if points}
    left = entry.points - sum(parts.values(), NOTHING)
    return replace(entry, points=left, components={**entry.components, **told})


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
