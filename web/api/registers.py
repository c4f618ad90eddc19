"""The registers of a shop over the API: look, write, bring a file, and resolve names of additives.

A row that is refused is named with its line, column and what to do; good rows are kept. The same rows again change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from alerts.register_rules import plain
from casework import words
from casework.registers.entry import Fault, Report
from domain.errors import BadInput, Code
from domain.registers import NameState
from domain.time import format_instant
from web.auth import Identity, Official, SignedIn
from web.parts import Parts, Wired
from web.problems import problem_of

router = APIRouter(prefix="/api/v1", tags=["registers"])

UNPROCESSABLE = 422
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": ["object", "array"]}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


class Meaning(BaseModel):
    """What a name means: a substance of the table, ``none`` or ``unlisted``."""

    substance: str = Field(min_length=1, max_length=80)
    note: str = Field(default="", max_length=2000)


def fault_item(fault: Fault, text: Callable[[str], str]) -> dict[str, Any]:
    """One thing that is wrong, in the reader's language."""
    problem = fault.problem
    return {
        "line": fault.line,
        "column": problem.column,
        "code": fault.code,
        "what": words.fill(problem.what, problem.params, text),
        "do": words.fill(problem.do, problem.params, text),
    }


def report_item(report: Report, text: Callable[[str], str]) -> dict[str, Any]:
    """What became of the rows."""
    return {
        "rows": report.rows,
        "accepted": report.accepted,
        "replayed": report.replayed,
        "refused": report.refused,
        "faults": [fault_item(fault, text) for fault in report.faults],
    }


def _answer(parts: Parts, identity: Identity, report: Report) -> JSONResponse:
    """The report; as a problem only where nothing at all could be kept."""
    told = report_item(report, parts.languages[identity.user.locale].text)
    if not report.faults or report.accepted or report.replayed:
        return JSONResponse(told)
    problem = problem_of(BadInput(Code.FIELD, "no row could be kept", where="rows")).to_wire()
    return JSONResponse(problem | told, status_code=UNPROCESSABLE, media_type="application/problem+json")


@router.get("/merchants/{uscc}/registers/{register}")
def read_register(uscc: str, register: str, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """What stands in a register: certificates, shifts, batches, additives or samples."""
    now = parts.clock()
    found = parts.office.clerk.look(uscc, register, identity.actor, now)
    return {"items": found, "server_time": format_instant(now)}


@router.post("/merchants/{uscc}/registers/{register}", openapi_extra=_BODY)
async def write_register(uscc: str, register: str, request: Request, identity: SignedIn, parts: Wired) -> JSONResponse:
    """Write one record or several as JSON, with the columns as names."""
    return await _bring(uscc, register, request, identity, parts, as_json=True)


@router.post("/merchants/{uscc}/registers/{register}/import", openapi_extra=_BODY)
async def import_register(uscc: str, register: str, request: Request, identity: SignedIn, parts: Wired) -> JSONResponse:
    """Bring a file: CSV, or JSON where the content type says so."""
    as_json = "json" in request.headers.get("content-type", "")
    return await _bring(uscc, register, request, identity, parts, as_json=as_json)


async def _bring(uscc: str, register: str, request: Request, identity: Identity, parts: Parts, *, as_json: bool) -> JSONResponse:
    raw = await request.body()
    bring = parts.office.clerk.bring
    report = await asyncio.to_thread(bring, uscc, register, raw, identity.actor, parts.clock(), as_json=as_json)
    return _answer(parts, identity, report)


@router.get("/additives")
def read_additives(_: SignedIn, parts: Wired) -> dict[str, Any]:
    """The standard as it is judged by: substances with their names, and limits by food class."""
    table = parts.office.desk.additives
    return {
        "standard": table.version,
        "covers": list(table.covers),
        "substances": [plain(one) for one in table.substances],
        "limits": [plain(one) for one in table.limits],
    }


@router.get("/additives/names")
def read_names(identity: Official, parts: Wired, state: Annotated[NameState, Query()] = NameState.OPEN) -> dict[str, Any]:
    """Names that nobody knows, oldest first; or those that were resolved."""
    return {"items": [plain(one) for one in parts.office.clerk.names(identity.actor, state)]}


@router.post("/additives/names/{name}")
def resolve_name(name: str, meaning: Meaning, identity: Official, parts: Wired) -> dict[str, Any]:
    """Say what a name means; everything recorded under it is judged again."""
    resolved = parts.office.clerk.resolve(name, meaning.substance, identity.actor, meaning.note, parts.clock())
    return plain(resolved)
