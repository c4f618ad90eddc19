"""What the liaison departments' own systems answer over REST (domain.md R-11, D.7): signed with the secret both sides know.

    POST /api/v1/departments/tax/acknowledgements
    X-Kitchen-Signature: t=1795230153,v1=<hex HMAC-SHA256(secret, "1795230153." + body)>
    {"push": "…", "feedback": "…"}

A department without a system of its own acknowledges on its page, or with its account over ``/credit/pushes/{id}/acknowledge``.
"""

from __future__ import annotations

import asyncio
import hmac
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field, ValidationError

from alerts.channels.webhook import SIGNATURE_HEADER, sign
from casework.consequences.machine import Order
from casework.consequences.views import case_item
from domain.errors import BadInput, Code
from domain.parties import Actor, Role
from web.parts import Wired

router = APIRouter(prefix="/api/v1/departments", tags=["consequences"])

BODY = 16 * 1024
FRESH = timedelta(minutes=5)
"""How old a signature may be."""


class Acknowledgement(BaseModel):
    """What a department's system says to a message."""

    push: str = Field(min_length=1, max_length=80)
    feedback: str = Field(default="", max_length=4000)


@router.post(
    "/{department}/acknowledgements",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Acknowledgement.model_json_schema()}}}
    },
)
async def acknowledge(
    department: str, request: Request, parts: Wired, signature: Annotated[str, Header(alias=SIGNATURE_HEADER)] = ""
) -> dict[str, Any]:
    """A department's own system has taken a message, and says what it does; saying so again changes nothing."""
    body, now = await request.body(), parts.clock()
    secret = parts.department_secret(department)
    if secret is None or len(body) > BODY or not signed(secret, signature, body, now):
        raise BadInput(Code.SIGNATURE_WRONG, "the signature is wrong or too old", where=SIGNATURE_HEADER)
    try:
        said = Acknowledgement.model_validate_json(body)
    except ValidationError as error:
        raise BadInput(Code.FIELD, "say push and feedback", where=".".join(map(str, error.errors()[0]["loc"]))) from None
    actor = Actor(id=f"department:{department}", role=Role.DEPARTMENT, department=department)
    token = f"acknowledge-{said.push}"
    order = Order(actor=actor, now=now, values={"feedback": said.feedback}, token=token)
    told = await asyncio.to_thread(parts.office.bureau.command, "pushes", said.push, "acknowledge", order)
    return case_item("pushes", told, actor)


def signed(secret: str, header: str, body: bytes, now: datetime) -> bool:
    """Whether somebody with the secret signed a body a short while ago."""
    stamp = header.partition(",")[0].removeprefix("t=")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        return False
    at = datetime.fromtimestamp(int(stamp), UTC)
    return hmac.compare_digest(sign(secret, at, body).encode(), header.encode()) and abs(now - at) <= FRESH
