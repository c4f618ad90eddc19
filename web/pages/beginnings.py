"""Forms of the officials' desks that begin something, and three pages of their own: a check's result, a roll call, the quotas.

A form that is refused comes back with what was written in it: nobody types a ground twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from casework.consequences import superior, tasks, training, vouchers
from casework.consequences.filing import Filed
from casework.desk import Work
from credit.tasks import TaskState
from domain.errors import NotFound
from domain.parties import Role
from domain.time import local_day, month_of
from store.registers import Purse, Wanted
from web import consequence_names as words
from web.api.consequences import BEGINNINGS
from web.auth import Identity, Official
from web.consequence_names import Field
from web.pages.consequence_cards import title_of
from web.pages.consequence_forms import merchant_named, order_from
from web.pages.consequences import DESKS, REFUSALS, item_words
from web.parts import Parts, Wired
from web.problems import problem_of
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)

API_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "tasks": "checks",
        "listings": "clues",
        "penalties": "penalties",
        "guidances": "guidances",
        "reminders": "reminders",
        "superior-checks": "superior-checks",
        "risk-grades": "risk",
    }
)
"""Kind of case → what beginning it about a merchant is called over the API."""
MOST_NAMES = 2000
"""So many merchants are offered while one types."""
ANSWERS: Mapping[str, str] = MappingProxyType({"ok": "true", "failed": "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a checklist on a page."""

    key: str
    text: str
    cites: str
    gravity: str
    spared_on: str = ""


@router.get("/credit/quotas")
def read_quotas(page: Paged, identity: Official) -> HTMLResponse:
    """The quotas of this month and the next."""
    return quotas_page(page, identity)


def quotas_page(
    page: Page,
    identity: Identity,
    *,
    said: Mapping[str, Any] | None = None,
    problem: tuple[str, str] = ("", ""),
    status: int = 200,
) -> HTMLResponse:
    """The quotas of an official's region, and for a leader the form that opens one."""
    region = identity.user.region if identity.user.role is Role.INSPECTOR else None
    found: Sequence[Purse] = page.parts.office.bureau.ask(lambda work: work.uow.registers.purses.find(region=region))
    shown = sorted(found, key=lambda one: (one.month, one.region, one.kind), reverse=True)
    context = {
        **_frame(page, identity, "quotas", said or {"month": month_of(page.now)}, problem),
        "quotas": shown,
        "kinds": words.VOUCHERS,
        "may": identity.user.role is Role.SUPERVISOR,
    }
    return page.render("quotas.html", context, status=status)


@router.get("/credit/{kind}/new")
def read_form(kind: str, page: Paged, identity: Official) -> HTMLResponse:
    """The form that begins something; ``?merchant=`` fills in whom it is about."""
    return begin_page(page, identity, kind, said={"merchant": page.request.query_params.get("merchant", "")})


def begin_page(
    page: Page, identity: Identity, kind: str, *, said: Mapping[str, Any], problem: tuple[str, str] = ("", ""), status: int = 200
) -> HTMLResponse:
    """A form that begins something. Raises NotFound."""
    if kind not in words.BEGUN or kind == "quotas":
        raise NotFound(f"nothing is begun at {kind[:40]!r}")
    if kind == "trainings" and identity.user.region:
        said = {"region": identity.user.region, **said}
    context = {**_frame(page, identity, kind, said, problem), "merchants": _merchants(identity, page.parts)}
    return page.render("begin.html", context, status=status)


def _frame(page: Page, identity: Identity, kind: str, said: Mapping[str, Any], problem: tuple[str, str]) -> dict[str, Any]:
    title, fields = words.BEGUN[kind]
    return {
        "kind": kind,
        "title": page.language.text(title),
        "desk": page.language.text(DESKS[kind]),
        "desks": DESKS,
        "fields": [_filled(field, page, identity) for field in fields if field.name != "officer" or _leads(identity)],
        "said": said,
        "today": local_day(page.now).isoformat(),
        "problem": problem[0],
        "detail": problem[1],
        "token": secrets.token_urlsafe(12),
    }


def _leads(identity: Identity) -> bool:
    return identity.user.role is Role.SUPERVISOR


def _filled(field: Field, page: Page, identity: Identity) -> Field:
    """Choices that only this moment knows: the checklist's items, and the officers there are."""
    if field.name == "items":
        keys = page.parts.office.bureau.terms.rulebook.checklist()
        return replace(field, choices={key: item_words(page, key) for key in keys})
    if field.name == "officer":
        with page.parts.store.reading() as uow:
            users = [user for role in (Role.INSPECTOR, Role.SUPERVISOR) for user in uow.users.list(role=role) if user.active]
        return replace(field, choices={identity.user.id: identity.user.name} | {user.id: user.name for user in users})
    return field


def _merchants(identity: Identity, parts: Parts) -> list[tuple[str, str]]:
    with parts.store.reading() as uow:
        seen = [one for one in uow.merchants.list() if identity.actor.may_see(uscc=one.uscc, region=one.region)]
    return [(one.uscc, one.name) for one in seen[:MOST_NAMES]]


@router.post("/credit/{kind}/new")
async def begin(*, kind: str, request: Request, page: Paged, identity: Official, parts: Wired) -> Response:
    """Begin something."""
    if kind not in words.BEGUN:
        raise NotFound(f"nothing is begun at {kind[:40]!r}")
    form = await request.form()

    def effect() -> Response:
        try:
            _begin(kind, identity, parts, form)
        except REFUSALS as error:
            told = problem_of(error)
            said = {name: form.getlist(name) if len(form.getlist(name)) > 1 else form.get(name) for name in form}
            problem = (told.code, told.where or "")
            if kind == "quotas":
                return quotas_page(page, identity, said=said, problem=problem, status=told.status)
            return begin_page(page, identity, kind, said=said, problem=problem, status=told.status)
        return RedirectResponse(f"/credit/{kind}", status_code=303)

    return await asyncio.to_thread(effect)


def _begin(kind: str, identity: Identity, parts: Parts, form: FormData) -> None:
    order = order_from(identity, parts, words.BEGUN[kind][1], form)
    bureau, values = parts.office.bureau, dict(order.values)
    if kind == "quotas":
        bureau.do(lambda work: vouchers.open_quota(work, str(values.get("region", "")), order))
    elif kind == "trainings":
        bureau.do(lambda work: training.plan(work, str(values.get("region", "")), order))
    else:
        uscc = merchant_named(identity, parts, str(values.pop("merchant", "")))
        told = replace(order, values=values)
        if kind == "conflicts":
            bureau.do(lambda work: tasks.declare_conflict(work, uscc, told))
        else:
            use_case = BEGINNINGS[API_NAMES[kind]][1]
            bureau.do(lambda work: use_case(work, uscc, told))


# the result of a check


@router.get("/credit/tasks/{task_id}/result")
def read_result_form(task_id: str, page: Paged, identity: Official) -> HTMLResponse:
    """The checklist of a check that has begun (D.6)."""
    return result_page(page, identity, task_id)


def result_page(
    page: Page,
    identity: Identity,
    task_id: str,
    *,
    said: Mapping[str, Any] | None = None,
    problem: tuple[str, str] = ("", ""),
    status: int = 200,
) -> HTMLResponse:
    """The page on which a result is entered. Raises NotFound unless the check has begun."""
    bureau = page.parts.office.bureau
    filed = bureau.tell("tasks", task_id, identity.actor).filed
    if filed.case.state is not TaskState.IN_PROGRESS:
        raise NotFound("the check has not begun, or its result is there")
    today = local_day(page.now)

    def question(work: Work) -> list[Item]:
        left_out = superior.spared(work, filed, today)
        return [
            Item(
                key=key,
                text=item_words(page, key),
                cites=f"{cited.document}@{cited.version}#{cited.clause}",
                gravity=clause.check.value if clause.check is not None else "",
                spared_on=left_out[key].isoformat() if key in left_out else "",
            )
            for key, (clause, cited) in bureau.terms.rulebook.checklist().items()
        ]

    items = bureau.ask(question)
    with page.parts.store.reading() as uow:
        merchant = uow.merchants.get(filed.uscc or "")
    context = {
        "task": filed,
        "merchant": merchant,
        "items": [one for one in items if not one.spared_on],
        "spared": [one for one in items if one.spared_on],
        "findings": words.FINDINGS,
        "corrected": words.CORRECTED,
        "gravities": words.GRAVITIES,
        "desks": DESKS,
        "kind": "tasks",
        "said": said or {},
        "problem": problem[0],
        "detail": problem[1],
        "token": secrets.token_urlsafe(12),
    }
    return page.render("result.html", context, status=status)


RESULT = (
    Field("finding", ""),
    Field("remark", "", required=False),
    Field("score", "", required=False),
    Field("reachable_by_phone", "", "yes"),
    Field("minor", "", "yes"),
    Field("guided", "", "yes"),
    Field("corrected", "", required=False),
)


@router.post("/credit/tasks/{task_id}/result")
async def enter_result(*, task_id: str, request: Request, page: Paged, identity: Official, parts: Wired) -> Response:
    """Enter what was found."""
    form = await request.form()

    def effect() -> Response:
        try:
            order = order_from(identity, parts, RESULT, form)
            items = [
                {"key": name.removeprefix("item-"), "ok": form[name] == "ok", "note": str(form.get(f"note-{name[5:]}", ""))}
                for name in form
                if name.startswith("item-") and form[name] in ANSWERS
            ]
            told = replace(order, values={**order.values, "items": items})
            parts.office.bureau.command("tasks", task_id, "enter_result", told)
        except REFUSALS as error:
            problem = problem_of(error)
            said = {name: form.get(name) for name in form}
            where = (problem.code, problem.where or "")
            try:
                return result_page(page, identity, task_id, said=said, problem=where, status=problem.status)
            except NotFound:
                raise error from None
        return RedirectResponse("/credit/tasks", status_code=303)

    return await asyncio.to_thread(effect)


# a training's roll call


@router.get("/credit/trainings/{training_id}/attendance")
def read_attendance(training_id: str, page: Paged, identity: Official) -> HTMLResponse:
    """Who was invited, and who came."""
    return attendance_page(page, identity, training_id)


def attendance_page(
    page: Page, identity: Identity, training_id: str, *, problem: tuple[str, str] = ("", ""), status: int = 200
) -> HTMLResponse:
    """The roll call of a training. Raises NotFound."""
    filed = page.parts.office.bureau.tell("trainings", training_id, identity.actor).filed
    invited = _invited(page.parts, identity, training_id)
    with page.parts.store.reading() as uow:
        merchants = uow.merchants.get_all([one.uscc for one in invited if one.uscc])
    rows = sorted(
        ((merchants[one.uscc].name if one.uscc in merchants else one.uscc, one) for one in invited), key=lambda row: str(row[0])
    )
    context = {
        "training": filed,
        "title": title_of("trainings", filed, page.language),
        "rows": rows,
        "states": words.STATES["attendances"],
        "begun": page.now >= filed.case.begins_at,
        "desks": DESKS,
        "kind": "trainings",
        "problem": problem[0],
        "detail": problem[1],
        "token": secrets.token_urlsafe(12),
    }
    return page.render("attendance.html", context, status=status)


def _invited(parts: Parts, identity: Identity, training_id: str) -> list[Filed[Any]]:
    wanted = Wanted(topic=training_id, limit=None)
    return [told.filed for told in parts.office.bureau.find("attendances", identity.actor, wanted)]


@router.post("/credit/trainings/{training_id}/attendance")
async def call_roll(*, training_id: str, request: Request, page: Paged, identity: Official, parts: Wired) -> Response:
    """Say of everybody ticked that they came, and of those marked that they did not."""
    form = await request.form()

    def effect() -> Response:
        attendance_page(page, identity, training_id)  # nobody calls the roll of what they may not see
        order = order_from(identity, parts, (), form)
        try:
            for filed in _invited(parts, identity, training_id):
                said = str(form.get(f"came-{filed.case.id}", ""))
                if filed.case.state is training.AttendanceState.INVITED and said in ("attend", "miss"):
                    one = replace(order, token=f"{order.token}-{filed.case.id}"[-80:] if order.token else "")
                    parts.office.bureau.command("attendances", filed.case.id, said, one)
        except REFUSALS as error:
            told = problem_of(error)
            problem = (told.code, told.where or "")
            return attendance_page(page, identity, training_id, problem=problem, status=told.status)
        return RedirectResponse(f"/credit/trainings/{training_id}/attendance", status_code=303)

    return await asyncio.to_thread(effect)
