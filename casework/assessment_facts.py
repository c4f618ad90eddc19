"""Facts told from outside, row by row: what is sound is kept, what is not is reported with row, column and reason.

Telling the same again changes nothing. Two values of one fact as of one instant contradict each other, and the second is refused:
a correction has a later ``observed_at``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from casework.assessment_rating import digest
from casework.indicators import CARRIED, CONTRACT, SUSPENSIONS, VIOLATIONS
from credit.publication import first_of
from credit.rating.facts import date_of, number_of
from credit.rating.ledger_facts import ledger_facts
from credit.rating.plan import Plan, leaves_of
from credit.rating.value import Kind, RatedScheme
from domain.errors import BadInput, Code
from domain.ids import parse_uscc
from domain.parties import Actor, Merchant
from domain.time import format_instant, midnight, parse_instant
from store.assessments import FOR_EVER, Fact
from store.ports import Store

COLUMNS: Final = ("uscc", "fact", "value", "month", "until", "observed_at", "source", "evidence", "reason")
REQUIRED: Final = ("uscc", "fact", "value", "month", "source")
MOST_ROWS: Final = 500_000
_MONTH: Final = re.compile(r"2[01][0-9]{2}-(0[1-9]|1[0-2])")
NULLS: Final = frozenset({"", "null", "NA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a row; the first row is 1, the header of a CSV not counted."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to."""

    rows: int
    added: int
    known: int
    problems: tuple[Problem, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """The report as JSON."""
        problems = [{"row": each.row, "column": each.column, "reason": each.reason} for each in self.problems]
        return {"rows": self.rows, "added": self.added, "known": self.known, "refused": len(problems), "problems": problems}


def read_rows(data: bytes, *, name: str = "") -> list[Mapping[str, Any]]:
    """The rows of a CSV (with a header) or of JSON (a list of objects, or one object per line).

    Raises:
        BadInput: E001 if it is neither, or has too many rows.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(Code.MALFORMED, "the file is no UTF-8", where=name, hint="save it as UTF-8") from None
    rows = _json_rows(text, name) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text, name)
    if len(rows) > MOST_ROWS:
        raise BadInput(Code.MALFORMED, f"{len(rows)} rows, more than {MOST_ROWS}", where=name, hint="split the file")
    return rows


def _json_rows(text: str, name: str) -> list[Mapping[str, Any]]:
    try:
        if text.lstrip().startswith("["):
            rows = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
        else:
            rows = [
                json.loads(line, parse_float=Decimal, parse_constant=_no_number) for line in text.splitlines() if line.strip()
            ]
    except (ValueError, RecursionError) as error:
        raise BadInput(Code.MALFORMED, f"no JSON: {error}", where=name, hint="a list of objects, or one per line") from None
    return [row if isinstance(row, Mapping) else {"": row} for row in rows]


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _csv_rows(text: str, name: str) -> list[Mapping[str, Any]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        header = reader.fieldnames or []
        lacking = [column for column in REQUIRED if column not in header]
        if lacking:
            raise BadInput(
                Code.MALFORMED, f"the header has no {', '.join(lacking)}", where=name, hint=f"columns: {', '.join(COLUMNS)}"
            )
        return [dict(row) for row in reader]
    except csv.Error as error:
        raise BadInput(Code.MALFORMED, f"no CSV: {error}", where=name) from None


class FactImport:
    """Takes rows for the merchants of a store.

    Args:
        store: the system of record.
        schemes: by name; each merchant names its own.
    """

    def __init__(self, store: Store, schemes: Mapping[str, RatedScheme]) -> None:
        self._store, self._schemes = store, schemes
        self._checks = {name: _Check(scheme) for name, scheme in schemes.items()}

    def take(self, rows: Sequence[Mapping[str, Any]], actor: Actor, now: datetime, *, origin: str = "") -> Imported:
        """Keep what is sound of the rows; each is judged by itself, and so is each fact an actor may not tell about."""
        problems: list[Problem] = []
        facts: list[tuple[int, Fact]] = []
        with self._store.reading() as uow:
            known = uow.merchants.get_all({str(row.get("uscc", "")).strip().upper() for row in rows})
        for number, row in enumerate(rows, 1):
            try:
                uscc = parse_uscc(row.get("uscc"))
                check = self._check_of(known.get(uscc), uscc, actor)
                facts.append((number, check.fact(uscc, row, actor, now, origin=origin)))
            except BadInput as error:
                column = error.where.partition(".")[0] if error.where.partition(".")[0] in COLUMNS else "value"
                problems.append(Problem(row=number, column=column, reason=str(error)))
        return self._keep(len(rows), facts, problems)

    def _check_of(self, merchant: Merchant | None, uscc: str, actor: Actor) -> _Check:
        """What judges the facts of a merchant, if the actor may know of it."""
        if merchant is None or not actor.may_see(uscc=uscc, region=merchant.region):
            raise BadInput(Code.USCC_UNKNOWN, f"{uscc} is not registered here", where="uscc")
        check = self._checks.get(merchant.scheme)
        if check is None:
            raise BadInput(Code.FIELD, f"there is no scheme {merchant.scheme}", where="uscc")
        return check

    def _keep(self, count: int, facts: list[tuple[int, Fact]], problems: list[Problem]) -> Imported:
        with self._store.writing() as uow:
            told = uow.assessments.rivals([fact for _, fact in facts])
            fresh: dict[str, Fact] = {}
            for number, fact in facts:
                key = (fact.uscc, fact.scheme, fact.fact, fact.month, fact.observed_at)
                if told.setdefault(key, fact.id) != fact.id:
                    what = "another value is told of it as of the same instant; a correction has a later observed_at"
                    problems.append(Problem(row=number, column="observed_at", reason=what))
                else:
                    fresh[fact.id] = fact
            added = uow.assessments.add_facts(list(fresh.values()))
            uow.commit()
        return Imported(rows=count, added=added, known=len(fresh) - added, problems=tuple(sorted(problems, key=lambda p: p.row)))


class _Check:
    """Judges the facts of one scheme."""

    def __init__(self, scheme: RatedScheme) -> None:
        self._scheme = scheme
        self._judges: dict[str, Any] = {}
        self._short: dict[str, str] = {}
        if isinstance(scheme.rating, Plan):
            plan = scheme.rating
            for leaf in leaves_of(plan.root):
                path = ".".join(leaf.fact)
                self._judges[path] = leaf.rule.judge(leaf.max)
                self._short[leaf.fact[-1]] = path
            self._judges |= {key: also.rule.judge(None) for key, also in plan.also.items()}
            for key, codes in (("caps", plan.caps), ("vetoes", plan.vetoes)):
                self._judges[key] = _codes(codes)
            if plan.direct is not None:
                self._judges[plan.direct.fact] = _anything

    def fact(self, uscc: str, row: Mapping[str, Any], actor: Actor, now: datetime, *, origin: str) -> Fact:
        """The fact of a row.

        Raises:
            BadInput: ``where`` is the column.
        """
        strange = [key for key in row if key not in COLUMNS]
        if strange:
            raise BadInput(Code.FIELD, f"there is no column {str(strange[0])[:40]!r}", where=str(strange[0]))
        month = _text(row, "month")
        first_of(month)
        until = _until(row, month)
        path = self._path(_text(row, "fact"))
        value = _value(row.get("value"))
        reason = _text(row, "reason", required=False)
        if value is None and not reason:
            raise BadInput(Code.FIELD, "not applicable needs the rule or reason that says so", where="reason")
        if value is not None:
            self._judge(path, value)
        observed_at = _observed(row, month)
        if observed_at > now + timedelta(minutes=5):
            raise BadInput(Code.TIME_IMPOSSIBLE, "it lies in the future", where="observed_at")
        source, evidence = _text(row, "source"), _text(row, "evidence", required=False)
        told = [uscc, self._scheme.name, path, month, until, format_instant(observed_at), value, source, evidence, reason]
        return Fact(
            id=digest(told)[:32],
            uscc=uscc,
            scheme=self._scheme.name,
            fact=path,
            month=month,
            until_month=until,
            value=value,
            observed_at=observed_at,
            recorded_at=now,
            recorded_by=actor.id,
            source=source,
            evidence=evidence,
            reason=reason,
            origin=origin,
        )

    def _path(self, name: str) -> str:
        if self._scheme.kind is Kind.LEDGER:
            if name in (VIOLATIONS, CONTRACT, CARRIED, SUSPENSIONS) or name.startswith(f"{VIOLATIONS}."):
                return name
            known = [VIOLATIONS, CONTRACT, CARRIED, SUSPENSIONS]
        else:
            path = name if name in self._judges else self._short.get(name, "")
            if path:
                return path
            known = sorted(self._short)
        raise BadInput(
            Code.FIELD, f"{self._scheme.name} has no fact {name[:40]!r}", where="fact", hint=f"known: {', '.join(known)}"
        )

    def _judge(self, path: str, value: Any) -> None:
        if self._scheme.kind is not Kind.LEDGER:
            self._judges[path](value, "value")
        elif path == CONTRACT:
            date_of(value, "value")
        elif path in (CARRIED, SUSPENSIONS):
            number_of(value, "value")
        else:
            assert self._scheme.ledger is not None
            if not isinstance(value, list):
                raise BadInput(Code.FIELD, "a list of violations is required", where="value")
            ledger_facts({"as_of": None, "violations": value, "history": [], "ledger": None}, self._scheme.ledger)


def _codes(known: Mapping[str, Any]) -> Any:
    def judge(value: Any, where: str) -> None:
        if not isinstance(value, list) or any(code not in known for code in value):
            raise BadInput(Code.FIELD, f"a list of {', '.join(known)} is required", where=where)

    return judge


def _anything(value: Any, where: str) -> None:
    if not isinstance(value, list):
        raise BadInput(Code.FIELD, "a list is required", where=where)


def _text(row: Mapping[str, Any], column: str, *, required: bool = True) -> str:
    value = row.get(column)
    text = "" if value is None else value.strip() if isinstance(value, str) else None
    if text is None or len(text) > 400 or (required and not text):
        raise BadInput(Code.FIELD, "a text is required" if required else "no text of at most 400 characters", where=column)
    return text


def _until(row: Mapping[str, Any], month: str) -> str:
    """Until which month it holds: its own, one that is named, or ``open`` until another value is told."""
    until = _text(row, "until", required=False) or month
    if until == "open":
        return FOR_EVER
    if not _MONTH.fullmatch(until) or until < month:
        raise BadInput(Code.FIELD, f"{until[:20]!r} is no month from {month} on", where="until", hint="YYYY-MM, or open")
    return until


def _observed(row: Mapping[str, Any], month: str) -> datetime:
    """As of when it holds; the first instant of its month unless told."""
    text = _text(row, "observed_at", required=False)
    if not text:
        return midnight(first_of(month))
    if len(text) == 10:
        return midnight(date_of(text, "observed_at"))
    return parse_instant(text, "observed_at")


def _value(raw: Any) -> Any:
    """A JSON value without binary floats; the text of a CSV cell that looks like JSON is JSON."""
    if not isinstance(raw, str):
        return _plain(raw)
    text = raw.strip()
    if text in NULLS:
        return None
    if text[0] not in "[{":
        return text
    try:
        return _plain(json.loads(text, parse_float=Decimal, parse_constant=_no_number))
    except ValueError as error:
        raise BadInput(Code.FIELD, f"no JSON: {error}", where="value") from None


def _plain(value: Any) -> Any:
    """The same with decimals as text."""
    match value:
        case Decimal():
            return f"{value:f}"
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value
