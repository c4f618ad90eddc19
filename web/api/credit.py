"""Scores and deductions over the API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from casework.views import deduction_item, score_item
from domain.time import format_instant, month_of
from web import commands
from web.auth import SignedIn
from web.parts import Wired
from web.reading import find_merchant

router = APIRouter(prefix="/api/v1", tags=["credit"])

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"


class Remark(BaseModel):
    """A remark, which may be empty."""

    note: str = Field(default="", max_length=2000)


class Statement(BaseModel):
    """What a decision or an objection rests on."""

    note: str = Field(min_length=1, max_length=2000)


@router.get("/merchants/{uscc}/score")
def read_score(
    uscc: str, identity: SignedIn, parts: Wired, month: Annotated[str | None, Query(pattern=MONTH)] = None
) -> dict[str, Any]:
    """The live score of a month (Shanghai), by default the running one. Higher is better."""
    now = parts.clock()
    with parts.store.reading() as uow:
        merchant = find_merchant(uow, identity.actor, uscc)
    return {**score_item(parts.office.score(merchant.uscc, month or month_of(now))), "server_time": format_instant(now)}


@router.get("/merchants/{uscc}/deductions")
def read_deductions(
    uscc: str, identity: SignedIn, parts: Wired, month: Annotated[str | None, Query(pattern=MONTH)] = None
) -> dict[str, Any]:
    """The ledger of a merchant, by default of every month."""
    with parts.store.reading() as uow:
        merchant = find_merchant(uow, identity.actor, uscc)
        return {"items": [deduction_item(one) for one in uow.deductions.of_merchant(merchant.uscc, month=month)]}


@router.post("/deductions/{deduction_id}/object")
def object_deduction(deduction_id: str, statement: Statement, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """The merchant objects, inside the objection window."""
    return deduction_item(commands.change_deduction(parts, identity.actor, deduction_id, "object", note=statement.note))


@router.post("/deductions/{deduction_id}/confirm")
def confirm_deduction(deduction_id: str, identity: SignedIn, parts: Wired, remark: Remark | None = None) -> dict[str, Any]:
    """An official makes it final, after the objection window."""
    note = remark.note if remark else ""
    return deduction_item(commands.change_deduction(parts, identity.actor, deduction_id, "confirm", note=note))


@router.post("/deductions/{deduction_id}/withdraw")
def withdraw_deduction(deduction_id: str, statement: Statement, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official withdraws a proposed one."""
    return deduction_item(commands.change_deduction(parts, identity.actor, deduction_id, "withdraw", note=statement.note))


@router.post("/deductions/{deduction_id}/reverse")
def reverse_deduction(deduction_id: str, statement: Statement, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """A final one is reversed on appeal."""
    return deduction_item(commands.change_deduction(parts, identity.actor, deduction_id, "reverse", note=statement.note))
