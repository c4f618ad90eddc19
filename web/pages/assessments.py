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
from casework.assessment_comparison import Change, Compared, Row, compared
from casework.assessment_scores import SHOWN, changes_in, check, contested, may_see
from domain.errors import NotFound
from domain.parties import Actor
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

AT_ONCE = 60
STEPS = (RunState.OPEN, RunState.FROZEN, RunState.PROVISIONAL, RunState.OBJECTION_WINDOW, RunState.FINAL, RunState.PUBLISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A run in the list: its distribution, and how many objections wait."""

    run: Run
    title: str
    bars: Sequence[drawing.Bar]
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the merchants of a run are narrowed to."""

    change: str = ""
    grade: str = ""
    page: int = 1

    def picks(self, row: Row) -> bool:
        """Whether a row is among them."""
        changed = self.change in ("", row.change.value) or (self.change == "changed" and row.change is not Change.SAME)
        return changed and self.grade in ("", row.result.grade)


def may_publish(actor: Actor, run: Run, page: Page) -> bool:
    """Whether the button makes sense; the assessment judges again."""
    return actor.role in LEADERS and run.state is RunState.FINAL and page.now >= run.publish_at


@router.get("/assessments")
def read_runs(page: Paged, identity: Official, parts: Wired) -> HTMLResponse:
    """The runs, newest month first."""
    assessor, actor = assessor_of(parts), identity.actor
    rows, words = [], {}
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
    return page.render("assessments.html", {"rows": rows, "words": words, "said": assessment_names})


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
    picked = [row for row in seen.rows if choice.picks(row)]
    first = (choice.page - 1) * AT_ONCE
    context: dict[str, Any] = {
        "seen": seen,
        "run": run,
        "title": in_language(seen.scheme.title, page.language, run.scheme),
        "grade_word": lambda grade: grade_word(seen.scheme, grade, page.language),
        "bars": _bars(seen),
        "picked": picked[first : first + AT_ONCE],
        "found": len(picked),
        "more": first + AT_ONCE < len(picked),
        "choice": choice,
        "contested": contested(assessor, run, actor, page.now) if run.state in SHOWN else [],
        "steps": STEPS,
        "publishable": may_publish(actor, run, page),
        "waits_until": seen.progress.waits_until,
        "publisher": _name_of(page, run.published_by),
        "said": assessment_names,
        "problem": problem,
        "detail": detail,
    }
    return page.render("assessment.html", context, status=status)


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


@router.get("/assessments/{run_id}")
def read_run(
    *,
    run_id: str,
    page: Paged,
    identity: Official,
    change: Annotated[str, Query(max_length=20)] = "",
    grade: Annotated[str, Query(max_length=20)] = "",
    part: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """A run: its distribution, the differences, the objections."""
    return run_page(page, identity, run_id, Choice(change=change, grade=grade, page=part))


@router.post("/assessments/{run_id}/publish")
def publish(
    *, run_id: str, page: Paged, identity: Official, parts: Wired, note: Annotated[str, Form(max_length=NOTE)] = ""
) -> Response:
    """A supervisor publishes the month, in their own name."""
    try:
        assessor_of(parts).publish(run_id, identity.actor, page.now, reason=grounds(note))
    except REFUSED as error:
        return _refusal(page, identity, run_id, error)
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
