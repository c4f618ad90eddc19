"""Which penalties may be repaired, how soon and under which conditions (domain.md C.6.4): profiles as data, one in force.

The law changes and differs by province, so no number stands here. For food the shortest time is one year whatever the general one
is, except for a class that is repaired as soon as the duties are done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from credit.sampling import months_after
from domain.errors import BadInput, Code


class Condition(StrEnum):
    """What must be shown before a repair (C.6.4)."""

    DUTIES_PERFORMED = "duties_performed"
    HARM_REMOVED = "harm_removed"
    NO_FURTHER_PENALTY = "no_further_penalty"
    ON_NO_LIST = "on_no_list"
    COMMITMENT_LETTER = "commitment_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairClass:
    """How one class of penalty is treated.

    Attributes:
        published: whether it is shown at all.
        min_months: shortest time it is shown before repair may be asked for.
        max_months: when publication ends by itself.
        auto: the publication ends at ``max_months`` without an application, and needs none.
        strict: the longer minimum of the profile's strict fields holds for it.
    """

    published: bool = True
    min_months: int = 0
    max_months: int = 0
    auto: bool = False
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairProfile:
    """The rules of repair in force.

    Attributes:
        classes: class of penalty → how it is treated.
        strict_fields: fields with a longer minimum: food, drugs, special equipment.
        strict_months: that minimum.
        conditions: what the applicant must show.
        excluded: kinds of penalty that are not repaired.
        accept_working_days: statutory time to accept.
        decide_working_days: statutory time to decide.
        baseline_working_days: what R-14 is measured against.
    """

    name: str
    classes: Mapping[str, RepairClass]
    conditions: tuple[Condition, ...]
    strict_fields: frozenset[str] = frozenset()
    strict_months: int = 0
    excluded: frozenset[str] = frozenset()
    accept_working_days: int = 2
    decide_working_days: int = 15
    baseline_working_days: int = 5
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """A penalty on public notice.

    Attributes:
        kind: what was imposed, e.g. ``fine``, ``suspension``.
        class_: its class in the profile, e.g. ``other``, ``general``.
        field: what it was about, e.g. ``food``.
    """

    id: str
    uscc: str
    kind: str
    class_: str
    field: str
    published_on: date


class Standing(StrEnum):
    """Whether a repair may be asked for."""

    NOT_PUBLISHED = "not_published"
    EXCLUDED = "excluded"
    ENDS_BY_ITSELF = "ends_by_itself"
    TOO_EARLY = "too_early"
    ENDED = "ended"
    ELIGIBLE = "eligible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Whether, from when and until when repair makes sense; days are Shanghai days."""

    standing: Standing
    from_on: date | None = None
    ends_on: date | None = None


def eligibility(penalty: Penalty, profile: RepairProfile, today: date) -> Eligibility:
    """Whether the repair of a penalty may be asked for.

    Raises:
        BadInput: E003 if the profile has no such class.
    """
    treated = profile.classes.get(penalty.class_)
    if treated is None:
        known = ", ".join(profile.classes)
        raise BadInput(Code.FIELD, f"{profile.name} has no class {penalty.class_!r}", where="class", hint=f"known: {known}")
    if not treated.published:
        return Eligibility(standing=Standing.NOT_PUBLISHED)
    ends_on = months_after(penalty.published_on, treated.max_months)
    if today >= ends_on:
        return Eligibility(standing=Standing.ENDED, ends_on=ends_on)
    if penalty.kind in profile.excluded:
        return Eligibility(standing=Standing.EXCLUDED, ends_on=ends_on)
    if treated.auto:
        return Eligibility(standing=Standing.ENDS_BY_ITSELF, ends_on=ends_on)
    strict = profile.strict_months if treated.strict and penalty.field in profile.strict_fields else 0
    from_on = min(ends_on, months_after(penalty.published_on, max(treated.min_months, strict)))
    standing = Standing.ELIGIBLE if today >= from_on else Standing.TOO_EARLY
    return Eligibility(standing=standing, from_on=from_on, ends_on=ends_on)


def restarted(penalty: Penalty, began_on: date) -> Penalty:
    """The penalty as if it had been published later: after a repair was revoked the time is counted from there."""
    return replace(penalty, published_on=max(began_on, penalty.published_on))
