"""Violations as facts: what ``kitchen rate`` is told about one merchant of a scheme that deducts (domain.md C.4).

An instant may be written as a bare day: it then stands for the day's beginning, or as a limit for its end. ``null`` says that
something is not applicable, as a limit that never ran; a missing key is an error, for it could as well have been forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from credit.rating.facts import bad_fact, is_day, mapping_of, number_of, shown
from credit.scheme import DeductionRule, Scheme
from domain.time import midnight, parse_instant

ALWAYS: Final = ("code", "at", "notified_at", "rectified_at", "rectify_by", "incident_id", "subject")
"""Keys of every violation; of one in the history only the first two are needed."""
SOMETIMES: Final = ("days_lapsed", "camera", "class", "self_reported")
MOST_VIOLATIONS: Final = 10_000
_EARLIEST: Final = datetime(1949, 10, 1, tzinfo=UTC)
_LATEST: Final = datetime(2949, 10, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One confirmed violation.

    Attributes:
        where: its path among the facts, for messages.
        place: which of the violations as they were told; None = of the history.
        at: when it happened: its month, and its place among the others.
        variant: degree of the fact, a key of the rule's ``variants``.
        harmless: the measured degree is no violation (a coverage of 95 %).
        on_time: rectified in time; False late or never, None no limit passed yet.
        camera: the eye it was seen with; counts per camera and day are limited.
        days_lapsed: for how many days what lapsed had lapsed.
    """

    where: str
    place: int | None
    code: str
    at: datetime
    variant: str | None = None
    harmless: bool = False
    on_time: bool | None = None
    incident_id: str = ""
    subject: str = ""
    camera: str = ""
    class_: str = ""
    days_lapsed: int | None = None
    self_reported: bool = False

    def order(self) -> tuple[Any, ...]:
        """By when it happened; what happened at one instant stands in an order of its own, whatever order it was told in."""
        lapsed = -1 if self.days_lapsed is None else self.days_lapsed
        told = (self.code, self.subject, self.incident_id, self.variant or "", self.camera, self.class_, str(self.on_time))
        return (self.at, *told, lapsed, self.self_reported, self.place is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The market-credit ledger before this month (C.5): points carried, and suspensions carried out in the round."""

    carried: Decimal
    suspensions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """Everything ``rate`` is told, in order; violations of the history are not charged, they count for the others."""

    violations: tuple[Violation, ...]
    account: Account | None


def ledger_facts(facts: Mapping[str, Any], scheme: Scheme) -> LedgerFacts:
    """Read the facts of one merchant.

    Raises:
        BadInput: a key is missing, unknown or has an impossible value; ``where`` is its path.
    """
    given = mapping_of(facts, "", ("as_of", "violations", "history", "ledger"))
    as_of = None if given["as_of"] is None else _last_instant(given["as_of"], "as_of")
    current = [
        _violation(raw, f"violations[{n}]", n, scheme, as_of) for n, raw in enumerate(_list(given["violations"], "violations"))
    ]
    history = [_violation(raw, f"history[{n}]", None, scheme, as_of) for n, raw in enumerate(_list(given["history"], "history"))]
    found = sorted((*history, *current), key=Violation.order)
    return LedgerFacts(violations=tuple(found), account=_account(given["ledger"]))


def _violation(raw: object, where: str, place: int | None, scheme: Scheme, as_of: datetime | None) -> Violation:
    degrees = tuple(dict.fromkeys(rule.degree.fact for rule in scheme.rules.values() if rule.degree is not None))
    known = (*ALWAYS, *SOMETIMES, *degrees)
    told = mapping_of(raw, where, known, (*(ALWAYS if place is None else ()), *SOMETIMES, *degrees))
    rule = _rule(told, where, scheme)
    _need(told, where, rule, of_history=place is None)
    at = _instant(_needed(told, "at", where), f"{where}.at")
    if as_of is not None and at > as_of:
        raise bad_fact(f"{where}.at", "this lies after as_of", "a rating knows nothing of the days to come")
    variant, harmless = _degree(told, where, rule, of_history=place is None)
    return Violation(
        where=where,
        place=place,
        code=rule.code,
        at=at,
        variant=variant,
        harmless=harmless,
        on_time=_on_time(told, where, as_of),
        incident_id=_text(told, "incident_id", where),
        subject=_text(told, "subject", where),
        camera=_text(told, "camera", where) or _text(told, "subject", where).partition("/")[0],
        class_=_text(told, "class", where),
        days_lapsed=_whole(told.get("days_lapsed"), f"{where}.days_lapsed"),
        self_reported=_flag(told.get("self_reported"), f"{where}.self_reported"),
    )


def _rule(told: Mapping[str, Any], where: str, scheme: Scheme) -> DeductionRule:
    code = _needed(told, "code", where)
    rule = scheme.rules.get(code) if isinstance(code, str) else None
    if rule is None:
        raise bad_fact(f"{where}.code", f"{scheme.name} has no violation code {shown(code)}", f"known: {', '.join(scheme.rules)}")
    return rule


def _need(told: Mapping[str, Any], where: str, rule: DeductionRule, *, of_history: bool) -> None:
    """Keys that only some codes need; those that would be ignored are refused too."""
    needed = [] if rule.waivable_lapse is None else ["days_lapsed"]
    if rule.degree is not None:
        needed.append(rule.degree.fact)
    for key in needed:
        if key not in told and not of_history:
            raise bad_fact(f"{where}.{key}", "the key is missing", f"{rule.code} needs it")
    for key in told:
        if key not in (*ALWAYS, *SOMETIMES, *needed) and told[key] is not None:
            raise bad_fact(f"{where}.{key}", f"{rule.code} takes no {key}", "leave it out, or correct the code")


def _degree(told: Mapping[str, Any], where: str, rule: DeductionRule, *, of_history: bool) -> tuple[str | None, bool]:
    degree = rule.degree
    value = None if degree is None else told.get(degree.fact)
    if degree is None or (value is None and of_history):
        return None, False
    path = f"{where}.{degree.fact}"
    if value is None:
        raise bad_fact(path, "null says nothing here", f"{rule.code} costs by its {degree.fact}")
    if not degree.below:
        if not isinstance(value, str) or value not in rule.variants:
            raise bad_fact(path, f"{shown(value)} is no degree of {rule.code}", f"known: {', '.join(rule.variants)}")
        return value, False
    measured = number_of(value, path)
    if measured < 0:
        raise bad_fact(path, f"{measured} is negative", 'in per cent, e.g. "94.9"')
    if degree.most is not None and measured > degree.most:
        raise bad_fact(path, f"{measured} is more than {degree.most}")
    return next(((name, False) for limit, name in degree.below if measured < limit), (None, True))


def _on_time(told: Mapping[str, Any], where: str, as_of: datetime | None) -> bool | None:
    """Whether it was rectified in time; exactly at the limit is (C.4, D.1)."""
    rectified_at, rectify_by = told.get("rectified_at"), told.get("rectify_by")
    notified_at = told.get("notified_at")
    if notified_at is not None:
        _instant(notified_at, f"{where}.notified_at")
    limit = None if rectify_by is None else _instant(rectify_by, f"{where}.rectify_by", end=True)
    if rectified_at is not None:
        done_at = _instant(rectified_at, f"{where}.rectified_at")
        return limit is None or done_at <= limit
    return False if limit is not None and (as_of is None or as_of > limit) else None


def _account(raw: object) -> Account | None:
    if raw is None:
        return None
    told = mapping_of(raw, "ledger", ("carried", "suspensions"), ("suspensions",))
    if told["carried"] is None:
        return None
    carried = number_of(told["carried"], "ledger.carried")
    if carried < 0:
        raise bad_fact("ledger.carried", f"{carried} is negative", "points deducted so far in the contract round")
    return Account(carried=carried, suspensions=_whole(told.get("suspensions"), "ledger.suspensions") or 0)


def _list(raw: object, where: str) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > MOST_VIOLATIONS:
        raise bad_fact(where, "a list of violations is required", f"at most {MOST_VIOLATIONS}; [] if there is none")
    return raw


def _needed(told: Mapping[str, Any], key: str, where: str) -> Any:
    if told.get(key) is None:
        what = "the key is missing" if key not in told else "null says nothing here"
        raise bad_fact(f"{where}.{key}", what, "every violation has it")
    return told[key]


def _text(told: Mapping[str, Any], key: str, where: str) -> str:
    value = told.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 200:
        raise bad_fact(f"{where}.{key}", "a text of at most 200 characters is required", "or null")
    return value


def _flag(value: object, where: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise bad_fact(where, f"{shown(value)} is neither true nor false")


def _whole(value: object, where: str) -> int | None:
    if value is None:
        return None
    number = number_of(value, where)
    if number < 0 or number != number.to_integral_value():
        raise bad_fact(where, f"{number} is no whole number ≥ 0")
    return int(number)


def _last_instant(raw: object, where: str) -> datetime:
    """The last instant the facts know of: of a bare day its last one."""
    at = _instant(raw, where, end=True)
    return at - timedelta(microseconds=1) if is_day(raw) else at


def _instant(raw: object, where: str, *, end: bool = False) -> datetime:
    if not is_day(raw):
        at = parse_instant(raw, where)
    else:
        try:
            at = midnight(date.fromisoformat(raw) + timedelta(days=1 if end else 0))
        except (ValueError, OverflowError):
            raise bad_fact(where, f"{shown(raw)} is no day", "write YYYY-MM-DD, or an instant with its offset") from None
    if not _EARLIEST < at < _LATEST:
        raise bad_fact(where, f"{shown(raw)} is outside the years 1949 to 2949", "null says that there is none")
    return at
