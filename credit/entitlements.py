"""What good credit earns: loan, subsidy, fee reduction (domain.md C.3, Z-17). Money is integer fen.

A subsidy never exceeds the documented cost nor what is left of the year's ceiling, and losing a grade stops *new* entitlements
only: a loan that was granted is not recalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.errors import BadInput, Code


class FeeReduction(StrEnum):
    """How far fees are reduced."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a grade is offered.

    Attributes:
        loan_fen: ceiling of a credit loan.
        preferential_rate: the loan is at the preferential rate.
        subsidy_fen: ceiling of the sunshine-kitchen subsidy per merchant and year.
        vouchers_per_month: how many vouchers of each kind.
    """

    loan_fen: int = 0
    preferential_rate: bool = False
    subsidy_fen: int = 0
    fee_reduction: FeeReduction = FeeReduction.NONE
    vouchers_per_month: int = 0


NOTHING = Offer()


def offer_of(measures: Mapping[str, Any]) -> Offer:
    """What a grade's measures offer; what a scheme does not say is nothing."""
    return Offer(
        loan_fen=measures.get("loan_ceiling_fen", 0),
        preferential_rate=bool(measures.get("preferential_rate", False)),
        subsidy_fen=measures.get("subsidy_ceiling_fen", 0),
        fee_reduction=FeeReduction(measures.get("fee_reduction", FeeReduction.NONE)),
        vouchers_per_month=measures.get("vouchers_per_month", 0),
    )


class Entitled(StrEnum):
    """Why an entitlement is what it is."""

    GRANTED = "granted"
    GRADE_HAS_NONE = "grade_has_none"
    CEILING_REACHED = "ceiling_reached"
    ABOVE_CEILING = "above_ceiling"
    NO_COST = "no_cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """So much, and why."""

    fen: int
    why: Entitled


def loan(offer: Offer, asked_fen: int) -> Entitlement:
    """How much of a loan the grade supports; the bank decides about the rest.

    Raises:
        BadInput: E003 if nothing is asked for.
    """
    _positive(asked_fen, "asked_fen")
    if offer.loan_fen == 0:
        return Entitlement(fen=0, why=Entitled.GRADE_HAS_NONE)
    if asked_fen > offer.loan_fen:
        return Entitlement(fen=offer.loan_fen, why=Entitled.ABOVE_CEILING)
    return Entitlement(fen=asked_fen, why=Entitled.GRANTED)


def subsidy(offer: Offer, *, cost_fen: int, paid_this_year_fen: int) -> Entitlement:
    """``min(ceiling − already paid this year, cost)``, never below nothing (C.3).

    Args:
        offer: of the merchant's grade today.
        cost_fen: documented cost.
        paid_this_year_fen: subsidies of the Shanghai year so far, whatever the grade was then.

    Raises:
        BadInput: E003 if an amount is negative.
    """
    if cost_fen < 0 or paid_this_year_fen < 0:
        raise BadInput(Code.FIELD, "money is not negative", where="cost_fen" if cost_fen < 0 else "paid_this_year_fen")
    if offer.subsidy_fen == 0:
        return Entitlement(fen=0, why=Entitled.GRADE_HAS_NONE)
    left = offer.subsidy_fen - paid_this_year_fen
    if left <= 0:
        return Entitlement(fen=0, why=Entitled.CEILING_REACHED)
    if cost_fen == 0:
        return Entitlement(fen=0, why=Entitled.NO_COST)
    return Entitlement(fen=min(left, cost_fen), why=Entitled.GRANTED if cost_fen <= left else Entitled.ABOVE_CEILING)


def _positive(fen: int, where: str) -> None:
    if fen <= 0:
        raise BadInput(Code.FIELD, f"{fen} fen is no amount to ask for", where=where)
