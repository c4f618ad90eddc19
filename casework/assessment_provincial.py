"""Fetches the provincial public-credit score of merchants (0 to 1000) and tells it as a fact with its day (domain.md Z-06, C.1).

What cannot be had is never guessed: the attempt is written down, the local indicators count instead, and the report says why. A
score stands from its own day on; how old it may be is the assessment's business, not the connector's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

import structlog

from alerts.channels.message import FailureReason, Rejected
from casework.assessment_facts import FactImport
from casework.indicators import PROVINCIAL, PROVINCIAL_CONNECTOR
from configs.connector_files import PLACE, ProvincialTerms
from credit.rating.value import RatedScheme
from domain.errors import BadInput, Code
from domain.parties import SYSTEM, Merchant
from domain.time import local_day, parse_instant
from store.assessments import Try
from store.ports import Store

log = structlog.get_logger(__name__)

ORIGIN: Final = "connector:provincial"
MOST: Final = Decimal(1000)
MERCHANTS_A_ROUND: Final = 200
NONSENSE_IN_A_ROW: Final = 5
"""So many answers in a row that nobody can use are the register's fault, not the merchants'."""


class Outcome(StrEnum):
    """What came of asking about a merchant."""

    TOLD = "told"
    KNOWN = "known"
    """The score of the same day is told already."""
    UNKNOWN_MERCHANT = "unknown_merchant"
    INVALID = "invalid"
    CONTRADICTS = "contradicts"
    """Another score of the same day is told already; somebody must look."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


GOOD: Final = frozenset({Outcome.TOLD, Outcome.KNOWN})
WHOLESALE: Final = frozenset({Outcome.REFUSED, Outcome.UNREACHABLE})
"""Outcomes that concern every merchant: the round ends, and all of it rests."""


class Score(NamedTuple):
    """What the register said."""

    score: Decimal
    scored_on: date


class Asked(NamedTuple):
    """One merchant that was asked about."""

    uscc: str
    outcome: Outcome
    detail: str = ""
    score: str = ""


Get = Callable[[str, Mapping[str, str]], Awaitable[bytes]]
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the connector needs of the world.

    Attributes:
        get: fetches an address with headers; raises Rejected.
        pause: waits so many seconds.
        clock: the time.
        secret: of the register; empty = none is sent.
    """

    get: Get
    pause: Pause
    clock: Callable[[], datetime]
    secret: str = ""


def read_answer(answer: bytes, uscc: str, terms: ProvincialTerms, now: datetime) -> Score:
    """The score in an answer.

    Raises:
        BadInput: E003 or E050, saying what is wrong with it.
    """
    try:
        told = json.loads(answer.decode("utf-8"), parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError):
        raise BadInput(Code.FIELD, "the answer is no JSON", where="answer") from None
    if terms.uscc and _at(told, terms.uscc) != uscc:
        raise BadInput(Code.FIELD, "it speaks of another merchant", where=terms.uscc)
    score = _score(_at(told, terms.score), terms.score)
    scored_on = _day(_at(told, terms.scored_on), terms.scored_on)
    if scored_on > local_day(now):
        raise BadInput(Code.TIME_IMPOSSIBLE, f"{scored_on} is still to come", where=terms.scored_on)
    return Score(score, scored_on)


def _at(told: Any, path: str) -> Any:
    for name in path.split("."):
        told = told.get(name) if isinstance(told, Mapping) else None
    return told


def _score(value: Any, where: str) -> Decimal:
    text = value.strip() if isinstance(value, str) else value
    try:
        score = Decimal(text) if isinstance(text, str | int | Decimal) and not isinstance(text, bool) else None
    except ArithmeticError:
        score = None
    if score is None:
        raise BadInput(Code.FIELD, "no number", where=where)
    if not score.is_finite() or not 0 <= score <= MOST:
        raise BadInput(Code.IMPOSSIBLE_VALUE, f"{str(value)[:20]} is no score from 0 to {MOST}", where=where)
    return score


def _day(value: Any, where: str) -> date:
    if isinstance(value, str) and len(value) == len("2026-11-30"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise BadInput(Code.FIELD, "no day", where=where) from None
    return local_day(parse_instant(value, where))


class Province:
    """Asks about the merchants that are due, a bounded round at a time.

    Args:
        store: the system of record.
        schemes: every scheme by name.
        terms: how the register is asked.
        around: what it needs of the world.
    """

    def __init__(self, store: Store, schemes: Mapping[str, RatedScheme], terms: ProvincialTerms, around: Surroundings) -> None:
        self._store, self._terms, self._around = store, terms, around
        self._import = FactImport(store, schemes)

    def due(self, now: datetime) -> list[Merchant]:
        """Merchants nothing recent is known of, the most neglected first; none while the register rests."""
        with self._store.reading() as uow:
            merchants = [one for name in sorted(self._terms.schemes) for one in uow.assessments.merchants(name)]
            tried = uow.assessments.tries(
                PROVINCIAL_CONNECTOR, ["", *(one.uscc for one in merchants)], before=now + timedelta(microseconds=1)
            )
        whole = tried.get("")
        if not self._terms.url or (whole is not None and now < whole.at + self._terms.rest):
            return []
        waiting = [one for one in merchants if (last := tried.get(one.uscc)) is None or now >= last.at + self._rest_of(last)]
        return sorted(waiting, key=lambda one: (tried[one.uscc].at.timestamp() if one.uscc in tried else 0.0, one.uscc))

    def _rest_of(self, last: Try) -> timedelta:
        return self._terms.refresh if last.outcome in GOOD else self._terms.retry

    async def round(self, merchants: Sequence[Merchant] | None = None) -> list[Asked]:
        """Ask about merchants, by default the next that are due; what came of each is written down.

        Returns:
            What came of each; the last may concern all, and then the round ended there.
        """
        wanted = self.due(self._around.clock())[:MERCHANTS_A_ROUND] if merchants is None else merchants
        found: list[Asked] = []
        nonsense = 0
        for merchant in wanted:
            if found:
                await self._around.pause(1 / self._terms.per_second)
            asked = await self._ask(merchant.uscc)
            nonsense = nonsense + 1 if asked.outcome is Outcome.INVALID else 0
            found.append(asked)
            self._write(asked)
            if asked.outcome in WHOLESALE or nonsense >= NONSENSE_IN_A_ROW:
                self._write_off(asked)
                break
        return found

    async def _ask(self, uscc: str) -> Asked:
        try:
            answer = await self._fetch(uscc)
            now = self._around.clock()
            score = read_answer(answer, uscc, self._terms, now)
        except Rejected as rejected:
            return Asked(uscc, _outcome_of(rejected), rejected.reason.value)
        except BadInput as error:
            return Asked(uscc, Outcome.INVALID, f"{error.where}: {error.what}"[:200])
        return self._tell(uscc, score, now)

    async def _fetch(self, uscc: str) -> bytes:
        """One answer, in as many attempts as the terms allow. Raises Rejected."""
        terms, headers = self._terms, {"Accept": "application/json"}
        if self._around.secret:
            headers[terms.header] = f"{terms.prefix}{self._around.secret}"
        for pause in (*terms.pauses, None):
            try:
                return await self._around.get(terms.url.replace(PLACE, uscc), headers)
            except Rejected as rejected:
                wait = rejected.retry_after or pause
                if pause is None or not rejected.retry or wait is None or wait > terms.longest_pause:
                    raise
                await self._around.pause(wait.total_seconds())
        raise AssertionError("unreachable")

    def _tell(self, uscc: str, score: Score, now: datetime) -> Asked:
        day, text = score.scored_on.isoformat(), f"{score.score:f}"
        row = {
            "uscc": uscc,
            "fact": PROVINCIAL,
            "value": text,
            "month": day[:7],
            "until": "open",
            "observed_at": day,
            "source": self._terms.source,
            "evidence": f"{self._terms.source} {day}",
        }
        imported = self._import.take([row], SYSTEM, now, origin=ORIGIN)
        if imported.problems:
            problem = imported.problems[0]
            outcome = Outcome.CONTRADICTS if problem.column == "observed_at" else Outcome.INVALID
            return Asked(uscc, outcome, problem.reason[:200], text)
        return Asked(uscc, Outcome.TOLD if imported.added else Outcome.KNOWN, day, text)

    def _write(self, asked: Asked) -> None:
        with self._store.writing() as uow:
            uow.assessments.add_try(
                Try(
                    connector=PROVINCIAL_CONNECTOR,
                    uscc=asked.uscc,
                    at=self._around.clock(),
                    outcome=asked.outcome,
                    detail=asked.detail,
                )
            )
            uow.commit()

    def _write_off(self, asked: Asked) -> None:
        """All of it rests: whoever is not asked about finds why."""
        self._write(Asked("", asked.outcome, asked.detail))
        log.warning("provincial.rests", outcome=asked.outcome.value, detail=asked.detail)


def _outcome_of(rejected: Rejected) -> Outcome:
    if rejected.reason is FailureReason.GONE:
        return Outcome.UNKNOWN_MERCHANT
    if rejected.reason is FailureReason.TOO_LARGE:
        return Outcome.INVALID
    refused = (FailureReason.REFUSED, FailureReason.MISCONFIGURED)
    return Outcome.REFUSED if rejected.reason in refused else Outcome.UNREACHABLE
