"""Credit records from the departments: collection, exports to the national publicity system, and the court (R-03, R-10).

Who generates a record is responsible for it: each names its department, and what comes late or not at all stands against that
department. A record of the court about a dishonest debtor opens a review by itself, and the court reads here what became of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import Machine, Order, Step, begin, by_clock, entry, need, retime, terms_of
from casework.desk import Work
from credit.calendar import within_working_days
from credit.departments import Department
from credit.lists import Clue, Listing
from credit.transitions import LEADERS, Lifecycle
from domain.errors import BadInput, Code, Conflict, NotFound
from domain.ids import derived_id, parse_uscc
from domain.parties import Actor, Role
from domain.time import local_day, midnight, month_of
from store.registers import Book, Wanted

REGULATOR = "market_regulation"
COURT = "court"
DEBTOR = "debtor"
NECIPS_COLUMNS = (
    "统一社会信用代码",
    "名称",
    "信息类别",
    "文书号",
    "决定日期",
    "公示日期",
    "作出单位",
    "内容",
    "金额（元）",
)
"""The columns of an export; the national system takes one file for each kind of information."""


class RecordState(StrEnum):
    """States of a record."""

    RECORDED = "recorded"
    EXPORTED = "exported"
    WITHDRAWN = "withdrawn"


class RecordCommand(StrEnum):
    """What may happen to one."""

    EXPORT = "export"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRecord:
    """One record of one department about one merchant.

    Attributes:
        type: what it is about: ``penalty``, ``licence``, ``inspection``, ``debtor``, ``tax``, …
        late: it came later than the duty list allows.
    """

    id: str
    uscc: str
    type: str
    doc_no: str
    decided_on: date
    source_department: str
    content: str = ""
    amount_fen: int = 0
    late: bool = False
    state: RecordState = RecordState.RECORDED
    version: int = 1


_S, _C = RecordState, RecordCommand
_WHO = LEADERS | {Role.DEPARTMENT}
LIFE = Lifecycle(
    entity="credit record",
    steps={
        _S.RECORDED: {_C.EXPORT: _S.EXPORTED, _C.WITHDRAW: _S.WITHDRAWN},
        _S.EXPORTED: {_C.WITHDRAW: _S.WITHDRAWN},
    },
    who={_C.EXPORT: LEADERS, _C.WITHDRAW: _WHO},
    reasoned=frozenset({_C.WITHDRAW}),
)
CABINET = Cabinet(Book.CREDIT_RECORDS, CreditRecord)


def submit(work: Work, uscc: str, order: Order) -> Filed[CreditRecord]:
    """A department, or the regulator's own officers, submit a record: ``type``, ``doc_no``, ``decided_on``, ``content``.

    Raises:
        BadInput: E003 if the duty list does not have the department submit that type, E010 or E011 for the merchant.
        Conflict: the same document was submitted with another content.
    """
    need(order, "submit credit records", Role.DEPARTMENT, Role.INSPECTOR, Role.SUPERVISOR)
    department = _department(work, order.actor)
    type_ = order.text("type")
    if type_ not in department.submits:
        hint = " | ".join(department.submits) or "its duty list names none"
        raise BadInput(Code.FIELD, f"{department.id} does not submit {type_[:40]!r}", where="type", hint=hint)
    merchant = work.merchant(parse_uscc(uscc))
    if order.actor.role is Role.INSPECTOR and not order.actor.may_see(uscc=merchant.uscc, region=merchant.region):
        raise NotFound(f"no merchant {uscc}")
    decided_on = _day(order.text("decided_on"))
    until = within_working_days(midnight(decided_on), department.within_working_days, terms_of(work).calendar).by
    record = CreditRecord(
        id=derived_id("credit record", department.id, type_, order.text("doc_no"), merchant.uscc),
        uscc=merchant.uscc,
        type=type_,
        doc_no=order.text("doc_no"),
        decided_on=decided_on,
        source_department=department.id,
        content=order.text("content", required=False),
        amount_fen=order.whole("amount_fen", default=0),
        late=order.now > until,
    )
    known = CABINET.get(work.uow, record.id)
    if known is not None:
        if (known.case.content, known.case.decided_on, known.case.amount_fen) != (
            record.content,
            record.decided_on,
            record.amount_fen,
        ):
            raise Conflict(f"{record.doc_no} was submitted before, saying something else: withdraw it first")
        return known
    filed = Filed(case=record, filed_at=order.now, uscc=merchant.uscc, region=merchant.region, topic=department.id)
    begun = begin(work, MACHINE, filed, order)
    if department.id == COURT and type_ == DEBTOR:
        _court_news(work, begun, order)
    return begun


def _court_news(work: Work, filed: Filed[CreditRecord], order: Order) -> None:
    """A dishonest debtor: a review of a listing, within a working day (R-10)."""
    from casework.consequences import listings  # noqa: PLC0415 - a listing answers the court, and the court opens a listing

    record = filed.case
    listing = Listing(
        id=derived_id("listing", record.uscc, listings.SERIOUS, record.id),
        uscc=record.uscc,
        list=listings.SERIOUS,
        clue=Clue.COURT,
        came_at=order.now,
    )
    why = by_clock(order.now, f"court: {record.doc_no}")
    listings.from_source(work, work.merchant(record.uscc), listing, why, court_record=record.id)


def answer_court(work: Work, record_id: str | None, outcome: str, now: datetime) -> None:
    """What became of the court's news, where the court reads it."""
    filed = None if record_id is None else CABINET.get(work.uow, record_id)
    if filed is not None:
        answered = retime(work, MACHINE, filed, feedback=outcome, feedback_at=now)
        state = answered.case.state.value
        entry(work, LIFE.entity, answered.case.id, (state, state), by_clock(now, f"feedback to the court: {outcome}"))


def _department(work: Work, actor: Actor) -> Department:
    wanted = actor.department if actor.role is Role.DEPARTMENT else REGULATOR
    for department in terms_of(work).departments:
        if department.id == wanted:
            return department
    raise BadInput(Code.FIELD, f"the duty list has no department {wanted}", where="department")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(Code.FIELD, f"{text[:20]!r} is no day", where="decided_on", hint="write 2026-11-20") from None


def _withdraw(_: Work, filed: Filed[CreditRecord], order: Order) -> Step[CreditRecord]:
    return Step(moved=LIFE.move(filed.case, _C.WITHDRAW, actor=order.actor, reason=order.reason, now=order.now))


def _export(_: Work, filed: Filed[CreditRecord], order: Order) -> Step[CreditRecord]:
    moved = LIFE.move(filed.case, _C.EXPORT, actor=order.actor, now=order.now)
    return Step(moved=moved, about={"exported_at": order.now})


def _visible(filed: Filed[CreditRecord], actor: Actor) -> bool:
    if actor.role is Role.DEPARTMENT:
        return actor.department == filed.case.source_department
    return actor.may_see(uscc=filed.uscc or "", region=filed.region)


MACHINE: Machine[CreditRecord] = Machine(
    name="credit-records",
    life=LIFE,
    cabinet=CABINET,
    handlers={_C.WITHDRAW: _withdraw, _C.EXPORT: _export},
    visible=_visible,
)


def necips(work: Work, found: Sequence[Filed[CreditRecord]], now: datetime) -> str:
    """The records as the national publicity system takes them: CSV with a byte-order mark, one line each.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    merchants = work.uow.merchants.get_all([one.case.uscc for one in found])
    names = {department.id: department.name["zh"] for department in terms_of(work).departments}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(NECIPS_COLUMNS)
    for one in sorted(found, key=lambda item: (item.case.decided_on, item.case.id)):
        record = one.case
        merchant = merchants.get(record.uscc)
        yuan = f"{record.amount_fen // 100}.{record.amount_fen % 100:02d}"
        row = [
            record.uscc,
            merchant.name if merchant is not None else "",
            record.type,
            record.doc_no,
            record.decided_on.isoformat(),
            local_day(now).isoformat(),
            names.get(record.source_department, record.source_department),
            record.content,
            yuan,
        ]
        writer.writerow([_harmless(cell) for cell in row])
    return "\ufeff" + out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """What one department has submitted in a month, what came late, and types of its duty list it submitted nothing of."""

    department: str
    submitted: int
    late: int
    missing: tuple[str, ...]


def submissions(work: Work, month: str) -> list[Submissions]:
    """How the departments meet their duty list in a month."""
    found = [one for one in CABINET.find(work.uow, Wanted(limit=None)) if month_of(one.filed_at) == month]

    def of(department: Department) -> Submissions:
        own = [one.case for one in found if one.topic == department.id]
        seen = {one.type for one in own}
        return Submissions(
            department=department.id,
            submitted=len(own),
            late=sum(one.late for one in own),
            missing=tuple(type_ for type_ in department.submits if type_ not in seen),
        )

    return [of(department) for department in terms_of(work).departments]
