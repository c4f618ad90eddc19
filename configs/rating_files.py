"""The ``rating`` block of a scheme file: a tree of parts, bands and what overrides them, as data.

A part with a ``rule`` is an indicator; one with ``parts`` or ``given`` is made up of others. What the keys mean is told at the
values they become, in ``credit.rating.plan``.
"""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from configs.quantities import FactKey, FactPath, GradeName, OverrideCode, PartId, Quantity, WordsEntry, path_of
from configs.rule_kinds import RuleEntry
from configs.words import Strict
from credit.rating.plan import Also, Cap, Cause, Condition, Direct, Given, Grade, Leaf, Node, Path, Plan, Veto
from credit.rating.value import Text


class RawEntry(Strict):
    """What a raw value is, and its unit, in words."""

    zh: Annotated[str, Field(min_length=1, max_length=200)]
    en: Annotated[str, Field(min_length=1, max_length=300)]
    unit: WordsEntry | None = None


class GivenEntry(Strict):
    """A fact that gives a part's points directly; an optional one may be absent or null, and then the parts are looked at."""

    fact: FactPath
    rule: RuleEntry
    raw: RawEntry
    source: Annotated[str, Field(max_length=40)] = ""
    optional: bool = False


class PartEntry(Strict):
    """An indicator, or a part made up of others."""

    id: PartId
    title: WordsEntry
    max: Quantity | None = None
    weight: Quantity | None = None
    rule: RuleEntry | None = None
    raw: RawEntry | None = None
    source: Annotated[str, Field(max_length=40)] = ""
    fact: FactPath | None = None
    parts: tuple[PartEntry, ...] = ()
    given: tuple[GivenEntry, ...] = ()
    sums: bool = False
    required: bool = False
    needs: tuple[PartId, ...] = ()
    minus: tuple[PartEntry, ...] = ()
    plus: tuple[PartEntry, ...] = ()
    plus_cap: Quantity | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        inner = {"parts", "given", "sums", "required", "needs", "minus", "plus", "plus_cap"} & self.model_fields_set
        outer = {"raw", "source", "fact"} & self.model_fields_set
        if self.rule is not None and inner:
            raise ValueError(f"{self.id} has a rule, so it is an indicator and has no {min(inner)}")
        if self.rule is None and (outer or not inner & {"parts", "given"}):
            raise ValueError(f"{self.id} needs a rule (an indicator), or parts or given (made up of others)")
        if self.rule is not None and self.raw is None:
            raise ValueError(f"{self.id} needs raw: what its raw value is, in words")
        return self

    def node(self, under: Path) -> Node:
        """The domain value of a part made up of others; ``under`` is where indicators' facts stand by default."""
        return Node(
            id=self.id,
            title=self.title.value(),
            max=self.max,
            weight=self._weight(),
            parts=tuple(part.leaf(under) if part.rule is not None else part.node(under) for part in self.parts),
            given=tuple(Given(leaf=self._given(entry), optional=entry.optional) for entry in self.given),
            sums=self.sums,
            required=self.required,
            needs=self.needs,
            minus=tuple(part.leaf(under) for part in self.minus),
            plus=tuple(part.leaf(under) for part in self.plus),
            plus_cap=self.plus_cap,
        )

    def leaf(self, under: Path) -> Leaf:
        """The domain value of an indicator."""
        if self.rule is None or self.raw is None:
            raise ValueError(f"{self.id} is no indicator: only those can adjust a score")
        return Leaf(
            id=self.id,
            fact=path_of(self.fact) if self.fact else (*under, self.id),
            rule=self.rule.value(),
            max=self.max,
            weight=self._weight(),
            title=self.title.value(),
            raw=Text(self.raw.zh, self.raw.en),
            source=self.source,
            unit=self.raw.unit.value() if self.raw.unit else None,
        )

    def _given(self, entry: GivenEntry) -> Leaf:
        return Leaf(
            id=self.id,
            fact=path_of(entry.fact),
            rule=entry.rule.value(),
            max=self.max,
            weight=self._weight(),
            title=self.title.value(),
            raw=Text(entry.raw.zh, entry.raw.en),
            source=entry.source,
            unit=entry.raw.unit.value() if entry.raw.unit else None,
        )

    def _weight(self) -> Decimal:
        return next((number for number in (self.weight, self.max) if number is not None), Decimal(1))


class EitherEntry(Strict):
    """Groups of keys of an object among the facts, of which exactly one group is given."""

    at: FactPath | None = None
    of: Annotated[tuple[tuple[FactKey, ...], ...], Field(min_length=2)]


class GradeEntry(Strict):
    """A band; the first that fits counts."""

    name: GradeName
    title: WordsEntry
    at_least: Quantity | None = None
    at_most: Quantity | None = None
    largest_at_most: Quantity | None = None

    def value(self) -> Grade:
        """The domain value."""
        return Grade(
            name=self.name,
            title=self.title.value(),
            at_least=self.at_least,
            at_most=self.at_most,
            largest_at_most=self.largest_at_most,
        )


class ConditionEntry(Strict):
    """Something about one raw fact."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    fact: FactPath
    below: Quantity | None = None
    at_least: Quantity | None = None
    is_in: Annotated[tuple[FactKey, ...], Field(alias="is")] = ()

    def value(self) -> Condition:
        """The domain value."""
        return Condition(fact=path_of(self.fact), below=self.below, at_least=self.at_least, is_in=self.is_in)


class CapEntry(Strict):
    """The best grade that is still possible."""

    best: GradeName
    title: WordsEntry
    when: ConditionEntry | None = None
    provisional: bool = False

    def value(self) -> Cap:
        """The domain value."""
        when = self.when.value() if self.when else None
        return Cap(best=self.best, title=self.title.value(), when=when, provisional=self.provisional)


class VetoEntry(Strict):
    """The grade whatever the score."""

    grade: GradeName
    title: WordsEntry
    when: ConditionEntry | None = None

    def value(self) -> Veto:
        """The domain value."""
        return Veto(grade=self.grade, title=self.title.value(), when=self.when.value() if self.when else None)


class CauseEntry(Strict):
    """What leads to a direct grade."""

    title: WordsEntry
    lasting: bool = False


class DirectEntry(Strict):
    """A grade by cause, proposed to a named person."""

    fact: FactKey
    grade: GradeName
    afterwards: GradeName | None = None
    title: WordsEntry
    causes: Annotated[dict[FactKey, CauseEntry], Field(min_length=1)]

    def value(self) -> Direct:
        """The domain value."""
        causes = {name: Cause(title=entry.title.value(), lasting=entry.lasting) for name, entry in self.causes.items()}
        return Direct(
            fact=self.fact,
            grade=self.grade,
            causes=MappingProxyType(causes),
            title=self.title.value(),
            afterwards=self.afterwards,
        )


class AlsoEntry(Strict):
    """A fact that no indicator reads, but a condition does."""

    rule: RuleEntry
    raw: RawEntry
    source: Annotated[str, Field(max_length=40)] = ""

    def value(self) -> Also:
        """The domain value."""
        unit = self.raw.unit.value() if self.raw.unit else None
        return Also(rule=self.rule.value(), raw=Text(self.raw.zh, self.raw.en), unit=unit, source=self.source)


class RatingEntry(Strict):
    """``rating``: how a score and a grade come about."""

    facts_under: FactPath | None = None
    either: tuple[EitherEntry, ...] = ()
    also: dict[FactKey, AlsoEntry] = Field(default_factory=dict)
    score: PartEntry
    bands: Annotated[tuple[GradeEntry, ...], Field(min_length=2)]
    caps: dict[OverrideCode, CapEntry] = Field(default_factory=dict)
    vetoes: dict[OverrideCode, VetoEntry] = Field(default_factory=dict)
    direct: DirectEntry | None = None
    steps_up: Annotated[int, Field(ge=1)] | None = None
    after: dict[GradeName, GradeName] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.score.rule is not None:
            raise ValueError("the score is no indicator: it needs parts")
        self.value()
        return self

    def value(self) -> Plan:
        """The domain value; ``credit.rating.soundness`` says whether it contradicts itself."""
        also = {name: entry.value() for name, entry in self.also.items()}
        return Plan(
            root=self.score.node(path_of(self.facts_under) if self.facts_under else ()),
            grades=tuple(grade.value() for grade in self.bands),
            either=MappingProxyType({path_of(entry.at) if entry.at else (): entry.of for entry in self.either}),
            also=MappingProxyType(also),
            caps=MappingProxyType({code: cap.value() for code, cap in self.caps.items()}),
            vetoes=MappingProxyType({code: veto.value() for code, veto in self.vetoes.items()}),
            direct=self.direct.value() if self.direct else None,
            steps_up=self.steps_up,
            after=MappingProxyType(dict(self.after)),
        )
