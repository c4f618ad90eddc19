"""Rates by what violations cost: the engine of schemes that deduct (domain.md C.4, C.5, F.1, F.2, F.4).

What each violation is charged is ``credit.rating.charges``; here the points left become a grade. The rule a reader would get
wrong: a floor belongs to what happened, not to what is charged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from credit.measures import cumulative, proposals, reached
from credit.points import NOTHING, Leniency
from credit.rating.charges import Case, Charge, case_of, charge
from credit.rating.incidents import worst_choice
from credit.rating.ledger_facts import LedgerFacts, ledger_facts
from credit.rating.ledger_schema import schema_of
from credit.rating.value import Line, RatedScheme, Rating, Reason, Text, listed
from credit.scheme import CENT, Band, DeductionRule, Scheme
from domain.errors import ConfigurationError
from domain.time import format_instant, local_day


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
        case = case_of(told.violations, self._ledger)
        charges = charge(case)
        own = [each for each in charges if each.violation.place is not None]
        lost = _lost(own)
        exact = max(NOTHING, self._ledger.start - lost)
        score = exact.quantize(CENT, ROUND_HALF_UP)
        band = self._ledger.band_of(score)
        grade, reasons = self._grade(case, own, band)
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

    def _grade(self, case: Case, own: Sequence[Charge], band: Band) -> tuple[Band, list[Reason]]:
        """The band, the floors, and that no violation more may make it better.

        C.4: "colour = band(M), then colour floor". A floor is of the violation, not of its points: a code that is not charged
        because its incident is charged with another happened all the same, and keeps its floor.
        """
        bands, grade, reasons = self._ledger.bands, band, []
        for each in own:
            rule = self._ledger.rules[each.violation.code]
            if rule.floor is None or each.violation.harmless:
                continue
            floor = self._ledger.band(rule.floor)
            grade = self._ledger.worse(grade, floor)
            if self._ledger.worse(band, floor) != band:
                reasons.append(_floored(rule, floor.title))
        least = bands.index(grade)
        place, chosen = worst_choice(case, lambda charges: max(least, self._place(charges)), worst=len(bands) - 1)
        if place > least:
            grade = bands[place]
            codes = listed([Text(each.code, each.code) for each in chosen.values()])
            reasons.append(Reason("incident", Text(*_NO_BETTER, (codes, _words(grade.title, grade.name)))))
        return grade, reasons

    def _place(self, charges: Sequence[Charge]) -> int:
        """The place of the band that some charges alone lead to."""
        lost = _lost([each for each in charges if each.violation.place is not None])
        return self._ledger.bands.index(self._ledger.band_of(max(NOTHING, self._ledger.start - lost)))

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


def _lost(charges: Sequence[Charge]) -> Decimal:
    return sum((each.entry.points for each in charges), NOTHING)


def _line(each: Charge, scheme: Scheme) -> Line:
    rule = scheme.rules[each.violation.code]
    most = rule.cap if rule.group is None else scheme.group_caps[rule.group]
    told = f"{local_day(each.violation.at).isoformat()} {each.violation.subject}".rstrip()
    return Line(
        id=rule.code,
        points=each.entry.points,
        max=most,
        why=Text("{0}（{1}）：{2}", "{0} ({1}): {2}", (_words(rule.title, rule.code), told, listed(_parts(each, rule, scheme)))),
        key=each.violation.subject or each.violation.incident_id or format_instant(each.violation.at),
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


_NO_BETTER = (
    "一事一扣不使等级变好：只按 {0} 扣分时为{1}",
    "one fact, one deduction makes no grade better: charged as {0} it is {1}",
)
_FIRST = Text("{0} 天内首次，免予扣分", "first within {0} days: waived")
_FIRST_IN_TIME = Text("{0} 天内首次且按时整改，免予扣分", "first within {0} days and rectified in time: waived")
_SELF_REPORTED = Text("到期一小时内自行报告，免予扣分", "reported by the merchant within an hour: waived")


def _floored(rule: DeductionRule, title: Mapping[str, str]) -> Reason:
    words = _words(title, rule.floor or "")
    return Reason(rule.code, Text("{0}：等级最高为{1}", "{0}: {1} at best", (_words(rule.title, rule.code), words)))


def _words(title: Mapping[str, str], name: str) -> Text:
    return Text(title.get("zh", name), title.get("en", name))
