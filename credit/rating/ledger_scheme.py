"""Rates by what violations cost: the engine of schemes that deduct (domain.md C.4, C.5, F.1, F.2, F.4).

The arithmetic of one entry is ``credit.ledger.charged``, the one the persistent ledger uses: a rating from facts and the ledger
give the same points for the same history. Violations are judged in the order they happened, whatever order they are told in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from credit.ledger import NOTHING, Circumstances, Leniency, charged, leniency_for, rank_of
from credit.measures import cumulative, proposals, reached
from credit.rating.ledger_facts import LedgerFacts, Violation, ledger_facts
from credit.rating.ledger_schema import schema_of
from credit.rating.value import Line, RatedScheme, Rating, Reason, Text, listed
from credit.scheme import CENT, DeductionRule, Scheme
from domain.deductions import Deduction, DeductionState
from domain.errors import ConfigurationError
from domain.time import format_instant, local_day, month_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A violation and the entry it came to; ``lost_to`` is the sibling of its incident that was charged instead."""

    violation: Violation
    entry: Deduction
    lost_to: str = ""


class LedgerEngine:
    """One scheme of the kind ``ledger``."""

    def __init__(self, scheme: RatedScheme) -> None:
        if scheme.ledger is None:
            raise ConfigurationError("the scheme has no rules: nothing is deducted by it", key=scheme.name)
        self._scheme, self._ledger = scheme, scheme.ledger

    def rate(self, facts: Mapping[str, Any]) -> Rating:
        """The rating of one merchant.

        Args:
            facts: as ``credit.rating.facts.read_facts`` gives them.

        Raises:
            BadInput: a key is missing, unknown or has an impossible value.
        """
        told = ledger_facts(facts, self._ledger)
        charges = charge(told.violations, self._ledger)
        own = [each for each in charges if each.violation.place is not None]
        lost = sum((each.entry.points for each in own), NOTHING)
        exact = max(NOTHING, self._ledger.start - lost)
        score = exact.quantize(CENT, ROUND_HALF_UP)
        band = self._ledger.band_of(score)
        grade, reasons = band, []
        for each in own:
            rule = self._ledger.rules[each.violation.code]
            if rule.floor is None or each.lost_to:
                continue
            floor = self._ledger.band(rule.floor)
            if self._ledger.worse(grade, floor) != grade:
                grade = floor
            if self._ledger.worse(band, floor) != band:
                reasons.append(_floored(rule, floor.title))
        return Rating(
            scheme=self._scheme.name,
            version=self._scheme.version,
            score=score,
            unrounded=exact,
            band=band.name,
            grade=grade.name,
            grade_title=_words(grade.title, grade.name),
            reasons=tuple(dict.fromkeys(reasons)),
            lines=tuple(_line(each, self._ledger) for each in own),
            measures={**self._scheme.measures.get(grade.name, {}), **self._consequences(told, lost)},
        )

    def facts_schema(self, language: str = "zh") -> dict[str, Any]:
        """The JSON Schema of the facts, in ``zh`` or ``en``."""
        return schema_of(self._ledger, title=self._scheme.title.get(language, self._scheme.name), language=language)

    def _consequences(self, told: LedgerFacts, lost: Decimal) -> dict[str, Any]:
        """The cumulative points of the contract round and what they propose (C.5); nothing is done by itself."""
        if told.account is None or not self._ledger.thresholds:
            return {}
        before = told.account.carried
        total = cumulative(before, [lost])
        proposed = proposals(before, total, self._ledger.thresholds, suspensions=told.account.suspensions)
        return {
            "cumulative": {"carried": before, "points": lost, "total": total},
            "reached": [each.measure.value for each in reached(total, self._ledger.thresholds)],
            "proposals": [
                {"measure": each.measure.value, "threshold": each.threshold}
                | ({} if each.days is None else {"days": each.days})
                | {"proposed": True}
                for each in proposed
            ],
        }


def charge(violations: Sequence[Violation], scheme: Scheme) -> tuple[Charge, ...]:
    """Charge violations, one after the other.

    Args:
        violations: in any order; those of the history count for the others. What is told twice in every respect counts once.
        scheme: what they cost.
    """
    distinct = _distinct(sorted(violations, key=Violation.order))
    entries = {violation.where: _entry(violation, scheme) for violation in distinct}
    winners = _winners(distinct, entries, scheme)
    past: list[Deduction] = []
    found = []
    for violation in distinct:
        entry = entries[violation.where]
        winner = winners.get(violation.where)
        if violation.harmless:
            found.append(Charge(violation=violation, entry=entry))
        elif winner is not None:
            found.append(Charge(violation=violation, entry=entry, lost_to=winner.code))
        else:
            set_off = [d for d in past if violation.incident_id and d.incident_id == violation.incident_id]
            entry = charged(entry, scheme, past=past, set_off=set_off)
            past.append(entry)
            found.append(Charge(violation=violation, entry=entry))
    return tuple(found)


def _distinct(violations: Sequence[Violation]) -> list[Violation]:
    """Without what is told twice; told as current and as history, it is current."""
    found: dict[tuple[Any, ...], Violation] = {}
    for number, violation in enumerate(violations):
        named = violation.subject or violation.incident_id
        key = violation.order()[:-1] if named else (number,)
        found[key] = violation
    return list(found.values())


def _winners(violations: Sequence[Violation], entries: Mapping[str, Deduction], scheme: Scheme) -> dict[str, Violation]:
    """Of each incident who is charged instead of whom: the highest base, then the more specific, then the earlier (C.4).

    What the history charged stays charged: a sibling that is no graver loses to it, a graver one is set off against it.
    """
    incidents: dict[str, list[Violation]] = {}
    for violation in violations:
        if violation.incident_id and not violation.harmless:
            incidents.setdefault(violation.incident_id, []).append(violation)
    lost: dict[str, Violation] = {}
    for siblings in incidents.values():
        old = _gravest([each for each in siblings if each.place is None], entries, scheme)
        new = _gravest([each for each in siblings if each.place is not None], entries, scheme)
        if old is not None and new is not None and rank_of(entries[new.where], scheme) <= rank_of(entries[old.where], scheme):
            new = old
        for each in siblings:
            winner = old if each.place is None else new
            if winner is not None and each is not winner:
                lost[each.where] = winner
    return lost


def _gravest(violations: Sequence[Violation], entries: Mapping[str, Deduction], scheme: Scheme) -> Violation | None:
    return max(violations, key=lambda each: rank_of(entries[each.where], scheme), default=None)


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


def _line(each: Charge, scheme: Scheme) -> Line:
    rule = scheme.rules[each.violation.code]
    most = rule.cap if rule.group is None else scheme.group_caps[rule.group]
    told = f"{local_day(each.violation.at).isoformat()} {each.violation.subject}".rstrip()
    return Line(
        id=rule.code,
        points=each.entry.points,
        max=most,
        why=Text("{0}（{1}）：{2}", "{0} ({1}): {2}", (_words(rule.title, rule.code), told, listed(_parts(each, rule, scheme)))),
        key=each.violation.subject or each.violation.where,
    )


def _parts(each: Charge, rule: DeductionRule, scheme: Scheme) -> list[Text]:
    """How the points came about, part by part."""
    entry = each.entry
    told = {
        name: Decimal(entry.components.get(name, "0"))
        for name in ("overdue", "waived", "capped", "beyond_daily_limit", "incident")
    }
    if each.violation.harmless:
        return [Text("未低于限值，不扣分", "not below the limit, nothing is deducted")]
    if each.lost_to:
        return [Text("一事一扣：已按 {0} 扣分", "one fact, one deduction: charged as {0}", (each.lost_to,))]
    base, repeat = Decimal(entry.components["base"]), Decimal(entry.components["repeat"])
    parts = [Text("当月第 {0} 次，{1} × {2}", "occurrence {0} of the month, {1} × {2}", (entry.ordinal, base, repeat))]
    if told["overdue"]:
        parts.append(Text("逾期整改 +{0}", "rectified late or not at all +{0}", (told["overdue"],)))
    if told["waived"]:
        first = _FIRST_IN_TIME if rule.clocked else _FIRST
        self_told = entry.components["leniency"] == Leniency.ALWAYS
        parts.append(_SELF_REPORTED if self_told else Text(first.zh, first.en, (scheme.history.days,)))
    if told["beyond_daily_limit"]:
        limit = rule.daily_limit
        parts.append(
            Text(
                "同类同机位当日只计最重的 {0} 次，{1} 分不扣",
                "only the gravest {0} of the class, camera and day count: {1} not deducted",
                (limit, told["beyond_daily_limit"]),
            )
        )
    if told["incident"]:
        parts.append(Text("同一事件已扣 {0}", "{0} already charged for the incident", (told["incident"],)))
    if told["capped"]:
        parts.append(Text("超过当月上限 {0} 不扣", "{0} beyond the month's cap are not deducted", (told["capped"],)))
    return parts


_FIRST = Text("{0} 天内首次，免予扣分", "first within {0} days: waived")
_FIRST_IN_TIME = Text("{0} 天内首次且按时整改，免予扣分", "first within {0} days and rectified in time: waived")
_SELF_REPORTED = Text("到期一小时内自行报告，免予扣分", "reported by the merchant within an hour: waived")


def _floored(rule: DeductionRule, title: Mapping[str, str]) -> Reason:
    words = _words(title, rule.floor or "")
    return Reason(rule.code, Text("{0}：等级最高为{1}", "{0}: {1} at best", (_words(rule.title, rule.code), words)))


def _words(title: Mapping[str, str], name: str) -> Text:
    return Text(title.get("zh", name), title.get("en", name))
