"""The score and the ledger: each lost point with its rule, evidence, deadline and how to regain it (domain.md F.20)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from casework.words import class_name
from credit.scheme import Scheme
from domain.deductions import Deduction, DeductionState, Score
from domain.parties import Actor, Merchant, Role
from domain.time import month_of
from domain.warnings import Warning
from web import commands
from web.auth import Identity, Official, SignedIn
from web.language import Language
from web.parts import Wired
from web.reading import find_merchant
from web.rendering import Page, Paged, points

router = APIRouter(include_in_schema=False)

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
CHARGED = frozenset({DeductionState.PROPOSED, DeductionState.OBJECTED, DeductionState.FINAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the ledger with what explains it, and what this reader may do to it."""

    deduction: Deduction
    warning: Warning | None
    title: str
    doable: frozenset[str]

    @property
    def shares(self) -> list[tuple[str, str]]:
        """How the points came about."""
        return shares(self.deduction)

    @property
    def counts(self) -> bool:
        """Whether the points are, or may yet be, taken off."""
        return self.deduction.state in CHARGED


def shares(deduction: Deduction) -> list[tuple[str, str]]:
    """How the points came about: name of the part and its value with a sign; parts that change nothing are left out."""
    signs = {"base": "", "repeat": "×", "overdue": "+", "waived": "−", "capped": "−", "incident": "−", "beyond_daily_limit": "−"}
    found = []
    for name, sign in signs.items():
        try:
            value = Decimal(deduction.components[name])
        except (KeyError, InvalidOperation):
            continue
        if name == "base" or value != (1 if name == "repeat" else 0):
            found.append((name, f"{sign}{points(value)}"))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A merchant's month: score, what it is out of, grade, and the entries behind them."""

    merchant: Merchant
    score: Score
    month: str
    entries: Sequence[Entry]
    scheme_title: str
    grade_title: str
    grade_title_if_confirmed: str
    of: Decimal

    @property
    def open_points(self) -> Decimal:
        """What is proposed and not yet final."""
        return self.score.score - self.score.score_if_confirmed


def in_language(titles: Any, language: Language, fallback: str) -> str:
    """A configured title in the reader's language."""
    return str(titles.get(language.code) or titles.get("zh") or fallback)


def grade_title(scheme: Scheme | None, grade: str, language: Language) -> str:
    """A grade in words."""
    if scheme is not None:
        for band in scheme.bands:
            if band.name == grade and band.title:
                return in_language(band.title, language, grade)
    return grade


def doable(actor: Actor, deduction: Deduction, now: datetime) -> frozenset[str]:
    """Which buttons make sense; the ledger judges again when one is pressed."""
    state = deduction.state
    can: set[str] = set()
    if actor.role is Role.MERCHANT and state is DeductionState.PROPOSED and now <= deduction.objection_until:
        can.add("object")
    undecided = state in (DeductionState.PROPOSED, DeductionState.OBJECTED)
    if undecided and actor.role in (Role.INSPECTOR, Role.SUPERVISOR):
        can.add("withdraw")
        if now > deduction.objection_until:
            can.add("confirm")
    if actor.role is Role.SUPERVISOR and state is DeductionState.FINAL and actor.id != deduction.confirmed_by:
        can.add("reverse")
    return frozenset(can)


def standing(page: Page, actor: Actor, uscc: str, month: str) -> Standing:
    """A merchant's month. Raises NotFound."""
    parts, language = page.parts, page.language
    with parts.store.reading() as uow:
        merchant = find_merchant(uow, actor, uscc)
        deductions = uow.deductions.of_merchant(merchant.uscc, month=month)
        warnings = {one.warning_id: uow.warnings.get(one.warning_id) for one in deductions}
    scheme = parts.office.desk.schemes.get(merchant.scheme)
    score = parts.office.score(merchant.uscc, month)
    entries = []
    for one in sorted(deductions, key=lambda item: item.proposed_at, reverse=True):
        warning = warnings[one.warning_id]
        rule = scheme.rules.get(one.violation_code) if scheme is not None else None
        named = class_name(warning.class_, language.text) if warning is not None else one.violation_code
        title = in_language(rule.title, language, named) if rule is not None else named
        entries.append(Entry(deduction=one, warning=warning, title=title, doable=doable(actor, one, page.now)))
    return Standing(
        merchant=merchant,
        score=score,
        month=month,
        entries=entries,
        scheme_title=in_language(scheme.title, language, merchant.scheme) if scheme is not None else merchant.scheme,
        grade_title=grade_title(scheme, score.grade, language),
        grade_title_if_confirmed=grade_title(scheme, score.grade_if_confirmed, language),
        of=scheme.start if scheme is not None else Decimal(100),
    )


def months_before(month: str, count: int) -> list[str]:
    """The running month and those before it, newest first."""
    year, number = int(month[:4]), int(month[5:])
    found = []
    for _ in range(count):
        found.append(f"{year:04d}-{number:02d}")
        year, number = (year - 1, 12) if number == 1 else (year, number - 1)
    return found


def ledger_page(page: Page, identity: Identity, uscc: str, month: str, *, problem: str = "", status: int = 200) -> HTMLResponse:
    """The ledger of a month."""
    context = {
        "standing": standing(page, identity.actor, uscc, month),
        "months": months_before(month_of(page.now), 6),
        "problem": problem,
    }
    return page.render("ledger.html", context, status=status)


@router.get("/merchants/{uscc}")
def read_ledger(
    uscc: str, page: Paged, identity: SignedIn, month: Annotated[str | None, Query(pattern=MONTH)] = None
) -> HTMLResponse:
    """Score and ledger of a merchant."""
    return ledger_page(page, identity, uscc, month or month_of(page.now))


@router.get("/merchants")
def read_merchants(page: Paged, identity: Official, parts: Wired) -> HTMLResponse:
    """The merchants an official looks after, worst score first."""
    month = month_of(page.now)
    with parts.store.reading() as uow:
        seen = [one for one in uow.merchants.list() if identity.actor.may_see(uscc=one.uscc, region=one.region)]
    rows = [standing(page, identity.actor, one.uscc, month) for one in seen]
    rows.sort(key=lambda row: (row.score.score_if_confirmed, row.merchant.name))
    return page.render("merchants.html", {"rows": rows, "month": month})


@router.post("/deductions/{deduction_id}/{verb}")
def change_deduction(
    *,
    deduction_id: str,
    verb: str,
    identity: SignedIn,
    parts: Wired,
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """A button of the ledger."""
    changed = commands.change_deduction(parts, identity.actor, deduction_id, verb, note=note)
    return RedirectResponse(f"/merchants/{changed.uscc}?month={changed.month}", status_code=303)
