"""What is public of penalties, and what departments' own systems answer: signed, fresh, and once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from alerts.channels.webhook import SIGNATURE_HEADER, sign
from casework.consequences import listings, penalties
from casework.consequences.machine import Order
from casework.consequences.pushes import PushState
from domain.parties import Actor, Role
from store.registers import Wanted
from tests.unit.web.kitchen import MERCHANT, Kitchen

MONDAY = datetime.fromisoformat("2026-12-07T10:00:00+08:00")
OFFICER = Actor(id="inspector", role=Role.INSPECTOR, region="330211")
LEADER = Actor(id="supervisor", role=Role.SUPERVISOR)
OWNER = Actor(id="merchant", role=Role.MERCHANT, uscc=MERCHANT)
SECRET = "both sides know it"
DAY = timedelta(days=1)
CONDITIONS = ["duties_performed", "harm_removed", "no_further_penalty", "on_no_list"]


def command(kitchen: Kitchen, name: str, case: str, what: str, actor: Actor, reason: str = "x", **values: Any) -> None:
    kitchen.office.bureau.command(name, case, what, Order(actor=actor, now=kitchen.clock(), reason=reason, values=values))


def served(kitchen: Kitchen, class_: str = "other") -> str:
    """A penalty on public notice."""
    kitchen.clock.at = MONDAY
    order = Order(actor=OFFICER, now=MONDAY, reason="进货查验缺失", values={"doc_no": "镇市监罚〔2026〕7号"})
    case = str(kitchen.office.bureau.do(lambda work: penalties.file(work, MERCHANT, order)).case.id)
    command(kitchen, "penalties", case, "decide", LEADER, kind="fine", **{"class": class_}, amount_fen=500000)
    command(kitchen, "penalties", case, "serve", OFFICER, decision_delivery_id="E1", notice_delivery_id="E1")
    return case


async def public(kitchen: Kitchen) -> list[Any]:
    async with kitchen.client() as anybody:
        answer = await anybody.get("/api/v1/public/penalties")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "public, max-age=300"  # every copy is gone long before the day is over (F.8)
    return list(answer.json()["items"])


async def test_a_penalty_is_public_until_its_repair_is_approved_and_not_a_moment_longer(kitchen: Kitchen) -> None:
    served(kitchen)
    ((shown),) = await public(kitchen)
    assert (shown["merchant"], shown["doc_no"], shown["amount_fen"]) == (MERCHANT, "镇市监罚〔2026〕7号", 500000)
    kitchen.clock.at = MONDAY + 366 * DAY
    kitchen.office.sweep(kitchen.clock())
    (repair,) = kitchen.office.bureau.find("repairs", LEADER, Wanted())
    case = repair.filed.case.id
    command(kitchen, "repairs", case, "apply", OWNER, shown=CONDITIONS)
    command(kitchen, "repairs", case, "accept", OFFICER)
    command(kitchen, "repairs", case, "check", OFFICER)
    assert len(await public(kitchen)) == 1
    command(kitchen, "repairs", case, "approve", LEADER)
    assert await public(kitchen) == []  # before any sweep has run


async def test_a_repair_whose_penalty_was_shown_for_more_than_a_day_is_counted(kitchen: Kitchen) -> None:
    served(kitchen)
    kitchen.clock.at = MONDAY + 366 * DAY
    kitchen.office.sweep(kitchen.clock())
    (repair,) = kitchen.office.bureau.find("repairs", LEADER, Wanted())
    case = repair.filed.case.id
    command(kitchen, "repairs", case, "apply", OWNER, shown=CONDITIONS)
    for verb, actor in (("accept", OFFICER), ("check", OFFICER), ("approve", LEADER)):
        command(kitchen, "repairs", case, verb, actor)
    supervisor = await kitchen.bearer("supervisor")

    async def late() -> int:
        return int((await supervisor.get("/api/v1/credit/figures")).json()["repairs"]["withdrawn_late"])

    kitchen.clock.forward(days=1)
    assert await late() == 0
    kitchen.clock.forward(seconds=1)
    assert await late() == 1  # nothing has swept for a day
    kitchen.office.sweep(kitchen.clock())
    (repair,) = kitchen.office.bureau.find("repairs", LEADER, Wanted())
    assert repair.filed.about["withdrawn_late"] is True
    assert await late() == 1


async def test_a_penalty_of_a_class_that_is_never_published_is_not_public(kitchen: Kitchen) -> None:
    served(kitchen, "warning_only")
    assert await public(kitchen) == []


@pytest.fixture
def listed(kitchen: Kitchen) -> Kitchen:
    """The merchant was listed, and the tax office has a system of its own."""
    terms = kitchen.office.bureau.terms
    departments = [
        replace(one, url="https://tax.example/hook", secret_env="S") if one.id == "tax" else one for one in terms.departments
    ]
    kitchen.office.desk = kitchen.office.bureau._desk = replace(
        kitchen.office.desk, terms=replace(terms, departments=tuple(departments))
    )
    kitchen.app.state.parts = replace(kitchen.app.state.parts, department_secret={"tax": SECRET}.get)
    kitchen.clock.at = MONDAY
    said = {"violation_listed": True, "heavier_penalty": True}
    order = Order(actor=OFFICER, now=MONDAY, reason="较重行政处罚", values=said)
    case = str(kitchen.office.bureau.do(lambda work: listings.open_clue(work, MERCHANT, order)).case.id)
    command(kitchen, "listings", case, "review", OFFICER)
    command(kitchen, "listings", case, "give_notice", OFFICER)
    kitchen.clock.forward(days=14)
    command(kitchen, "listings", case, "list", LEADER)
    command(kitchen, "listings", case, "publish", LEADER)
    return kitchen


async def answer(
    kitchen: Kitchen, said: Any, *, department: str = "tax", secret: str = SECRET, late: timedelta = timedelta()
) -> httpx.Response:
    body = json.dumps(said).encode()
    headers = {SIGNATURE_HEADER: sign(secret, kitchen.clock() - late, body), "Content-Type": "application/json"}
    async with kitchen.client() as client:
        return await client.post(f"/api/v1/departments/{department}/acknowledgements", content=body, headers=headers)


def of_tax(kitchen: Kitchen) -> Any:
    found = kitchen.office.bureau.find("pushes", LEADER, Wanted(limit=None))
    return next(told.filed.case for told in found if told.filed.case.push.department == "tax")


async def test_a_departments_own_system_acknowledges_over_rest_and_may_say_so_twice(listed: Kitchen) -> None:
    push = of_tax(listed)
    assert push.state is PushState.WAITING
    for _ in range(2):
        told = await answer(listed, {"push": push.id, "feedback": "已列为重点"})
        assert (told.status_code, told.json()["state"]) == (200, "acknowledged"), told.text
    assert of_tax(listed).push.feedback == "已列为重点"


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"secret": "another"}, 401, "signed by somebody else"),
        ({"late": timedelta(minutes=6)}, 401, "an old message, sent again"),
        ({"late": -timedelta(minutes=6)}, 401, "signed in the future"),
        ({"department": "customs"}, 401, "a department without a system, with another's signature"),
    ],
)
async def test_what_is_not_signed_by_the_department_a_moment_ago_is_refused(
    listed: Kitchen, changes: dict[str, Any], status: int, why: str
) -> None:
    told = await answer(listed, {"push": of_tax(listed).id}, **changes)
    assert told.status_code == status, why
    assert of_tax(listed).state is PushState.WAITING


async def test_a_department_acknowledges_nothing_but_its_own(listed: Kitchen) -> None:
    found = listed.office.bureau.find("pushes", LEADER, Wanted(limit=None))
    other = next(told.filed.case for told in found if told.filed.case.push.department == "customs")
    assert (await answer(listed, {"push": other.id})).status_code == 404
    assert (await answer(listed, {"nothing": 1})).status_code == 422
    assert (await answer(listed, "no object")).status_code == 422
    async with listed.client() as client:
        unsigned = await client.post("/api/v1/departments/tax/acknowledgements", json={"push": other.id})
    assert unsigned.status_code == 401
