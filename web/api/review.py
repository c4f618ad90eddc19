"""The review queue and the dead letters over the API; for officials."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from casework.words import sentence
from domain.errors import BadInput, Code
from domain.events import DeadLetter
from domain.findings import Finding
from domain.time import format_instant
from web import commands
from web.auth import Official
from web.parts import Wired
from web.reading import Waiting, dead_letters, waiting_findings

router = APIRouter(prefix="/api/v1", tags=["review"])


class Rejection(BaseModel):
    """Why a finding is none; may be left out."""

    reason: str = Field(default="", max_length=2000)


def finding_item(finding: Finding) -> dict[str, Any]:
    """A finding as the queue lists it: the wire form with the reason in words and where its pictures are."""
    wire = finding.to_wire()
    pictures = [{**item, "url": f"/api/v1/findings/{finding.id}/evidence/{item['sha256']}"} for item in wire["evidence"]]
    return {
        **wire,
        "merchant": wire["uscc"],
        "evidence": pictures,
        "reason": wire["why"],
        "why": sentence(finding.why),
    }


def waiting_item(item: Waiting) -> dict[str, Any]:
    """A finding in the queue with its own clock."""
    return {
        **finding_item(item.finding),
        "confirmed_once": item.confirmed_once,
        "review_by": format_instant(item.review.review_by) if item.review else None,
        "escalated": bool(item.review and item.review.escalated),
    }


def letter_item(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter; the bytes in base64, and as text where they are text."""
    return {
        "key": letter.key,
        "source": letter.source,
        "code": letter.code,
        "reason": letter.reason,
        "received_at": format_instant(letter.received_at),
        "merchant": letter.uscc or None,
        "device_id": letter.device_id or None,
        "raw": base64.b64encode(letter.raw).decode(),
    }


@router.get("/findings")
def read_findings(identity: Official, parts: Wired, state: str = "review") -> dict[str, Any]:
    """Findings that wait for a person, oldest first."""
    if state != "review":
        raise BadInput(Code.FIELD, "only review can be listed", where="state", hint="state=review")
    return {"items": [waiting_item(item) for item in waiting_findings(parts.store, identity.actor)]}


@router.post("/findings/{finding_id}/confirm")
def confirm_finding(finding_id: str, identity: Official, parts: Wired) -> dict[str, Any]:
    """An official has looked and confirms: a warning is raised now."""
    commands.confirm_review(parts, identity.actor, finding_id)
    return {"id": finding_id, "state": commands.finding_state(parts, identity.actor, finding_id)}


@router.post("/findings/{finding_id}/reject")
def reject_finding(finding_id: str, identity: Official, parts: Wired, rejection: Rejection | None = None) -> dict[str, Any]:
    """An official has looked and rejects: no effect on the merchant."""
    commands.reject_review(parts, identity.actor, finding_id, reason=rejection.reason if rejection else "")
    return {"id": finding_id, "state": commands.finding_state(parts, identity.actor, finding_id)}


@router.get("/dead-letters")
def read_dead_letters(
    identity: Official, parts: Wired, code: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Refused messages, newest first."""
    return {"items": [letter_item(letter) for letter in dead_letters(parts.store, identity.actor, code=code, limit=limit)]}
