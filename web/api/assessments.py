"""The monthly assessment over the API: runs, results, reports, objections, told facts, the live rating."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from casework import assessment_objections as objections
from casework.assessment import LEADERS, Assessor
from casework.assessment_facts import FactImport
from casework.assessment_scores import SHOWN
from casework.assessment_views import (
    OFFICIALS,
    changes_of,
    live_item,
    objection_item,
    run_item,
    visible_results,
    visible_run,
)
from casework.report import report
from domain.errors import Forbidden, Unavailable
from domain.time import format_instant, month_of
from store.assessments import ObjectionState
from web.auth import Identity, SignedIn
from web.language import COOKIE, choose
from web.parts import Parts, Wired
from web.reading import find_merchant
from web.report_page import CSP, report_file

router = APIRouter(prefix="/api/v1", tags=["assessment"])

Month = Annotated[str, Field(pattern=r"^2[01]\d{2}-(0[1-9]|1[0-2])$")]
Language = Annotated[Literal["zh", "en"], Query()]
MEDIA = {"json": "application/json", "html": "text/html", "pdf": "application/pdf"}


class Begin(BaseModel):
    """Which month by which scheme."""

    scheme: str = Field(max_length=40)
    month: Month


class Correction(BaseModel):
    """Why a published month is corrected, and for whom."""

    reason: str = Field(min_length=1, max_length=2000)
    merchants: list[str] = Field(default_factory=list, max_length=1000)
    changes: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Filed(BaseModel):
    """What a merchant objects to."""

    note: str = Field(min_length=1, max_length=2000)
    facts: list[str] = Field(default_factory=list, max_length=100)


class Decided(BaseModel):
    """What is decided about an objection."""

    upheld: bool
    reason: str = Field(min_length=1, max_length=2000)
    changes: dict[str, Any] = Field(default_factory=dict)


class Told(BaseModel):
    """Facts, one row each; see ``kitchen facts import``."""

    rows: list[dict[str, Any]] = Field(max_length=5000)


def _assessor(parts: Parts) -> Assessor:
    if parts.assessor is None:
        raise Unavailable("this process does not assess")
    return parts.assessor


@router.get("/assessments")
def list_runs(
    identity: SignedIn,
    parts: Wired,
    scheme: str | None = None,
    month: Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}$")] = None,
) -> dict[str, Any]:
    """Runs, newest month first; merchants see those whose results are shown."""
    with parts.store.reading() as uow:
        runs = uow.assessments.runs(scheme=scheme, month=month)
        official = identity.actor.role in OFFICIALS
        own = identity.actor.uscc
        shown = [
            run for run in runs if official or (own and run.state in SHOWN and uow.assessments.result(run.id, own) is not None)
        ]
        return {"items": [run_item(run, uow.assessments.counts(run.id) if official else None) for run in shown]}


@router.post("/assessments", status_code=201)
def begin_run(wanted: Begin, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """Begin a month's assessment by hand; the sweep does it by itself."""
    if identity.actor.role not in LEADERS:
        raise Forbidden("only a supervisor begins an assessment")
    return run_item(_assessor(parts).begin(wanted.scheme, wanted.month, parts.clock(), actor=identity.actor))


@router.get("/assessments/{run_id}")
def read_run(run_id: str, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """One run with its progress and its merchants by grade."""
    with parts.store.reading() as uow:
        run = visible_run(uow, run_id, identity.actor)
        official = identity.actor.role in OFFICIALS
        item = run_item(run, uow.assessments.counts(run_id) if official else None)
        snapshots, rated = uow.assessments.progress(run_id)
    return {**item, "snapshots": snapshots, "rated": rated, "server_time": format_instant(parts.clock())}


@router.get("/assessments/{run_id}/results")
def read_results(  # noqa: PLR0917 - a route's signature is its list of parameters
    run_id: str,
    identity: SignedIn,
    parts: Wired,
    grade: str | None = None,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Results by merchant, as far as one may see them."""
    with parts.store.reading() as uow:
        run = visible_run(uow, run_id, identity.actor)
        items, following = visible_results(uow, run, identity.actor, grade=grade, after=cursor, limit=limit)
    return {"items": items, "next": following}


@router.get("/assessments/{run_id}/changes")
def read_changes(run_id: str, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """Who moved since the last published month: for the one who publishes."""
    if identity.actor.role not in OFFICIALS:
        raise Forbidden("only officials see everybody's changes")
    with parts.store.reading() as uow:
        run = visible_run(uow, run_id, identity.actor)
    return changes_of(_assessor(parts), run, identity.actor)


def _reads(request: Request, identity: Identity, parts: Parts) -> str:
    """The language a reader is answered in: that of ``?lang=``, else their own as on the pages."""
    return choose(
        parts.languages,
        query=request.query_params.get("lang"),
        cookie=request.cookies.get(COOKIE),
        user=identity.user.locale,
        accept=request.headers.get("accept-language", ""),
    )


@router.get("/assessments/{run_id}/merchants/{uscc}/report")
def read_report(  # noqa: PLR0917 - a route's signature is its list of parameters
    run_id: str,
    uscc: str,
    identity: SignedIn,
    parts: Wired,
    request: Request,
    form: Literal["json", "html", "pdf"] = "json",
    revision: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> Response:
    """The signed report of a merchant: JSON (the portrait), a page, or a PDF; in the reader's language, or that of ``lang``."""
    with parts.store.reading() as uow:
        merchant = find_merchant(uow, identity.actor, uscc)
        visible_run(uow, run_id, identity.actor)
    if parts.seal is None:
        raise Unavailable("this process has no key to sign reports with")
    language, site = _reads(request, identity, parts), parts.settings.public_url
    sealed = parts.seal(report(_assessor(parts), run_id, merchant.uscc, revision=revision, site=site))
    headers = {
        "Content-Disposition": f'inline; filename="{run_id}-{merchant.uscc}-{language}.{form}"',
        "Content-Language": parts.languages[language].tag,
        "Vary": "Cookie, Accept-Language",
    }
    if form == "html":
        headers["Content-Security-Policy"] = CSP
    return Response(report_file(sealed, form, language), media_type=MEDIA[form], headers=headers)


@router.post("/assessments/{run_id}/publish")
def publish_run(run_id: str, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """A named person publishes a final month."""
    return run_item(_assessor(parts).publish(run_id, identity.actor, parts.clock()))


@router.post("/assessments/{run_id}/correct")
def correct_run(run_id: str, wanted: Correction, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """A further version of a published month for some merchants."""
    assessor = _assessor(parts)
    run = assessor.correct(run_id, identity.actor, wanted.reason, parts.clock(), usccs=wanted.merchants, changes=wanted.changes)
    return run_item(run)


@router.post("/assessments/{run_id}/objections", status_code=201)
def file_objection(run_id: str, filed: Filed, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """The merchant objects to its result."""
    return objection_item(objections.file(_assessor(parts), run_id, identity.actor, filed.note, parts.clock(), facts=filed.facts))


@router.get("/assessment-objections")
def list_objections(identity: SignedIn, parts: Wired, state: ObjectionState | None = None) -> dict[str, Any]:
    """Objections one may see, oldest first."""
    actor = identity.actor
    with parts.store.reading() as uow:
        found = uow.assessments.objections(uscc=actor.uscc, state=state)
        merchants = uow.merchants.get_all(each.uscc for each in found)
        shown = [each for each in found if actor.may_see(uscc=each.uscc, region=merchants[each.uscc].region)]
    return {"items": [objection_item(each) for each in shown]}


@router.post("/assessment-objections/{objection_id}/decide")
def decide_objection(objection_id: str, decided: Decided, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official who took no part decides."""
    return objection_item(
        objections.decide(
            _assessor(parts),
            objection_id,
            identity.actor,
            parts.clock(),
            upheld=decided.upheld,
            reason=decided.reason,
            changes=decided.changes,
        )
    )


@router.get("/merchants/{uscc}/rating")
def read_live_rating(uscc: str, identity: SignedIn, parts: Wired, lang: Language = "zh") -> dict[str, Any]:
    """What the merchant would come to if the month ended now; the published grade is another matter."""
    now = parts.clock()
    with parts.store.reading() as uow:
        merchant = find_merchant(uow, identity.actor, uscc)
    rating = _assessor(parts).live(merchant.uscc, now)
    return {**live_item(merchant.uscc, month_of(now), rating, lang), "server_time": format_instant(now)}


@router.post("/facts")
def tell_facts(told: Told, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """Take facts row by row; what is refused is told with row, column and reason."""
    if identity.actor.role not in OFFICIALS:
        raise Forbidden("only officials tell facts")
    taker = FactImport(parts.store, _assessor(parts).schemes)
    return taker.take(told.rows, identity.actor, parts.clock(), origin=f"api:{identity.actor.id}").to_wire()
