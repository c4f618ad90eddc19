"""Voluntary declarations 主动承诺声明 and the integrity id 诚信身份证 made of them (domain.md R-05)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, Step, begin, done_before, need, seen_merchant
from casework.desk import Work
from credit.transitions import BUSINESS, Lifecycle
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import Role
from store.registers import Book

LONGEST = 1000


class Topic(StrEnum):
    """What is declared."""

    FOOD_QUALITY = "food_quality"
    HONEST_OPERATION = "honest_operation"
    FAIR_PRICE = "fair_price"
    NO_REASON_RETURN = "no_reason_return"


class DeclarationState(StrEnum):
    """States of a declaration."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class DeclarationCommand(StrEnum):
    """What may happen to one."""

    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declaration; the day it was made is the day it was filed."""

    id: str
    uscc: str
    about: Topic
    text: str
    state: DeclarationState = DeclarationState.PUBLISHED
    version: int = 1


LIFE = Lifecycle(
    entity="declaration",
    steps={DeclarationState.PUBLISHED: {DeclarationCommand.WITHDRAW: DeclarationState.WITHDRAWN}},
    who={DeclarationCommand.WITHDRAW: BUSINESS},
)
CABINET = Cabinet(Book.DECLARATIONS, Declaration)


def declare(work: Work, uscc: str, order: Order) -> Filed[Declaration]:
    """A merchant declares something of their own accord: ``about``, ``text``. It is public at once."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "make a declaration", Role.MERCHANT)
    text = order.text("text")
    if len(text) > LONGEST:
        raise BadInput(Code.FIELD, f"longer than {LONGEST} characters", where="text")
    try:
        about = Topic(order.text("about"))
    except ValueError:
        raise BadInput(Code.FIELD, "no such topic", where="about", hint=" | ".join(Topic)) from None
    case_id = derived_id("declaration", uscc, about.value, order.token or work.desk.new_id(order.now))
    done_before(work, order, f"declarations/{case_id}")
    case = Declaration(id=case_id, uscc=uscc, about=about, text=text)
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, topic=about.value)
    return begin(work, MACHINE, filed, order)


def _withdraw(_: Work, filed: Filed[Declaration], order: Order) -> Step[Declaration]:
    return Step(moved=LIFE.move(filed.case, DeclarationCommand.WITHDRAW, actor=order.actor, now=order.now))


MACHINE: Machine[Declaration] = Machine(
    name="declarations", life=LIFE, cabinet=CABINET, handlers={DeclarationCommand.WITHDRAW: _withdraw}
)
