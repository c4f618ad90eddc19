"""The points of one entry of the deduction ledger: the arithmetic of domain.md C.4, F.2 and F.4, and nothing else.

Two count with it: the persistent ledger (``credit.ledger``), which looks its past up, and the rating from facts
(``credit.rating.charges``), which keeps running sums. Points are rounded half-up to 0.1, each entry by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from credit.scheme import DeductionRule, Scheme
from domain.deductions import Deduction
from domain.time import parse_instant

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What an entry's points depend on of those that were charged before it.

    Attributes:
        ordinal: it is the n-th of its code in its month.
        first: nothing of its code lies within the scheme's history before it.
        of_day: full points of what was counted of its class, camera and day.
        spent: points charged in its month for its code; ``spent_by_group`` for all codes of its group.
    """

    ordinal: int
    first: bool
    of_day: Sequence[Decimal] = ()
    spent: Decimal = NOTHING
    spent_by_group: Decimal = NOTHING


_TAKEN_OFF = frozenset({"waived", "capped", "beyond_daily_limit", "incident", "lost_to"})
"""Components that say what was taken off the points of an entry, and why."""


def counted(
    entry: Deduction, rule: DeductionRule, scheme: Scheme, before: Before, *, set_off: Iterable[Deduction] = ()
) -> Deduction:
    """What an entry costs after what is known of those before it: the arithmetic of C.4, the same however that was gathered."""
    full = numbered(entry, rule, scheme, before.ordinal)
    leniency = _leniency_of(entry)
    if leniency is Leniency.ALWAYS or (leniency is Leniency.IF_FIRST and before.first):
        return _reduced(full, waived=full.points)
    within = _reduced(full, beyond_daily_limit=_beyond_daily_limit(full, rule, before.of_day))
    less = _reduced(within, incident=min(within.points, sum((d.points for d in set_off), NOTHING)))
    return _reduced(less, capped=max(NOTHING, less.points - _room(rule, scheme, before)))


def numbered(entry: Deduction, rule: DeductionRule, scheme: Scheme, ordinal: int) -> Deduction:
    """The entry with its ordinal and full points, nothing taken off yet."""
    repeat = scheme.repeat[min(ordinal, len(scheme.repeat)) - 1] if rule.repeats else Decimal(1)
    facts = {name: told for name, told in entry.components.items() if name not in _TAKEN_OFF}
    base, overdue = Decimal(facts["base"]), Decimal(facts.get("overdue", "0"))
    return replace(
        entry,
        ordinal=ordinal,
        points=(base * repeat + overdue).quantize(TENTH, ROUND_HALF_UP),
        components={**facts, "repeat": f"{repeat:f}", "waived": "0", "capped": "0"},
    )


def at_of(deduction: Deduction) -> datetime:
    """When the charged fact was raised."""
    told = deduction.components.get("raised_at")
    return deduction.proposed_at if told is None else parse_instant(told, "components.raised_at")


Rank = tuple[Decimal, int, int]
"""What decides between two codes of one incident: base points, specificity, and how bad the floor is."""


def rank(rule: DeductionRule, base: Decimal, scheme: Scheme) -> Rank:
    """Which of two codes of one incident is charged: the one that ranks higher (C.4).

    Base points first, then the more specific. C.4 is silent on codes that tie in both ("others"): there the worse floor decides,
    so that neither the order of the facts nor the luck of the draw spares a merchant a floor.
    """
    place = -1 if rule.floor is None else next(at for at, band in enumerate(scheme.bands) if band.name == rule.floor)
    return base, rule.specificity, place


def rank_of(deduction: Deduction, scheme: Scheme) -> Rank:
    """The rank of an entry's code; one that the scheme no longer knows is the least specific of its base."""
    rule = scheme.rules.get(deduction.violation_code)
    base = Decimal(deduction.components.get("base", str(deduction.points)))
    return (base, 0, -1) if rule is None else rank(rule, base, scheme)


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


def day_of(entry: Deduction) -> tuple[str, str | None, str | None]:
    """The class, camera and day a daily limit counts within (F.2)."""
    return entry.violation_code, entry.components.get("camera"), entry.components.get("day")


def _beyond_daily_limit(entry: Deduction, rule: DeductionRule, of_day: Sequence[Decimal]) -> Decimal:
    """What is not counted because the gravest of the class, camera and day are counted already (F.2).

    A graver one than they costs the difference: the day comes to the same in whatever order its events are told, and one more
    never makes it cheaper.
    """
    if rule.daily_limit is None:
        return NOTHING
    gravest = sorted(of_day, reverse=True)[: rule.daily_limit]
    return min(entry.points, gravest[-1]) if len(gravest) == rule.daily_limit else NOTHING


def full_points(entry: Deduction, rule: DeductionRule) -> Decimal:
    """The points of an entry before anything was taken off."""
    told = entry.components
    base, repeat = Decimal(told.get("base", f"{rule.base:f}")), Decimal(told.get("repeat", "1"))
    return (base * repeat + Decimal(told.get("overdue", "0"))).quantize(TENTH, ROUND_HALF_UP)


def _room(rule: DeductionRule, scheme: Scheme, before: Before) -> Decimal:
    """Points the caps of the month still leave."""
    rooms = [Decimal("Infinity")]
    if rule.cap is not None:
        rooms.append(rule.cap - before.spent)
    if rule.group is not None:
        rooms.append(scheme.group_caps[rule.group] - before.spent_by_group)
    return max(NOTHING, min(rooms))


def _reduced(entry: Deduction, **parts: Decimal) -> Deduction:
    """The entry less some points, each part told by its reason."""
    told = {reason: f"{points:f}" for reason, points in parts.items() if points}
    left = entry.points - sum(parts.values(), NOTHING)
    return replace(entry, points=left, components={**entry.components, **told})
