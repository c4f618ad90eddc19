"""Outages, announced maintenance and announced closures over the API: telling them, reading them, taking them back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from casework.assessment_interruptions import Announcement, announce, to_wire, told_in, withdraw
from credit.publication import first_of
from domain.time import format_instant, midnight, month_of, parse_instant
from store.assessments import InterruptionKind
from web.auth import SignedIn
from web.parts import Wired

router = APIRouter(prefix="/api/v1", tags=["assessment"])

Instant = Annotated[str, Field(max_length=40, description="RFC 3339 with an offset")]


class Told(BaseModel):
    """An interruption: which kind, from when to when, why; of a merchant, a region, or everybody."""

    kind: InterruptionKind
    begins: Instant = Field(alias="from")
    ends: Instant = Field(alias="to")
    reason: str = Field(min_length=1, max_length=2000)
    uscc: str | None = Field(default=None, max_length=18)
    region: str = Field(default="", max_length=6)
    announced_at: Instant | None = None


class Withdrawn(BaseModel):
    """Why one is taken back."""

    reason: str = Field(min_length=1, max_length=2000)


@router.get("/interruptions")
def list_interruptions(
    identity: SignedIn, parts: Wired, month: Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] = None
) -> dict[str, Any]:
    """Those of a month (by default the running one) that concern one, the withdrawn ones too."""
    now = parts.clock()
    first = first_of(month or month_of(now))
    until = midnight((first + timedelta(days=31)).replace(day=1))
    items = told_in(parts.store, midnight(first), until, identity.actor)
    return {"items": [to_wire(item) for item in items], "server_time": format_instant(now)}


@router.post("/interruptions", status_code=201)
def tell_interruption(told: Told, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """Tell one: a regulator an outage or maintenance, a merchant its own closure before it begins."""
    announcement = Announcement(
        kind=told.kind,
        began_at=parse_instant(told.begins, "from"),
        ended_at=parse_instant(told.ends, "to"),
        reason=told.reason,
        uscc=told.uscc,
        region=told.region,
        announced_at=None if told.announced_at is None else parse_instant(told.announced_at, "announced_at"),
    )
    return to_wire(announce(parts.store, announcement, identity.actor, parts.clock()))


@router.post("/interruptions/{interruption_id}/withdraw")
def withdraw_interruption(interruption_id: str, withdrawn: Withdrawn, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """Take one back, with a reason; what was frozen before stays as it was."""
    return to_wire(withdraw(parts.store, interruption_id, withdrawn.reason, identity.actor, parts.clock()))
