"""Additives against the limits of GB 2760-2024 (domain.md C.8): scope, single limits, use together, carry-over.

Exact arithmetic: amounts are fractions, and what equals its limit is within it. A food class that the table does not cover is
never judged, and a name that it does not know is a question to a person, never a violation.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from domain.registers import AdditiveRecord, AdditiveSource, AdditiveState

NONE = "none"
"""What a person answers where a name means no additive."""
UNLISTED = "unlisted"
"""What a person answers where a name means an additive that the standard permits nowhere in the table."""
_DROPPED = str.maketrans("", "", " \t\u3000()[]【】·.,，。-_/")


def plain_name(written: str) -> str:
    """A name without what differs from one hand to the next: width, case, spaces, brackets and stops."""
    return unicodedata.normalize("NFKC", written).casefold().translate(_DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Substance:
    """One additive, or one thing that is none and must never be there.

    Attributes:
        names: every way it is written.
        prohibited: no food additive at all (acid orange II, Sudan): its use is another violation.
    """

    key: str
    names: tuple[str, ...]
    prohibited: bool = False

    @property
    def title(self) -> str:
        """Its first name."""
        return self.names[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the standard permits of a substance in a food class and those below it; ``most`` None is "as needed"."""

    substance: str
    food_class: str
    most: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """An ingredient that may carry a substance into food that must not hold it by itself (3.4 of the standard)."""

    ingredient: tuple[str, ...]
    substance: str
    most: Decimal | None


@dataclass(frozen=True)
class AdditiveTable:
    """The limits, as data.

    Attributes:
        covers: food classes the table is whole for; others are not judged.
        together: substances whose shares of their limits add up to at most 1 when used together.
        barred: business form → substances it must not hold at all.
    """

    version: str = ""
    covers: tuple[str, ...] = ()
    substances: tuple[Substance, ...] = ()
    limits: tuple[Limit, ...] = ()
    together: tuple[frozenset[str], ...] = ()
    carriers: tuple[Carrier, ...] = ()
    barred: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def _by_name(self) -> Mapping[str, Substance]:
        return {plain_name(name): one for one in self.substances for name in (one.key, *one.names)}

    @cached_property
    def _by_key(self) -> Mapping[str, Substance]:
        return {one.key: one for one in self.substances}

    def named(self, written: str) -> Substance | None:
        """The substance of a name, if the table knows it."""
        return self._by_name.get(plain_name(written))

    def substance(self, key: str) -> Substance | None:
        """The substance of a key."""
        return self._by_key.get(key)

    def covers_class(self, food_class: str) -> bool:
        """Whether the table is whole for a food class."""
        return any(_lies_in(food_class, covered) for covered in self.covers)

    def limit(self, substance: str, food_class: str) -> Limit | None:
        """The limit of the narrowest class that holds a food class; None if it is not permitted there."""
        fitting = [one for one in self.limits if one.substance == substance and _lies_in(food_class, one.food_class)]
        return max(fitting, key=lambda one: len(_parts(one.food_class)), default=None)

    def carrier(self, ingredient: str, substance: str) -> Carrier | None:
        """Whether an ingredient may carry a substance."""
        wanted = plain_name(ingredient)
        return next(
            (one for one in self.carriers if one.substance == substance and wanted in map(plain_name, one.ingredient)), None
        )

    def is_barred(self, substance: str, business_form: str) -> bool:
        """Whether such a business must not hold a substance at all."""
        return substance in self.barred.get(business_form, frozenset())


def _parts(food_class: str) -> tuple[str, ...]:
    """``08.0`` is the whole of group 08."""
    parts = tuple(food_class.split("."))
    return parts[:-1] if parts[-1] == "0" else parts


def _lies_in(food_class: str, wider: str) -> bool:
    parts, outer = _parts(food_class), _parts(wider)
    return parts[: len(outer)] == outer


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a record comes to.

    Attributes:
        used: of this substance in the product lot, in g/kg.
        limit: what was permitted.
        share: the sum of shares where too much was used together; ``partners`` with it.
    """

    state: AdditiveState
    used: Fraction | None = None
    limit: Decimal | None = None
    share: Fraction | None = None
    partners: tuple[str, ...] = ()


def judge(record: AdditiveRecord, lot: Iterable[AdditiveRecord], table: AdditiveTable, business_form: str) -> Verdict:
    """Judge one record beside everything else that went into its product lot.

    Args:
        record: with its substance found; its food class may be unknown.
        lot: every record of the product lot, this one among them or not.
        table: the limits.
        business_form: of the merchant.
    """
    state = _whatever_the_amount(record, table, business_form)
    if state is not None:
        return Verdict(state=state)
    if record.ingredient:
        return _carried(record, table)
    limit = table.limit(record.substance, record.food_class)
    if limit is None:
        return Verdict(state=AdditiveState.BEYOND_SCOPE)
    if record.source is AdditiveSource.STOCK:
        return Verdict(state=AdditiveState.WITHIN)
    return _amounts(record, [record, *(one for one in lot if one.id != record.id)], table, limit)


def _whatever_the_amount(record: AdditiveRecord, table: AdditiveTable, business_form: str) -> AdditiveState | None:
    """What is known without asking how much; None if the amount and the food class decide."""
    substance, state = table.substance(record.substance), None
    if record.substance == NONE:
        state = AdditiveState.NOT_ADDITIVE
    elif substance is not None and substance.prohibited:
        state = AdditiveState.PROHIBITED
    elif table.is_barred(record.substance, business_form):
        state = AdditiveState.BEYOND_SCOPE
    elif not record.food_class:  # bought for whatever: its use will be judged
        state = AdditiveState.WITHIN if record.source is AdditiveSource.STOCK else AdditiveState.NEEDS_CLASS
    elif not table.covers_class(record.food_class):
        state = AdditiveState.NOT_COVERED
    return state


def _carried(record: AdditiveRecord, table: AdditiveTable) -> Verdict:
    """Carried in by an ingredient: within what the ingredient may bring, a person judges; more was added by hand."""
    used = concentration(record)
    carrier = table.carrier(record.ingredient, record.substance)
    own = table.limit(record.substance, record.food_class)
    if own is not None and (own.most is None or used <= Fraction(own.most)):
        return Verdict(state=AdditiveState.WITHIN, used=used, limit=own.most)
    if carrier is None:
        return Verdict(state=AdditiveState.BEYOND_SCOPE, used=used)
    if carrier.most is not None and record.ingredient_qty_g > 0:
        most = Fraction(record.ingredient_qty_g) / Fraction(record.product_qty_g) * Fraction(carrier.most)
        if used > most:
            return Verdict(state=AdditiveState.BEYOND_SCOPE, used=used)
    return Verdict(state=AdditiveState.REVIEW, used=used)


def _amounts(record: AdditiveRecord, lot: Sequence[AdditiveRecord], table: AdditiveTable, limit: Limit) -> Verdict:
    used = _used(lot)
    own = used[record.substance]
    if limit.most is not None and own > Fraction(limit.most):
        return Verdict(state=AdditiveState.OVER_LIMIT, used=own, limit=limit.most)
    for group in table.together:
        if record.substance not in group:
            continue
        shares = {key: share for key in used if key in group and (share := _share(key, used[key], record, table)) is not None}
        if len(shares) > 1 and (total := sum(shares.values(), Fraction(0))) > 1:
            partners = tuple(sorted(shares))
            return Verdict(state=AdditiveState.OVER_LIMIT, used=own, limit=limit.most, share=total, partners=partners)
    return Verdict(state=AdditiveState.WITHIN, used=own, limit=limit.most)


def _share(key: str, used: Fraction, record: AdditiveRecord, table: AdditiveTable) -> Fraction | None:
    limit = table.limit(key, record.food_class)
    return None if limit is None or limit.most is None else used / Fraction(limit.most)


def _used(lot: Iterable[AdditiveRecord]) -> Mapping[str, Fraction]:
    """How much of each substance was added to the lot by hand, in g/kg."""
    used: dict[str, Fraction] = defaultdict(Fraction)
    for one in lot:
        if one.source is AdditiveSource.USE and one.substance and not one.ingredient:
            used[one.substance] += concentration(one)
    return used


def concentration(record: AdditiveRecord) -> Fraction:
    """g/kg = quantity / product × 1000 (E.2)."""
    if not record.product_qty_g:
        return Fraction(0)
    return Fraction(record.qty_g) / Fraction(record.product_qty_g) * 1000


def shown(amount: Fraction) -> str:
    """An amount for people: at most four decimals, rounded half up."""
    scaled = (amount * 20_000 + 1) // 2  # whole ten-thousandths
    text = f"{Decimal(scaled) / 10_000:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def carry_over_max(shares: Iterable[tuple[str, Fraction]], substance: str, table: AdditiveTable) -> Fraction:
    """What a recipe's ingredients may bring of a substance: the sum of share × limit (C.8).

    Args:
        shares: the name of each ingredient and its share of the product.
    """
    total = Fraction(0)
    for name, share in shares:
        carrier = table.carrier(name, substance)
        if carrier is not None and carrier.most is not None:
            total += share * Fraction(carrier.most)
    return total
