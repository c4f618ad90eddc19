"""Rates by a tree of parts: takes the facts apart, adds the points up, finds the band and what overrides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import localcontext
from typing import Any, Final

from credit.rating.facts_schema import schema_of
from credit.rating.grading import Grading
from credit.rating.intake import Intake
from credit.rating.plan import Plan
from credit.rating.tree import EXACT, Sheet, rounded, score_of, snapped
from credit.rating.value import RatedScheme, Rating, Reason, Text
from domain.errors import ConfigurationError

_FALLBACK: Final = (
    "{0}暂无外部评分，按本地指标计算（暂定）",
    "{0}: no outside score at hand, counted from the local indicators (provisional)",
)
_OVERRULED: Final = (
    "{0}以外部评分（{2} 分）为准，另报的 {1} 分不计",
    "{0}: the outside score counts ({2}), not the {1} told beside it",
)


class TreeEngine:
    """One scheme of the kind ``tree``, compiled."""

    def __init__(self, scheme: RatedScheme) -> None:
        if not isinstance(scheme.rating, Plan):
            raise ConfigurationError("the scheme has no rating block", key=scheme.name)
        self._scheme, self._plan = scheme, scheme.rating
        self._intake, self._grading = Intake(self._plan), Grading(self._plan)
        self._total = score_of(self._plan.root)
        self._also = [(key, also.rule.judge(None)) for key, also in self._plan.also.items()]

    def rate(self, facts: Mapping[str, Any]) -> Rating:
        """The rating of one merchant.

        Args:
            facts: as ``credit.rating.facts.read_facts`` gives them.

        Raises:
            BadInput: a key is missing, unknown or has an impossible value.
        """
        with localcontext(EXACT):
            sections = self._intake(facts)
            for key, judge in self._also:
                if facts.get(key) is not None:
                    judge(facts[key], key)
            sheet = Sheet(sections)
            exact = self._total(sheet)
            score = None if exact is None else rounded(exact)
            unrounded = None if exact is None else snapped(exact)
            band = None if score is None else self._grading.band_of(score, sheet.largest)
            verdict = self._grading(band, facts, sections, sheet.gaps)
        grade, title = self._grading.title(verdict)
        return Rating(
            scheme=self._scheme.name,
            version=self._scheme.version,
            score=score,
            unrounded=unrounded,
            band=None if band is None else self._plan.grades[band].name,
            grade=grade,
            grade_title=title,
            reasons=(*verdict.reasons, *_of_sources(sheet)),
            lines=tuple(sheet.lines),
            measures=self._scheme.measures.get(grade, {}),
            proposed=verdict.proposed,
            subtotals=tuple(sheet.subtotals),
        )

    def facts_schema(self, language: str = "zh") -> dict[str, Any]:
        """The JSON Schema of the facts, in ``zh`` or ``en``."""
        title = self._scheme.title.get(language, self._scheme.name)
        return schema_of(self._plan, name=self._scheme.name, title=title, language=language)


def _of_sources(sheet: Sheet) -> Iterator[Reason]:
    """What stood for a part: C.1 prefers the outside score, Z-06 counts local indicators if it is absent, flagged so."""
    for title in sheet.fallbacks:
        yield Reason("local_fallback", Text(*_FALLBACK, (title,)))
    for title, told, points in sheet.overruled:
        yield Reason("overruled", Text(*_OVERRULED, (title, told, points)))
