"""The forms of the officials' desks: what is begun there is in the register, and a refusal keeps what was written."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from casework.consequences.bureau import machine_named
from casework.consequences.filing import Filed
from store.registers import Wanted
from tests.unit.web.kitchen import MERCHANT, OTHER, Kitchen
from web import consequence_names as words

MONDAY = datetime.fromisoformat("2026-12-07T10:00:00+08:00")
NAME = "老街卤味坊"


@pytest.fixture
def desk(kitchen: Kitchen) -> Kitchen:
    kitchen.clock.at = MONDAY
    return kitchen


def kept(kitchen: Kitchen, kind: str) -> list[Filed[Any]]:
    return kitchen.office.bureau.ask(lambda work: machine_named(kind).cabinet.find(work.uow, Wanted(limit=None)))


async def page(client: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


FORMS = [
    ("tasks", {"merchant": MERCHANT, "due_by": "2026-12-10", "reason": "举报"}),
    ("listings", {"merchant": NAME, "list": "serious_dishonesty", "clue": "accident", "reason": "线索"}),
    ("penalties", {"merchant": MERCHANT, "doc_no": "镇市监罚〔2026〕9号", "reason": "立案"}),
    ("guidances", {"merchant": MERCHANT, "kind": "annual", "subject": "2025 年报", "reason": "未公示"}),
    ("reminders", {"merchant": MERCHANT, "kind": "licence", "subject": "JY1", "last_on": "2027-01-31"}),
    ("trainings", {"title": "添加剂", "begins_at": "2026-12-09T14:00", "place": "市场二楼", "region": "330211", "form": ""}),
    ("conflicts", {"merchant": MERCHANT, "reason": "亲属"}),
    ("superior-checks", {"merchant": MERCHANT, "authority": "市局", "on": "2026-12-01", "items": "workshop.clothing"}),
    ("risk-grades", {"merchant": MERCHANT, "static": "20", "dynamic": "30.5", "shift": "-1"}),
]


async def test_a_form_begins_its_case_and_leads_back_to_the_desk(desk: Kitchen) -> None:
    inspector = await desk.bearer("inspector")
    for kind, said in FORMS:
        before = len(kept(desk, kind))
        shown = await page(inspector, f"/credit/{kind}/new?lang=zh&merchant={MERCHANT}")
        asked = set(re.findall(r'<(?:input|select|textarea)[^>]* name="([a-z_]+)"', shown))
        assert asked >= set(said), kind
        done = await inspector.post(f"/credit/{kind}/new", data={**said, "token": f"t-{kind}"})
        assert (done.status_code, done.headers.get("location")) == (303, f"/credit/{kind}"), done.text
        assert len(kept(desk, kind)) == before + 1
        assert words.BEGUN[kind][0] in await page(inspector, f"/credit/{kind}?lang=zh")
        english = await page(inspector, f"/credit/{kind}/new?lang=en")
        main = english[english.index("<main") :].partition("<datalist")[0]
        assert not re.search("[\u4e00-\u9fff]", main), f"a label of {kind} is not in English"

    told = (await inspector.get(f"/api/v1/merchants/{MERCHANT}/credit")).json()
    assert (told["national_risk"]["grade"], told["national_risk"]["score"], told["bid_banned"]) == ("B", "50.5", False)
    merchant = await desk.bearer("merchant")
    assert "national_risk" not in (await merchant.get(f"/api/v1/merchants/{MERCHANT}/credit")).json()


async def test_a_refused_form_says_why_and_keeps_what_was_written(desk: Kitchen) -> None:
    inspector = await desk.bearer("inspector")
    for merchant, why in (("没有这家店", "form"), (OTHER, "another region"), ("", "nobody")):
        refused = await inspector.post(
            "/credit/guidances/new", data={"merchant": merchant, "kind": "instant", "reason": "写过的理由"}
        )
        assert refused.status_code in (404, 422), why
        assert "写过的理由" in refused.text
        assert 'role="alert"' in refused.text
        assert '<option value="instant" selected>' in refused.text
    assert kept(desk, "guidances") == []
    late = await inspector.post("/credit/tasks/new", data={"merchant": MERCHANT, "due_by": "2026-12-32", "reason": "x"})
    assert late.status_code == 422


async def test_only_officials_begin_and_only_a_leader_sets_a_quota_or_speaks_for_another(desk: Kitchen) -> None:
    merchant, inspector, supervisor = [await desk.bearer(login) for login in ("merchant", "inspector", "supervisor")]
    for kind, said in FORMS:
        assert (await merchant.get(f"/credit/{kind}/new")).status_code in (403, 404)
        assert (await merchant.post(f"/credit/{kind}/new", data=said)).status_code in (403, 404)
    quota = {"region": "330211", "kind": "service", "month": "2026-12", "size": "40"}
    assert (await inspector.post("/credit/quotas/new", data=quota)).status_code == 403
    assert (await supervisor.post("/credit/quotas/new", data=quota)).status_code == 303
    assert (await supervisor.post("/credit/quotas/new", data={**quota, "size": "x"})).status_code == 422
    shown = await page(supervisor, "/credit/quotas?lang=zh")
    assert "<dd>40</dd>" in shown
    assert 'name="officer"' not in await page(inspector, "/credit/conflicts/new")
    assert 'name="officer"' in await page(supervisor, "/credit/conflicts/new")
    assert "action" not in (await page(inspector, "/credit/quotas")).partition("<main")[2]


async def test_a_checklist_is_entered_by_item_and_the_merchant_reads_what_failed(desk: Kitchen) -> None:
    inspector, supervisor = await desk.bearer("inspector"), await desk.bearer("supervisor")
    await inspector.post(
        "/credit/superior-checks/new",
        data={"merchant": MERCHANT, "authority": "市局", "on": "2026-12-01", "items": ["workshop.layout", "workshop.conduct"]},
    )
    await inspector.post("/credit/tasks/new", data={"merchant": MERCHANT, "due_by": "2026-12-10", "reason": "举报"})
    task = next(one for one in kept(desk, "tasks") if one.case.origin == "triggered")
    path = f"/credit/tasks/{task.case.id}"
    await page(inspector, f"{path}/result", 404)  # it has not begun
    assert (await inspector.post(f"{path}/start", data={})).status_code == 303
    assert f'href="{path}/result"' in await page(inspector, "/credit/tasks?lang=zh")
    shown = await page(inspector, f"{path}/result?lang=zh")
    assert 'name="item-workshop.clothing"' in shown
    assert 'name="item-workshop.layout"' not in shown
    assert "本次不再检查" in shown
    said = {"item-workshop.clothing": "failed", "note-workshop.clothing": "一人未戴帽", "item-workshop.pests": "ok"}
    wrong = await inspector.post(f"{path}/result", data={**said, "finding": "no_problem"})
    assert wrong.status_code == 422
    assert "一人未戴帽" in wrong.text
    done = await inspector.post(
        f"{path}/result", data={**said, "finding": "ordered_to_correct", "score": "88", "remark": "已告知"}
    )
    assert done.status_code == 303
    (entered,) = [one for one in kept(desk, "tasks") if one.case.id == task.case.id]
    assert {item["key"]: item["ok"] for item in entered.about["items"]} == {"workshop.clothing": False, "workshop.pests": True}
    assert (entered.about["score"], entered.about["remark"]) == (88, "已告知")
    await page(inspector, f"{path}/result", 404)
    await inspector.post(f"{path}/sign", data={})
    await supervisor.post(f"{path}/publish", data={})
    merchant = await desk.bearer("merchant")
    assert "穿戴整洁" in await page(merchant, "/my-credit?lang=zh")


async def test_a_roll_is_called_once_the_training_has_begun(desk: Kitchen) -> None:
    inspector = await desk.bearer("inspector")
    await inspector.post("/credit/trainings/new", data=dict(FORMS[5][1]))
    (training,) = kept(desk, "trainings")
    (invited,) = kept(desk, "attendances")
    path = f"/credit/trainings/{training.case.id}/attendance"
    assert path in await page(inspector, "/credit/trainings?lang=zh")
    assert 'type="radio"' not in await page(inspector, path)
    early = await inspector.post(path, data={f"came-{invited.case.id}": "attend"})
    assert early.status_code == 422
    merchant = await desk.bearer("merchant")
    assert "添加剂" in await page(merchant, "/my-credit?lang=zh")
    desk.clock.at = MONDAY + timedelta(days=3)
    assert 'type="radio"' in await page(inspector, path)
    assert (await inspector.post(path, data={f"came-{invited.case.id}": "miss"})).status_code == 303
    assert [one.case.state for one in kept(desk, "attendances")] == ["absent"]
    assert "缺席" in await page(inspector, f"{path}?lang=zh")
    faraway = await desk.bearer("faraway")
    await page(faraway, path, 404)


async def test_what_is_asked_for_is_corrected_on_its_card_and_a_conflict_is_lifted(desk: Kitchen) -> None:
    inspector, supervisor = await desk.bearer("inspector"), await desk.bearer("supervisor")
    for kind, number in (("guidances", 3), ("conflicts", 6), ("superior-checks", 7)):
        await inspector.post(f"/credit/{kind}/new", data=FORMS[number][1])
    (asked,), (conflict,), (check,) = [kept(desk, kind) for kind in ("guidances", "conflicts", "superior-checks")]
    assert "年度报告公示" in await page(await desk.bearer("merchant"), "/my-credit?lang=zh")
    done = await inspector.post(f"/credit/guidances/{asked.case.id}/correct", data={"corrected_on": "2026-12-07"})
    assert (done.status_code, done.headers["location"]) == (303, "/credit/guidances")
    for kind, case, verb in (("conflicts", conflict, "lift"), ("superior-checks", check, "withdraw")):
        action = f"/credit/{kind}/{case.case.id}/{verb}"
        assert (await inspector.post(action, data={"reason": "x"})).status_code == 403
        assert (await supervisor.post(action, data={"reason": "录入有误"})).status_code == 303
    states = [kept(desk, kind)[0].case.state for kind in ("guidances", "conflicts", "superior-checks")]
    assert states == ["corrected", "lifted", "withdrawn"]
