"""What a published grade entitles to: credit loan, sunshine-kitchen subsidy, fee reduction (domain.md Z-17, C.3).

An entitlement says what the grade supports, and why; the bank decides about its loan. Losing a grade recalls nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from casework.consequences import standing
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, begin, done_before, need, seen_merchant
from casework.desk import Work
from credit import entitlements
from credit.entitlements import Entitled, FeeReduction
from credit.transitions import Lifecycle
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import Role
from domain.time import local_day
from store.registers import Book, Wanted


class Kind(StrEnum):
    """What is asked for."""

    LOAN = "loan"
    SUBSIDY = "subsidy"
    FEE_REDUCTION = "fee_reduction"


class EntitlementState(StrEnum):
    """How it was answered."""

    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementCase:
    """One answered request; ``fen`` is what the grade supports of what was asked."""

    id: str
    uscc: str
    kind: Kind
    asked_fen: int
    fen: int
    why: Entitled
    grade: str
    preferential_rate: bool = False
    fee_reduction: FeeReduction = FeeReduction.NONE
    document: str = ""
    state: EntitlementState = EntitlementState.REFUSED
    version: int = 1


LIFE = Lifecycle(entity="entitlement", steps={}, who={})
CABINET = Cabinet(Book.ENTITLEMENTS, EntitlementCase)
MACHINE: Machine[EntitlementCase] = Machine(name="entitlements", life=LIFE, cabinet=CABINET, handlers={})


def ask(work: Work, uscc: str, order: Order) -> Filed[EntitlementCase]:
    """A merchant asks: ``kind``, ``asked_fen``, and for a subsidy the ``document`` that shows the cost."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "ask for an entitlement", Role.MERCHANT)
    try:
        kind = Kind(order.text("kind"))
    except ValueError:
        raise BadInput(Code.FIELD, "no such entitlement", where="kind", hint=" | ".join(Kind)) from None
    case_id = derived_id("entitlement", uscc, kind.value, order.token or work.desk.new_id(order.now))
    known = CABINET.get(work.uow, case_id)
    if done_before(work, order, f"entitlements/{case_id}") and known is not None:
        return known
    work.uow.lock(f"entitlements:{uscc}")
    year = str(local_day(order.now).year)
    case = _answered(work, uscc, kind, order, case_id, year)
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, topic=f"{kind.value}/{year}")
    return begin(work, MACHINE, filed, order)


def _answered(work: Work, uscc: str, kind: Kind, order: Order, case_id: str, year: str) -> EntitlementCase:  # noqa: PLR0917
    held = standing.of(work.uow, uscc)
    offer = standing.offer(work, held)
    asked = order.whole("asked_fen", default=0)
    document = order.text("document", required=kind is Kind.SUBSIDY)
    if kind is Kind.LOAN:
        found = entitlements.loan(offer, asked)
    elif kind is Kind.SUBSIDY:
        found = entitlements.subsidy(offer, cost_fen=asked, paid_this_year_fen=paid_in(work, uscc, year))
    else:
        none = offer.fee_reduction is FeeReduction.NONE
        found = entitlements.Entitlement(fen=0, why=Entitled.GRADE_HAS_NONE if none else Entitled.GRANTED)
    granted = found.why in (Entitled.GRANTED, Entitled.ABOVE_CEILING)
    return EntitlementCase(
        id=case_id,
        uscc=uscc,
        kind=kind,
        asked_fen=asked,
        fen=found.fen,
        why=found.why,
        grade=held.grade if held is not None else "",
        preferential_rate=offer.preferential_rate and kind is Kind.LOAN,
        fee_reduction=offer.fee_reduction,
        document=document,
        state=EntitlementState.GRANTED if granted else EntitlementState.REFUSED,
    )


def paid_in(work: Work, uscc: str, year: str) -> int:
    """Subsidies of a Shanghai year so far, in fen."""
    wanted = Wanted(uscc=uscc, topic=f"{Kind.SUBSIDY.value}/{year}", states=(EntitlementState.GRANTED.value,), limit=None)
    return sum(one.case.fen for one in CABINET.find(work.uow, wanted))
