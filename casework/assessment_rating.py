"""One merchant's frozen inputs into one result: pure, and the same for ever (domain.md C.0-5).

The hash of a result covers what it was rated from, by which catalogue and configuration, and everything it came to; it covers no
id of a record and no time of day, so that the same month told again in another order has the same hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from credit.rating.kinds import compiled
from credit.rating.value import UNRATED, Engine, Kind, RatedScheme, Rating, Reason, Text, as_wire, plain
from domain.errors import BadInput
from store.assessments import Inputs, Result, Run

CLOSED: Final = "closed"
REFUSED: Final = "refused"
_CLOSED_TEXT: Final = Text("当月无营业时间，不予评级", "no opening hours in the month: not rated")
_REFUSED_TEXT: Final = Text("评价数据有误，不予评级：{0}", "a fact cannot be used, so there is no rating: {0}")
FALLBACK: Final = "local_fallback"
PROVINCIAL: Final = "provincial_score"
_TRIED: Final = ("{0}；{1} 查询：{2}", "{0}; asked at {1}: {2}")
_WHY_NOT: Final = {
    "unreachable": Text("省平台无法访问", "the provincial register could not be reached"),
    "refused": Text("省平台拒绝访问", "the provincial register refused"),
    "unknown_merchant": Text("省平台无该主体", "the provincial register does not know the merchant"),
    "invalid": Text("省平台答复无效", "the provincial register's answer could not be used"),
    "contradicts": Text("同日评分前后不一，待人工核实", "two scores of one day contradict each other; somebody must look"),
}
_UNRATED_TEXT: Final = Text("未评级", "unrated")


def canonical(value: Any) -> bytes:
    """JSON in the one form that is hashed and signed: sorted keys, no spaces, UTF-8, no binary floats.

    Raises:
        TypeError: something in it is no JSON value.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def digest(value: Any) -> str:
    """SHA-256 (hex) over the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


def inputs_hash(facts: Mapping[str, Any], origins: Mapping[str, Any]) -> str:
    """What inputs are known by: the facts, and whether anything says that there is nothing to rate."""
    return digest({"facts": facts, "closed": CLOSED in origins, "prior": origins.get("prior_period", {}).get("items", [])})


class Rater:
    """A scheme compiled once, for many merchants."""

    def __init__(self, scheme: RatedScheme) -> None:
        self.scheme = scheme
        self._engine: Engine = compiled(scheme)
        self._measures = {grade: as_wire(told) for grade, told in scheme.measures.items()}

    def rating(self, facts: Mapping[str, Any], origins: Mapping[str, Any]) -> Rating:
        """The rating of one merchant; one that cannot be rated is ``unrated`` with the reason, and stops nobody else's."""
        if CLOSED in origins:
            return self._none(Reason(CLOSED, _CLOSED_TEXT))
        try:
            return _said_why(self._engine.rate(facts), origins)
        except BadInput as error:
            return self._none(Reason(REFUSED, Text(_REFUSED_TEXT.zh, _REFUSED_TEXT.en, (str(error),))))

    def result(self, run: Run, inputs: Inputs, now: datetime) -> Result:
        """What one merchant came to in a run."""
        rating = self.rating(inputs.facts, inputs.origins)
        result = Result(
            run_id=run.id,
            uscc=inputs.uscc,
            revision=inputs.revision,
            score=rating.score,
            unrounded=rating.unrounded,
            band=rating.band,
            grade=rating.grade,
            previous=inputs.facts.get("previous"),
            reasons=tuple(reason.code for reason in rating.reasons),
            lines=tuple((line.id, line.key, _plain(line.points), _plain(line.max)) for line in rating.lines),
            points=self._lost(rating),
            measures=self._measures_of(rating),
            hash="",
            rated_at=now,
        )
        return replace(result, hash=result_hash(run, inputs.hash, result))

    def _measures_of(self, rating: Rating) -> dict[str, Any]:
        """The measures as they are kept; those of a grade are the same for everybody."""
        of_grade = rating.measures is self.scheme.measures.get(rating.grade)
        found: dict[str, Any] = self._measures[rating.grade] if of_grade else as_wire(rating.measures)
        return found

    def _lost(self, rating: Rating) -> Decimal | None:
        """What a scheme that deducts took off."""
        if self.scheme.kind is not Kind.LEDGER or rating.score is None:
            return None
        return sum((line.points for line in rating.lines if line.points is not None), Decimal(0))

    def _none(self, reason: Reason) -> Rating:
        return Rating(
            scheme=self.scheme.name,
            version=self.scheme.version,
            score=None,
            unrounded=None,
            band=None,
            grade=UNRATED,
            grade_title=_UNRATED_TEXT,
            reasons=(reason,),
            measures=self.scheme.measures.get(UNRATED, {}),
        )


def result_hash(run: Run, hash_of_inputs: str, result: Result) -> str:
    """The content hash of a result: nothing of it names a record's id or the time of day it was made at."""
    return digest(
        {
            "scheme": run.scheme,
            "month": run.month,
            "catalogue_version": run.catalogue_version,
            "config_hash": run.config_hash,
            "merchant": result.uscc,
            "inputs": hash_of_inputs,
            "score": None if result.score is None else f"{result.score:f}",
            "unrounded": None if result.unrounded is None else plain(result.unrounded),
            "band": result.band,
            "grade": result.grade,
            "previous": result.previous,
            "reasons": list(result.reasons),
            "lines": [list(line) for line in result.lines],
            "measures": result.measures,
        }
    )


def _said_why(rating: Rating, origins: Mapping[str, Any]) -> Rating:
    """The rating, with why the provincial score was not there beside the reason that says so (Z-06)."""
    tried = origins.get(PROVINCIAL, {}).get("tried")
    words = None if tried is None else _WHY_NOT.get(tried["outcome"])
    if words is None:
        return rating
    when = tried["at"][:16].replace("T", " ")
    reasons = [
        replace(reason, text=Text(*_TRIED, (reason.text, when, words))) if reason.code == FALLBACK else reason
        for reason in rating.reasons
    ]
    return replace(rating, reasons=tuple(reasons))


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
