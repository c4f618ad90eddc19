"""What a rating is made of, whatever scheme it follows, and what a loaded scheme file offers to the engine of its kind.

The rule a reader would get wrong: ``band`` is what the score alone gives, ``grade`` what counts after floors, caps, vetoes and
steps. Texts are kept in both languages and rendered when they are shown, so that one rating serves both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from credit.scheme import Scheme

LANGUAGES: Final = ("zh", "en")
UNRATED: Final = "unrated"
PROVISIONAL: Final = "provisional"
_MILLIONTH: Final = Decimal("0.000001")
_WIDE: Final = Context(prec=60)


class Kind(StrEnum):
    """Which engine rates by a scheme."""

    TREE = "tree"
    """Parts with weights: the ``rating`` block of the file (``credit.rating.tree``)."""
    LEDGER = "ledger"
    """Points lost per violation: the file has codes and no ``rating`` block (``credit.rating.ledger_scheme``)."""


class Text(NamedTuple):
    """A sentence in both languages; a tuple, since a hundred thousand ratings make millions of them.

    Attributes:
        zh: template of ``str.format``, written in code; or a finished sentence if there are no ``args``.
        en: the same in English.
        args: what is put in: decimals are written plainly, texts in the same language, anything else by ``str``.
    """

    zh: str
    en: str
    args: tuple[object, ...] = ()

    def render(self, language: str = "zh") -> str:
        """The sentence in ``zh`` or ``en``."""
        template = self.en if language == "en" else self.zh
        return template.format(*(_shown(arg, language) for arg in self.args)) if self.args else template


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a grade is what it is; shown as ``C4 …`` or, where the code is a word, as ``direct_d: …``."""

    code: str
    text: Text

    def render(self, language: str = "zh") -> str:
        """The reason in ``zh`` or ``en``, its code first."""
        if not self.code:
            return self.text.render(language)
        return f"{self.code}{'' if self.code[-1].isdigit() else ':'} {self.text.render(language)}"


class Line(NamedTuple):
    """What one indicator, part or violation came to.

    Attributes:
        id: of the indicator or part; the code of a violation.
        points: gained, or lost in a scheme that subtracts; ``None`` = not applicable.
        max: most it can be; ``None`` = no limit.
        why: how the points came about.
        key: for a line about one of several facts of an id: which one.
        title: words of the indicator or part, told before why.
    """

    id: str
    points: Decimal | None
    max: Decimal | None
    why: Text
    key: str = ""
    title: Text | None = None

    def told(self, language: str = "zh") -> str:
        """What it is about, and how the points came about."""
        why = self.why.render(language)
        if self.title is None:
            return why
        return f"{self.title.render(language)}{': ' if language == 'en' else '：'}{why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The rating of one merchant.

    Attributes:
        scheme: name of the scheme.
        version: of its file, with the hash of its content: the same facts and version give the same rating for ever.
        score: rounded half-up to 2 decimals (C.0-3); ``None`` = there is none.
        unrounded: the score before that.
        band: what the score alone gives; ``None`` without a score.
        grade: what counts: a band's name, ``unrated`` or ``provisional``.
        grade_title: the grade in both languages.
        reasons: why the grade differs from the band, or there is none, in the order they were applied.
        lines: one per indicator or violation, in the order of the scheme.
        measures: what follows from the grade; JSON values, numbers as ``Decimal`` or ``int``.
        proposed: the grade counts only after a named person has decided (0.5, direct D).
        subtotals: levels, dimensions and other sums over lines; for reports, not part of the wire form.
    """

    scheme: str
    version: str
    score: Decimal | None
    unrounded: Decimal | None
    band: str | None
    grade: str
    grade_title: Text
    reasons: tuple[Reason, ...] = ()
    lines: tuple[Line, ...] = ()
    measures: Mapping[str, Any] = field(default_factory=dict)
    proposed: bool = False
    subtotals: tuple[Line, ...] = ()

    def to_wire(self, language: str = "zh") -> dict[str, Any]:
        """The JSON of ``kitchen rate … --json``: every number a string, ``unrounded`` with 6 decimals.

        ``proposed`` is there only when it is true.
        """
        wire: dict[str, Any] = {
            "scheme": self.scheme,
            "version": self.version,
            "score": None if self.score is None else f"{self.score:f}",
            "unrounded": None if self.unrounded is None else f"{self.unrounded.quantize(_MILLIONTH, ROUND_HALF_UP, _WIDE):f}",
            "band": self.band,
            "grade": self.grade,
            "grade_zh": self.grade_title.render("zh"),
            "reasons": [reason.render(language) for reason in self.reasons],
            "lines": [
                {"id": line.id, "points": _text(line.points), "max": _text(line.max), "why": line.told(language)}
                for line in self.lines
            ],
            "measures": as_wire(self.measures),
        }
        if self.proposed:
            wire["proposed"] = True
        return wire


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedScheme:
    """One scheme file, loaded and checked; what ``credit.rating.kinds.compiled`` makes an engine of.

    Attributes:
        kind: which engine rates by it.
        version: the file's own version and the hash of its content.
        grade_titles: the words of every grade, best first, by language.
        measures: what follows from a grade, by grade; ``visits`` has the closed keys of ``configs``' ``VisitsEntry``
            (``percent`` of the grade's merchants, ``each`` visits, per ``period``, ``days_between``).
        ledger: what violations cost, if the scheme deducts.
        rating: what the tree engine needs; ``None`` for the kind ``ledger``.
    """

    name: str
    kind: Kind
    version: str
    title: Mapping[str, str] = field(default_factory=dict)
    grade_titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    measures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ledger: Scheme | None = None
    rating: Any = None


class Engine(Protocol):
    """A compiled scheme. ``credit.rating.kinds`` knows who makes one for each kind."""

    def rate(self, facts: Mapping[str, Any]) -> Rating:
        """The rating of one merchant.

        Args:
            facts: as ``credit.rating.facts.read_facts`` gives them: no floats.

        Raises:
            BadInput: a key is missing, unknown or has an impossible value; ``where`` is its path.
        """
        ...

    def facts_schema(self, language: str = "zh") -> dict[str, Any]:
        """The JSON Schema of the facts, every raw value described."""
        ...


def listed(texts: Sequence[Text]) -> Text:
    """Several texts as one enumeration."""
    places = [f"{{{at}}}" for at in range(len(texts))]
    return Text("、".join(places), ", ".join(places), tuple(texts))


def as_wire(value: Any) -> Any:
    """JSON values with every number as a string; booleans, texts and ``None`` stay."""
    match value:
        case bool() | str() | None:
            return value
        case int() | Decimal():
            return _text(Decimal(value))
        case Mapping():
            return {key: as_wire(inner) for key, inner in value.items()}
        case _:
            return [as_wire(inner) for inner in value]


@lru_cache(maxsize=16_384)
def plain(number: Decimal) -> str:
    """A decimal as people write it: no exponent, no zeros at its end, at most 6 decimals; the same for equal numbers."""
    text = f"{number:f}"
    if len(text.partition(".")[2]) > 6:
        text = f"{number.quantize(_MILLIONTH, ROUND_HALF_UP, _WIDE):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _shown(arg: object, language: str) -> str:
    match arg:
        case Text() | Reason():
            return arg.render(language)
        case Decimal():
            return plain(arg)
        case _:
            return str(arg)
