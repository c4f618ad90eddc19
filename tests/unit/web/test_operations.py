"""Alerts of a real Alertmanager open and close operational warnings; silences hold back their pushes, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.events import EventName, Lane, PushSubscription
from domain.time import format_instant, parse_instant
from tests.unit.web.kitchen import CAMERA, MERCHANT, START, Kitchen

TOKEN = "monitoring-token-of-this-site"
PATH = "/api/v1/alerts/alertmanager"


@pytest.fixture
def watched(kitchen: Kitchen) -> Kitchen:
    """A site whose monitoring system has a token, and whose supervisor has a phone."""
    parts = kitchen.app.state.parts
    kitchen.app.state.parts = replace(parts, settings=replace(parts.settings, monitoring_token=TOKEN))
    with kitchen.store.writing() as uow:
        for login in ("supervisor", "inspector"):
            found = uow.users.by_login(login)
            assert found is not None
            endpoint = f"https://push.example.org/{login}"
            phone = PushSubscription(id=login, user_id=found[0].id, endpoint=endpoint, p256dh="p", auth="a", created_at=START)
            uow.push_subscriptions.put(phone)
        uow.commit()
    return kitchen


def message(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    """What Alertmanager 0.28 posts to a webhook receiver, as it posts it."""
    return {
        "receiver": "kitchen",
        "status": status,
        "alerts": list(alerts),
        "groupLabels": {"alertname": "CameraBlurred"},
        "commonLabels": {"alertname": "CameraBlurred", "job": "kitchen", "severity": "warning"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="CameraBlurred"}',
        "truncatedAlerts": 0,
    }


def alert(status: str = "firing", **changes: Any) -> dict[str, Any]:
    """One alert of it; Go writes no end as the year 1, and nanoseconds where it has them."""
    known = {
        "status": status,
        "labels": {"alertname": "CameraBlurred", "device": CAMERA, "instance": "10.0.0.7:9100", "severity": "warning"},
        "annotations": {"summary": "The picture has been blurred for ten minutes."},
        "startsAt": "2026-11-20T02:59:10.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-20T03:05:10.123456789Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=kitchen_camera_blur+%3E+0.5&g0.tab=1",
        "fingerprint": "5ef77f1f8a3ecf8d",
    }
    return {**known, **changes}


async def tell(kitchen: Kitchen, *alerts: dict[str, Any], token: str = TOKEN) -> httpx.Response:
    async with kitchen.client() as client:
        return await client.post(PATH, json=message(*alerts), headers={"Authorization": f"Bearer {token}"})


async def effects(kitchen: Kitchen, *alerts: dict[str, Any]) -> dict[str, int]:
    answer = await tell(kitchen, *alerts)
    assert answer.status_code == 200, answer.text
    return {effect: count for effect, count in answer.json().items() if count}


def pushes(kitchen: Kitchen, name: EventName = EventName.OPERATION_OPENED) -> list[str]:
    """Whom pushes of an event wait for."""
    later = kitchen.clock() + timedelta(days=400)
    with kitchen.store.writing() as uow:
        found = uow.outbox.claim(later, lanes=[Lane.NOTIFY], limit=1000, lease_until=kitchen.clock())
    return sorted(each.recipient for each in found if each.key.startswith(name.value))


async def test_what_fires_opens_once_and_what_is_resolved_closes(watched: Kitchen) -> None:
    assert await effects(watched, alert()) == {"opened": 1}
    assert await effects(watched, alert()) == {"attached": 1}
    supervisor = await watched.bearer("supervisor")
    (item,) = (await supervisor.get("/api/v1/operations", params={"state": "open"})).json()["items"]
    assert (item["merchant"], item["device_id"], item["times"]) == (MERCHANT, CAMERA, 2)
    assert item["began_at"] == "2026-11-20T10:59:10.123+08:00"
    assert pushes(watched) == ["inspector", "supervisor"], "one push for all the times it was told"
    assert await effects(watched, alert("resolved")) == {"closed": 1}
    assert await effects(watched, alert("resolved"), alert()) == {"ignored": 2}, "what comes late opens nothing"
    again = alert(startsAt="2026-11-20T03:10:00Z")
    assert await effects(watched, again) == {"opened": 1}, "the same alert, another time"
    assert len((await supervisor.get("/api/v1/operations")).json()["items"]) == 2
    with watched.store.reading() as uow:
        states = [step.to_state for step in uow.audit.of("operation", item["id"])]
        assert uow.audit.verify()
    assert states == ["open", "closed"]


async def test_it_never_touches_the_merchant_and_two_subjects_are_two(watched: Kitchen) -> None:
    other = alert(fingerprint="00aa", labels={"alertname": "DiskFull", "severity": "critical"})
    silent = alert(fingerprint="00bb", labels={"alertname": "KitchenDeadMan", "severity": "none"})
    assert await effects(watched, alert(), other, silent) == {"opened": 2, "ignored": 1}
    merchant, inspector = await watched.bearer("merchant"), await watched.bearer("inspector")
    assert (await merchant.get("/api/v1/warnings")).json()["items"] == []
    assert (await merchant.get("/api/v1/operations")).status_code == 403
    shown = (await inspector.get("/api/v1/operations")).json()["items"]
    assert [item["name"] for item in shown] == ["CameraBlurred"], "the disk is nobody's region"
    supervisor = await watched.bearer("supervisor")
    assert len((await supervisor.get("/api/v1/operations")).json()["items"]) == 2
    first = (await supervisor.get("/api/v1/operations", params={"limit": 1})).json()
    second = (await supervisor.get("/api/v1/operations", params={"limit": 1, "cursor": first["next"]})).json()
    assert {first["items"][0]["name"], second["items"][0]["name"]} == {"CameraBlurred", "DiskFull"}
    assert second["next"] is None


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        ({"version": "3", "alerts": []}, 422, "another version"),
        ({"version": "4", "alerts": [{"status": "firing"}]}, 422, "an alert without a fingerprint"),
        ({"version": "4", "alerts": []}, 200, "nothing to do"),
    ],
)
async def test_a_message_of_another_shape_is_refused_as_a_whole(
    watched: Kitchen, sent: dict[str, Any], status: int, why: str
) -> None:
    async with watched.client() as client:
        answer = await client.post(PATH, json=sent, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == status, why


async def test_only_the_monitoring_token_lets_in(watched: Kitchen, kitchen: Kitchen) -> None:
    assert (await tell(watched, alert(), token="another")).status_code == 401
    assert (await tell(watched, alert(), token=await watched.token("supervisor"))).status_code == 401
    kitchen.app.state.parts = replace(
        kitchen.app.state.parts, settings=replace(kitchen.app.state.parts.settings, monitoring_token="")
    )
    assert (await tell(kitchen, alert(), token="")).status_code == 503


async def silence(kitchen: Kitchen, key: str = "", **said: Any) -> httpx.Response:
    supervisor = await kitchen.bearer("supervisor")
    body = {"reason": "更换镜头", "ends_at": format_instant(kitchen.clock() + timedelta(hours=1)), **said}
    return await supervisor.post("/api/v1/silences", json=body, headers={"Idempotency-Key": key} if key else {})


async def test_a_silence_holds_back_the_push_until_it_ends_and_then_it_is_told(watched: Kitchen) -> None:
    made = await silence(watched, "once", device_id=CAMERA, kind="maintenance")
    assert made.status_code == 201
    assert (await silence(watched, "once", device_id=CAMERA, kind="maintenance")).json()["id"] == made.json()["id"]
    assert await effects(watched, alert()) == {"opened": 1}
    assert pushes(watched) == []
    supervisor = await watched.bearer("supervisor")
    (item,) = (await supervisor.get("/api/v1/operations")).json()["items"]
    assert item["silenced_by"] == made.json()["id"], "it is shown all the same"
    watched.clock.forward(hours=1)
    assert await effects(watched, alert()) == {"attached": 1}
    assert pushes(watched) == ["inspector", "supervisor"], "its end is exclusive: from then on people are told"
    with watched.store.reading() as uow:
        (step,) = uow.audit.of("silence", made.json()["id"])
    assert (step.actor_role, step.reason) == ("supervisor", "更换镜头")


async def test_no_silence_holds_back_a_warning_about_a_merchant(watched: Kitchen) -> None:
    assert (await silence(watched, device_id=CAMERA)).status_code == 201
    assert (await silence(watched)).status_code == 201, "one without any filter"
    watched.raise_camera()
    assert pushes(watched, EventName.WARNING_RAISED) == ["inspector"], "a red warning is never silenced"
    watched.raise_camera(class_="bin_uncovered", zone="store")
    assert len(pushes(watched, EventName.WARNING_RAISED)) == 2, "nor is an ordinary one"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"reason": " "}, "without a reason"),
        ({"ends_at": format_instant(START)}, "that is over"),
        ({"ends_at": format_instant(START + timedelta(days=31))}, "without an end in sight"),
    ],
)
async def test_a_silence_has_a_reason_and_an_end(watched: Kitchen, said: dict[str, Any], why: str) -> None:
    assert (await silence(watched, **said)).status_code == 422, why


async def test_whoever_changes_what_somebody_else_has_changed_is_told(watched: Kitchen) -> None:
    await effects(watched, alert())
    supervisor = await watched.bearer("supervisor")
    (item,) = (await supervisor.get("/api/v1/operations")).json()["items"]
    path = f"/api/v1/operations/{item['id']}"
    seen = (await supervisor.get(path)).headers["etag"]
    assert seen == '"1"'
    await effects(watched, alert())
    late = await supervisor.post(f"{path}/close", json={"reason": "已修好"}, headers={"If-Match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "PRECONDITION_FAILED")
    wrong = await supervisor.post(f"{path}/close", json={"reason": "已修好"}, headers={"If-Match": "W/xyz"})
    assert wrong.status_code == 412
    closed = await supervisor.post(f"{path}/close", json={"reason": "已修好"}, headers={"If-Match": '"2"'})
    assert (closed.status_code, closed.headers["etag"], closed.json()["state"]) == (200, '"3"', "closed")
    assert (await supervisor.post(f"{path}/close", json={"reason": "再关一次"})).status_code == 409
    assert await effects(watched, alert()) == {"ignored": 1}, "what a person closed stays closed while the same thing lasts"


async def test_only_a_supervisor_silences_and_ends_it_before_its_time(watched: Kitchen) -> None:
    made = (await silence(watched, name="CameraBlurred")).json()
    inspector, supervisor = await watched.bearer("inspector"), await watched.bearer("supervisor")
    body = {"reason": "不想听", "ends_at": format_instant(watched.clock() + timedelta(hours=1))}
    assert (await inspector.post("/api/v1/silences", json=body)).status_code == 403
    assert (await inspector.post(f"/api/v1/silences/{made['id']}/end")).status_code == 403
    watched.clock.forward(minutes=1)
    ended = (await supervisor.post(f"/api/v1/silences/{made['id']}/end", headers={"If-Match": '"1"'})).json()
    assert (ended["active"], parse_instant(ended["ends_at"], "x")) == (False, watched.clock())
    assert (await supervisor.post(f"/api/v1/silences/{made['id']}/end")).status_code == 409
    assert await effects(watched, alert()) == {"opened": 1}
    assert pushes(watched) == ["inspector", "supervisor"]


async def test_the_page_shows_what_is_wrong_and_a_supervisor_silences_there(watched: Kitchen) -> None:
    await effects(watched, alert())
    supervisor, inspector = await watched.bearer("supervisor"), await watched.bearer("inspector")
    page = (await supervisor.get("/operations")).text
    assert "CameraBlurred" in page
    assert 'action="/silences"' in page
    assert 'action="/silences"' not in (await inspector.get("/operations")).text
    sent = await supervisor.post("/silences", data={"kind": "maintenance", "reason": "检修", "hours": "4"})
    assert sent.status_code == 303
    assert "检修" in (await inspector.get("/operations", params={"lang": "zh"})).text
    english = (await inspector.get("/operations", params={"lang": "en"})).text
    assert "Operational warnings" in english
    assert (await (await watched.bearer("merchant")).get("/operations")).status_code == 403
