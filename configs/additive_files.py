"""``additives.yaml``: the additives of GB 2760 with their limits, by food class (domain.md C.8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.words import Strict, Word
from domain.parties import BusinessForm
from traceability.additives import AdditiveTable, Carrier, Limit, Substance, plain_name

FoodClass = Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{1,2}){0,3}$")]
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4})?$", description="g/kg, quoted: a decimal")]
Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(min_length=1)]


class CarrierEntry(Strict):
    """An ingredient that may carry a substance in."""

    ingredient: Names
    substance: Word
    most: Amount | None = None


class AdditivesFile(Strict):
    """``additives.yaml``."""

    standard: Annotated[str, Field(min_length=1, max_length=80)]
    covers: Annotated[tuple[FoodClass, ...], Field(min_length=1)]
    substances: dict[Word, Names]
    prohibited: dict[Word, Names] = Field(default_factory=dict)
    limits: tuple[tuple[Word, FoodClass, Amount | None], ...]
    together: tuple[tuple[Word, ...], ...] = ()
    carry_over: tuple[CarrierEntry, ...] = ()
    barred: dict[BusinessForm, tuple[Word, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_what_it_knows(self) -> Self:
        known = set(self.substances)
        if both := known & set(self.prohibited):
            raise ValueError(f"{', '.join(sorted(both))}: a substance and prohibited")
        used = {key for key, _, _ in self.limits} | {key for group in self.together for key in group}
        used |= {entry.substance for entry in self.carry_over} | {key for keys in self.barred.values() for key in keys}
        if unknown := used - known:
            raise ValueError(f"{', '.join(sorted(unknown))}: not among the substances")
        owners: dict[str, str] = {}
        for key, names in (*self.substances.items(), *self.prohibited.items()):
            for name in {plain_name(name) for name in (key, *names)}:
                if owners.setdefault(name, key) != key:
                    raise ValueError(f"{name}: a name of {owners[name]} and of {key}")
        pairs = [(key, food_class) for key, food_class, _ in self.limits]
        if len(pairs) != len(set(pairs)):
            raise ValueError("a substance has two limits in one food class")
        return self

    def value(self) -> AdditiveTable:
        """The table as it is judged by."""
        substances = [Substance(key=key, names=names) for key, names in self.substances.items()]
        substances += [Substance(key=key, names=names, prohibited=True) for key, names in self.prohibited.items()]
        return AdditiveTable(
            version=self.standard,
            covers=self.covers,
            substances=tuple(substances),
            limits=tuple(Limit(substance=key, food_class=where, most=_amount(most)) for key, where, most in self.limits),
            together=tuple(frozenset(group) for group in self.together),
            carriers=tuple(
                Carrier(ingredient=entry.ingredient, substance=entry.substance, most=_amount(entry.most))
                for entry in self.carry_over
            ),
            barred={form.value: frozenset(keys) for form, keys in self.barred.items()},
        )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
