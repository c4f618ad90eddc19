"""One warning: evidence, clocks, story, and what this reader may do to it. Its merchant's opening the page is delivery."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from alerts.lifecycle import FROM, MAY, Command
from domain.errors import BadInput, Code, Conflict, Forbidden, IllegalTransition, Unavailable
from domain.time import SHANGHAI, local
from domain.warnings import AuditEntry, Warning
from web import commands
from web.auth import Identity, SignedIn
from web.pages.clocks import closing, rectifying
from web.parts import Wired
from web.problems import problem_of
from web.reading import Told, tell
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)

NOTE = 2000
BUTTONS: Mapping[str, Command] = MappingProxyType(
    {
        "acknowledge": Command.ACKNOWLEDGE,
        "start": Command.START,
        "submit": Command.SUBMIT,
        "verify": Command.VERIFY_OK,
        "dismiss": Command.DISMISS,
        "file_case": Command.FILE_CASE,
        "control": Command.CONTROL,
        "extend": Command.EXTEND,
        "reopen": Command.REOPEN,
    }
)


def actions_of(identity: Identity, warning: Warning) -> frozenset[str]:
    """Which buttons make sense; the lifecycle judges again when one is pressed."""
    can = {name for name, command in BUTTONS.items() if identity.user.role in MAY[command] and warning.state in FROM[command]}
    if warning.submitted_by == identity.user.id:
        can.discard("verify")
    if warning.extended or warning.rectify_by is None:
        can.discard("extend")
    return frozenset(can)


def latest_extension(warning: Warning) -> datetime | None:
    """The latest instant an extension may reach (D.1): half the limit more, two hours before the 24 hours end."""
    if warning.rectify_by is None:
        return None
    until = warning.rectify_by + warning.rectify_within / 2
    return until if warning.close_by is None else min(until, warning.close_by - timedelta(hours=2))


def steps(told: Told) -> list[AuditEntry]:
    """The story, newest first."""
    return sorted(told.history, key=lambda step: step.seq, reverse=True)


def warning_page(
    page: Page, identity: Identity, warning_id: str, *, problem: str = "", detail: str = "", status: int = 200
) -> HTMLResponse:
    """The page of a warning as it stands. Raises NotFound."""
    told = tell(page.parts.store, identity.actor, warning_id)
    warning = told.shown.warning
    limit = latest_extension(warning)
    context: dict[str, Any] = {
        "told": told,
        "one": told.shown,
        "warning": warning,
        "closing": closing(warning, page.now),
        "rectifying": rectifying(warning, page.now),
        "actions": actions_of(identity, warning),
        "steps": steps(told),
        "extension": local(limit).strftime("%Y-%m-%dT%H:%M") if limit is not None and limit > page.now else "",
        "problem": problem,
        "detail": detail,
    }
    return page.render("warning.html", context, status=status)


@router.get("/warnings/{warning_id}")
def read_warning(warning_id: str, page: Paged, identity: SignedIn, parts: Wired) -> HTMLResponse:
    """A warning. Opened by its merchant, it is delivered."""
    commands.opened(parts, identity.actor, warning_id)
    return warning_page(page, identity, warning_id)


@router.get("/fragments/warnings/{warning_id}/page")
def reread_warning(warning_id: str, page: Paged, identity: SignedIn) -> HTMLResponse:
    """The same page for a reader who has it open already: reading it again delivers nothing."""
    return warning_page(page, identity, warning_id)


def _instant(text: str) -> datetime:
    """A ``datetime-local`` value, on Shanghai's clock."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    except ValueError:
        raise BadInput(Code.FIELD, "a date and time is required", where="until") from None


@router.post("/warnings/{warning_id}/{verb}")
def act(
    warning_id: str,
    verb: str,
    page: Paged,
    identity: SignedIn,
    parts: Wired,
    note: Annotated[str, Form(max_length=NOTE)] = "",
    ok: Annotated[str, Form()] = "",
    until: Annotated[str, Form(max_length=40)] = "",
    token: Annotated[str, Form(max_length=80)] = "",
    photos: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:
    """A button of the page. What is refused is said on the page itself."""
    actor = identity.actor
    try:
        match verb:
            case "acknowledge":
                commands.acknowledge(parts, actor, warning_id)
            case "start":
                commands.start(parts, actor, warning_id)
            case "submit":
                commands.submit(parts, actor, warning_id, note=note, uploads=photos or [], token=token)
            case "verify":
                commands.verify(parts, actor, warning_id, ok=ok == "yes", note=note)
            case "dismiss":
                commands.dismiss(parts, actor, warning_id, reason=commands.grounds(note))
            case "file_case":
                commands.file_case(parts, actor, warning_id, reason=commands.grounds(note))
            case "control":
                commands.control(parts, actor, warning_id, until=_instant(until), note=note)
            case "extend":
                commands.extend(parts, actor, warning_id, until=_instant(until))
            case "reopen":
                commands.reopen(parts, actor, warning_id, reason=commands.grounds(note))
            case _:
                raise BadInput(Code.FIELD, f"no command {verb[:40]!r}", where="verb")
    except (IllegalTransition, Conflict, Forbidden, BadInput, Unavailable) as error:
        problem = problem_of(error)
        return warning_page(page, identity, warning_id, problem=problem.code, detail=problem.where, status=problem.status)
    return RedirectResponse(f"/warnings/{warning_id}", status_code=303)
