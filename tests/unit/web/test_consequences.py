"""What follows from credit over the API and on the pages: who sees what, who may do what, and nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest

from casework.consequences.publication import Published, on_published
from tests.unit.web.kitchen import MERCHANT, OTHER, Kitchen

MONDAY = datetime.fromisoformat("2026-12-07T10:00:00+08:00")


@pytest.fixture
def graded(kitchen: Kitchen) -> Kitchen:
    """Both merchants rated, and their inspections drawn."""
    kitchen.clock.at = MONDAY
    results = [Published(uscc=uscc, scheme="zhenhai", month="2026-11", grade="red") for uscc in (MERCHANT, OTHER)]
    kitchen.office.bureau.do(lambda work: on_published(work, results, MONDAY))
    kitchen.office.sweep(kitchen.clock.forward(minutes=11))
    return kitchen


async def items(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def post(client: httpx.AsyncClient, path: str, key: str = "", **said: Any) -> httpx.Response:
    values = {name: value for name, value in said.items() if name not in ("reason", "evidence_ids")}
    body = {"reason": said.get("reason", ""), "evidence_ids": said.get("evidence_ids", []), "values": values}
    return await client.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key} if key else {})


async def test_tasks_are_the_regulators_and_elsewhere_they_are_not_there(graded: Kitchen) -> None:
    supervisor, inspector, merchant, faraway = [
        await graded.bearer(login) for login in ("supervisor", "inspector", "merchant", "faraway")
    ]
    mine = await items(inspector, "/api/v1/credit/tasks")
    assert {one["merchant"] for one in mine} == {MERCHANT}
    assert {one["merchant"] for one in await items(faraway, "/api/v1/credit/tasks")} == {OTHER}
    assert len(await items(supervisor, "/api/v1/credit/tasks")) == 5  # two for each red one, and a workshop's weekly evaluation
    assert await items(merchant, "/api/v1/credit/tasks") == []
    for client in (merchant, faraway):
        assert (await client.get(f"/api/v1/credit/tasks/{mine[0]['id']}")).status_code == 404
        assert (await post(client, f"credit/tasks/{mine[0]['id']}/start")).status_code == 404
    assert (await post(inspector, f"credit/tasks/{mine[0]['id']}/sign")).status_code == 409
    assert (await post(inspector, f"credit/tasks/{mine[0]['id']}/nothing")).status_code == 404
    assert (await inspector.get("/api/v1/credit/nothing")).status_code == 404


async def test_a_command_under_the_same_key_has_no_second_effect(graded: Kitchen) -> None:
    merchant = await graded.bearer("merchant")
    first = await post(merchant, f"merchants/{MERCHANT}/credit/declarations", "k1", about="food_quality", text="原料可溯")
    again = await post(merchant, f"merchants/{MERCHANT}/credit/declarations", "k1", about="food_quality", text="原料可溯")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert len(await items(merchant, "/api/v1/credit/declarations")) == 1
    case = first.json()["id"]
    assert (await post(merchant, f"credit/declarations/{case}/withdraw", "k2")).status_code == 200
    assert (await post(merchant, f"credit/declarations/{case}/withdraw", "k2")).status_code == 200
    assert (await post(merchant, f"credit/declarations/{case}/withdraw", "k3")).status_code == 409


@pytest.mark.parametrize(
    ("login", "path", "said", "status"),
    [
        ("staff", f"merchants/{MERCHANT}/credit/commitments", {"signer": "小赵"}, 403),
        ("neighbour", f"merchants/{MERCHANT}/credit/commitments", {"signer": "林老板"}, 404),
        ("merchant", f"merchants/{MERCHANT}/credit/commitments", {}, 422),
        ("merchant", f"merchants/{MERCHANT}/credit/penalties", {"doc_no": "1", "reason": "x"}, 403),
        ("inspector", f"merchants/{MERCHANT}/credit/vouchers", {"kind": "service", "count": 1}, 403),
        ("inspector", "regions/330211/quotas", {"kind": "service", "month": "2026-12", "size": 5}, 403),
        ("merchant", "regions/330211/quotas", {"kind": "service", "month": "2026-12", "size": 5}, 403),
        ("faraway", f"merchants/{MERCHANT}/credit/clues", {"reason": "x"}, 404),
        ("merchant", f"merchants/{MERCHANT}/credit/nothing", {}, 404),
    ],
)
async def test_everybody_keeps_to_their_role(
    graded: Kitchen, login: str, path: str, said: Mapping[str, Any], status: int
) -> None:
    answer = await post(await graded.bearer(login), path, **said)
    assert answer.status_code == status, answer.text


async def test_the_seed_is_nobodys_before_the_draw_and_everybodys_after_it(kitchen: Kitchen) -> None:
    kitchen.clock.at = MONDAY
    results = [Published(uscc=MERCHANT, scheme="zhenhai", month="2026-11", grade="blue")]
    kitchen.office.bureau.do(lambda work: on_published(work, results, MONDAY))
    async with kitchen.client() as anybody:
        (before,) = await items(anybody, "/api/v1/public/draws?month=2026-12")
        kitchen.office.sweep(kitchen.clock.forward(minutes=11))
        (after,) = await items(anybody, "/api/v1/public/draws?month=2026-12")
    assert "seed" not in before
    assert before["commitment"] == after["commitment"]
    assert after["seed"]
    assert after["drawn"] == [MERCHANT]


async def test_only_a_published_place_on_the_black_list_is_public(graded: Kitchen) -> None:
    supervisor = await graded.bearer("supervisor")
    path = "/api/v1/public/rolls?month=2026-11&roll=black_list"
    async with graded.client() as anybody:
        assert await items(anybody, path) == []
        done = await post(supervisor, f"credit/rolls/2026-11|{MERCHANT}/publish", reason="两次检查不合格")
        assert done.status_code == 200, done.text
        (shown,) = await items(anybody, path)
    assert shown["merchant"] == MERCHANT


async def test_the_regulators_figures_and_the_checklist(graded: Kitchen) -> None:
    supervisor = await graded.bearer("supervisor")
    figures = (await supervisor.get("/api/v1/credit/figures")).json()
    assert figures["inspections"]["open"] == 5
    assert len(figures["answers"]) == len(figures["submissions"]) == 30
    assert figures["repairs"]["faster_percent"] is None
    checklist = await items(supervisor, "/api/v1/credit/checklist")
    assert all(item["cites"].count("@") == 1 for item in checklist)
    assert len(await items(supervisor, "/api/v1/departments")) == 30


async def test_what_a_merchant_holds_and_is_offered(graded: Kitchen) -> None:
    merchant = await graded.bearer("merchant")
    told = (await merchant.get(f"/api/v1/merchants/{MERCHANT}/credit")).json()
    assert told["standing"]["grade"] == "red"
    assert told["offer"]["loan_fen"] == 0
    assert (await merchant.get(f"/api/v1/merchants/{OTHER}/credit")).status_code == 404
