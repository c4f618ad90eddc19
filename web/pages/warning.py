"""One warning: evidence, clocks, story, and what this reader may do to it. Its merchant's opening the page is delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from alerts.lifecycle import FROM, MAY, Command
from domain.errors import BadInput, Code, Conflict, Forbidden, IllegalTransition, NotFound, Unavailable
from domain.parties import Actor
from domain.time import SHANGHAI, local
from domain.warnings import AuditEntry, Warning
from web import commands
from web.auth import Identity, SignedIn
from web.pages.clocks import closing, rectifying
from web.parts import Parts, Wired
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
        "on_site": page.parts.office.desk.rules.on_site(warning.rule, warning.violation_code),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The form of whichever button was pressed."""

    note: str = ""
    ok: bool = False
    on_site: bool = False
    until: str = ""
    token: str = ""
    photos: Sequence[UploadFile] = ()


def filled(
    *,
    note: Annotated[str, Form(max_length=NOTE)] = "",
    ok: Annotated[str, Form(max_length=8)] = "",
    on_site: Annotated[str, Form(max_length=8)] = "",
    until: Annotated[str, Form(max_length=40)] = "",
    token: Annotated[str, Form(max_length=80)] = "",
    photos: Annotated[list[UploadFile] | None, File()] = None,
) -> Filled:
    """Read the form."""
    return Filled(note=note, ok=ok == "yes", on_site=on_site == "yes", until=until, token=token, photos=photos or ())


Act: TypeAlias = Callable[[Parts, Actor, str, Filled], object]
ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "acknowledge": lambda parts, actor, id_, _: commands.acknowledge(parts, actor, id_),
        "start": lambda parts, actor, id_, _: commands.start(parts, actor, id_),
        "submit": lambda parts, actor, id_, form: commands.submit(
            parts, actor, id_, note=form.note, uploads=form.photos, token=form.token
        ),
        "verify": lambda parts, actor, id_, form: commands.verify(
            parts, actor, id_, ok=form.ok, note=form.note, on_site=form.on_site
        ),
        "dismiss": lambda parts, actor, id_, form: commands.dismiss(parts, actor, id_, reason=commands.grounds(form.note)),
        "file_case": lambda parts, actor, id_, form: commands.file_case(parts, actor, id_, reason=commands.grounds(form.note)),
        "control": lambda parts, actor, id_, form: commands.control(
            parts, actor, id_, until=_instant(form.until), note=commands.grounds(form.note)
        ),
        "extend": lambda parts, actor, id_, form: commands.extend(parts, actor, id_, until=_instant(form.until)),
        "reopen": lambda parts, actor, id_, form: commands.reopen(parts, actor, id_, reason=commands.grounds(form.note)),
    }
)


@router.post("/warnings/{warning_id}/{verb}")
def act(
    *,
    warning_id: str,
    verb: str,
    page: Paged,
    identity: SignedIn,
    parts: Wired,
    form: Annotated[Filled, Depends(filled)],
) -> Response:
    """A button of the page. What is refused is said on the page itself."""
    if verb not in ACTS:
        raise NotFound(f"no command {verb[:40]!r}")
    try:
        ACTS[verb](parts, identity.actor, warning_id, form)
    except (IllegalTransition, Conflict, Forbidden, BadInput, Unavailable) as error:
        problem = problem_of(error)
        return warning_page(page, identity, warning_id, problem=problem.code, detail=problem.where, status=problem.status)
    return RedirectResponse(f"/warnings/{warning_id}", status_code=303)
