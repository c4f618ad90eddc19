"""From a score to the grade that counts: caps, vetoes, direct grades, the step rule (domain.md C.2, C.6.1).

Order: score → caps → veto → step rule. Several caps: the worst wins; a veto beats them. Without a score there is no grade, unless
a veto or a direct grade says one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from credit.rating.facts import bad_fact, date_of, mapping_of, number_of, shown
from credit.rating.intake import AS_OF, Sections
from credit.rating.plan import Condition, Direct, Grade, Plan
from credit.rating.value import PROVISIONAL, UNRATED, Reason, Text, listed

_NOTHING_TO_RATE: Final = Text("没有可用于评分的数据", "nothing that could be rated is known")
STATUS_TITLES: Final = {UNRATED: Text("未评级", "unrated"), PROVISIONAL: Text("暂定", "provisional")}


@dataclass(slots=True)
class Verdict:
    """The grade on its way, and why. ``place`` counts from the best grade; ``None`` = there is none yet."""

    place: int | None
    reasons: list[Reason] = field(default_factory=list)
    status: str = ""
    settled: bool = False
    proposed: bool = False

    def lower(self, place: int, reason: Reason) -> None:
        """Hold the grade down to a place; the reason is told even if it was lower already."""
        self.reasons.append(reason)
        if self.place is not None:
            self.place = max(self.place, place)


class Grading:
    """Applies what overrides a score; made once per scheme."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._place = {grade.name: place for place, grade in enumerate(plan.grades)}
        self._caps = [(code, cap, _test(cap.when)) for code, cap in plan.caps.items()]
        self._vetoes = [(code, veto, _test(veto.when)) for code, veto in plan.vetoes.items()]

    def band_of(self, score: Decimal, largest: Decimal) -> int:
        """The place of the first band that takes a score."""
        return next(place for place, grade in enumerate(self._plan.grades) if _fits(grade, score, largest))

    def __call__(self, band: int | None, facts: Mapping[str, Any], sections: Sections, gaps: list[Text]) -> Verdict:
        """The grade that counts.

        Args:
            band: place of the score's band.
            facts: as they came in; their keys are known.
            sections: the same by path.
            gaps: what is lacking if there is no score.

        Raises:
            BadInput: a code, grade or cause is not known.
        """
        verdict = Verdict(band)
        previous = self._previous(facts)
        given_caps = _codes(facts, "caps", self._plan.caps)
        given_vetoes = _codes(facts, "vetoes", self._plan.vetoes)
        self._cap(verdict, given_caps, sections)
        if previous is not None and self._plan.grades[previous].name in self._plan.after:
            best = self._plan.after[self._plan.grades[previous].name]
            told = Text(
                "上期为{0}，本期最高为{1}", "{0} in the period before: {1} at best", (self._title(previous), self._named(best))
            )
            if verdict.place is not None and verdict.place < self._place[best]:
                verdict.lower(self._place[best], Reason("previous", told))
        self._veto(verdict, given_vetoes, sections)
        if self._plan.direct is not None:
            self._direct(verdict, self._plan.direct, facts)
        if verdict.place is None:
            verdict.status = UNRATED
            verdict.reasons.append(
                Reason(UNRATED, Text("缺少{0}", "lacking: {0}", (listed(gaps),)) if gaps else _NOTHING_TO_RATE)
            )
        elif verdict.status != PROVISIONAL:
            self._step(verdict, previous)
        return verdict

    def title(self, verdict: Verdict) -> tuple[str, Text]:
        """The name of the grade and its words."""
        if verdict.status:
            return verdict.status, STATUS_TITLES[verdict.status]
        grade = self._plan.grades[verdict.place or 0]
        return grade.name, grade.title

    def _title(self, place: int) -> Text:
        return self._plan.grades[place].title

    def _named(self, name: str) -> Text:
        return self._title(self._place[name])

    def _cap(self, verdict: Verdict, given: frozenset[str], sections: Sections) -> None:
        for code, cap, test in self._caps:
            if code in given or test(sections):
                told = Text("{0}，最高为{1}", "{0}: {1} at best", (cap.title, self._named(cap.best)))
                verdict.lower(self._place[cap.best], Reason(code, told))
                if cap.provisional and verdict.place is not None:
                    verdict.status = PROVISIONAL

    def _veto(self, verdict: Verdict, given: frozenset[str], sections: Sections) -> None:
        for code, veto, test in self._vetoes:
            if code in given or test(sections):
                told = Text("{0}，直接判为{1}", "{0}: {1} whatever the score", (veto.title, self._named(veto.grade)))
                verdict.place = max(verdict.place or 0, self._place[veto.grade])
                verdict.status = ""
                verdict.reasons.append(Reason(code, told))

    def _step(self, verdict: Verdict, previous: int | None) -> None:
        up = self._plan.steps_up
        if up is None or previous is None or verdict.place is None or verdict.place >= previous - up:
            return
        told = Text(
            "上期为{0}，一次至多上升{1}级", "{0} in the period before: at most {1} better at once", (self._title(previous), up)
        )
        verdict.lower(previous - up, Reason("step", told))

    def _direct(self, verdict: Verdict, direct: Direct, facts: Mapping[str, Any]) -> None:
        today = date_of(facts[AS_OF], AS_OF) if facts.get(AS_OF) is not None else None
        entries = [] if facts.get(direct.fact) is None else facts[direct.fact]
        if not isinstance(entries, list):
            raise bad_fact(direct.fact, f"{shown(entries)} is no list")
        place = self._place[direct.grade]
        told_of = {_cause(direct, entry, f"{direct.fact}[{n}]", today) for n, entry in enumerate(entries)}
        for cause, at, until in sorted(told_of, key=lambda each: (each[0], each[1], each[2] or date.max)):
            words = direct.causes[cause].title
            if today is None or until is None or today <= until:
                end = Text("直至情形消除", "until the cause ends") if until is None else Text("至 {0}", "until {0}", (until,))
                told = Text("{0}（{1}），{2}，{3}", "{0} ({1}), {2}; {3}", (words, at, end, direct.title))
                verdict.place, verdict.status, verdict.proposed = place, "", True
                verdict.reasons.append(Reason(direct.fact, told))
            elif direct.afterwards is not None and today.year == (until + timedelta(days=1)).year:
                told = Text("{0}（{1}）已于 {2} 期满，本年度最高为{3}", "{0} ({1}) ended {2}: {3} at best this year",
                            (words, at, until, self._named(direct.afterwards)))  # fmt: skip
                verdict.lower(self._place[direct.afterwards], Reason(f"after_{direct.fact}", told))

    def _previous(self, facts: Mapping[str, Any]) -> int | None:
        name = facts.get("previous")
        if name is None or (type(name) is str and name in STATUS_TITLES):
            return None
        if type(name) is not str or name not in self._place:
            raise bad_fact("previous", f"{shown(name)} is no grade", f"one of {', '.join((*self._place, *STATUS_TITLES))}")
        return self._place[name]


def _fits(grade: Grade, score: Decimal, largest: Decimal) -> bool:
    return (
        (grade.at_least is None or score >= grade.at_least)
        and (grade.at_most is None or score <= grade.at_most)
        and (grade.largest_at_most is None or largest <= grade.largest_at_most)
    )


def _test(condition: Condition | None) -> Callable[[Sections], bool]:
    if condition is None:
        return lambda _sections: False
    section, key, where = condition.fact[:-1], condition.fact[-1], ".".join(condition.fact)

    def holds(sections: Sections) -> bool:
        found = sections.get(section)
        raw = found.get(key) if found is not None else None
        if raw is None:
            return False
        if condition.is_in:
            return ("yes" if raw is True else "no" if raw is False else raw) in condition.is_in
        number = number_of(raw, where)
        return number < condition.below if condition.below is not None else number >= (condition.at_least or 0)

    return holds


def _codes(facts: Mapping[str, Any], key: str, known: Mapping[str, object]) -> frozenset[str]:
    codes = [] if facts.get(key) is None else facts[key]
    if not isinstance(codes, list):
        raise bad_fact(key, f"{shown(codes)} is no list of codes", f"known: {', '.join(known)}")
    for at, code in enumerate(codes):
        if type(code) is not str or code not in known:
            raise bad_fact(f"{key}[{at}]", f"{shown(code)} is no code", f"known: {', '.join(known)}")
    return frozenset(codes)


def _cause(direct: Direct, entry: Any, where: str, today: date | None) -> tuple[str, date, date | None]:
    """A cause, its day, and the last day of the grade; ``None`` while the cause lasts."""
    found = mapping_of(entry, where, ("cause", "at", "ended_at"), ("ended_at",))
    cause = found["cause"]
    if type(cause) is not str or cause not in direct.causes:
        raise bad_fact(f"{where}.cause", f"{shown(cause)} is no cause", f"one of {', '.join(direct.causes)}")
    at = date_of(found["at"], f"{where}.at")
    if today is not None and at > today:
        raise bad_fact(f"{where}.at", f"{at} is later than as_of")
    ended = date_of(found["ended_at"], f"{where}.ended_at") if found.get("ended_at") is not None else None
    if ended is not None and ended < at:
        raise bad_fact(f"{where}.ended_at", f"{ended} is before {at}")
    if ended is None and direct.causes[cause].lasting:
        return cause, at, None
    year_end = date(at.year, 12, 31)
    return cause, at, max(year_end, ended) if ended is not None else year_end
