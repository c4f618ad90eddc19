"""What stands in a register, as JSON values; names are masked where they came in, and numbers of certificates never come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from alerts.register_rules import plain
from domain.errors import Forbidden, NotFound
from domain.parties import Actor, Merchant, Role
from domain.records import SEGREGATED
from domain.registers import AdditiveName, NameState
from domain.time import local_day, midnight
from store.ports import UnitOfWork
from traceability.papers import covered_until

ROSTER_BACK, ROSTER_AHEAD = timedelta(days=7), timedelta(days=31)
OFFICIALS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
READERS = OFFICIALS | {Role.MERCHANT, Role.STAFF}


def readable(uow: UnitOfWork, uscc: str, actor: Actor) -> Merchant:
    """The merchant, if the actor may look into its registers. Raises NotFound."""
    merchant = uow.merchants.get(uscc.upper())
    if actor.role not in READERS:
        raise NotFound(f"no merchant {uscc[:40]}")
    if merchant is None or not actor.may_see(uscc=merchant.uscc, region=merchant.region):
        raise NotFound(f"no merchant {uscc[:40]}")
    return merchant


def items(uow: UnitOfWork, merchant: Merchant, register: str, now: datetime) -> list[dict[str, Any]]:
    """Every record of one register, the most urgent or newest first."""
    return _VIEWS[register](uow, merchant.uscc, now)


def _certificates(uow: UnitOfWork, uscc: str, now: datetime) -> list[dict[str, Any]]:
    today, found = local_day(now), uow.records.certificates(uscc)
    people: dict[str, list[Any]] = {}
    for one in found:
        people.setdefault(one.person_ref, []).append(one)
    shown = []
    for one in sorted(found, key=lambda item: item.valid_until):
        held = covered_until(people[one.person_ref], today)
        state = "valid" if one.issued_on <= today <= one.valid_until else "expired" if one.valid_until < today else "future"
        if state == "expired" and held is not None:
            state = "renewed"
        shown.append({**plain(one, {"cert_no_hash", "uscc"}), "state": state, "days_left": (one.valid_until - today).days})
    return shown


def _shifts(uow: UnitOfWork, uscc: str, now: datetime) -> list[dict[str, Any]]:
    today = midnight(local_day(now))
    found = uow.records.shifts(uscc, since=today - ROSTER_BACK, until=today + ROSTER_AHEAD)
    return [plain(one, {"uscc"}) for one in reversed(found)]


def _batches(uow: UnitOfWork, uscc: str, now: datetime) -> list[dict[str, Any]]:
    shown = []
    for one in sorted(uow.batches.list(uscc), key=lambda item: item.expires_at):
        apart = one.state in SEGREGATED or one.qty_g <= 0
        state = "apart" if apart else "expired" if one.expires_at <= now else "good"
        shown.append({**plain(one, {"uscc", "expiry_judged_at"}), "expiry": state})
    return shown


def _additives(uow: UnitOfWork, uscc: str, now: datetime) -> list[dict[str, Any]]:
    del now
    return [plain(one, {"uscc"}) for one in uow.records.additives(uscc)]


def _samples(uow: UnitOfWork, uscc: str, now: datetime) -> list[dict[str, Any]]:
    del now
    return [plain(one, {"uscc"}) for one in uow.records.samples(uscc)]


_VIEWS: Mapping[str, Callable[[UnitOfWork, str, datetime], list[dict[str, Any]]]] = MappingProxyType(
    {
        "certificates": _certificates,
        "shifts": _shifts,
        "batches": _batches,
        "moves": _batches,
        "additives": _additives,
        "samples": _samples,
    }
)


def names(uow: UnitOfWork, actor: Actor, state: NameState) -> list[AdditiveName]:
    """Names of additives that wait for an official, or were resolved. Raises Forbidden."""
    if actor.role not in OFFICIALS:
        raise Forbidden("names of additives are resolved by officials")
    return list(uow.records.additive_names(state))
