"""The registers over the API and as pages: rows kept and refused with what to do, the same file twice, names, both languages."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.unit.web.kitchen import MERCHANT, OTHER, PASSWORDS, Kitchen

pytestmark = pytest.mark.asyncio

CSV = """工号,姓名,发证日期,有效期至,岗位
E01,王小明,2025-11-25,2026-11-22,直接接触食品
E02,李四,2025/12/1,,
E03,,2026-02-30,,direct
,赵五,2026-01-01,,其他岗位
E01,王小明,2025-11-25,2026-12-22,direct
"""


async def sign_in(client: httpx.AsyncClient, login: str) -> None:
    answer = await client.post("/sign-in", data={"user": login, "password": PASSWORDS[login]})
    assert answer.status_code == 303, answer.text


def path(register: str, uscc: str = MERCHANT, more: str = "") -> str:
    return f"/api/v1/merchants/{uscc}/registers/{register}{more}"


async def test_good_rows_are_kept_and_the_others_named_by_line_column_and_what_to_do(kitchen: Kitchen) -> None:
    async with await kitchen.bearer("merchant") as client:
        raw = CSV.encode("gb18030")  # as a Chinese spreadsheet writes it
        answer = await client.post(path("certificates", more="/import"), content=raw, headers={"Content-Type": "text/csv"})
        told = answer.json()
        assert (told["accepted"], told["replayed"], told["refused"]) == (2, 0, 3), told
        places = [(fault["line"], fault["column"]) for fault in told["faults"]]
        assert places == [(4, "issued_on"), (5, "person"), (6, "person")]
        assert told["faults"][0]["do"] == "写成 2026-11-20"
        again = await client.post(path("certificates", more="/import"), content=raw)
        assert (again.json()["accepted"], again.json()["replayed"]) == (0, 2), "the same file changes nothing"
        found = (await client.get(path("certificates"))).json()["items"]
    assert [(one["person_ref"], one["name_masked"], one["valid_until"]) for one in found] == [
        ("E01", "王*", "2026-11-22"),
        ("E02", "李*", "2026-11-30"),
    ], "a year less a day where nothing is printed"


FILES = [
    ("person,issued_on,shoe_size\nE1,2026-01-01,42\n", 1, "shoe_size", "a column nobody knows"),
    ("person,issued_on\n", 1, "", "no rows at all"),
]


@pytest.mark.parametrize(("text", "line", "column", "why"), FILES, ids=[case[-1] for case in FILES])
async def test_a_file_that_cannot_be_read_is_refused_whole(kitchen: Kitchen, text: str, line: int, column: str, why: str) -> None:
    async with await kitchen.bearer("merchant") as client:
        answer = await client.post(path("certificates", more="/import"), content=text.encode())
    assert answer.status_code == 422, why
    (fault,) = answer.json()["faults"]
    assert (fault["line"], fault["column"]) == (line, column)


EXPIRIES = [
    ({"expires_on": "2026-11-30"}, "2026-12-01T00:00", "the last good day is printed"),
    ({"expires_on": "2026-11-22 18:00"}, "2026-11-22T18:00", "an hour is printed"),
    ({"produced_on": "2026-11-20", "shelf_life": "3天"}, "2026-11-24T00:00", "the day of production is not counted"),
    ({"produced_on": "2026-01-31", "shelf_life": "1个月"}, "2026-03-01T00:00", "clamped to the end of February"),
    ({"produced_on": "2026-11-20 09:30", "shelf_life": "48小时"}, "2026-11-22T09:30", "by the hour"),
    (
        {"expires_on": "2026-11-30", "opened_at": "2026-11-20 10:00", "after_open_hours": "24"},
        "2026-11-21T10:00",
        "after opening",
    ),
]


@pytest.mark.parametrize(("cells", "expires", "why"), EXPIRIES, ids=[case[-1] for case in EXPIRIES])
async def test_a_lot_expires_by_what_is_known_of_it(kitchen: Kitchen, cells: dict[str, str], expires: str, why: str) -> None:
    row = {"lot": "R1", "kind": "raw", "name": "鸭胚", "qty_g": "500", **cells}
    async with await kitchen.bearer("merchant") as client:
        answer = await client.post(path("batches"), json=row)
        assert answer.json()["accepted"] == 1, answer.text
        (lot,) = (await client.get(path("batches"))).json()["items"]
    assert lot["expires_at"].startswith(expires), why


async def test_a_restated_lot_goes_back_and_forth_but_the_same_word_twice_is_one(kitchen: Kitchen) -> None:
    row = {"lot": "R1", "kind": "raw", "name": "鸭胚", "qty_g": 500, "expires_on": "2026-11-30"}
    results = []
    async with await kitchen.bearer("merchant") as client:
        for qty in (500, 500, 300, 500):
            kitchen.clock.forward(minutes=1)
            told = (await client.post(path("batches"), json={**row, "qty_g": qty})).json()
            results.append((told["accepted"], told["replayed"]))
        (lot,) = (await client.get(path("batches"))).json()["items"]
    assert results == [(1, 0), (0, 1), (1, 0), (1, 0)]
    assert lot["qty_g"] == "500"


WRITERS = [
    ("merchant", "certificates", MERCHANT, 200),
    ("staff", "certificates", MERCHANT, 403),
    ("neighbour", "certificates", MERCHANT, 404),
    ("faraway", "certificates", MERCHANT, 404),
    ("inspector", "certificates", MERCHANT, 200),
    ("supervisor", "certificates", OTHER, 200),
    ("merchant", "shoes", MERCHANT, 404),
]


@pytest.mark.parametrize(("who", "register", "uscc", "status"), WRITERS)
async def test_who_may_write(kitchen: Kitchen, who: str, register: str, uscc: str, status: int) -> None:
    async with await kitchen.bearer(who) as client:
        answer = await client.post(path(register, uscc), json={"person": "E9", "issued_on": "2026-01-01"})
    assert answer.status_code == status, answer.text


async def test_only_officials_enter_official_results(kitchen: Kitchen) -> None:
    row = {"report_no": "S1", "kind": "official", "product": "卤鸭", "conclusion": "fail", "failed_items": "山梨酸;菌落总数"}
    async with await kitchen.bearer("merchant") as client:
        refused = await client.post(path("samples"), json=row)
        assert refused.status_code == 422
        assert refused.json()["faults"][0]["column"] == "kind"
    async with await kitchen.bearer("inspector") as client:
        assert (await client.post(path("samples"), json=row)).json()["accepted"] == 1
        (sample,) = (await client.get(path("samples"))).json()["items"]
        (warning,) = (await client.get("/api/v1/warnings")).json()["items"]
    assert (sample["state"], [item["name"] for item in sample["items"]]) == ("retest_open", ["山梨酸", "菌落总数"])
    assert (warning["rule"], warning["violation_code"]) == ("RW5", "XV09")


async def test_a_name_is_resolved_over_the_api(kitchen: Kitchen) -> None:
    row = {"additive": "防腐一号", "lot": "A1", "product_lot": "P1", "qty_g": 1, "product_qty_g": 1000, "food_class": "08.03.01"}
    async with await kitchen.bearer("merchant") as client:
        await client.post(path("additives"), json={**row, "at": "2026-11-20 10:00"})
        assert (await client.get("/api/v1/additives/names")).status_code == 403
    async with await kitchen.bearer("inspector") as client:
        (asked,) = (await client.get("/api/v1/additives/names")).json()["items"]
        wrong = await client.post(f"/api/v1/additives/names/{asked['name']}", json={"substance": "moon dust"})
        assert wrong.status_code == 422
        answer = await client.post(f"/api/v1/additives/names/{asked['name']}", json={"substance": "benzoate"})
        assert answer.json()["state"] == "resolved"
        (warning,) = (await client.get("/api/v1/warnings")).json()["items"]
    assert (warning["rule"], warning["violation_code"]) == ("RW4", "XV06")


async def test_the_form_keeps_what_was_typed_and_says_what_is_wrong(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        await sign_in(client, "merchant")
        page = await client.get("/registers/certificates")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf is not None
        form = {"csrf": csrf[1], "person": "E07", "issued_on": "2026-13-01", "duty": "direct"}
        wrong = await client.post("/registers/certificates", data=form)
        assert wrong.status_code == 422
        assert 'value="E07"' in wrong.text
        assert "写成 2026-11-20" in wrong.text
        kept = await client.post("/registers/certificates", data={**form, "issued_on": "2026-10-01"})
        assert kept.status_code == 303
        after = await client.get(kept.headers["location"] + "&lang=en")
        assert "E07" in after.text
        assert "Health certificates" in after.text
        file = {"file": ("staff.csv", CSV.encode(), "text/csv")}
        brought = await client.post("/registers/certificates/import", data={"csrf": csrf[1]}, files=file)
        assert brought.status_code == 200
        assert "<td>4</td><td>issued_on</td>" in brought.text


async def test_an_official_chooses_a_merchant_of_their_region(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        await sign_in(client, "inspector")
        page = await client.get("/registers/shifts")
        assert f"merchant={MERCHANT}" in page.text
        assert OTHER not in page.text
        assert (await client.get(f"/registers/shifts?merchant={OTHER}")).status_code == 404
        for register in ("certificates", "shifts", "batches", "moves", "additives", "samples"):
            assert (await client.get(f"/registers/{register}?merchant={MERCHANT}")).status_code == 200
        assert (await client.get("/registers/names")).status_code == 200
