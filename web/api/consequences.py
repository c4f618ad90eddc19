"""What follows from credit over the API: cases of every kind in the same words, and what begins them.

``GET /api/v1/credit/{kind}`` lists, ``POST /api/v1/credit/{kind}/{id}/{command}`` carries out; ``commands`` of a case says which
are possible. The header ``Idempotency-Key`` makes a command harmless to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from casework.consequences import (
    commitments,
    declarations,
    entitlements,
    guidance,
    listings,
    penalties,
    proposals,
    pushes,
    records,
    repairs,
    risk,
    standing,
    superior,
    tasks,
    training,
    vouchers,
    watching,
)
from casework.consequences.bureau import Told, machine_named
from casework.consequences.filing import Filed
from casework.consequences.machine import Order, need, seen_merchant
from casework.consequences.plain import plain
from casework.consequences.views import case_detail, case_item
from casework.desk import Work
from domain.errors import NotFound
from domain.parties import Role
from domain.time import format_instant, local_day, month_of
from store.registers import Wanted
from web.auth import Official, SignedIn
from web.parts import Wired

router = APIRouter(prefix="/api/v1", tags=["consequences"])

TOKEN = 80
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Key = Annotated[str, Header(max_length=TOKEN)]


class Command(BaseModel):
    """What a command says; ``values`` are those it needs, such as ``finding`` or ``signer``."""

    reason: str = Field(default="", max_length=4000)
    evidence_ids: tuple[str, ...] = Field(default=(), max_length=50)
    values: dict[str, Any] = Field(default_factory=dict)


Begin = Callable[[Work, str, Order], Filed[Any]]
BEGINNINGS: Mapping[str, tuple[str, Begin]] = MappingProxyType(
    {
        "checks": ("tasks", tasks.order_check),
        "clues": ("listings", listings.open_clue),
        "records": ("credit-records", records.submit),
        "penalties": ("penalties", penalties.file),
        "commitments": ("commitments", commitments.sign_now),
        "declarations": ("declarations", declarations.declare),
        "vouchers": ("vouchers", vouchers.apply),
        "entitlements": ("entitlements", entitlements.ask),
        "reminders": ("reminders", watching.watch),
        "guidances": ("guidances", guidance.guide),
        "risk": ("risk-grades", risk.record),
        "superior-checks": ("superior-checks", superior.record),
    }
)
"""What may be begun about a merchant: name in the address → kind of case and use case."""


def order_of(identity: SignedIn, parts: Wired, command: Command | None, key: str) -> Order:
    """The order a request stands for."""
    said = command or Command()
    return Order(
        actor=identity.actor,
        now=parts.clock(),
        reason=said.reason.strip(),
        evidence_ids=said.evidence_ids,
        values=said.values,
        token=key,
    )


@router.get("/credit/figures")
def read_figures(identity: Official, parts: Wired, month: Annotated[str | None, Query(pattern=MONTH)] = None) -> dict[str, Any]:
    """The regulator's own figures: inspections, the promise of the same day, acknowledgements, submissions."""
    bureau, now, actor = parts.office.bureau, parts.clock(), identity.actor

    def all_of(kind: str) -> list[Filed[Any]]:
        return [told.filed for told in bureau.find(kind, actor, Wanted(limit=None))]

    terms = bureau.terms
    found = all_of("pushes")
    promise = repairs.promise(all_of("repairs"), terms.repair, terms.calendar, now)
    submitted = bureau.ask(lambda work: records.submissions(work, month or month_of(now)))
    return {
        "inspections": asdict(tasks.figures(all_of("tasks"), now)),
        "repairs": plain(asdict(promise)),
        "answers": [asdict(one) for one in bureau.ask(lambda work: pushes.answers(work, found, now))],
        "submissions": plain([asdict(one) for one in submitted]),
        "server_time": format_instant(now),
    }


@router.get("/credit/checklist")
def read_checklist(_: SignedIn, parts: Wired) -> dict[str, Any]:
    """The items of the weekly evaluation, each with the document it stands in."""
    items = parts.office.bureau.terms.rulebook.checklist()
    return {
        "items": [
            {
                "key": key,
                "text": dict(clause.text),
                "gravity": None if clause.check is None else clause.check.value,
                "cites": f"{cited.document}@{cited.version}#{cited.clause}",
            }
            for key, (clause, cited) in items.items()
        ]
    }


@router.get("/credit/necips")
def read_necips(identity: Official, parts: Wired) -> Response:
    """Records not exported yet, as a file for the national publicity system; ``export`` marks each of them."""
    actor = identity.actor
    if actor.role is not Role.SUPERVISOR:
        raise NotFound("no export")
    bureau, now = parts.office.bureau, parts.clock()
    wanted = Wanted(states=(records.RecordState.RECORDED.value,), limit=None)
    found = [told.filed for told in bureau.find("credit-records", actor, wanted)]
    text = bureau.ask(lambda work: records.necips(work, found, now))
    return Response(
        text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": "attachment; filename=necips.csv"}
    )


@router.get("/credit/{kind}")
def read_cases(  # noqa: PLR0917 - the filters of the address
    kind: str,
    identity: SignedIn,
    parts: Wired,
    merchant: str | None = None,
    state: str | None = None,
    topic: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Cases of a kind the reader may see, newest first."""
    wanted = Wanted(uscc=merchant, topic=topic, states=(state,) if state else (), limit=limit)
    found = parts.office.bureau.find(kind, identity.actor, wanted)
    return {"items": [case_item(kind, told, identity.actor) for told in found]}


@router.get("/credit/{kind}/{case_id}")
def read_case(kind: str, case_id: str, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """One case with its story."""
    return case_detail(kind, parts.office.bureau.tell(kind, case_id, identity.actor), identity.actor)


@router.post("/credit/measures/{case_id}/be_heard")
def be_heard(case_id: str, identity: SignedIn, parts: Wired, command: Command, idempotency_key: Key = "") -> dict[str, Any]:
    """The merchant speaks in the hearing about a measure."""
    order = order_of(identity, parts, command, idempotency_key)
    parts.office.bureau.do(lambda work: proposals.be_heard(work, case_id, order))
    return read_case("measures", case_id, identity, parts)


@router.post("/credit/{kind}/{case_id}/{verb}")
def change_case(  # noqa: PLR0917 - the parts of the address
    kind: str,
    case_id: str,
    verb: str,
    identity: SignedIn,
    parts: Wired,
    command: Command | None = None,
    idempotency_key: Key = "",
) -> dict[str, Any]:
    """Carry out a command."""
    order = order_of(identity, parts, command, idempotency_key)
    return case_item(kind, parts.office.bureau.command(kind, case_id, verb, order), identity.actor)


@router.post("/merchants/{uscc}/conflicts", status_code=201)
def declare_conflict(uscc: str, identity: Official, parts: Wired, command: Command, idempotency_key: Key = "") -> dict[str, Any]:
    """An officer must not be sent to this merchant."""
    order = order_of(identity, parts, command, idempotency_key)
    filed = parts.office.bureau.do(lambda work: tasks.declare_conflict(work, uscc, order))
    return {"id": filed.case.id, "officer": filed.case.officer, "merchant": uscc, "state": filed.case.state.value}


@router.post("/merchants/{uscc}/credit/{what}", status_code=201)
def begin_case(  # noqa: PLR0917 - the parts of the address
    uscc: str,
    what: str,
    identity: SignedIn,
    parts: Wired,
    command: Command | None = None,
    idempotency_key: Key = "",
) -> dict[str, Any]:
    """Begin something about a merchant: ``checks``, ``clues``, ``records``, ``penalties``, ``commitments`` and so on."""
    if what not in BEGINNINGS:
        raise NotFound(f"nothing is begun by {what[:40]!r}")
    kind, begin = BEGINNINGS[what]
    order = order_of(identity, parts, command, idempotency_key)
    filed = parts.office.bureau.do(lambda work: begin(work, uscc, order))
    return case_item(kind, Told(filed=filed, commands=machine_named(kind).commands(filed, identity.actor)), identity.actor)


@router.get("/merchants/{uscc}/credit")
def read_standing(uscc: str, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """The grade a merchant holds and what it offers; the points of the round, and until when commitments do not count.

    Officials see the national risk grade beside it (C.7).
    """
    now = parts.clock()

    def question(work: Work) -> dict[str, Any]:
        seen_merchant(work, uscc, identity.actor)
        held = standing.of(work.uow, uscc)
        blocked = commitments.blocked_until(work, uscc, now)
        return {
            "standing": None if held is None else plain(held),
            "offer": plain(standing.offer(work, held)),
            "cumulative_points": f"{proposals.points(work, uscc, now):f}",
            "bid_banned": proposals.bid_banned(work, uscc, local_day(now)),
            "blocked_until": None if blocked is None else format_instant(blocked),
            **({"national_risk": _plain_or_none(risk.of(work, uscc))} if identity.is_official else {}),
        }

    return parts.office.bureau.ask(question)


def _plain_or_none(case: Any) -> Any:
    return None if case is None else plain(case)


@router.post("/regions/{region}/quotas", status_code=201)
def open_quota(region: str, identity: Official, parts: Wired, command: Command, idempotency_key: Key = "") -> dict[str, Any]:
    """A leader opens a month's quota of vouchers, or changes its size: ``kind``, ``month``, ``size``."""
    order = order_of(identity, parts, command, idempotency_key)
    return asdict(parts.office.bureau.do(lambda work: vouchers.open_quota(work, region, order)))


@router.get("/regions/{region}/quotas")
def read_quotas(region: str, _: SignedIn, parts: Wired) -> dict[str, Any]:
    """The quotas of a region."""
    found = parts.office.bureau.ask(lambda work: work.uow.registers.purses.find(region=region))
    return {"items": [asdict(one) for one in found]}


@router.post("/regions/{region}/trainings", status_code=201)
def plan_training(region: str, identity: Official, parts: Wired, command: Command, idempotency_key: Key = "") -> dict[str, Any]:
    """Plan a training and invite: ``title``, ``begins_at``, ``place``, ``form``."""
    order = order_of(identity, parts, command, idempotency_key)
    filed = parts.office.bureau.do(lambda work: training.plan(work, region, order))
    return case_item("trainings", Told(filed=filed, commands=()), identity.actor)


@router.get("/departments")
def read_departments(identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """The liaison departments and their duty list (R-01)."""
    order = Order(actor=identity.actor, now=parts.clock())
    need(order, "read the duty list", Role.INSPECTOR, Role.SUPERVISOR, Role.DEPARTMENT)
    return {"items": [plain(one) for one in parts.office.bureau.terms.departments]}
