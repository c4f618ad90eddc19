"""The first page: what is open, most urgent first. A merchant also sees the score; an official, filters and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from domain.parties import Merchant
from domain.time import month_of
from domain.warnings import State, Warning
from web.auth import Identity, SignedIn
from web.pages import credit
from web.pages.clocks import closing, is_overdue, rectifying, urgency
from web.pages.warning import actions_of
from web.parts import Wired
from web.reading import MERCHANT_SIDE, Shown, all_warnings, list_warnings, query_of, tell
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)

FAR = timedelta(days=3650)
SOON = timedelta(hours=2)
VIEWS: dict[str, Callable[[Warning, datetime], bool]] = {
    "open": lambda warning, _: warning.is_open,
    "overdue": is_overdue,
    "soon": lambda warning, now: _due_within(warning, now, SOON),
    "submitted": lambda warning, _: warning.state is State.SUBMITTED,
}
DONE = ("closed", "dismissed")


def _due_within(warning: Warning, now: datetime, span: timedelta) -> bool:
    clocks = (closing(warning, now), rectifying(warning, now))
    return any(clock is not None and timedelta() <= clock.left <= span for clock in clocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a listing is narrowed to."""

    view: str = "open"
    level: str = ""
    merchant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the first page lists."""

    shown: Sequence[Shown]
    counts: dict[str, int]
    merchants: Sequence[Merchant]
    choice: Choice
    more: bool


def listing(page: Page, identity: Identity, choice: Choice) -> Listing:
    """The warnings of the first page, and how many there are of each kind."""
    store, actor, now = page.parts.store, identity.actor, page.now
    query = query_of(actor, state="open", merchant=choice.merchant, level=choice.level)
    found, more = all_warnings(store, query)
    counts = {view: sum(judge(one.warning, now) for one in found) for view, judge in VIEWS.items()}
    if choice.view in DONE:
        found, following = list_warnings(store, replace(query, state=choice.view, limit=100) if query else None)
        more = following is not None
    else:
        judge = VIEWS.get(choice.view, VIEWS["open"])
        found = sorted((one for one in found if judge(one.warning, now)), key=lambda one: urgency(one.warning, far=now + FAR))
    with store.reading() as uow:
        merchants = [one for one in uow.merchants.list() if actor.may_see(uscc=one.uscc, region=one.region)]
    return Listing(shown=found, counts=counts, merchants=merchants, choice=choice, more=more)


def card_context(page: Page, identity: Identity, one: Shown) -> dict[str, Any]:
    """What a card says about a warning."""
    warning = one.warning
    return {
        "one": one,
        "warning": warning,
        "closing": closing(warning, page.now),
        "rectifying": rectifying(warning, page.now),
        "actions": actions_of(identity, warning),
        "sort": int((warning.close_by or warning.rectify_by or page.now + FAR).timestamp()),
    }


@router.get("/")
def home(page: Paged, view: str = "open", level: str = "", merchant: str = "") -> Response:
    """The first page; whoever is not signed in goes to the sign-in."""
    identity = page.identity
    if identity is None:
        wish = page.request.query_params.get("lang")
        known = wish if wish in page.parts.languages else None
        return Response(status_code=303, headers={"Location": f"/sign-in?lang={known}" if known else "/sign-in"})
    return _home(page, identity, Choice(view=view, level=level, merchant=merchant))


def _home(page: Page, identity: Identity, choice: Choice) -> HTMLResponse:
    listed = listing(page, identity, choice)
    context: dict[str, Any] = {
        "listing": listed,
        "cards": [card_context(page, identity, one) for one in listed.shown],
        "standing": None,
    }
    if identity.user.role in MERCHANT_SIDE and identity.user.uscc:
        context["standing"] = credit.standing(page, identity.actor, identity.user.uscc, month_of(page.now))
    return page.render("home.html", context)


@router.get("/fragments/warnings/{warning_id}")
def card(warning_id: str, page: Paged, identity: SignedIn, parts: Wired) -> HTMLResponse:
    """One card, for a page that heard of a change."""
    told = tell(parts.store, identity.actor, warning_id)
    return page.render("card.html", card_context(page, identity, told.shown))
