"""The pages of what follows from credit: each reader's own, in both languages, with forms that work without JavaScript."""

from __future__ import annotations

import ast
import re
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from casework import consequences
from casework.consequences.bureau import machine_named
from casework.consequences.catalogue import MACHINES
from casework.consequences.publication import Published, on_published
from store.registers import Wanted
from tests.unit.web.kitchen import MERCHANT, Kitchen
from web import consequence_names as words

MONDAY = datetime.fromisoformat("2026-12-07T10:00:00+08:00")
SUPERVISOR_DESKS = ("tasks", "draws", "rolls", "listings", "measures", "penalties", "repairs")


@pytest.fixture
def graded(kitchen: Kitchen) -> Kitchen:
    kitchen.clock.at = MONDAY
    results = [Published(uscc=MERCHANT, scheme="zhenhai", month="2026-11", grade="blue")]
    kitchen.office.bureau.do(lambda work: on_published(work, results, MONDAY))
    kitchen.office.sweep(kitchen.clock.forward(minutes=11))
    return kitchen


async def page(client: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_desk_is_there_for_a_supervisor_and_not_for_a_merchant(graded: Kitchen, language: str) -> None:
    supervisor, merchant = await graded.bearer("supervisor"), await graded.bearer("merchant")
    for kind in SUPERVISOR_DESKS:
        shown = await page(supervisor, f"/credit/{kind}?lang={language}")
        assert ("检查任务" in shown) is (language == "zh")
        await page(merchant, f"/credit/{kind}", 404)
    await page(supervisor, "/credit/nothing", 404)
    await page(supervisor, "/my-credit", 404)
    for path in ("/my-credit", "/vouchers"):
        await page(merchant, f"{path}?lang={language}")


async def test_a_button_of_a_card_does_its_work_and_a_refusal_is_said_on_the_page(graded: Kitchen) -> None:
    inspector = await graded.bearer("inspector")
    shown = await page(inspector, "/credit/tasks")
    action = re.search(r'action="(/credit/tasks/[^"]+/start)"', shown)
    assert action is not None
    done = await inspector.post(action[1], data={})
    assert (done.status_code, done.headers["location"]) == (303, "/credit/tasks")
    again = await inspector.post(action[1], data={})
    assert again.status_code == 409
    assert "当前状态不能进行此操作" in again.text


async def test_a_merchant_signs_the_commitment_that_was_read_and_applies_for_vouchers(graded: Kitchen) -> None:
    merchant = await graded.bearer("merchant")
    shown = await page(merchant, "/my-credit")
    assert shown.count("<li>") == 10
    assert "未签订" in shown
    stale = await merchant.post("/my-credit/commitments", data={"signer": "王师傅", "content_hash": "0" * 64})
    assert stale.status_code == 422
    read = re.search(r'name="content_hash" value="([0-9a-f]{64})"', shown)
    assert read is not None
    signed = await merchant.post("/my-credit/commitments", data={"signer": "王师傅", "content_hash": read[1], "token": "t"})
    assert signed.status_code == 303
    graded.office.sweep(graded.clock())
    assert "未签订" not in await page(merchant, "/my-credit")
    refused = await merchant.post("/my-credit/vouchers", data={"kind": "service", "count": "61"})
    assert refused.status_code == 303
    assert "超过本等级每月可申领数量" in await page(merchant, "/vouchers")
    for amount, status in (("30.5", 303), ("-1", 422), ("1e9", 422), ("1.234", 422)):
        said = await merchant.post("/my-credit/entitlements", data={"kind": "subsidy", "yuan": amount, "document": "发票 1"})
        assert said.status_code == status, amount
    told = graded.office.bureau.ask(lambda work: machine_named("entitlements").cabinet.find(work.uow, Wanted()))
    assert [one.case.fen for one in told] == [3050]


async def test_the_supervisor_decides_a_place_on_the_red_list_with_a_reason(graded: Kitchen) -> None:
    results = [Published(uscc=MERCHANT, scheme="zhenhai", month="2026-12", grade="green")]
    graded.office.bureau.do(lambda work: on_published(work, results, graded.clock()))
    supervisor = await graded.bearer("supervisor")
    action = f"/credit/rolls/2026-12|{MERCHANT}/publish"
    assert (await supervisor.post(action, data={"reason": ""})).status_code == 422
    assert (await supervisor.post(action, data={"reason": "守信经营"})).status_code == 303
    assert "守信经营" in await page(supervisor, "/credit/rolls?view=done")


def test_every_state_and_every_command_has_a_name_and_asks_for_the_reason_it_needs() -> None:
    for kind, names in words.COMMANDS.items():
        machine = MACHINES[kind]
        assert set(machine.handlers) <= set(names), kind
        reasoned = {str(command) for command in machine.life.reasoned}
        for command in machine.handlers:
            asks = {field.name for field in words.fields_of(kind, command)}
            assert command not in reasoned or "reason" in asks, (kind, command)
    for kind, states in words.STATES.items():
        known = {state.value for state in MACHINES[kind].life.steps} | {
            after.value for steps in MACHINES[kind].life.steps.values() for after in steps.values()
        }
        assert known <= set(states), kind


def told_links() -> set[tuple[str, str]]:
    """Who is sent where by the notifications of this package: reader and path, as its source says."""
    found = set()
    for path in Path(consequences.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            for each in call.keywords:
                if each.arg == "link" and isinstance(each.value, ast.Constant) and isinstance(each.value.value, str):
                    reader = "merchant" if name in {"tell_merchant", "remind"} else "supervisor"
                    found.add((reader, each.value.value))
    return found


async def test_every_notification_leads_to_a_page_its_reader_may_open(graded: Kitchen) -> None:
    links = told_links()
    assert {reader for reader, _ in links} == {"merchant", "supervisor"}
    for reader, link in sorted(links):
        await page(await graded.bearer(reader), link)
