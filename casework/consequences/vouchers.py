"""Voucher quotas of two kinds, and applications for them (domain.md Z-18, C.3).

An application is answered at once: granted whole, or refused with the reason. The last word has the database: the counter of a
quota only grows while there are vouchers left, whoever else asks at the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from casework.consequences import standing, telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, begin, done_before, entry, need, seen_merchant
from casework.desk import Work
from credit import vouchers
from credit.transitions import Lifecycle
from credit.vouchers import Answer, Quota, VoucherKind
from domain.errors import BadInput, Code, Conflict
from domain.ids import derived_id
from domain.parties import Role
from domain.time import month_of
from store.registers import Book, Purse, Wanted


class ApplicationState(StrEnum):
    """How an application was answered."""

    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherApplication:
    """One answered application."""

    id: str
    uscc: str
    kind: VoucherKind
    month: str
    count: int
    answer: Answer
    grade: str
    state: ApplicationState
    version: int = 1


LIFE = Lifecycle(entity="voucher application", steps={}, who={})
CABINET = Cabinet(Book.APPLICATIONS, VoucherApplication)
MACHINE: Machine[VoucherApplication] = Machine(name="vouchers", life=LIFE, cabinet=CABINET, handlers={})


def open_quota(work: Work, region: str, order: Order) -> Purse:
    """A leader opens a month's quota of one kind in a region, or changes its size; never below what is granted."""
    need(order, "open a quota", Role.SUPERVISOR)
    kind, month, size = _kind(order), _month(order), order.whole("size")
    if not 0 <= size <= 10**7:
        raise BadInput(Code.FIELD, f"{size} is no size of a quota", where="size")
    if not (region.isdecimal() and len(region) == 6):
        raise BadInput(Code.FIELD, f"{region[:20]!r} is no region", where="region", hint="six digits, e.g. 330211")
    purses = work.uow.registers.purses
    if not purses.open(Purse(region=region, kind=kind.value, month=month, size=size)) and not purses.resize(
        region, kind.value, month, size
    ):
        raise Conflict("more vouchers than that are granted already")
    entry(work, "voucher quota", f"{region}/{kind.value}/{month}", ("", str(size)), order)
    found = purses.get(region, kind.value, month)
    assert found is not None
    return found


def apply(work: Work, uscc: str, order: Order) -> Filed[VoucherApplication]:
    """A merchant asks for vouchers: ``kind``, ``month`` (the running one), ``count``."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "apply for vouchers", Role.MERCHANT)
    kind, count = _kind(order), order.whole("count")
    month = _month(order) if order.values.get("month") else month_of(order.now)
    if month != month_of(order.now):
        raise BadInput(Code.FIELD, "vouchers are applied for in their own month", where="month")
    name = order.token or work.desk.new_id(order.now)
    application_id = derived_id("vouchers", uscc, kind.value, month, name)
    known = CABINET.get(work.uow, application_id)
    if done_before(work, order, f"vouchers/{application_id}") and known is not None:
        return known
    work.uow.lock(f"vouchers:{uscc}:{kind.value}:{month}")
    held = standing.of(work.uow, uscc)
    before = _granted(work, uscc, kind, month)
    purse = work.uow.registers.purses.get(merchant.region, kind.value, month)
    quota = Quota(kind=kind, month=month, size=purse.size if purse else 0, granted=purse.granted if purse else 0)
    asked = vouchers.Application(uscc=uscc, kind=kind, month=month, count=count)
    answer = vouchers.decide(asked, quota, standing.offer(work, held), granted_before=before).answer
    if answer is Answer.GRANTED and not work.uow.registers.purses.take(merchant.region, kind.value, month, count):
        answer = Answer.EXHAUSTED
    case = VoucherApplication(
        id=application_id,
        uscc=uscc,
        kind=kind,
        month=month,
        count=count,
        answer=answer,
        grade=held.grade if held is not None else "",
        state=ApplicationState.GRANTED if answer is Answer.GRANTED else ApplicationState.REFUSED,
    )
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, topic=f"{kind.value}/{month}")
    begun = begin(work, MACHINE, filed, order)
    telling.tell_merchant(work, begun, telling.VOUCHERS_ANSWERED, order.now, link="/vouchers")
    return begun


def granted_in(work: Work, uscc: str, kind: VoucherKind, month: str) -> int:
    """How many vouchers of a kind a merchant holds in a month."""
    return _granted(work, uscc, kind, month)


def _granted(work: Work, uscc: str, kind: VoucherKind, month: str) -> int:
    wanted = Wanted(uscc=uscc, topic=f"{kind.value}/{month}", states=(ApplicationState.GRANTED.value,), limit=None)
    return sum(one.case.count for one in CABINET.find(work.uow, wanted))


def _kind(order: Order) -> VoucherKind:
    try:
        return VoucherKind(order.text("kind"))
    except ValueError:
        raise BadInput(Code.FIELD, "no such kind of voucher", where="kind", hint=" | ".join(VoucherKind)) from None


def _month(order: Order) -> str:
    month = order.text("month")
    digits = month.replace("-", "")
    if len(month) != 7 or month[4] != "-" or not digits.isdecimal() or not 1 <= int(digits[4:]) <= 12:
        raise BadInput(Code.FIELD, f"{month[:20]!r} is no month", where="month", hint="write 2026-12")
    return month
