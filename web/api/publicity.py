"""What is public of credit: commitments, rolls, draws, penalties, for everybody and every screen (X-02, Z-13, Z-16, R-03, F.8).

A penalty leaves this list the moment its repair is approved; what keeps a copy may keep it for five minutes, so that the name
has vanished everywhere long before the day is over that the rule allows.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from casework.consequences import commitments, draws, penalties, rolls
from casework.consequences.views import public_commitments, public_draws
from credit.rolls import EntryState, Roll, shown
from store.registers import Wanted
from web.parts import Wired

router = APIRouter(prefix="/api/v1", tags=["consequences"])

REGION = r"^\d{6}$"
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
KEPT_S = 300
"""For how long somebody may keep a copy of the public penalties."""


@router.get("/public/penalties")
def read_public_penalties(
    parts: Wired, response: Response, region: Annotated[str | None, Query(pattern=REGION)] = None
) -> dict[str, Any]:
    """The penalties on public notice today."""
    found = parts.office.bureau.ask(lambda work: penalties.on_notice(work, region))
    names = _names(parts)
    response.headers["Cache-Control"] = f"public, max-age={KEPT_S}"
    return {
        "items": [
            {
                "merchant": one.uscc,
                "name": names.get(one.uscc or "", ""),
                "doc_no": one.case.doc_no,
                "kind": one.case.kind,
                "amount_fen": one.case.amount_fen,
                "decided_on": None if one.case.decided_on is None else one.case.decided_on.isoformat(),
                "published_on": None if one.case.published_on is None else one.case.published_on.isoformat(),
            }
            for one in found
        ]
    }


@router.get("/public/commitments")
def read_public_commitments(parts: Wired, region: Annotated[str | None, Query(pattern=REGION)] = None) -> dict[str, Any]:
    """The commitments in force, for everybody; units without one are named (X-02)."""
    found, without = parts.office.bureau.ask(lambda work: commitments.public_list(work, region, parts.clock()))
    return {"count": len(found), "items": public_commitments(found, _names(parts)), "without": list(without)}


@router.get("/public/rolls")
def read_public_rolls(parts: Wired, month: Annotated[str, Query(pattern=MONTH)], roll: Roll) -> dict[str, Any]:
    """A roll as it is published: red and black only what a named leader published."""
    wanted = Wanted(topic=rolls.topic_of(month, roll), limit=None)
    found = parts.office.bureau.ask(lambda work: rolls.CABINET.find(work.uow, wanted))
    visible = [one for one in found if shown(one.case) and one.case.state is not EntryState.WITHDRAWN]
    names = _names(parts)
    return {"items": [{"merchant": one.uscc, "name": names.get(one.uscc or "", ""), "grade": one.case.grade} for one in visible]}


@router.get("/public/draws")
def read_public_draws(parts: Wired, month: Annotated[str, Query(pattern=MONTH)]) -> dict[str, Any]:
    """The draws of a month: the commitment of each, and once it is drawn its seed, order and outcome, for anybody to repeat."""
    found = parts.office.bureau.ask(lambda work: draws.CABINET.find(work.uow, Wanted(topic=month, limit=None)))
    return {"items": public_draws(found)}


def _names(parts: Wired) -> dict[str, str]:
    with parts.store.reading() as uow:
        return {one.uscc: one.name for one in uow.merchants.list()}
