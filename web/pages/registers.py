"""The registers as pages: what stands in them, a form for one record, a file for many; for officials the names to resolve.

A merchant sees their own; an official chooses a merchant first. What is refused is said beside its column, and nothing typed is
lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from casework.registers.entry import Report, Row
from casework.registers.sheets import SHEETS
from domain.errors import BadInput, Conflict, Forbidden, IllegalTransition, NotFound, Unavailable
from domain.parties import Merchant, Role
from domain.registers import NameState
from domain.time import local
from traceability.additives import NONE, UNLISTED
from web import register_names as names
from web.api.registers import report_item
from web.auth import Identity, Official, SignedIn
from web.parts import Wired
from web.problems import problem_of
from web.reading import MERCHANT_SIDE, find_merchant
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)

REFUSALS = (IllegalTransition, Conflict, Forbidden, BadInput, Unavailable)
UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One record, as a line of a list: what it is, what else is known, and how it stands."""

    title: str
    lines: tuple[str, ...]
    state: str


Describe = Callable[[Mapping[str, Any]], Card]


def _short(text: str) -> str:
    """``2026-11-23 08:00`` of an RFC 3339 instant."""
    return text[:16].replace("T", " ")


def _certificate(item: Mapping[str, Any]) -> Card:
    who = f"{item['name_masked'] or item['person_ref']} · {item['person_ref']}"
    return Card(title=who, lines=(f"{item['issued_on']} – {item['valid_until']}", str(item["issuer"])), state=item["state"])


def _shift(item: Mapping[str, Any]) -> Card:
    state = "cancelled" if item["cancelled"] else item["morning_check"] or "planned"
    return Card(title=item["person_ref"], lines=(f"{_short(item['start_at'])} – {_short(item['end_at'])}",), state=state)


def _batch(item: Mapping[str, Any]) -> Card:
    lines = (f"{item['name']} · {item['qty_g']} g", f"→ {_short(item['expires_at'])}")
    return Card(title=item["lot"], lines=lines, state=item["expiry"])


def _additive(item: Mapping[str, Any]) -> Card:
    amount = f"{item['qty_g']} g" + (f" / {item['product_qty_g']} g" if item["product_qty_g"] != "0" else "")
    lines = (f"{item['lot']} → {item['product_lot']}", f"{amount} · {_short(item['at'])}")
    return Card(title=item["name"], lines=lines, state=item["state"])


def _sample(item: Mapping[str, Any]) -> Card:
    lines = (f"{item['product']} {item['lot']}", " · ".join(part for part in (item["lab"], item["sampled_on"]) if part))
    return Card(title=item["report_no"], lines=lines, state=item["state"])


CARDS: Mapping[str, Describe] = {
    "certificates": _certificate,
    "shifts": _shift,
    "batches": _batch,
    "moves": _batch,
    "additives": _additive,
    "samples": _sample,
}


def _merchant_of(page: Page, identity: Identity, wanted: str) -> Merchant | None:
    """Whose register it is: a merchant's own, or the one an official chose."""
    uscc = identity.user.uscc if identity.actor.role in MERCHANT_SIDE else wanted
    if not uscc:
        return None
    with page.parts.store.reading() as uow:
        return find_merchant(uow, identity.actor, uscc)


def register_page(
    page: Page,
    identity: Identity,
    register: str,
    merchant: Merchant,
    *,
    report: Report | None = None,
    cells: Mapping[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    """One register of one merchant."""
    text = page.language.text
    found = page.parts.office.clerk.look(merchant.uscc, register, identity.actor, page.now)
    told = None if report is None else report_item(report, text)
    faults = {} if told is None or cells is None else {fault["column"]: fault for fault in told["faults"]}
    context = {
        "sheets": SHEETS,
        "sheet": SHEETS[register],
        "merchant": merchant,
        "cards": [CARDS[register](item) for item in found],
        "states": names.STATES,
        "may_write": identity.actor.role is not Role.STAFF,
        "cells": cells or {},
        "faults": faults,
        "report": told,
        "whole_file": cells is None,
        "here_and_now": local(page.now).strftime("%Y-%m-%dT%H:%M"),
        "names_title": names.NAMES,
        "done": page.request.query_params.get("done", ""),
    }
    return page.render("registers.html", context, status=status)


@router.get("/registers")
def read_registers(_: SignedIn) -> Response:
    """The first register."""
    return RedirectResponse("/registers/certificates", status_code=303)


@router.get("/registers/names")
def read_names(page: Paged, identity: Official) -> HTMLResponse:
    """The names of additives that wait for an official."""
    return names_page(page, identity)


def names_page(page: Page, identity: Identity, *, problem: str = "", status: int = 200) -> HTMLResponse:
    """Names to resolve, with what they may mean."""
    clerk, table = page.parts.office.clerk, page.parts.office.desk.additives
    choices = {NONE: page.language.text(names.ANSWERS[NONE]), UNLISTED: page.language.text(names.ANSWERS[UNLISTED])}
    choices |= {one.key: one.title for one in table.substances}
    context = {
        "sheets": SHEETS,
        "open": clerk.names(identity.actor, NameState.OPEN),
        "resolved": clerk.names(identity.actor, NameState.RESOLVED),
        "choices": choices,
        "names_title": names.NAMES,
        "problem": problem,
    }
    return page.render("register_names.html", context, status=status)


@router.post("/registers/names")
def resolve_name(
    page: Paged,
    identity: Official,
    name: Annotated[str, Form(max_length=200)],
    substance: Annotated[str, Form(max_length=80)],
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Say what a name means."""
    try:
        page.parts.office.clerk.resolve(name, substance, identity.actor, note, page.now)
    except (*REFUSALS, NotFound) as error:
        told = problem_of(error)
        return names_page(page, identity, problem=told.code, status=told.status)
    return RedirectResponse("/registers/names", status_code=303)


@router.get("/registers/{register}")
def read_register(register: str, page: Paged, identity: SignedIn, parts: Wired, merchant: str = "") -> HTMLResponse:
    """One register; an official who named no merchant chooses one."""
    if register not in SHEETS or identity.actor.role is Role.DEPARTMENT:
        raise NotFound(f"no register {register[:40]!r}")
    whose = _merchant_of(page, identity, merchant)
    if whose is not None:
        return register_page(page, identity, register, whose)
    with parts.store.reading() as uow:
        seen = [one for one in uow.merchants.list() if identity.actor.may_see(uscc=one.uscc, region=one.region)]
    context = {"sheets": SHEETS, "sheet": SHEETS[register], "merchants": seen[:500], "names_title": names.NAMES}
    return page.render("register_choose.html", context)


@router.post("/registers/{register}")
async def write_register(register: str, request: Request, page: Paged, identity: SignedIn) -> Response:
    """One record from a form."""
    if register not in SHEETS:
        raise NotFound(f"no register {register[:40]!r}")
    form = await request.form()
    cells = {column.name: str(form.get(column.name, "")) for column in SHEETS[register].columns}
    wanted = str(form.get("merchant", ""))

    def effect() -> Response:
        whose = _merchant_of(page, identity, wanted)
        if whose is None:
            raise NotFound("no merchant")
        rows = [Row(line=1, cells=cells)]
        report = page.parts.office.clerk.enter(whose.uscc, register, rows, identity.actor, page.now)
        if report.faults:
            return register_page(page, identity, register, whose, report=report, cells=cells, status=UNPROCESSABLE)
        done = "known" if report.replayed else "kept"
        return RedirectResponse(f"/registers/{register}?merchant={whose.uscc}&done={done}", status_code=303)

    return await asyncio.to_thread(effect)


@router.post("/registers/{register}/import")
def import_register(
    register: str,
    page: Paged,
    identity: SignedIn,
    file: Annotated[UploadFile, File()],
    merchant: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Many records from a file."""
    if register not in SHEETS:
        raise NotFound(f"no register {register[:40]!r}")
    whose = _merchant_of(page, identity, merchant)
    if whose is None:
        raise NotFound("no merchant")
    raw = file.file.read()
    as_json = (file.filename or "").lower().endswith(".json")
    report = page.parts.office.clerk.bring(whose.uscc, register, raw, identity.actor, page.now, as_json=as_json)
    return register_page(page, identity, register, whose, report=report)
