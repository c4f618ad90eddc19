"""Rating schemes as values: violation codes, what they cost, and the bands a score falls into (domain.md C.4).

A scheme is data from ``configs/schemes/*.yaml``; no code knows a violation code, a number of points or a colour. Whoever
reads a rule must not forget that ``floor`` names the *best* band a merchant can have in that month, not the worst.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from credit.measures import Threshold
from domain.errors import ConfigurationError

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One grade: every score from ``at_least`` up to the next better band's ``at_least``."""

    name: str
    at_least: Decimal
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Degree:
    """Which fact tells the degree of a violation (XV14: coverage, XV16: severity).

    Attributes:
        fact: name of the fact.
        below: limits of a number, lowest first, each with the variant that holds below it (None = the plain base); at the last
            limit and above there is no violation. Empty: the fact is the variant's name itself.
        most: the largest number there can be.
    """

    fact: str
    below: tuple[tuple[Decimal, str | None], ...] = ()
    most: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeductionRule:
    """What one violation code costs.

    Attributes:
        base: points of one occurrence.
        variants: other bases by the name of the fact's degree (XV14, XV16).
        title: words by locale.
        waivable: first-violation leniency may set it to 0.
        waivable_lapse: the leniency holds only if what lapsed lapsed no longer ago (XV05).
        self_report_waives: a merchant's own report within an hour of the expiry waives it whatever its history (F.4).
        cap: most points of this code in one month.
        group: name of a cap several codes share, a key of ``Scheme.group_caps``.
        floor: best band possible in a month in which the code is charged.
        repeats: whether the n-th occurrence in a month costs more (``Scheme.repeat``).
        clocked: whether a merchant's limit runs, so that lateness adds points and being on time is needed for the waiver.
        daily_limit: most occurrences counted per camera and day (F.2).
        once_per_subject: a lot, person or complaint is charged once a month (F.1); for facts without an incident, which a live
            warning always has.
        specificity: which of two codes of one incident with the same base is charged: the higher (C.4).
        degree: the fact that tells which of the ``variants`` it is, in a rating from facts.
    """

    code: str
    base: Decimal
    variants: Mapping[str, Decimal] = field(default_factory=dict)
    title: Mapping[str, str] = field(default_factory=dict)
    waivable: bool = False
    waivable_lapse: timedelta | None = None
    self_report_waives: bool = False
    cap: Decimal | None = None
    group: str | None = None
    floor: str | None = None
    repeats: bool = True
    clocked: bool = True
    daily_limit: int | None = None
    once_per_subject: bool = False
    specificity: int = 0
    degree: Degree | None = None

    def base_of(self, variant: str | None) -> Decimal:
        """The base points of a degree of the fact; ``None`` is the plain one.

        Raises:
            ConfigurationError: if the scheme has no such degree.
        """
        if variant is None:
            return self.base
        try:
            return self.variants[variant]
        except KeyError:
            known = ", ".join(self.variants) or "none"
            raise ConfigurationError(f"{self.code} has no degree {variant!r}", hint=f"known: {known}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A rating scheme that starts each month at ``start`` and subtracts.

    Attributes:
        bands: best first; the last one's ``at_least`` is 0.
        repeat: factor of the 1st, 2nd, … occurrence in a month; the last one holds for all that follow.
        overdue_share: part of the base that lateness adds.
        history: how far back an earlier occurrence forbids the waiver.
        group_caps: most points in one month of all codes of a group together.
        thresholds: what the cumulative points of a contract round propose (C.5), lowest first.
    """

    name: str
    bands: tuple[Band, ...]
    rules: Mapping[str, DeductionRule]
    title: Mapping[str, str] = field(default_factory=dict)
    start: Decimal = Decimal(100)
    repeat: tuple[Decimal, ...] = (Decimal("1.0"), Decimal("1.5"), Decimal("2.0"))
    overdue_share: Decimal = Decimal("0.5")
    history: timedelta = timedelta(days=365)
    group_caps: Mapping[str, Decimal] = field(default_factory=dict)
    thresholds: tuple[Threshold, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a scheme that contradicts itself; the loader adds the file's name."""
        for problem in problems(self):
            raise ConfigurationError(problem, key=self.name)

    def rule(self, code: str) -> DeductionRule:
        """The rule of a violation code.

        Raises:
            ConfigurationError: if the scheme does not know the code.
        """
        try:
            return self.rules[code]
        except KeyError:
            raise ConfigurationError(f"scheme {self.name} has no violation code {code!r}", key=code) from None

    def costs(self, code: str) -> bool:
        """Whether a violation code costs anything. A code that is unknown here does: ``rule`` says what is wrong with it."""
        if not self.rules:
            return False
        rule = self.rules.get(code)
        return rule is None or rule.base > 0 or any(base > 0 for base in rule.variants.values())

    def band_of(self, score: Decimal) -> Band:
        """The band a score falls into; the score is rounded half-up to 2 decimals first (C.0)."""
        rounded = score.quantize(CENT, ROUND_HALF_UP)
        return next((band for band in self.bands if rounded >= band.at_least), self.bands[-1])

    def worse(self, one: Band, other: Band) -> Band:
        """The worse of two bands of this scheme."""
        return one if self.bands.index(one) >= self.bands.index(other) else other

    def band(self, name: str) -> Band:
        """The band of that name (checked when the scheme was made)."""
        return next(band for band in self.bands if band.name == name)


def chargeless(name: str, title: Mapping[str, str]) -> Scheme:
    """The ledger of a scheme that deducts nothing: its grade comes from the monthly assessment alone."""
    told = {"zh": "以月度考评为准", "en": "graded by the monthly assessment"}
    return Scheme(name=name, bands=(Band(name="unrated", at_least=Decimal(0), title=told),), rules={}, title=title)


def problems(scheme: Scheme) -> list[str]:
    """What is wrong with a scheme, one clause each; empty when it is sound."""
    found = _band_problems(scheme)
    names = [band.name for band in scheme.bands]
    if not scheme.repeat or scheme.start <= 0 or scheme.overdue_share < 0:
        found.append("start must be positive, repeat must not be empty, overdue_share must not be negative")
    for code, rule in scheme.rules.items():
        if rule.code != code:
            found.append(f"rules.{code}: is named {rule.code}")
        if rule.base < 0 or any(base < 0 for base in rule.variants.values()) or (rule.cap is not None and rule.cap < 0):
            found.append(f"rules.{code}: points must not be negative")
        if rule.floor is not None and rule.floor not in names:
            found.append(f"rules.{code}.floor: no band is named {rule.floor}")
        if rule.group is not None and rule.group not in scheme.group_caps:
            found.append(f"rules.{code}.group: group_caps has no {rule.group}")
        found += [f"rules.{code}.degree: {problem}" for problem in _degree_problems(rule)]
    steps = [threshold.points for threshold in scheme.thresholds]
    if any(a >= b for a, b in pairwise([Decimal(0), *steps])):
        found.append("thresholds must rise from above 0")
    return found


def _band_problems(scheme: Scheme) -> list[str]:
    limits = [band.at_least for band in scheme.bands]
    names = [band.name for band in scheme.bands]
    found = []
    if not limits or limits[-1] != 0 or any(a <= b for a, b in pairwise(limits)):
        found.append("bands must run from the best to one that begins at 0")
    if limits and limits[0] > scheme.start:
        found.append(f"bands: {names[0]} is never reached: a month begins with {scheme.start:f}")
    if len(set(names)) != len(names):
        found.append("two bands have one name")
    return found


def _degree_problems(rule: DeductionRule) -> list[str]:
    if rule.degree is None:
        return []
    limits = [limit for limit, _ in rule.degree.below]
    strange = [name for _, name in rule.degree.below if name is not None and name not in rule.variants]
    found = [f"variants has no {name}" for name in strange]
    if any(a >= b for a, b in pairwise(limits)):
        found.append("below must rise")
    if not limits and not rule.variants:
        found.append("neither limits nor variants tell the degrees")
    return found
