"""Guidance: what runs out is watched, and its merchant reminded 30, 7 and 1 days before (domain.md R-05a).

Licences, health certificates, annual reports and stall contracts: whoever knows the day says it once; a renewed one moves the day
and the reminders begin anew. Every reminder stands in the trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from casework.consequences import telling
from casework.consequences.filing import Cabinet, Filed
from casework.consequences.machine import (
    MERCHANT_SIDE,
    Machine,
    Order,
    begin,
    by_itself,
    entry,
    need,
    retime,
    seen_merchant,
)
from casework.consequences.terms import Terms
from casework.desk import Work
from casework.words import N_
from credit.sampling import months_after
from credit.transitions import CLOCK, Lifecycle
from domain.errors import BadInput, Code
from domain.ids import derived_id
from domain.parties import SYSTEM, Role
from domain.time import midnight
from store.registers import Book, Wanted

DAYS = (30, 7, 1)
CONTRACT_MONTHS = 12


class Kind(StrEnum):
    """What runs out."""

    LICENCE = "licence"
    CERTIFICATE = "certificate"
    ANNUAL_REPORT = "annual_report"
    STALL_CONTRACT = "stall_contract"


WORDS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.LICENCE: N_("许可证"),
        Kind.CERTIFICATE: N_("健康证明"),
        Kind.ANNUAL_REPORT: N_("年度报告"),
        Kind.STALL_CONTRACT: N_("摊位合同"),
    }
)


class WatchState(StrEnum):
    """States of a watch."""

    WATCHED = "watched"
    PASSED = "passed"


class WatchCommand(StrEnum):
    """What may happen to one."""

    RUN_OUT = "run_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Something that runs out; ``last_on`` is the last day it is good."""

    id: str
    uscc: str
    kind: Kind
    subject: str
    last_on: date
    state: WatchState = WatchState.WATCHED
    version: int = 1


LIFE = Lifecycle(
    entity="watch",
    steps={WatchState.WATCHED: {WatchCommand.RUN_OUT: WatchState.PASSED}},
    who={WatchCommand.RUN_OUT: CLOCK},
)
CABINET = Cabinet(Book.REMINDERS, Watch)


def watch(work: Work, uscc: str, order: Order) -> Filed[Watch]:
    """Say when something runs out: ``kind``, ``subject`` (number or name), ``last_on``."""
    merchant = seen_merchant(work, uscc, order.actor)
    need(order, "say when something runs out", Role.MERCHANT, Role.INSPECTOR, Role.SUPERVISOR, Role.SYSTEM)
    try:
        kind = Kind(order.text("kind"))
        last_on = date.fromisoformat(order.text("last_on"))
    except ValueError:
        raise BadInput(Code.FIELD, "say kind and last_on", where="last_on", hint=f"{' | '.join(Kind)}; 2026-12-31") from None
    if kind is Kind.STALL_CONTRACT and order.actor.role in MERCHANT_SIDE:
        raise BadInput(Code.FIELD, "the market says when a contract ends", where="kind")
    subject = order.text("subject", required=False)
    case = Watch(id=derived_id("watch", uscc, kind.value, subject), uscc=uscc, kind=kind, subject=subject, last_on=last_on)
    filed = Filed(case=case, filed_at=order.now, uscc=uscc, region=merchant.region, topic=kind.value)
    begun = begin(work, MACHINE, filed, order)
    if begun.case.last_on == last_on:
        return begun
    moved = replace(begun, case=replace(begun.case, last_on=last_on, state=WatchState.WATCHED))
    states = (begun.case.state.value, WatchState.WATCHED.value)
    entry(work, LIFE.entity, case.id, states, replace(order, reason=f"until {last_on}"))
    return retime(work, MACHINE, moved, reminded=0)


def contract_of(work: Work, uscc: str) -> date | None:
    """First day of a stall's running contract, if one is known."""
    found = CABINET.find(work.uow, Wanted(uscc=uscc, topic=Kind.STALL_CONTRACT.value, limit=1))
    if not found:
        return None
    return months_after(found[0].case.last_on + timedelta(days=1), -CONTRACT_MONTHS)


def _due(filed: Filed[Watch], terms: Terms) -> datetime | None:
    del terms
    if filed.case.state is not WatchState.WATCHED:
        return None
    told = filed.about.get("reminded", 0)
    last_on = filed.case.last_on
    return midnight(last_on - timedelta(days=DAYS[told])) if told < len(DAYS) else midnight(last_on + timedelta(days=1))


def _pass_due(work: Work, filed: Filed[Watch], now: datetime) -> None:
    last_on = filed.case.last_on
    if now >= midnight(last_on + timedelta(days=1)):
        moved = LIFE.move(filed.case, WatchCommand.RUN_OUT, actor=SYSTEM, now=now)
        by_itself(work, MACHINE, filed, moved, now)
        return
    passed = sum(midnight(last_on - timedelta(days=days)) <= now for days in DAYS)
    after = retime(work, MACHINE, filed, reminded=passed)
    telling.remind(
        work, after, telling.EXPIRES_SOON, now, link="/my-credit", subject=WORDS[filed.case.kind], on=last_on.isoformat()
    )


MACHINE: Machine[Watch] = Machine(name="reminders", life=LIFE, cabinet=CABINET, handlers={}, due=_due, pass_due=_pass_due)
