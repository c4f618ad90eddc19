"""What violations told as facts are charged: one after the other as they happened, one fact once (domain.md C.4, F.1, F.2).

The arithmetic of one entry is ``credit.points.counted``, the one the persistent ledger uses; here only what came before is kept
as running sums, so that two thousand violations cost two thousand steps. The order they are told in does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from credit.points import NOTHING, Before, Circumstances, counted, day_of, full_points, leniency_for, rank_of
from credit.rating.ledger_facts import Violation
from credit.scheme import DeductionRule, Scheme
from domain.deductions import Deduction, DeductionState
from domain.time import format_instant, local_day, month_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A violation and the entry it came to; ``lost_to`` is the sibling of its incident that was charged instead."""

    violation: Violation
    entry: Deduction
    lost_to: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """The violations of one merchant, told apart and in order, each with the facts of its entry.

    Attributes:
        entries: by where the violation was told.
        facts: by where the violation was told, which fact it is about; one without has nothing to share.
        incidents: by their fact the siblings that cost something.
    """

    scheme: Scheme
    violations: tuple[Violation, ...]
    entries: Mapping[str, Deduction]
    facts: Mapping[str, str]
    incidents: Mapping[str, tuple[Violation, ...]]


def case_of(violations: Sequence[Violation], scheme: Scheme) -> Case:
    """Violations made ready to be charged; what is told twice in every respect counts once."""
    distinct = _distinct(sorted(violations, key=Violation.order))
    facts = {violation.where: _fact(violation, scheme) for violation in distinct if not violation.harmless}
    incidents: dict[str, list[Violation]] = defaultdict(list)
    for violation in distinct:
        if facts.get(violation.where):
            incidents[facts[violation.where]].append(violation)
    entries = {violation.where: _entry(violation, scheme) for violation in distinct}
    return Case(scheme, tuple(distinct), entries, facts, {id_: tuple(siblings) for id_, siblings in incidents.items()})


def charge(case: Case, chosen: Mapping[str, Violation] | None = None) -> tuple[Charge, ...]:
    """Charge the violations of a case.

    Args:
        case: of one merchant.
        chosen: by incident who is charged, for "what if"; the gravest unless told (C.4).
    """
    scheme, winners, past, found = case.scheme, _winners(case, chosen or {}), _Past(), []
    for violation in case.violations:
        entry, winner = case.entries[violation.where], winners.get(violation.where)
        if winner is None and not violation.harmless:
            rule = scheme.rules[violation.code]
            fact = case.facts[violation.where]
            set_off = past.by_fact[fact] if fact in case.incidents else ()
            entry = counted(entry, rule, scheme, past.before(entry, rule, scheme), set_off=set_off)
            past.add(entry, rule, fact)
        found.append(Charge(violation=violation, entry=entry, lost_to=winner.code if winner is not None else ""))
    return tuple(found)


@dataclass(slots=True)
class _Past:
    """Running sums over what was charged so far."""

    numbers: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    latest: dict[str, datetime] = field(default_factory=dict)
    spent: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    spent_by_group: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    of_day: dict[Any, list[Decimal]] = field(default_factory=lambda: defaultdict(list))
    by_fact: dict[str, list[Deduction]] = field(default_factory=lambda: defaultdict(list))

    def before(self, entry: Deduction, rule: DeductionRule, scheme: Scheme) -> Before:
        """What an entry's points depend on; entries come in the order they happened."""
        latest = self.latest.get(rule.code)
        return Before(
            ordinal=1 + self.numbers[rule.code, entry.month],
            first=latest is None or latest <= entry.proposed_at - scheme.history,
            of_day=self.of_day[day_of(entry)] if rule.daily_limit is not None else (),
            spent=self.spent[rule.code, entry.month],
            spent_by_group=self.spent_by_group[rule.group or "", entry.month],
        )

    def add(self, entry: Deduction, rule: DeductionRule, fact: str) -> None:
        """Remember an entry; of a day only the gravest are needed."""
        self.numbers[rule.code, entry.month] += 1
        self.latest[rule.code] = entry.proposed_at
        self.spent[rule.code, entry.month] += entry.points
        if rule.group is not None:
            self.spent_by_group[rule.group, entry.month] += entry.points
        if rule.daily_limit is not None:
            of_day = self.of_day[day_of(entry)]
            of_day.append(full_points(entry, rule))
            of_day.sort(reverse=True)
            del of_day[rule.daily_limit :]
        if fact:
            self.by_fact[fact].append(entry)


def _fact(violation: Violation, scheme: Scheme) -> str:
    """What two violations share if they are one fact: the incident, or the lot, person or complaint of a code in a month.

    F.1: "unique key (scheme, uscc, rule_code, subject_key, period)". For a camera the key has the warning in it, and a place or
    a checklist item may be met again, so that only codes that say so are charged once per subject.
    """
    if violation.incident_id:
        return violation.incident_id
    if not scheme.rules[violation.code].once_per_subject or not violation.subject:
        return ""
    return "\0".join((violation.code, violation.subject, month_of(violation.at)))


def _distinct(violations: Sequence[Violation]) -> list[Violation]:
    """Without what is told twice; told as current and as history, it is current."""
    found: dict[tuple[Any, ...], Violation] = {}
    for number, violation in enumerate(violations):
        named = violation.subject or violation.incident_id
        key = violation.order()[:-1] if named else (number,)
        found[key] = violation
    return list(found.values())


def _winners(case: Case, chosen: Mapping[str, Violation]) -> dict[str, Violation]:
    """Who loses, and to whom: of each incident the gravest is charged, at a tie the earlier (C.4).

    What the history charged stays charged: a sibling that is no graver loses to it, a graver one is set off against it.
    """
    lost: dict[str, Violation] = {}
    for incident_id, siblings in case.incidents.items():
        old = _gravest(case, [each for each in siblings if each.place is None])
        new = chosen.get(incident_id) or _gravest(case, [each for each in siblings if each.place is not None])
        if old is not None and new is not None and _rank(case, new) <= _rank(case, old):
            new = old
        for each in siblings:
            winner = old if each.place is None else new
            if winner is not None and each is not winner:
                lost[each.where] = winner
    return lost


def _gravest(case: Case, violations: Sequence[Violation]) -> Violation | None:
    return max(violations, key=lambda each: _rank(case, each), default=None)


def _rank(case: Case, violation: Violation) -> tuple[Decimal, int, int]:
    return rank_of(case.entries[violation.where], case.scheme)


def _entry(violation: Violation, scheme: Scheme) -> Deduction:
    """The entry before anything is counted: its facts, as ``credit.ledger.propose`` writes them."""
    rule = scheme.rules[violation.code]
    base = rule.base_of(violation.variant)
    circumstances = Circumstances(
        variant=violation.variant,
        lapsed=None if violation.days_lapsed is None else timedelta(days=violation.days_lapsed),
        self_reported=violation.self_reported,
    )
    late = rule.clocked and violation.on_time is False
    told = {
        "base": f"{base:f}",
        "overdue": f"{base * scheme.overdue_share if late else NOTHING:f}",
        "leniency": leniency_for(rule, circumstances, on_time=violation.on_time is True).value,
        "raised_at": format_instant(violation.at),
    }
    if rule.daily_limit is not None:
        told |= {"camera": violation.camera, "day": local_day(violation.at).isoformat()}
    return Deduction(
        id=violation.where,
        key=violation.where,
        scheme=scheme.name,
        uscc="",
        warning_id="",
        violation_code=violation.code,
        incident_id=violation.incident_id,
        points=NOTHING,
        state=DeductionState.FINAL,
        month=month_of(violation.at),
        ordinal=0,
        proposed_at=violation.at,
        objection_until=violation.at,
        components=told,
    )
