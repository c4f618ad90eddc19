"""A merchant's result of a month: why each point was lost, on what evidence, how it comes back, and the way to object.

The colour shown here is the month's; what the ledger says in between is another number and is never called a colour.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from casework import assessment_objections, assessment_scores
from casework.assessment import LEADERS, Assessor
from casework.assessment_history import versions
from casework.assessment_scores import Scored, changes_in, item_of, scored
from casework.assessment_views import visible_run
from casework.report import most_of
from casework.report_words import origin_words
from credit.rating.value import RatedScheme
from domain.errors import BadInput, Code, Conflict, Forbidden, IllegalTransition, NotFound, Unavailable
from domain.parties import Actor, Merchant, Role
from web import assessment_names, names
from web.auth import Identity, SignedIn
from web.language import Language
from web.pages import drawing
from web.parts import Parts, Wired
from web.problems import problem_of
from web.reading import MERCHANT_SIDE, find_merchant
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
NOTE = 2000
REFUSED = (IllegalTransition, Conflict, Forbidden, BadInput, Unavailable)
"""What a button may answer; it is said on the page itself."""


def assessor_of(parts: Parts) -> Assessor:
    """The monthly assessment. Raises NotFound where this site has none."""
    if parts.assessor is None:
        raise NotFound("no monthly assessment here")
    return parts.assessor


def grade_word(scheme: RatedScheme | None, grade: str | None, language: Language) -> str:
    """A grade in words; of a scheme that is gone, or of no grade of its own, in ours."""
    titles = scheme.grade_titles.get(grade or "", {}) if scheme is not None else {}
    said = titles.get(language.code) or titles.get("zh")
    if said:
        return str(said)
    return language.text(names.GRADES[grade]) if grade is not None and grade in names.GRADES else grade or "–"


def merchant_seen(parts: Parts, actor: Actor, uscc: str) -> Merchant:
    """The merchant, if the actor may know of it. Raises NotFound."""
    with parts.store.reading() as uow:
        return find_merchant(uow, actor, uscc)


def doable(actor: Actor, one: Scored) -> frozenset[str]:
    """Which forms make sense; the assessment judges again when one is sent."""
    can = set()
    if actor.role is Role.MERCHANT and one.object_until is not None:
        can.add("object")
    if actor.role in LEADERS and one.run.published_at is not None:
        can.add("correct")
    return frozenset(can)


def score_page(
    page: Page,
    identity: Identity,
    uscc: str,
    month: str = "",
    *,
    about: str = "",
    note: str = "",
    problem: str = "",
    detail: str = "",
    status: int = 200,
) -> HTMLResponse:
    """The page of a merchant's month; ``about`` names the fact an objection is being written to. Raises NotFound."""
    merchant = merchant_seen(page.parts, identity.actor, uscc)
    assessor = assessor_of(page.parts)
    one = scored(assessor, merchant, page.now, month=month)
    scheme = assessor.schemes.get(merchant.scheme)
    context: dict[str, Any] = {
        "merchant": merchant,
        "one": one,
        "scheme": scheme,
        "grade_word": lambda grade: grade_word(scheme, grade, page.language),
        "trend": drawing.trend(one.report["trend"], one.report["bands"]) if one is not None else None,
        "versions": versions(assessor, merchant, one.run.month) if one is not None else [],
        "called": lambda name: assessment_scores.about(one, name) if one is not None else (name, {}),
        "origin": lambda origin: origin_words(origin, page.language.text),
        "about": about,
        "note": note,
        "doable": doable(identity.actor, one) if one is not None else frozenset(),
        "places": drawing,
        "said": assessment_names,
        "problem": problem,
        "detail": detail,
    }
    return page.render("score.html", context, status=status)


@router.get("/scores")
def read_own(identity: SignedIn) -> Response:
    """The reader's own result; an official has a list of months instead."""
    if identity.user.role in MERCHANT_SIDE and identity.user.uscc:
        return RedirectResponse(f"/scores/{identity.user.uscc}", status_code=303)
    return RedirectResponse("/assessments", status_code=303)


@router.get("/scores/{uscc}")
def read_score(
    uscc: str,
    page: Paged,
    identity: SignedIn,
    month: Annotated[str, Query(pattern=rf"{MONTH}|^$")] = "",
    about: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """A merchant's result of a month, by default the newest."""
    return score_page(page, identity, uscc, month, about=about)


@router.get("/scores/{uscc}/items/{place}")
def read_item(  # noqa: PLR0917 - a route's signature is its list of parameters
    uscc: str,
    place: int,
    page: Paged,
    identity: SignedIn,
    parts: Wired,
    run: Annotated[str, Query(max_length=80)],
    revision: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> HTMLResponse:
    """One number of a result: why it is what it is, and all of its evidence."""
    merchant, actor = merchant_seen(parts, identity.actor, uscc), identity.actor
    assessor = assessor_of(parts)
    with parts.store.reading() as uow:
        known = visible_run(uow, run, actor)
    content, item = item_of(assessor, merchant, known, place, revision=revision)
    context = {
        "merchant": merchant,
        "run": known,
        "report": content,
        "item": item,
        "goal": next((way for way in content["regain"] if (way["id"], way["key"]) == (item.line["id"], item.line["key"])), None),
        "origin": lambda origin: origin_words(origin, page.language.text),
        "may_object": actor.role is Role.MERCHANT and assessment_scores.object_until(known, page.now) is not None,
        "said": assessment_names,
    }
    return page.render("score_item.html", context)


@router.get("/scores/{uscc}/live")
def read_live(uscc: str, page: Paged, identity: SignedIn, parts: Wired) -> HTMLResponse:
    """What the running month would come to now; asked for by the page, since it is counted anew each time."""
    merchant = merchant_seen(parts, identity.actor, uscc)
    assessor = assessor_of(parts)
    rating = assessor.live(merchant.uscc, page.now)
    scheme = assessor.schemes.get(merchant.scheme)
    word, most = grade_word(scheme, rating.grade, page.language), None if scheme is None else most_of(scheme)
    return page.render("score_live.html", {"merchant": merchant, "rating": rating, "word": word, "of": most})


@router.get("/scores/{uscc}/records/{event_id}")
def read_record(
    *, uscc: str, event_id: str, page: Paged, identity: SignedIn, parts: Wired, month: Annotated[str, Query(pattern=MONTH)]
) -> HTMLResponse:
    """A record a number was counted from, as it came."""
    merchant = merchant_seen(parts, identity.actor, uscc)
    one = scored(assessor_of(parts), merchant, page.now, month=month)
    assert one is not None
    with parts.store.reading() as uow:
        record = assessment_scores.record(uow, one.run, merchant.uscc, event_id)
    body = json.dumps(record.body, ensure_ascii=False, indent=2)
    return page.render("score_record.html", {"merchant": merchant, "month": month, "record": record, "body": body})


@router.post("/scores/{uscc}/object")
def object_to(
    *,
    uscc: str,
    page: Paged,
    identity: SignedIn,
    parts: Wired,
    month: Annotated[str, Form(pattern=MONTH)],
    note: Annotated[str, Form(max_length=NOTE)] = "",
    facts: Annotated[list[str] | None, Form(max_length=100)] = None,
) -> Response:
    """The merchant objects to its result, or to some of its facts. The same words sent twice are one objection."""
    merchant = merchant_seen(parts, identity.actor, uscc)
    assessor = assessor_of(parts)
    one = scored(assessor, merchant, page.now, month=month)
    assert one is not None
    try:
        assessment_objections.file(assessor, one.run.id, identity.actor, note, page.now, facts=facts or ())
    except REFUSED as error:
        problem = problem_of(error)
        return score_page(
            page,
            identity,
            uscc,
            month,
            about=(facts or [""])[0],
            note=note,
            problem=problem.code,
            detail=problem.where,
            status=problem.status,
        )
    return RedirectResponse(f"/scores/{merchant.uscc}?month={month}#objections", status_code=303)


@router.post("/scores/{uscc}/correct")
def correct(
    *,
    uscc: str,
    page: Paged,
    identity: SignedIn,
    parts: Wired,
    month: Annotated[str, Form(pattern=MONTH)],
    path: Annotated[str, Form(max_length=200)],
    value: Annotated[str, Form(max_length=NOTE)] = "",
    note: Annotated[str, Form(max_length=NOTE)] = "",
) -> Response:
    """A supervisor corrects one fact of a published month: a further version, with the reason under a name."""
    merchant = merchant_seen(parts, identity.actor, uscc)
    assessor = assessor_of(parts)
    one = scored(assessor, merchant, page.now, month=month)
    assert one is not None
    try:
        if identity.actor.role not in LEADERS:
            raise Forbidden("only a supervisor corrects a published month")
        chosen = [item for item in one.facts if item.path == path]
        given = assessment_scores.DROP if path.startswith(assessment_scores.VIOLATION) else value
        changes = changes_in(chosen, {path: given})
        if not changes:
            raise BadInput(Code.FIELD, "nothing is changed", where="changes")
        assessment_scores.check(assessor, one.run.id, merchant.uscc, changes)
        last = assessment_scores.newest(assessor, one.run)
        assessor.correct(last.id, identity.actor, note, page.now, changes={merchant.uscc: changes})
    except REFUSED as error:
        problem = problem_of(error)
        return score_page(page, identity, uscc, month, problem=problem.code, detail=problem.where, status=problem.status)
    return RedirectResponse(f"/scores/{merchant.uscc}?month={month}", status_code=303)
