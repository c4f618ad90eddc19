"""From records and told facts to what a scheme is rated from, each value with where it came from (domain.md Z-05, C.0-2).

Not applicable is never guessed: a value is null only where somebody told so with a reason, or where there was nothing to count.
What the merchant must supply and has not is scored as the configuration says, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from casework import indicators_breaches as breaches
from casework import indicators_cases as cases
from casework import indicators_devices as devices
from casework import indicators_records as records
from casework import indicators_registers as registers
from casework.indicators_record import Counted, Record
from configs.assessment_files import Breach, Event, Gauge, Sourcing
from credit.rating.plan import Plan, leaves_of
from credit.rating.value import Kind, RatedScheme
from credit.rounds import round_of
from domain.errors import ConfigurationError
from domain.time import format_instant, local_day
from store.assessments import Fact, Standing, Try

GAUGES: Final[Mapping[Gauge, Callable[[Record], Counted]]] = {
    Gauge.DAYS_OF_DATA: devices.days_of_data,
    Gauge.CAMERA_ONLINE: devices.camera_online,
    Gauge.COLD_CHAIN: devices.cold_chain,
    Gauge.KANBAN_DAYS: devices.kanban_days,
    Gauge.CAMERA_VIOLATIONS: cases.camera_violations,
    Gauge.RECTIFIED_IN_TIME: cases.rectified_in_time,
    Gauge.CERTIFIED_STAFF: records.certified_staff,
    Gauge.MORNING_CHECKS: records.morning_checks,
    Gauge.VOUCHERED_BATCHES: records.vouchered_batches,
    Gauge.CONSUMER_RATING: records.consumer_rating,
    Gauge.PATROLS_PASSED: records.patrols_passed,
    Gauge.SPOT_CHECK_SCORE: records.spot_check_score,
    Gauge.RECHECKS_PASSED: records.rechecks_passed,
    Gauge.ANNUAL_REPORT: registers.annual_report,
    Gauge.ABNORMAL_MARK: registers.abnormal_mark,
    Gauge.TAX_NON_NORMAL: registers.tax_non_normal,
    Gauge.OVERDUE_FILINGS: registers.overdue_filings,
    Gauge.PENALTIES_ON_NOTICE: registers.penalties_on_notice,
    Gauge.SERIOUS_LISTING: registers.serious_listing,
    Gauge.JUDGMENT_DEBTOR: registers.judgment_debtor,
    Gauge.HONOURS: registers.honours,
    Gauge.LICENCE_STATE: registers.licence_state,
}
EVENTS: Final[Mapping[Event, Callable[[Record], Counted]]] = {
    Event.SAMPLING_FAILED: cases.sampling_failed,
    Event.ESCALATED_OPEN: cases.escalated_open,
    Event.RODENT_LATE: cases.rodent_late,
    Event.ACCIDENT: registers.accident,
    Event.SUSPENSION: registers.suspension,
    Event.ILLEGAL_SUBSTANCE: registers.illegal_substance,
}
BREACHES: Final[Mapping[Breach, Callable[[Record], list[dict[str, Any]]]]] = {
    Breach.SCENE_OFFLINE_DAYS: devices.scene_offline_days,
    Breach.TRACE_COVERAGE: breaches.trace_coverage,
    Breach.TEMPERATURE_EXCURSIONS: breaches.temperature_excursions,
    Breach.EVALUATION_ITEMS: breaches.evaluation_items,
    Breach.MISSED_TRAININGS: breaches.missed_trainings,
}
MISSING_REASONS: Final = frozenset({"no_camera", "no_board", "no_shifts", "no_batches", "no_record"})
"""Reasons for which there is no value although there should be one: what the merchant must supply is then lacking."""
PROVINCIAL: Final = "provincial_score"
PROVINCIAL_CONNECTOR: Final = "provincial"
CONTRACT: Final = "contract_began_on"
CARRIED: Final = "carried"
SUSPENSIONS: Final = "suspensions"
VIOLATIONS: Final = "violations"
LISTS: Final = frozenset({"violations", "history", "direct_d"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a merchant is rated from.

    Attributes:
        facts: exactly what the engine takes, without binary floats.
        origins: by path: ``how`` (counted, told, unrecorded, lacking, none), ``source``, ``evidence``, ``told``, ``reason``.
    """

    facts: Mapping[str, Any]
    origins: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of a merchant beside the record.

    Attributes:
        facts: in force in the month, by time; of one path the last counts.
        late: of earlier months, known only after their data cut: prior-period items.
        past: violations of the twelve months before, for repeats and waivers.
        before: published results of earlier months, newest first.
        previous: the last published grade that is one of the scheme's own.
        tried: the last attempt to fetch the provincial score before the cut.
    """

    facts: Sequence[Fact] = ()
    late: Sequence[Fact] = ()
    past: Sequence[Fact] = ()
    before: Sequence[Standing] = ()
    previous: str | None = None
    tried: Try | None = None


def gather(record: Record, told: Told, scheme: RatedScheme, sourcing: Sourcing, *, provincial_age: timedelta) -> Gathered:
    """What one merchant is rated from by a scheme of either kind."""
    if scheme.kind is Kind.LEDGER:
        return _ledger(record, told, scheme, sourcing)
    if not isinstance(scheme.rating, Plan):
        raise ConfigurationError("the scheme has no rating block", key=scheme.name)
    return _tree(record, told, scheme.rating, sourcing, provincial_age)


def as_of(record: Record) -> str:
    """The last day that is rated."""
    begins, ends = record.span
    return local_day(max(begins, ends - timedelta(microseconds=1))).isoformat()


def latest(facts: Sequence[Fact]) -> dict[str, Fact]:
    """Of each path the fact that counts: the last as of its own instant; of two at one instant the later month's."""
    found: dict[str, Fact] = {}
    for fact in sorted(facts, key=lambda each: (each.observed_at, each.month, each.id)):
        found[fact.fact] = fact
    return found


def origin_of(fact: Fact) -> dict[str, Any]:
    """Where a told value came from."""
    origin: dict[str, Any] = {"how": "told", "source": fact.source, "at": format_instant(fact.observed_at)}
    if fact.evidence:
        origin["evidence"] = [fact.evidence]
    if fact.reason:
        origin["reason"] = fact.reason
    return origin


def _tree(record: Record, told: Told, plan: Plan, sourcing: Sourcing, provincial_age: timedelta) -> Gathered:
    known = latest(told.facts)
    paths = _paths(plan, known)
    values: dict[str, Any] = {}
    origins: dict[str, Any] = {}
    for path in paths:
        values[path], origins[path] = _value(path, record, known, sourcing)
    if PROVINCIAL in values:
        values[PROVINCIAL], origins[PROVINCIAL] = _provincial(record, known.get(PROVINCIAL), provincial_age, told.tried)
    facts: dict[str, Any] = {"as_of": as_of(record), **_nested(values)}
    if plan.has_previous and told.previous is not None:
        facts["previous"] = told.previous
    for key, wanted in (("caps", sourcing.caps), ("vetoes", sourcing.vetoes)):
        found = _happened(record, wanted, known, key, origins)
        if found:
            facts[key] = found
    if plan.direct is not None and plan.direct.fact in known:
        facts[plan.direct.fact] = known[plan.direct.fact].value
        origins[plan.direct.fact] = origin_of(known[plan.direct.fact])
    _prior(told, origins)
    return Gathered(facts=facts, origins=origins)


def _paths(plan: Plan, known: Mapping[str, Fact]) -> list[str]:
    """The paths that are asked for: of an either-or the side that was told, else the last one; and what only conditions read."""
    paths = list(dict.fromkeys(".".join(leaf.fact) for leaf in leaves_of(plan.root)))
    for section, groups in plan.either.items():
        prefixes = [[".".join((*section, key)) for key in group] for group in groups]
        there = [any(_under(path, start) for path in known for start in starts) for starts in prefixes]
        chosen = there.index(True) if any(there) and not there[-1] else len(groups) - 1
        for at, starts in enumerate(prefixes):
            if at != chosen:
                paths = [path for path in paths if not any(_under(path, start) for start in starts)]
    return paths + [key for key in plan.also if key not in paths]


def _under(path: str, start: str) -> bool:
    return path == start or path.startswith(f"{start}.")


def _value(path: str, record: Record, known: Mapping[str, Fact], sourcing: Sourcing) -> tuple[Any, dict[str, Any]]:
    counted = GAUGES[sourcing.counted[path]](record) if path in sourcing.counted else None
    fact = known.get(path)
    if fact is not None:
        origin = origin_of(fact)
        if counted is not None:
            origin["counted"] = counted.value
        return fact.value, origin
    if counted is not None and (counted.value is not None or counted.reason not in MISSING_REASONS):
        return counted.value, _origin(counted)
    if path in sourcing.supplied:
        return sourcing.supplied[path], {"how": "lacking", "reason": counted.reason if counted else "not_supplied"}
    if path in sourcing.unrecorded:
        return sourcing.unrecorded[path], {"how": "unrecorded"}
    return None, {"how": "none", "reason": counted.reason if counted else "no_data"}


def _origin(counted: Counted) -> dict[str, Any]:
    origin: dict[str, Any] = {"how": "counted"}
    if counted.evidence:
        origin["evidence"] = list(counted.evidence)
    if counted.told:
        origin["told"] = dict(counted.told)
    if counted.reason:
        origin["reason"] = counted.reason
    return origin


def _provincial(record: Record, fact: Fact | None, age: timedelta, tried: Try | None) -> tuple[Any, dict[str, Any]]:
    """The provincial score, unless it is too old: null then, which the engine takes as the local fallback (Z-06)."""
    if fact is not None and fact.observed_at >= record.span[1] - age:
        return fact.value, origin_of(fact)
    reason = "no_provincial_score" if fact is None else "provincial_score_too_old"
    origin: dict[str, Any] = {"how": "none"} if fact is None else origin_of(fact)
    if tried is not None:
        origin["tried"] = {"at": format_instant(tried.at), "outcome": tried.outcome}
    return None, {**origin, "reason": reason}


def _happened(
    record: Record, wanted: Mapping[str, Event], known: Mapping[str, Fact], key: str, origins: dict[str, Any]
) -> list[str]:
    """The codes of what happened: counted, and told as a list under the same key."""
    found = set()
    for code, event in wanted.items():
        counted = EVENTS[event](record)
        if counted.value:
            found.add(code)
            origins[f"{key}.{code}"] = _origin(counted)
    if key in known:
        found |= set(known[key].value or ())
        origins[key] = origin_of(known[key])
    return sorted(found)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in values.items():
        *outer, key = path.split(".")
        place = found
        for name in outer:
            place = place.setdefault(name, {})
        place[key] = value
    return found


def _prior(told: Told, origins: dict[str, Any]) -> None:
    """Facts of earlier months that came too late for them: shown in this report, as domain.md F.6 wants."""
    if told.late:
        items = [{"fact": fact.fact, "month": fact.month, "value": fact.value, "source": fact.source} for fact in told.late]
        origins["prior_period"] = {"how": "prior_period", "items": items}


def _ledger(record: Record, told: Told, scheme: RatedScheme, sourcing: Sourcing) -> Gathered:
    assert scheme.ledger is not None
    own, past, entries, numbers = cases.violations_of(record, scheme.ledger)
    origins: dict[str, Any] = {}
    if entries:
        evidence = sorted(entry.id for entry in entries)
        origins["violations.ledger"] = {
            "how": "counted",
            "evidence": evidence,
            "told": {key: str(number) for key, number in numbers.items()},
        }
    for violation, entry in zip(own, entries, strict=True):
        origins[name_of(violation)] = {"how": "counted", "evidence": [entry.id, entry.warning_id]}
    for code, breach in sourcing.violations.items():
        for each in BREACHES[breach](record):
            violation = {key: value for key, value in each.items() if key not in (breaches.EVIDENCE, breaches.TOLD)}
            own.append({**violation, "code": code})
            counted = Counted(value=None, evidence=each[breaches.EVIDENCE], told=each[breaches.TOLD])
            origins[name_of(own[-1])] = _origin(counted)
    past += [{"code": code, "at": at} for code, at in record.charged]
    known = latest([fact for fact in told.facts if not _is_violation(fact)])
    late = [fact for fact in told.late if _is_violation(fact)]
    for fact in [*(each for each in told.facts if _is_violation(each)), *late]:
        own.extend(fact.value or ())
        origins |= {name_of(each): origin_of(fact) for each in fact.value or ()}
    for fact in told.past:
        past.extend(fact.value or ())
    facts: dict[str, Any] = {
        "as_of": as_of(record),
        "violations": sorted(own, key=_order),
        "history": sorted(past, key=_order),
        "ledger": _account(record, told, known, origins),
    }
    _prior(Told(late=[fact for fact in told.late if fact not in late]), origins)
    return Gathered(facts=facts, origins=origins)


def name_of(violation: Mapping[str, Any]) -> str:
    """Under which origin a violation stands: its code and what it is about, as a line of the rating names it."""
    return f"violation:{violation['code']}|{violation.get('subject') or ''}"


def _is_violation(fact: Fact) -> bool:
    return fact.fact == VIOLATIONS or fact.fact.startswith(f"{VIOLATIONS}.")


def _order(violation: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(violation["at"]), str(violation["code"]), repr(sorted(violation.items(), key=lambda item: item[0])))


def _account(record: Record, told: Told, known: Mapping[str, Fact], origins: dict[str, Any]) -> dict[str, Any] | None:
    """The points of the stall's contract round before this month (C.5); null where no contract is known."""
    contract = known.get(CONTRACT)
    if contract is None:
        return None
    began = date.fromisoformat(str(contract.value))
    if began > record.first:
        return None
    round_ = round_of(began, record.first)
    first = round_.began_on.isoformat()[:7]
    months = [each for each in told.before if first <= each.run.month < record.month and each.result.points is not None]
    carried = known.get(CARRIED)
    start = Decimal(str(carried.value)) if carried is not None and carried.month >= first else Decimal(0)
    total = start + sum((each.result.points or Decimal(0) for each in months), Decimal(0))
    origins["ledger"] = {"how": "counted", "told": {"round_began_on": round_.began_on.isoformat(), "months": str(len(months))}}
    suspensions = known.get(SUSPENSIONS)
    return {"carried": f"{total:f}", "suspensions": 0 if suspensions is None else suspensions.value}
