"""Outages and closures over the API."""

from __future__ import annotations

from tests.unit.web.kitchen import MERCHANT, Kitchen


async def test_outages_and_closures_over_the_api(kitchen: Kitchen) -> None:
    leader, owner, neighbour = (
        await kitchen.bearer("supervisor"),
        await kitchen.bearer("merchant"),
        await kitchen.bearer("neighbour"),
    )
    outage = {"kind": "platform", "from": "2026-11-18T02:00:00+08:00", "to": "2026-11-18T03:00:00+08:00", "reason": "升级"}
    assert (await owner.post("/api/v1/interruptions", json=outage)).status_code == 403
    told = await leader.post("/api/v1/interruptions", json=outage)
    assert (told.status_code, told.json()["counts"]) == (201, True)
    closure = {"kind": "closure", "from": "2026-11-25T00:00:00+08:00", "to": "2026-11-27T00:00:00+08:00", "reason": "休假"}
    mine = (await owner.post("/api/v1/interruptions", json=closure)).json()
    assert mine["merchant"] == MERCHANT
    listed = (await owner.get("/api/v1/interruptions?month=2026-11")).json()["items"]
    assert [item["kind"] for item in listed] == ["platform", "closure"]
    assert [item["kind"] for item in (await neighbour.get("/api/v1/interruptions")).json()["items"]] == ["platform"]
    path = f"/api/v1/interruptions/{mine['id']}/withdraw"
    assert (await neighbour.post(path, json={"reason": "x"})).status_code == 404
    assert (await owner.post(path, json={"reason": "改期"})).json()["counts"] is False
    assert (await owner.post(path, json={"reason": "改期"})).status_code == 409
    late = {**closure, "from": "2026-11-19T00:00:00+08:00", "to": "2026-11-19T12:00:00+08:00"}
    refused = await owner.post("/api/v1/interruptions", json=late)
    assert (refused.status_code, refused.json()["code"]) == (422, "E003")
