"""Operational warnings and silences on one page, for officials; a supervisor silences and ends silences here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from casework import metrics, operations, silences
from casework.silences import Asked
from domain.operations import Operation, OperationState, SilenceKind
from domain.parties import Role
from web.auth import Official
from web.commands import grounds
from web.parts import Wired
from web.rendering import Paged

router = APIRouter(include_in_schema=False)

HOURS = (1, 4, 8, 24, 72)
SHOWN = 100


@router.get("/operations")
def read_operations(page: Paged, identity: Official, parts: Wired) -> HTMLResponse:
    """What is wrong with the installation, what was lately, and what nobody wants to hear of."""
    bureau, actor = parts.office.bureau, identity.actor

    def of(state: OperationState, limit: int) -> list[Operation]:
        return list(bureau.ask(lambda work: operations.listed(work, actor, state=state, cursor=None, limit=limit))[0])

    with parts.store.reading() as uow:
        users = {one.id: one.name for one in uow.users.list()}
    return page.render(
        "operations.html",
        {
            "opened": of(OperationState.OPEN, SHOWN),
            "closed": of(OperationState.CLOSED, 20),
            "silences": bureau.ask(lambda work: silences.standing(work, page.now)),
            "users": users,
            "kinds": list(SilenceKind),
            "hours": HOURS,
            "leader": actor.role is Role.SUPERVISOR,
        },
    )


@router.post("/operations/{operation_id}/close")
def close(operation_id: str, identity: Official, parts: Wired, reason: Annotated[str, Form(max_length=2000)] = "") -> Response:
    """Close one by hand."""
    said, now = grounds(reason), parts.clock()
    _, event = parts.office.bureau.do(lambda work: operations.close(work, operation_id, identity.actor, said, now))
    metrics.count([event])
    return RedirectResponse("/operations", status_code=303)


@router.post("/silences")
def silence(  # noqa: PLR0917 - the fields of the form
    identity: Official,
    parts: Wired,
    kind: Annotated[SilenceKind, Form()],
    reason: Annotated[str, Form(max_length=2000)] = "",
    hours: Annotated[int, Form(ge=1, le=720)] = 1,
    name: Annotated[str, Form(max_length=200)] = "",
    device_id: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """A supervisor holds back pushes from now on."""
    now: datetime = parts.clock()
    asked = Asked(
        kind=kind, reason=grounds(reason), ends_at=now + timedelta(hours=hours), name=name.strip(), device_id=device_id.strip()
    )
    parts.office.bureau.do(lambda work: silences.begin(work, asked, identity.actor, now))
    return RedirectResponse("/operations", status_code=303)


@router.post("/silences/{silence_id}/end")
def end(silence_id: str, identity: Official, parts: Wired) -> Response:
    """A supervisor ends a silence."""
    now = parts.clock()
    parts.office.bureau.do(lambda work: silences.end(work, silence_id, identity.actor, now))
    return RedirectResponse("/operations", status_code=303)
