"""What a form of a desk says, as the order it stands for: only the fields that were asked for are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from starlette.datastructures import FormData

from casework.consequences.machine import Order
from domain.errors import BadInput, Code
from domain.ids import parse_uscc
from domain.time import SHANGHAI, format_instant
from web.auth import Identity
from web.consequence_names import Field
from web.parts import Parts

REASON = "reason"
SHANGHAI_OFFSET = "+08:00"


def values_of(fields: Sequence[Field], form: FormData) -> dict[str, Any]:
    """The values of the fields that were filled in.

    Raises:
        BadInput: E003 for a day or a moment that is none.
    """
    values: dict[str, Any] = {}
    for field in fields:
        said = form.getlist(field.name)
        text = str(said[0]).strip() if said else ""
        if field.kind == "choices":
            values[field.name] = [str(one) for one in said]
        elif field.kind == "yes":
            values[field.name] = bool(said)
        elif text:
            values[field.name] = _day(text, field) if field.kind in ("day", "moment") else text
    return values


def order_from(identity: Identity, parts: Parts, fields: Sequence[Field], form: FormData) -> Order:
    """The order a form stands for."""
    return Order(
        actor=identity.actor,
        now=parts.clock(),
        reason=str(form.get(REASON, "")).strip()[:4000],
        evidence_ids=tuple(str(form.get("evidence_ids", "")).replace(",", " ").split()),
        values=values_of(fields, form),
        token=str(form.get("token", ""))[:80],
    )


def merchant_named(identity: Identity, parts: Parts, text: str) -> str:
    """The merchant somebody wrote: by its code, or by its name where only one has it.

    Raises:
        BadInput: E010 or E011.
    """
    wanted = text.strip()
    with parts.store.reading() as uow:
        seen = [one for one in uow.merchants.list() if identity.actor.may_see(uscc=one.uscc, region=one.region)]
    named = [one.uscc for one in seen if one.name == wanted]
    if len(named) == 1:
        return named[0]
    uscc = parse_uscc(wanted)
    if uscc not in {one.uscc for one in seen}:
        raise BadInput(Code.USCC_UNKNOWN, f"{uscc} is not registered here", where="merchant")
    return uscc


def _day(text: str, field: Field) -> str:
    """The end of a day a form names, or a moment of Shanghai's clock, as an instant."""
    try:
        if field.kind == "day":
            return f"{date.fromisoformat(text).isoformat()}T23:59:59{SHANGHAI_OFFSET}"
        return format_instant(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI))
    except ValueError:
        raise BadInput(Code.FIELD, f"{text[:20]!r} is no day", where=field.name) from None
