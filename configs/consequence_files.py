"""``consequences.yaml``: what merchants sign, how records are repaired, and the clocks of the lists.

The numbers are law or a city's decision and change; a site lays its own whole file over the shipped one.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.quantities import WordsEntry
from configs.values import Consequences
from configs.words import Code, Strict, Word
from credit.commitments import Clause, Template
from credit.lists import ListingTerms
from credit.repair_profile import Condition, RepairClass, RepairProfile

Months = Annotated[int, Field(ge=0, le=120)]
Days = Annotated[int, Field(ge=1, le=366)]
Hours = Annotated[int, Field(ge=1, le=720)]


class LongWords(Strict):
    """A clause in both languages."""

    zh: Annotated[str, Field(min_length=1, max_length=400)]
    en: Annotated[str, Field(min_length=1, max_length=600)]


class ClauseEntry(Strict):
    """One promise, and the violation codes that break it."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    text: LongWords
    codes: tuple[Code, ...] = ()


class CommitmentEntry(Strict):
    """What is signed; a changed text needs a new version, and that a new signature."""

    name: Word
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,20}$")]
    title: WordsEntry
    months: Annotated[int, Field(ge=1, le=120)] = 12
    remind_days: tuple[Days, ...] = (30, 7)
    publish_within_hours: Hours = 24
    blocked_months: Months = 12
    clauses: Annotated[tuple[ClauseEntry, ...], Field(min_length=10)]

    @model_validator(mode="after")
    def _has_no_clause_twice(self) -> Self:
        names = [clause.id for clause in self.clauses]
        if len(set(names)) != len(names):
            raise ValueError("two clauses have one id")
        return self

    def value(self) -> Template:
        """The domain value."""
        return Template(
            name=self.name,
            version=self.version,
            title=_words(self.title),
            clauses=tuple(Clause(id=entry.id, text=_words(entry.text), codes=entry.codes) for entry in self.clauses),
            months=self.months,
            remind_days=self.remind_days,
            publish_within=timedelta(hours=self.publish_within_hours),
            blocked_months=self.blocked_months,
        )


class RepairClassEntry(Strict):
    """How one class of penalty is treated."""

    published: bool = True
    min_months: Months = 0
    max_months: Months = 0
    auto: bool = False
    strict: bool = True

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.published and not 0 < self.max_months >= self.min_months:
            raise ValueError("what is published ends: max_months must be above 0 and not below min_months")
        return self

    def value(self) -> RepairClass:
        """The domain value."""
        return RepairClass(**dict(self))


class RepairProfileEntry(Strict):
    """The rules of repair of one law."""

    source: Annotated[str, Field(max_length=200)]
    classes: Annotated[dict[Word, RepairClassEntry], Field(min_length=1)]
    conditions: tuple[Condition, ...]
    strict_fields: tuple[Word, ...] = ()
    strict_months: Months = 0
    excluded: tuple[Word, ...] = ()
    accept_working_days: Days
    decide_working_days: Days
    baseline_working_days: Days = 5

    def value(self, name: str) -> RepairProfile:
        """The domain value."""
        return RepairProfile(
            name=name,
            classes=MappingProxyType({key: entry.value() for key, entry in self.classes.items()}),
            conditions=self.conditions,
            strict_fields=frozenset(self.strict_fields),
            strict_months=self.strict_months,
            excluded=frozenset(self.excluded),
            accept_working_days=self.accept_working_days,
            decide_working_days=self.decide_working_days,
            baseline_working_days=self.baseline_working_days,
            source=self.source,
        )


class RepairEntry(Strict):
    """The profiles there are, and the one in force."""

    profile: Word
    profiles: dict[Word, RepairProfileEntry]

    @model_validator(mode="after")
    def _is_there(self) -> Self:
        if self.profile not in self.profiles:
            raise ValueError(f"there is no profile {self.profile!r}; known: {', '.join(self.profiles)}")
        return self


class ListEntry(Strict):
    """The clocks of one list."""

    notice_working_days: Days = 5
    months: Annotated[int, Field(ge=1, le=120)] = 36
    early_removal_months: Months = 12
    push_within_hours: Hours = 24
    ack_working_days: Days = 5
    review_working_days: Days = 1
    heavier_penalty: bool = True

    def value(self, name: str) -> ListingTerms:
        """The domain value."""
        return ListingTerms(
            name=name,
            notice_working_days=self.notice_working_days,
            months=self.months,
            early_removal_months=self.early_removal_months,
            push_within=timedelta(hours=self.push_within_hours),
            ack_working_days=self.ack_working_days,
            review_working_days=self.review_working_days,
            heavier_penalty=self.heavier_penalty,
        )


class ConsequencesFile(Strict):
    """``consequences.yaml``."""

    commitment: CommitmentEntry
    repair: RepairEntry
    lists: Annotated[dict[Word, ListEntry], Field(min_length=1)]

    def value(self) -> Consequences:
        """The domain value."""
        profiles = {name: entry.value(name) for name, entry in self.repair.profiles.items()}
        return Consequences(
            template=self.commitment.value(),
            repair=profiles[self.repair.profile],
            repair_profiles=MappingProxyType(profiles),
            lists=MappingProxyType({name: entry.value(name) for name, entry in self.lists.items()}),
        )


def _words(entry: WordsEntry | LongWords) -> MappingProxyType[str, str]:
    return MappingProxyType({"zh": entry.zh, "en": entry.en})
