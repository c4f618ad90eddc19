"""The stall-contract round over which points are cumulated (domain.md C.5): twelve months from the contract's start, then anew.

Only final entries count, and an entry belongs to the round in which its violation was raised: one reversed later leaves it as if
it had never been.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from credit.points import NOTHING, at_of
from credit.sampling import months_after
from domain.deductions import Deduction, DeductionState
from domain.errors import BadInput, Code
from domain.time import local_day

MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A contract round; the day it ends on belongs to the next one."""

    began_on: date
    ends_on: date

    def holds(self, day: date) -> bool:
        """Whether a Shanghai day belongs to it."""
        return self.began_on <= day < self.ends_on


def round_of(contract_began_on: date, day: date, months: int = MONTHS) -> Round:
    """The round a day belongs to.

    Args:
        contract_began_on: first day of the stall's contract.
        day: a Shanghai day, not before it.
        months: how long a round lasts.

    Raises:
        BadInput: E003 if the contract begins later.
    """
    if day < contract_began_on:
        raise BadInput(Code.FIELD, f"the contract begins on {contract_began_on}, later than {day}", where="contract_began_on")
    number = 0
    while months_after(contract_began_on, (number + 1) * months) <= day:
        number += 1
    return Round(
        began_on=months_after(contract_began_on, number * months), ends_on=months_after(contract_began_on, (number + 1) * months)
    )


def points_in(round_: Round, deductions: Iterable[Deduction]) -> Decimal:
    """``C``: the final points of a round.

    Args:
        round_: the stall's current round.
        deductions: the merchant's ledger, in any order; entries told twice count once.
    """
    final = {d.id: d for d in deductions if d.state is DeductionState.FINAL and round_.holds(local_day(at_of(d)))}
    return sum((d.points for d in final.values()), NOTHING)
