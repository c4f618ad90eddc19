"""How counts become points: occurrences that cost, shares, camera events of a month, weighted groups of checks.

Events are counted at most so often per class, camera and day (F.2), the gravest first, so that their order says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from credit.rating.facts import bad_fact, mapping_of, shown
from credit.rating.numbers import AMOUNT, COUNT, NOTHING, Findings, Number, described, object_of
from credit.rating.rules import Judge, Judged
from credit.rating.value import Text, plain

_EVENT_KEYS: Final = ("camera", "class", "severity", "count")
_MOST_DAYS: Final = 31
_MOST_KNOWN: Final = 1024
"""Most pairs of whole numbers whose share is remembered."""
_PART: Final = Text("其中符合的数量", "how many of them")
_TOTAL: Final = Text("总数；0 为不适用", "all of them; 0 is not applicable")
_DAYS: Final = Text("当月每日一个列表，无事件的日可省略", "one list per day of the month; a day without events may be left out")
_EVENT_WORDS: Final = {
    "camera": Text("摄像头", "the camera"),
    "class": Text("抓拍类别", "class of the finding"),
    "severity": Text("严重程度", "how grave it is"),
    "count": Text("起数，缺省为 1", "how many; 1 unless said"),
}
_CHECKED: Final = Text("检查项数", "items checked")
_FAILED: Final = Text("不合格项数", "items failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Points per occurrence, by kind; the single kind ``""`` makes the raw value a bare count.

    Attributes:
        cap: most points of all of them together.
        from_full: the points are taken off the maximum; otherwise they are what is lost (or gained) as such.
    """

    each: Mapping[str, Decimal]
    cap: Decimal | None = None
    from_full: bool = False

    def findings(self, most: Decimal | None) -> Findings:
        """Costs that are nothing, or a cap that never holds."""
        if not self.each:
            yield "each", "nothing is counted"
        for key, points in self.each.items():
            if points <= 0:
                yield f"each.{key}" if key else "each", "an occurrence must cost something"
        if self.from_full and most is None:
            yield "", "a maximum is needed to subtract from"
        if self.cap is not None and self.each and self.cap < max(self.each.values()):
            yield "cap", "the cap is below the points of one occurrence"

    def judge(self, most: Decimal | None) -> Judge:
        """The function that gives points."""
        each, keys, full = self.each, tuple(self.each), most or NOTHING
        cap, from_full = (full if self.from_full else self.cap), self.from_full
        single = keys == ("",)
        template = " + ".join(f"{{{2 * at}}} × {{{2 * at + 1}}}" for at in range(len(keys)))

        def lost_by(raw: Any, where: str) -> tuple[Decimal, Text]:
            if single:
                count = COUNT.read(raw, where)
                return each[""] * count, Text("{0} 次 × {1}", "{0} × {1}", (count, each[""]))
            counts = mapping_of(raw, where, keys)
            read = {key: COUNT.read(counts[key], f"{where}.{key}") for key in keys}
            told = Text(template, template, _flat(read, each))
            return sum((each[key] * read[key] for key in keys), NOTHING), told

        def judge(raw: Any, where: str) -> Judged:
            lost, told = lost_by(raw, where)
            lost = lost if cap is None else min(cap, lost)
            return (full - lost, told) if from_full else (lost, told)

        return judge

    def schema(self, language: str) -> dict[str, Any]:
        """A count, or one per kind."""
        if tuple(self.each) == ("",):
            return COUNT.schema()
        costs = {key: Text("次数，每次 {0} 分", "how many, {0} points each", (points,)) for key, points in self.each.items()}
        return object_of({key: described(COUNT.schema(), words, language) for key, words in costs.items()})


def _flat(counts: Mapping[str, Decimal], each: Mapping[str, Decimal]) -> tuple[object, ...]:
    return tuple(part for key, count in counts.items() for part in (count, each[key]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A share of the maximum: ``part`` of ``whole``. Nothing to share in is not applicable.

    Attributes:
        counted: both are numbers of things; otherwise they may be means.
    """

    part: str
    whole: str
    counted: bool = False

    def findings(self, most: Decimal | None) -> Findings:
        """One name for both, or no maximum."""
        if self.part == self.whole:
            yield "among", "part and whole have one name"
        if most is None:
            yield "", "a maximum is needed"

    def judge(self, most: Decimal | None) -> Judge:
        """The function that gives points."""
        full, keys, read = most or NOTHING, (self.part, self.whole), self._number.read
        remembered: dict[tuple[int, int], Judged] = {}

        def judge(raw: Any, where: str) -> Judged:
            found = mapping_of(raw, where, keys)
            given = found[keys[0]], found[keys[1]]
            if type(given[0]) is not int or type(given[1]) is not int:
                return counted(found, where)
            known = remembered.get(given)
            if known is None:
                known = counted(found, where)
                if len(remembered) < _MOST_KNOWN:
                    remembered[given] = known
            return known

        def counted(found: Mapping[str, Any], where: str) -> Judged:
            part, whole = read(found[keys[0]], f"{where}.{keys[0]}"), read(found[keys[1]], f"{where}.{keys[1]}")
            if part > whole:
                raise bad_fact(f"{where}.{keys[0]}", f"{plain(part)} of {plain(whole)} is more than all")
            if not whole:
                return None, Text("本期无应计项（0/0）", "nothing was due (0/0)")
            return full * part / whole, Text("{0}/{1}", "{0}/{1}", (part, whole))

        return judge

    def schema(self, language: str) -> dict[str, Any]:
        """Two numbers."""
        words = {self.part: _PART, self.whole: _TOTAL}
        return object_of({key: described(self._number.schema(), text, language) for key, text in words.items()})

    @property
    def _number(self) -> Number:
        return COUNT if self.counted else AMOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Confirmed events of a month, taken off the maximum by severity.

    Attributes:
        points: of one event, by severity.
        most_per_day: how many are counted per class, camera and day.
        classes: the only ones there are; a misspelt class would be counted apart from its own. Empty: any.
    """

    points: Mapping[str, Decimal]
    most_per_day: int
    classes: tuple[str, ...] = ()

    def findings(self, most: Decimal | None) -> Findings:
        """Severities that cost nothing, a limit below 1."""
        if most is None:
            yield "", "a maximum is needed to subtract from"
        for severity, points in self.points.items():
            if points <= 0:
                yield f"points.{severity}", "an event must cost something"
        if self.most_per_day < 1:
            yield "most_per_day", "at least one event a day must count"
        for name, times in Counter(self.classes).items():
            if times > 1:
                yield "classes", f"{name} stands there twice"

    def judge(self, most: Decimal | None) -> Judge:
        """The function that gives points."""
        full = most or NOTHING

        def judge(raw: Any, where: str) -> Judged:
            days = mapping_of(raw, where, ("days",))["days"]
            if not isinstance(days, list) or len(days) > _MOST_DAYS:
                raise bad_fact(f"{where}.days", f"no list of at most {_MOST_DAYS} days", "one list of events per day")
            lost, told, counted = NOTHING, NOTHING, NOTHING
            for at, day in enumerate(days):
                points, seen, within = self._day(day, f"{where}.days[{at}]")
                lost, told, counted = lost + points, told + seen, counted + within
            why = Text("确认 {0} 起，计 {1} 起，扣 {2} 分", "{0} confirmed, {1} counted, {2} points", (told, counted, lost))
            return max(NOTHING, full - lost), why

        return judge

    def _day(self, day: Any, where: str) -> tuple[Decimal, Decimal, Decimal]:
        """Points lost on a day, events told of, events counted."""
        if not isinstance(day, list):
            raise bad_fact(where, "a day is no list of events")
        groups: dict[tuple[str, str], list[tuple[Decimal, Decimal]]] = {}
        for at, event in enumerate(day):
            place = f"{where}[{at}]"
            found = mapping_of(event, place, _EVENT_KEYS, ("count",))
            group = (_word(found, "camera", place), self._class(found, place))
            points = self.points.get(_word(found, "severity", place))
            if points is None:
                raise bad_fact(
                    f"{place}.severity", f"{shown(found['severity'])} is no severity", f"one of {', '.join(self.points)}"
                )
            count = COUNT.read(found.get("count", 1), f"{place}.count")
            groups.setdefault(group, []).append((points, count))
        lost, told, counted = NOTHING, NOTHING, NOTHING
        for found_here in groups.values():
            room = Decimal(self.most_per_day)
            for points, count in sorted(found_here, reverse=True):
                within = min(room, count)
                lost, told, counted, room = lost + points * within, told + count, counted + within, room - within
        return lost, told, counted

    def _class(self, event: Mapping[str, Any], place: str) -> str:
        name = _word(event, "class", place)
        if self.classes and name not in self.classes:
            raise bad_fact(f"{place}.class", f"{shown(name)} is no class", f"one of {', '.join(self.classes)}")
        return name

    def schema(self, language: str) -> dict[str, Any]:
        """Days with events."""
        word = {"type": "string", "minLength": 1}
        forms: dict[str, dict[str, Any]] = {
            "camera": word,
            "class": {"enum": list(self.classes)} if self.classes else word,
            "severity": {"enum": list(self.points)},
            "count": COUNT.schema(),
        }
        event = object_of({key: described(form, _EVENT_WORDS[key], language) for key, form in forms.items()}, optional=("count",))
        days = {"type": "array", "maxItems": _MOST_DAYS, "items": {"type": "array", "items": event}}
        return object_of({"days": described(days, _DAYS, language)})


def _word(found: Mapping[str, Any], key: str, place: str) -> str:
    raw = found[key]
    if type(raw) is not str or not raw:
        raise bad_fact(f"{place}.{key}", f"{shown(raw)} is no name")
    return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """A group of checked items of several weights: the maximum less the weight of what failed.

    ``max × (1 − Σ weight of failed items / Σ weight of checked items)``; nothing checked is not applicable.
    """

    weights: Mapping[str, Decimal]

    def findings(self, most: Decimal | None) -> Findings:
        """No maximum, no weights, weights that are nothing."""
        if most is None:
            yield "", "a maximum is needed"
        if not self.weights:
            yield "weights", "nothing is checked"
        for kind, weight in self.weights.items():
            if weight <= 0:
                yield f"weights.{kind}", "a weight must be positive"

    def judge(self, most: Decimal | None) -> Judge:
        """The function that gives points."""
        full = most or NOTHING

        def judge(raw: Any, where: str) -> Judged:
            checked, failed = NOTHING, NOTHING
            for kind, of, bad in self._items(raw, where):
                checked, failed = checked + self.weights[kind] * of, failed + self.weights[kind] * bad
            if not checked:
                return None, Text("未检查", "nothing was checked")
            why = Text("不合格权重 {0}/{1}", "weight failed {0} of {1}", (failed, checked))
            return full * (checked - failed) / checked, why

        return judge

    def _items(self, raw: Any, where: str) -> Iterator[tuple[str, Decimal, Decimal]]:
        for kind, counts in mapping_of(raw, where, tuple(self.weights)).items():
            found = mapping_of(counts, f"{where}.{kind}", ("checked", "failed"))
            checked = COUNT.read(found["checked"], f"{where}.{kind}.checked")
            failed = COUNT.read(found["failed"], f"{where}.{kind}.failed")
            if failed > checked:
                raise bad_fact(f"{where}.{kind}.failed", f"{plain(failed)} failed of {plain(checked)} is more than all")
            yield kind, checked, failed

    def schema(self, language: str) -> dict[str, Any]:
        """Checked and failed items by kind."""
        counts = {
            "checked": described(COUNT.schema(), _CHECKED, language),
            "failed": described(COUNT.schema(), _FAILED, language),
        }
        weighed = {kind: Text("权重 {0}", "weight {0}", (weight,)) for kind, weight in self.weights.items()}
        return object_of({kind: described(object_of(counts), words, language) for kind, words in weighed.items()})
