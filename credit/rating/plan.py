"""A rating scheme as data: parts with weights, bands, and what overrides the score (domain.md C.0–C.2, C.6.1, C.7b).

The score is a tree. A node is worth its maximum times the weighted mean of its applicable parts: one that is not applicable
is removed and its weight shared pro rata (C.0-2). In schemes that count upwards to worse it is the plain sum of its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from credit.rating.rules import Rule
from credit.rating.value import Text

Path = tuple[str, ...]
"""Where a fact stands: keys from the outside in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One indicator.

    Attributes:
        fact: where its raw value stands.
        max: most points; ``None`` = no limit.
        weight: what it weighs in its node; its maximum unless said otherwise.
        source: who supplies the raw value (``LR``, ``CR``, ``DEV``, … of C.1).
        raw: what the raw value is.
        unit: of the raw value, in words.
    """

    id: str
    fact: Path
    rule: Rule
    max: Decimal | None
    weight: Decimal
    title: Text
    raw: Text
    source: str = ""
    unit: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A fact that gives a node's points directly, in place of its parts.

    Attributes:
        optional: it may be absent or null, and then the parts are looked at; otherwise it belongs to an alternative of the
            scheme's ``either``, and null means not applicable.
    """

    leaf: Leaf
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Parts that make up points together.

    Attributes:
        max: most points; ``None`` = no limit.
        weight: in the node above.
        given: facts that stand for the whole node; the first that is there counts.
        sums: add the parts up as they are; a part not applicable makes the whole unrated.
        required: not to be rated without it: not applicable here makes the whole unrated.
        needs: ids of parts of which at least one must be applicable (level G of C.1).
        minus, plus: taken off and put on afterwards; ``plus_cap`` limits the second. The result stays within 0 and ``max``.
    """

    id: str
    title: Text
    max: Decimal | None
    weight: Decimal
    parts: tuple[Node | Leaf, ...] = ()
    given: tuple[Given, ...] = ()
    sums: bool = False
    required: bool = False
    needs: tuple[str, ...] = ()
    minus: tuple[Leaf, ...] = ()
    plus: tuple[Leaf, ...] = ()
    plus_cap: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One row of the bands; the first row that fits counts, so the best stands first.

    Attributes:
        at_least, at_most: of the rounded score.
        largest_at_most: of the largest single part.
    """

    name: str
    title: Text
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    largest_at_most: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something about one raw fact; never true of one that is null or absent."""

    fact: Path
    below: Decimal | None = None
    at_least: Decimal | None = None
    is_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The best grade that is still possible; ``provisional`` says that there is no proper grade yet (C5)."""

    best: str
    title: Text
    when: Condition | None = None
    provisional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """The grade whatever the score."""

    grade: str
    title: Text
    when: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What leads to a direct grade; ``lasting`` ones hold until their end is told."""

    title: Text
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """A grade by cause, proposed to a named person (0.5): to the end of the year and until the cause ends, the later one.

    Attributes:
        fact: key of the list of ``{"cause", "at", "ended_at"}``.
        afterwards: the best grade of the year that follows.
    """

    fact: str
    grade: str
    causes: Mapping[str, Cause]
    title: Text
    afterwards: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Also:
    """A fact that no indicator looks at, but a condition does; ``unit`` and ``source`` as of a leaf."""

    rule: Rule
    raw: Text
    unit: Text | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A rating scheme.

    Attributes:
        grades: best first.
        either: by the path of an object, groups of its keys of which exactly one group must be there.
        also: further optional facts by key.
        steps_up: most grades better than ``previous`` at once (C.2); ``None`` = no such rule.
        after: best grade after a previous one (C.6.1: after D at best C).
    """

    root: Node
    grades: tuple[Grade, ...]
    either: Mapping[Path, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    also: Mapping[str, Also] = field(default_factory=dict)
    caps: Mapping[str, Cap] = field(default_factory=dict)
    vetoes: Mapping[str, Veto] = field(default_factory=dict)
    direct: Direct | None = None
    steps_up: int | None = None
    after: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_previous(self) -> bool:
        """Whether the grade of the period before matters."""
        return self.steps_up is not None or bool(self.after)


def leaves_of(node: Node) -> Iterator[Leaf]:
    """Every leaf of a node that reads a fact, in order: what gives it directly first, what adjusts it last."""
    yield from (given.leaf for given in node.given)
    for part in node.parts:
        if isinstance(part, Node):
            yield from leaves_of(part)
        else:
            yield part
    yield from node.minus
    yield from node.plus
