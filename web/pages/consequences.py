"""The desks of what follows from credit: inspections, lists, measures, repairs for officials; pushes for departments.

Every page lists cases of one kind with what the reader may do; buttons come from the lifecycle, which judges again when one is
pressed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from casework.consequences import commitments, proposals, repairs, standing, tasks, training, vouchers
from casework.consequences.bureau import Told
from casework.consequences.filing import Filed
from casework.consequences.machine import Order
from casework.desk import Work
from credit.commitments import LIVE
from credit.transitions import BUSINESS
from credit.vouchers import VoucherKind
from domain.errors import BadInput, Code, Conflict, Forbidden, IllegalTransition, NotFound, Unavailable
from domain.parties import Role
from domain.time import local_day, month_of
from store.registers import Wanted
from web import consequence_names as words
from web.api.consequences import BEGINNINGS
from web.auth import Identity, Official, SignedIn
from web.pages.consequence_cards import Card, card, yuan
from web.pages.consequence_forms import order_from
from web.parts import Parts, Wired
from web.problems import problem_of
from web.reading import MERCHANT_SIDE
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)


def _(message: str) -> str:
    """Mark a message for extraction."""
    return message


DESKS: Mapping[str, str] = MappingProxyType(
    {
        "tasks": _("检查任务"),
        "draws": _("双随机抽取"),
        "rolls": _("红黑榜"),
        "listings": _("名单"),
        "measures": _("管理措施"),
        "penalties": _("行政处罚"),
        "repairs": _("信用修复"),
        "guidances": _("提醒改正"),
        "reminders": _("到期提醒"),
        "trainings": _("培训"),
        "conflicts": _("回避"),
        "superior-checks": _("上级检查"),
        "risk-grades": _("风险等级"),
        "quotas": _("消费券名额"),
    }
)
"""The officials' desks, by kind of case."""
DONE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "tasks": frozenset({"published", "recheck_done", "cancelled"}),
        "draws": frozenset({"drawn", "cancelled"}),
        "rolls": frozenset({"published", "refused", "withdrawn"}),
        "listings": frozenset({"not_listed", "unpushed"}),
        "measures": frozenset({"refused", "executed", "withdrawn", "corrected"}),
        "penalties": frozenset({"ended", "dropped"}),
        "repairs": frozenset({"eligible_pending", "eligible", "published", "rejected", "withdrawn"}),
        "pushes": frozenset({"acknowledged"}),
        "guidances": frozenset({"corrected", "lapsed"}),
        "reminders": frozenset({"passed"}),
        "trainings": frozenset({"held", "cancelled"}),
        "conflicts": frozenset({"lifted"}),
        "superior-checks": frozenset({"withdrawn"}),
        "risk-grades": frozenset({"agreed", "reviewed"}),
    }
)
"""States in which nobody waits for anybody."""
BACK: Mapping[str, str] = MappingProxyType(
    {
        **{kind: f"/credit/{kind}" for kind in DESKS},
        "pushes": "/credit/pushes",
        "commitments": "/my-credit",
        "declarations": "/my-credit",
        "vouchers": "/vouchers",
        "entitlements": "/vouchers",
    }
)
PUSHES = _("联合惩戒推送")
MOST = 300


def cards_of(page: Page, identity: Identity, kind: str, *, states: tuple[str, ...] = ()) -> list[Card]:
    """The cards of one kind, newest first."""
    parts = page.parts
    found = parts.office.bureau.find(kind, identity.actor, Wanted(states=states, limit=MOST))
    with parts.store.reading() as uow:
        merchants = uow.merchants.get_all([told.filed.uscc for told in found if told.filed.uscc])
        people = {user.id: user.name for user in uow.users.list()} if kind in ("tasks", "conflicts") else {}
    enrich = ENRICHED.get(kind)
    if enrich is not None:
        found = [replace(told, filed=enrich(told.filed, people, page)) for told in found]
    if kind == "measures" and identity.actor.role in BUSINESS:
        found = [_may_be_heard(told) for told in found]
    return [card(kind, told, merchants.get(told.filed.uscc or ""), page.language, page.now) for told in found]


Enrich = Callable[[Filed[Any], Mapping[str, str], Page], Filed[Any]]


def _with_names(filed: Filed[Any], people: Mapping[str, str], page: Page) -> Filed[Any]:
    """A task or a conflict with the names of its officers, and the words of the items that failed."""
    officers = getattr(filed.case, "officers", None) or [getattr(filed.case, "officer", "")]
    names = "、".join(people.get(officer, officer) for officer in officers)
    items = [{**item, "said": item_words(page, item["key"])} for item in filed.about.get("items", ())]
    return replace(filed, about={**filed.about, "officer_names": names, "items": items})


def _with_items(filed: Filed[Any], _people: Mapping[str, str], page: Page) -> Filed[Any]:
    said = "、".join(item_words(page, key) for key in filed.case.items)
    return replace(filed, about={**filed.about, "item_words": said})


def _with_training(filed: Filed[Any], _people: Mapping[str, str], page: Page) -> Filed[Any]:
    known = page.parts.office.bureau.ask(lambda work: training.CABINET.get(work.uow, filed.case.training_id))
    if known is None:
        return filed
    said = {"title_said": known.case.title, "begins_at": known.case.begins_at.isoformat(), "place": known.case.place}
    return replace(filed, about={**filed.about, **said})


ENRICHED: Mapping[str, Enrich] = MappingProxyType(
    {"tasks": _with_names, "conflicts": _with_names, "superior-checks": _with_items, "attendances": _with_training}
)
"""What a card says beyond its own case."""


def item_words(page: Page, key: str) -> str:
    """A checklist item in the reader's language; its key where the document says something else today."""
    found = page.parts.office.bureau.terms.rulebook.checklist().get(key)
    return key if found is None else str(found[0].text.get(page.language.code) or found[0].text["zh"])


def _may_be_heard(told: Told) -> Told:
    return replace(told, commands=("be_heard",)) if told.filed.case.state.value == "notified" else told


def desk_page(
    page: Page, identity: Identity, kind: str, *, problem: tuple[str, str] = ("", ""), status: int = 200
) -> HTMLResponse:
    """A desk."""
    view = page.request.query_params.get("view", "open")
    cards = cards_of(page, identity, kind)
    done = DONE.get(kind, frozenset())
    waiting = [one for one in cards if one.told.filed.case.state.value not in done]
    mine = [one for one in waiting if identity.actor.id in getattr(one.told.filed.case, "officers", ())]
    views = {"open": waiting, "done": [one for one in cards if one not in waiting]}
    if kind == "tasks":
        views = {"open": waiting, "mine": mine, "late": [one for one in waiting if one.late], "done": views["done"]}
    context = {
        "kind": kind,
        "title": page.language.text(DESKS.get(kind, PUSHES)),
        "desks": DESKS if identity.is_official else {},
        "cards": views.get(view, waiting),
        "view": view if view in views else "open",
        "counts": {name: len(found) for name, found in views.items()},
        "figures": figures(page.parts, identity, kind, page),
        "begun": words.BEGUN.get(kind, ("",))[0] if identity.is_official else "",
        "problem": problem[0],
        "detail": problem[1],
        "token": secrets.token_urlsafe(12),
    }
    return page.render("desk.html", context, status=status)


def figures(parts: Parts, identity: Identity, kind: str, page: Page) -> list[tuple[str, str]]:
    """The figures above a desk: the regulator's own lateness, and the promise of the same day."""
    bureau, text = parts.office.bureau, page.language.text
    found = [told.filed for told in bureau.find(kind, identity.actor, Wanted(limit=None))]
    if kind == "tasks":
        told = tasks.figures(found, page.now)
        return [
            (text("待完成"), str(told.open)),
            (text("逾期任务"), str(told.overdue)),
            (text("逾期未公示"), str(told.unpublished_late)),
            (text("20 个工作日内公示"), f"{told.published_in_time} / {told.published}"),
        ]
    if kind == "repairs":
        kept = repairs.promise(found, bureau.terms.repair, bureau.terms.calendar, page.now)
        faster = "—" if kept.faster_percent is None else f"{kept.faster_percent:f}%"
        return [
            (text("已办结"), str(kept.decided)),
            (text("当日办结"), f"{kept.same_day} / {kept.decided}"),
            (text("超时未办"), str(kept.waiting_late)),
            (text("办理提速"), faster),
            (text("超过 24 小时才停止公示"), str(kept.withdrawn_late)),
        ]
    return []


@router.get("/credit/{kind}")
def read_desk(kind: str, page: Paged, identity: SignedIn) -> HTMLResponse:
    """One desk: officials have theirs, a department its pushes."""
    allowed = identity.is_official and kind in DESKS and kind != "quotas"
    if not allowed and not (kind == "pushes" and (identity.is_official or identity.user.role is Role.DEPARTMENT)):
        raise NotFound(f"no page {kind[:40]!r}")
    return desk_page(page, identity, kind)


@router.get("/tasks")
def read_tasks(_identity: Official) -> Response:
    """The first desk."""
    return RedirectResponse("/credit/tasks", status_code=303)


@router.get("/my-credit")
def read_my_credit(page: Paged, identity: SignedIn) -> HTMLResponse:
    """What a merchant holds, has promised, and may do."""
    return my_credit_page(page, identity)


def my_credit_page(page: Page, identity: Identity, *, problem: tuple[str, str] = ("", ""), status: int = 200) -> HTMLResponse:
    """The merchant's own page. Raises NotFound for anybody else."""
    uscc = identity.user.uscc
    if identity.actor.role not in MERCHANT_SIDE or uscc is None:
        raise NotFound("no page of a merchant")
    bureau = page.parts.office.bureau

    def question(work: Work) -> dict[str, Any]:
        held = standing.of(work.uow, uscc)
        return {
            "standing": held,
            "offer": standing.offer(work, held),
            "points": proposals.points(work, uscc, page.now),
            "blocked_until": commitments.blocked_until(work, uscc, page.now),
            "bid_banned": proposals.bid_banned(work, uscc, local_day(page.now)),
        }

    kinds = tuple(SECTIONS)
    cards = {kind: cards_of(page, identity, kind) for kind in kinds}
    live = [one for one in cards["commitments"] if one.told.filed.case.state in LIVE]
    context = {
        **bureau.ask(question),
        "cards": {kind: found for kind, found in cards.items() if found},
        "template": bureau.terms.template,
        "content_hash": bureau.terms.template.content_hash(),
        "committed": bool(live),
        "may": identity.actor.role in BUSINESS,
        "sections": SECTIONS,
        "declared": words.DECLARED,
        "problem": problem[0],
        "detail": problem[1],
        "token": secrets.token_urlsafe(12),
        "yuan": yuan,
    }
    return page.render("my_credit.html", context, status=status)


SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "measures": _("拟采取的措施"),
        "listings": _("名单"),
        "penalties": _("行政处罚"),
        "guidances": _("请改正的事项"),
        "repairs": _("信用修复"),
        "tasks": _("检查结果"),
        "attendances": _("培训"),
        "commitments": _("信用承诺"),
        "declarations": _("主动承诺声明"),
        "reminders": _("到期提醒"),
    }
)
"""The sections of the merchant's page, the most pressing first."""


@router.get("/vouchers")
def read_vouchers(page: Paged, identity: SignedIn) -> HTMLResponse:
    """Quotas, applications and entitlements of a merchant."""
    return vouchers_page(page, identity)


def vouchers_page(page: Page, identity: Identity, *, problem: tuple[str, str] = ("", ""), status: int = 200) -> HTMLResponse:
    """The merchant's page of what good credit earns. Raises NotFound for anybody else."""
    uscc = identity.user.uscc
    if identity.actor.role not in MERCHANT_SIDE or uscc is None:
        raise NotFound("no page of a merchant")
    month = month_of(page.now)

    def question(work: Work) -> dict[str, Any]:
        held = standing.of(work.uow, uscc)
        region = work.merchant(uscc).region
        offer = standing.offer(work, held)
        quotas = []
        for kind in VoucherKind:
            purse = work.uow.registers.purses.get(region, kind.value, month)
            own = vouchers.granted_in(work, uscc, kind, month)
            left = purse.size - purse.granted if purse is not None else 0
            quotas.append((kind.value, left, max(0, offer.vouchers_per_month - own), own))
        return {"standing": held, "offer": offer, "quotas": quotas}

    context = {
        **page.parts.office.bureau.ask(question),
        "month": month,
        "cards": cards_of(page, identity, "vouchers") + cards_of(page, identity, "entitlements"),
        "may": identity.actor.role in BUSINESS,
        "kinds": words.VOUCHERS,
        "entitlements": words.ENTITLEMENTS,
        "problem": problem[0],
        "detail": problem[1],
        "token": secrets.token_urlsafe(12),
        "yuan": yuan,
    }
    return page.render("vouchers.html", context, status=status)


REFUSALS = (IllegalTransition, Conflict, Forbidden, BadInput, Unavailable)


def _refused(page: Page, identity: Identity, kind: str, error: Exception) -> HTMLResponse:
    told = problem_of(error)
    problem = (told.code, told.where or "")
    if identity.actor.role in MERCHANT_SIDE:
        shown = vouchers_page if BACK.get(kind) == "/vouchers" else my_credit_page
        return shown(page, identity, problem=problem, status=told.status)
    return desk_page(page, identity, kind, problem=problem, status=told.status)


@router.post("/credit/{kind}/{case_id}/{verb}")
async def press(
    *, kind: str, case_id: str, verb: str, request: Request, page: Paged, identity: SignedIn, parts: Wired
) -> Response:
    """A button of a card."""
    form = await request.form()

    def effect() -> Response:
        try:
            order = order_from(identity, parts, words.fields_of(kind, verb), form)
            if (kind, verb) == ("measures", "be_heard"):
                parts.office.bureau.do(lambda work: proposals.be_heard(work, case_id, order))
            else:
                parts.office.bureau.command(kind, case_id, verb, order)
        except REFUSALS as error:
            return _refused(page, identity, kind, error)
        back = "/my-credit" if identity.actor.role in MERCHANT_SIDE else BACK.get(kind, "/")
        return RedirectResponse(back, status_code=303)

    return await asyncio.to_thread(effect)


STARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "commitments": ("signer", "content_hash"),
        "declarations": ("about", "text"),
        "vouchers": ("kind", "count"),
        "entitlements": ("kind", "yuan", "document"),
    }
)
"""What a merchant may begin on a page, with its fields."""


@router.post("/my-credit/{what}")
async def begin(*, what: str, request: Request, page: Paged, identity: SignedIn, parts: Wired) -> Response:
    """A form that begins something about the merchant themselves."""
    uscc = identity.user.uscc
    if what not in STARTS or uscc is None:
        raise NotFound(f"nothing is begun by {what[:40]!r}")
    form = await request.form()
    values: dict[str, Any] = {name: str(form.get(name, "")).strip() for name in STARTS[what]}
    kind, use_case = BEGINNINGS[what]

    def effect() -> Response:
        try:
            if "yuan" in values:
                values["asked_fen"] = _fen(values.pop("yuan"))
            order = Order(actor=identity.actor, now=parts.clock(), values=values, token=str(form.get("token", ""))[:80])
            parts.office.bureau.do(lambda work: use_case(work, uscc, order))
        except REFUSALS as error:
            return _refused(page, identity, kind, error)
        return RedirectResponse(BACK[kind], status_code=303)

    return await asyncio.to_thread(effect)


def _fen(yuan_: str) -> int:
    """Yuan with at most two decimals, as fen."""
    whole, _dot, part = yuan_.partition(".")
    if not whole.isdecimal() or (part and not part.isdecimal()) or len(part) > 2 or len(whole) > 9:
        raise BadInput(Code.FIELD, f"{yuan_[:20]!r} is no amount of money", where="yuan")
    return int(whole) * 100 + int((part + "00")[:2])
