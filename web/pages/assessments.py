"""The monthly runs as officials see them: what is provisional, what changed since the month before, what is contested.

Looking changes nothing; publishing and correcting are a supervisor's, with a reason, and the assessment itself judges them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from casework import assessment_objections
from casework.assessment import LEADERS
from casework.assessment_comparison import Choice, Compared, compared, explained, part_of
from casework.assessment_preview import previewed
from casework.assessment_scores import SHOWN, changes_in, check, contested, may_see
from domain.errors import BadInput, Code, NotFound
from domain.parties import Actor
from domain.time import month_of
from store.assessments import ObjectionState, Run, RunState
from web import assessment_names
from web.auth import Identity, Official
from web.commands import grounds
from web.pages import drawing
from web.pages.credit import in_language
from web.pages.scores import NOTE, REFUSED, assessor_of, grade_word
from web.parts import Wired
from web.problems import problem_of
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)

AT_ONCE = 40
AHEAD_AT_ONCE = 20
CONFIRMED = "yes"
"""What the box of the page that publishes says when it is ticked."""
STEPS = (RunState.OPEN, RunState.FROZEN, RunState.PROVISIONAL, RunState.OBJECTION_WINDOW, RunState.FINAL, RunState.PUBLISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A run in the list: its distribution, and how many objections wait."""

    run: Run
    title: str
    bars: Sequence[drawing.Bar]
    waiting: int


def may_publish(actor: Actor, run: Run, page: Page) -> bool:
    """Whether the button makes sense; the assessment judges again."""
    return actor.role in LEADERS and run.state is RunState.FINAL and page.now >= run.publish_at


@router.get("/assessments")
def read_runs(page: Paged, identity: Official, parts: Wired) -> HTMLResponse:
    """The runs, newest month first."""
    assessor, actor = assessor_of(parts), identity.actor
    rows, words, merchants_of = [], {}, {}
    with parts.store.reading() as uow:
        for run in uow.assessments.runs(limit=36):
            scheme = assessor.schemes.get(run.scheme)
            words[run.id] = lambda grade, scheme=scheme: grade_word(scheme, grade, page.language)
            counted = uow.assessments.counts(run.id) if actor.role in LEADERS else _own_counts(uow, run, actor)
            order = [*(scheme.grade_titles if scheme is not None else ()), *sorted(counted)]
            objections = uow.assessments.objections(run_id=run.id, state=ObjectionState.OPEN)
            merchants = uow.merchants.get_all(each.uscc for each in objections)
            rows.append(
                Listed(
                    run=run,
                    title=in_language(scheme.title, page.language, run.scheme) if scheme is not None else run.scheme,
                    bars=drawing.bars({grade: counted[grade] for grade in order if counted.get(grade)}, {}),
                    waiting=sum(may_see(actor, merchants.get(each.uscc)) for each in objections),
                )
            )
        for name, scheme in assessor.schemes.items():
            if uow.assessments.merchants(name, limit=1):
                merchants_of[name] = in_language(scheme.title, page.language, name)
    return page.render("assessments.html", {"rows": rows, "words": words, "said": assessment_names, "running": merchants_of})


def _own_counts(uow: Any, run: Run, actor: Actor) -> dict[str, int]:
    """Merchants by grade, of those an inspector looks after."""
    counts: dict[str, int] = {}
    results = uow.assessments.results(run.id)
    merchants = uow.merchants.get_all(result.uscc for result in results)
    for result in results:
        if may_see(actor, merchants.get(result.uscc)):
            counts[result.grade] = counts.get(result.grade, 0) + 1
    return counts


def run_page(
    page: Page,
    identity: Identity,
    run_id: str,
    choice: Choice | None = None,
    *,
    problem: str = "",
    detail: str = "",
    status: int = 200,
) -> HTMLResponse:
    """The page of a run. Raises NotFound."""
    choice = choice or Choice()
    assessor, actor = assessor_of(page.parts), identity.actor
    seen = compared(assessor, run_id, actor)
    run = seen.progress.run
    shown, found, following = part_of(seen.rows, choice, AT_ONCE)
    context: dict[str, Any] = {
        **_seen(page, seen),
        "picked": shown,
        "whys": explained(assessor, run, shown),
        "found": found,
        "following": following,
        "choice": choice,
        "contested": contested(assessor, run, actor, page.now) if run.state in SHOWN else [],
        "steps": STEPS,
        "publishable": may_publish(actor, run, page),
        "waits_until": seen.progress.waits_until,
        "publisher": _name_of(page, run.published_by),
        "problem": problem,
        "detail": detail,
    }
    return page.render("assessment.html", context, status=status)


def _seen(page: Page, seen: Compared) -> dict[str, Any]:
    """What every page about a run shows of it."""
    run = seen.progress.run
    return {
        "seen": seen,
        "run": run,
        "title": in_language(seen.scheme.title, page.language, run.scheme),
        "grade_word": lambda grade: grade_word(seen.scheme, grade, page.language),
        "bars": _bars(seen),
        "said": assessment_names,
    }


def _bars(seen: Compared) -> list[drawing.Bar]:
    return [
        bar for bar in drawing.bars(seen.now, seen.before) if bar.count or bar.before or bar.grade in seen.scheme.grade_titles
    ]


def _name_of(page: Page, user_id: str | None) -> str:
    """A person's name; the system has none."""
    if user_id is None:
        return ""
    with page.parts.store.reading() as uow:
        user = uow.users.get(user_id)
    return user.name if user is not None else ""


@router.get("/assessments/preview")
def read_preview(
    page: Paged,
    identity: Official,
    scheme: Annotated[str, Query(max_length=40)],
    q: Annotated[str, Query(max_length=60)] = "",
    after: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """What the running month would come to, before anything is frozen."""
    assessor = assessor_of(page.parts)
    items, following = previewed(assessor, scheme, identity.actor, page.now, text=q, after=after, limit=AHEAD_AT_ONCE)
    known = assessor.schemes[scheme]
    context = {
        "items": items,
        "following": following,
        "scheme": known,
        "title": in_language(known.title, page.language, scheme),
        "grade_word": lambda grade: grade_word(known, grade, page.language),
        "month": month_of(page.now),
        "q": q,
        "after": after,
        "said": assessment_names,
    }
    return page.render("assessment_preview.html", context)


@router.get("/assessments/{run_id}")
def read_run(  # noqa: PLR0917 - a route's signature is its list of parameters
    run_id: str,
    page: Paged,
    identity: Official,
    change: Annotated[str, Query(max_length=20)] = "",
    grade: Annotated[str, Query(max_length=20)] = "",
    q: Annotated[str, Query(max_length=60)] = "",
    after: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """A run: its distribution, the differences, the objections."""
    return run_page(page, identity, run_id, Choice(change=change, grade=grade, text=q, after=after))


def publish_page(
    page: Page, identity: Identity, run_id: str, *, problem: str = "", detail: str = "", note: str = "", status: int = 200
) -> HTMLResponse:
    """The page on which a supervisor looks once more before a month is published. Raises NotFound."""
    assessor = assessor_of(page.parts)
    seen = compared(assessor, run_id, identity.actor)
    run = seen.progress.run
    with page.parts.store.reading() as uow:
        waiting = len(uow.assessments.objections(run_id=run.id, state=ObjectionState.OPEN))
    fell = [row for row in seen.rows if row.change.value == "worse"]
    context = {
        **_seen(page, seen),
        "fell": fell[:AT_ONCE],
        "fallen": len(fell),
        "waiting": waiting,
        "publishable": may_publish(identity.actor, run, page),
        "note": note,
        "problem": problem,
        "detail": detail,
    }
    return page.render("assessment_publish.html", context, status=status)


@router.get("/assessments/{run_id}/publish")
def read_publish(run_id: str, page: Paged, identity: Official) -> HTMLResponse:
    """What would be published, and the form that does it."""
    return publish_page(page, identity, run_id)


@router.post("/assessments/{run_id}/publish")
def publish(  # noqa: PLR0917 - a route's signature is its list of parameters
    run_id: str,
    page: Paged,
    identity: Official,
    parts: Wired,
    note: Annotated[str, Form(max_length=NOTE)] = "",
    confirmed: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """A supervisor publishes the month, in their own name, after saying that it was looked at."""
    try:
        reason = grounds(note)
        if confirmed != CONFIRMED:
            raise BadInput(Code.FIELD, "publishing has to be confirmed", where="confirmed")
        assessor_of(parts).publish(run_id, identity.actor, page.now, reason=reason)
    except REFUSED as error:
        problem = problem_of(error)
        return publish_page(page, identity, run_id, problem=problem.code, detail=problem.where, note=note, status=problem.status)
    return RedirectResponse(f"/assessments/{run_id}", status_code=303)


@router.post("/assessments/{run_id}/objections/{objection_id}/{verb}")
def decide(
    *,
    run_id: str,
    objection_id: str,
    verb: str,
    page: Paged,
    identity: Official,
    parts: Wired,
    note: Annotated[str, Form(max_length=NOTE)] = "",
    path: Annotated[list[str] | None, Form(max_length=200)] = None,
    value: Annotated[list[str] | None, Form(max_length=200)] = None,
) -> Response:
    """Uphold an objection with the values that count instead, or reject it; either with a reason the merchant reads."""
    assessor, actor = assessor_of(parts), identity.actor
    with parts.store.reading() as uow:
        run = uow.assessments.run(run_id)
    if run is None or verb not in ("uphold", "reject"):
        raise NotFound(f"no assessment {run_id[:40]}")
    cases = {case.objection.id: case for case in contested(assessor, run, actor, page.now)}
    if objection_id not in cases:
        raise NotFound(f"no objection {objection_id[:40]}")
    case, upheld = cases[objection_id], verb == "uphold"
    try:
        changes = changes_in(case.items, dict(zip(path or (), value or (), strict=False))) if upheld else {}
        if changes:
            check(assessor, run.id, case.objection.uscc, changes)
        assessment_objections.decide(assessor, objection_id, actor, page.now, upheld=upheld, reason=note, changes=changes)
    except REFUSED as error:
        return _refusal(page, identity, run_id, error)
    return RedirectResponse(f"/assessments/{run_id}#objections", status_code=303)


def _refusal(page: Page, identity: Identity, run_id: str, error: Exception) -> HTMLResponse:
    problem = problem_of(error)
    return run_page(page, identity, run_id, problem=problem.code, detail=problem.where, status=problem.status)
