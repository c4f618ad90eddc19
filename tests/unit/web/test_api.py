"""The API as others build on it: fields, statuses, who may see and do what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import BadInput, Code
from domain.events import DeadLetter
from domain.parties import Actor
from domain.time import parse_instant
from tests.unit.web.kitchen import MERCHANT, OTHER, PASSWORDS, START, Kitchen, photo
from web import WebSettings
from web.problems import problem_of
from web.reading import waiting_findings

LIST_FIELDS = {
    "id",
    "merchant",
    "level",
    "violation_code",
    "class",
    "state",
    "raised_at",
    "notified_at",
    "rectify_by",
    "close_by",
    "evidence",
    "why",
}


async def test_a_session_gives_a_cookie_and_a_token_and_ends_when_it_is_deleted(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        answer = await client.post("/api/v1/session", json={"user": "merchant", "password": PASSWORDS["merchant"]})
        assert answer.status_code == 201
        token, csrf = answer.json()["token"], answer.json()["csrf"]
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert len(token) >= 43, "256 bits in base64url"
        assert (await client.get("/api/v1/session")).json()["login"] == "merchant"
        assert (await client.delete("/api/v1/session", headers={"X-CSRF-Token": csrf})).status_code == 204
        assert (await client.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"})).status_code == 401


async def test_the_store_keeps_no_token(kitchen: Kitchen) -> None:
    token = await kitchen.token("merchant")
    assert token.encode() not in (kitchen.directory / "kitchen.db").read_bytes()


@pytest.mark.parametrize(
    ("user", "password"),
    [("merchant", "wrong"), ("nobody", "merchant-demo"), ("MERCHANT ", "merchant-demo")],
    ids=["a wrong password", "an unknown login", "a login with a space"],
)
async def test_a_refused_sign_in_does_not_say_what_was_wrong(kitchen: Kitchen, user: str, password: str) -> None:
    async with kitchen.client() as client:
        answer = await client.post("/api/v1/session", json={"user": user, "password": password})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "SIGN_IN_REFUSED"


async def test_after_five_failures_even_the_right_password_waits_until_the_window_has_passed(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        for _ in range(5):
            assert (await client.post("/api/v1/session", json={"user": "merchant", "password": "no"})).status_code == 401
        right = {"user": "merchant", "password": PASSWORDS["merchant"]}
        limited = await client.post("/api/v1/session", json=right)
        assert limited.status_code == 429
        assert int(limited.headers["retry-after"]) <= 301
        kitchen.clock.forward(minutes=5, seconds=1)
        assert (await client.post("/api/v1/session", json=right)).status_code == 201


async def test_invented_logins_sent_all_at_once_are_not_all_tried(database: Path, tmp_path: Path) -> None:
    settings = WebSettings(address_attempts=5, sign_ins_at_once=2)
    kitchen = Kitchen.copied(database, tmp_path / "site", settings=settings)
    async with kitchen.client() as client:

        async def attempt(path: str, login: str) -> int:
            said = {"user": login, "password": "merchant-demo"}
            by_api = path.startswith("/api")
            answer = await client.post(path, json=said if by_api else None, data=None if by_api else said)
            return answer.status_code

        paths = ("/api/v1/session", "/sign-in")
        answers = await asyncio.gather(*(attempt(paths[number % 2], f"login-{number}") for number in range(40)))
        assert 5 <= answers.count(401) <= 6, "the limit, and what was being checked beside the last of them"
        assert answers.count(429) == 40 - answers.count(401)
        assert await attempt("/api/v1/session", "merchant") == 429
        kitchen.clock.forward(minutes=5, seconds=1)
        assert await attempt("/api/v1/session", "merchant") == 201
    kitchen.close()


async def test_sign_ins_that_wait_keep_nobody_else_waiting(kitchen: Kitchen) -> None:
    reader = await kitchen.bearer("merchant")
    slots = kitchen.app.state.parts.sign_in_slots
    for _ in range(kitchen.settings.sign_ins_at_once):
        await slots.acquire()
    async with kitchen.client() as client:
        said = {"user": "merchant", "password": PASSWORDS["merchant"]}
        waiting = [asyncio.create_task(client.post("/api/v1/session", json=said)) for _ in range(60)]
        assert (await asyncio.wait_for(reader.get("/api/v1/warnings"), 10)).status_code == 200
        assert not any(task.done() for task in waiting)
        for _ in range(kitchen.settings.sign_ins_at_once):
            slots.release()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {201}


async def test_a_session_is_over_after_its_length(kitchen: Kitchen) -> None:
    client = await kitchen.bearer("merchant")
    kitchen.clock.forward(days=6, hours=23)
    assert (await client.get("/api/v1/warnings")).status_code == 200
    kitchen.clock.forward(hours=2)
    assert (await client.get("/api/v1/warnings")).json()["code"] == "NOT_SIGNED_IN"


async def test_a_cookie_alone_changes_nothing(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    async with kitchen.client() as client:
        signed = await client.post("/api/v1/session", json={"user": "merchant", "password": PASSWORDS["merchant"]})
        refused = await client.post(f"/api/v1/warnings/{warning}/acknowledge", json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "CSRF")
        wrong = await client.post(f"/api/v1/warnings/{warning}/acknowledge", json={}, headers={"X-CSRF-Token": "x"})
        assert wrong.status_code == 403
        right = {"X-CSRF-Token": signed.json()["csrf"]}
        assert (await client.post(f"/api/v1/warnings/{warning}/acknowledge", json={}, headers=right)).status_code == 200


async def test_a_sign_in_sent_by_another_site_is_refused(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        answer = await client.post(
            "/sign-in",
            data={"user": "merchant", "password": PASSWORDS["merchant"]},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_the_list_has_the_fields_others_rely_on(kitchen: Kitchen) -> None:
    kitchen.raise_camera()
    client = await kitchen.bearer("inspector")
    answer = (await client.get("/api/v1/warnings", params={"state": "open", "merchant": "", "level": ""})).json()
    assert set(answer) == {"items", "next"}
    (item,) = answer["items"]
    assert set(item) >= LIST_FIELDS
    assert set(item["evidence"][0]) >= {"id", "url", "sha256", "kind"}
    assert item["close_by"].endswith("+08:00")
    assert (parse_instant(item["close_by"], "close_by") - START).total_seconds() == 24 * 3600
    detail = (await client.get(f"/api/v1/warnings/{item['id']}")).json()
    assert [step["to"] for step in detail["history"]] == ["raised"], "an inspector's look is no delivery"


async def test_the_cursor_walks_through_every_warning_once(kitchen: Kitchen) -> None:
    raised = {kitchen.raise_expired(lot=f"L{number}") for number in range(5)}
    client = await kitchen.bearer("inspector")
    seen, cursor = [], ""
    while True:
        page = (await client.get("/api/v1/warnings", params={"limit": 2, "cursor": cursor})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert len(seen) == 5
    assert set(seen) == raised


async def test_a_filter_that_does_not_exist_is_refused(kitchen: Kitchen) -> None:
    client = await kitchen.bearer("inspector")
    for query in ("state=opened", "level=pink"):
        answer = await client.get(f"/api/v1/warnings?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "E003"), query


async def test_the_whole_life_over_the_api(kitchen: Kitchen) -> None:
    warning = kitchen.raise_expired()
    merchant, inspector = await kitchen.bearer("merchant"), await kitchen.bearer("inspector")
    seen = (await merchant.get(f"/api/v1/warnings/{warning}")).json()
    assert seen["state"] == "notified", "its merchant's opening it is delivery"
    assert seen["rectify_by"] == "2026-11-20T13:00:00.000+08:00"
    assert (await merchant.post(f"/api/v1/warnings/{warning}/acknowledge", json={})).json()["state"] == "acknowledged"
    assert (await merchant.post(f"/api/v1/warnings/{warning}/start", json={})).json()["state"] == "rectifying"
    kitchen.clock.forward(minutes=30)
    without = await merchant.post(f"/api/v1/warnings/{warning}/submit", data={"note": "done"})
    assert (without.status_code, without.json()["code"]) == (422, "E003")
    files = [("photos", ("a.jpg", photo(), "image/jpeg")), ("photos", ("b.jpg", photo(colour="#fff"), "image/jpeg"))]
    submitted = (await merchant.post(f"/api/v1/warnings/{warning}/submit", data={"note": "已下架"}, files=files)).json()
    assert submitted["state"] == "submitted"
    assert [item["kind"] for item in submitted["evidence"]].count("photo") == 2
    own = await merchant.post(f"/api/v1/warnings/{warning}/verify", json={"ok": True, "note": ""})
    assert (own.status_code, own.json()["code"]) == (403, "FORBIDDEN"), "nobody verifies what they submitted"
    closed = (await inspector.post(f"/api/v1/warnings/{warning}/verify", json={"ok": True, "note": "看过"})).json()
    assert (closed["state"], closed["disposition"]) == ("closed", "verified")
    again = await inspector.post(f"/api/v1/warnings/{warning}/dismiss", json={"reason": "late"})
    assert (again.status_code, again.json()["code"]) == (409, "ILLEGAL_TRANSITION")
    score = (await merchant.get(f"/api/v1/merchants/{MERCHANT}/score")).json()
    assert (score["score"], score["score_if_confirmed"], score["grade"], score["month"]) == (100, 85, "blue", "2026-11")
    (entry,) = (await merchant.get(f"/api/v1/merchants/{MERCHANT}/deductions")).json()["items"]
    assert {"id", "warning", "violation_code", "points", "state", "why"} <= set(entry)
    assert (entry["points"], entry["state"], entry["warning"]) == (15, "proposed", warning)


async def test_a_deduction_is_final_only_after_the_objection_window_and_by_an_official(kitchen: Kitchen) -> None:
    warning = kitchen.raise_expired()
    inspector, merchant = await kitchen.bearer("inspector"), await kitchen.bearer("merchant")
    await inspector.post(f"/api/v1/warnings/{warning}/file_case", json={"reason": "立案调查"})
    (entry,) = (await merchant.get(f"/api/v1/merchants/{MERCHANT}/deductions")).json()["items"]
    path = f"/api/v1/deductions/{entry['id']}"
    early = await inspector.post(f"{path}/confirm")
    assert (early.status_code, early.json()["code"]) == (409, "ILLEGAL_TRANSITION")
    assert (await merchant.post(f"{path}/confirm")).status_code == 403
    assert (await merchant.post(f"{path}/object", json={"note": ""})).status_code == 422, "an objection says why"
    assert (await merchant.post(f"{path}/object", json={"note": "标签贴错"})).json()["state"] == "objected"
    kitchen.clock.forward(days=6)
    supervisor = await kitchen.bearer("supervisor")
    assert (await supervisor.post(f"{path}/confirm", json={"note": "异议不成立"})).json()["state"] == "final"
    merchant = await kitchen.bearer("merchant")
    assert (await merchant.get(f"/api/v1/merchants/{MERCHANT}/score?month=2026-11")).json()["score"] == 85


FOREIGN = (
    ("GET", "/api/v1/warnings/{warning}"),
    ("POST", "/api/v1/warnings/{warning}/acknowledge"),
    ("POST", "/api/v1/warnings/{warning}/submit"),
    ("GET", "/api/v1/evidence/{evidence}"),
    ("GET", "/api/v1/merchants/{merchant}/score"),
    ("GET", "/api/v1/merchants/{merchant}/deductions"),
    ("GET", "/warnings/{warning}"),
    ("GET", "/fragments/warnings/{warning}"),
    ("GET", "/merchants/{merchant}"),
)


@pytest.mark.parametrize("login", ["neighbour", "faraway"])
@pytest.mark.parametrize(("method", "path"), FOREIGN)
async def test_what_one_may_not_know_of_is_not_found(kitchen: Kitchen, login: str, method: str, path: str) -> None:
    warning = kitchen.raise_camera()
    with kitchen.store.reading() as uow:
        evidence = uow.evidence.of(warning)[0].id
    address = path.format(warning=warning, evidence=evidence, merchant=MERCHANT)
    client = await kitchen.bearer(login)
    answer = await client.request(method, address)
    assert answer.status_code == 404, answer.text
    client = await kitchen.bearer("inspector")
    seen = await client.request(method, address)
    assert seen.status_code in (200, 403, 422), "the same address exists for those who may know of it"


async def test_a_list_holds_only_what_the_reader_may_see(kitchen: Kitchen) -> None:
    own, other = kitchen.raise_camera(), kitchen.raise_expired(uscc=OTHER)
    expected = {"merchant": {own}, "inspector": {own}, "neighbour": {other}, "faraway": {other}, "supervisor": {own, other}}
    for login, ids in expected.items():
        client = await kitchen.bearer(login)
        items = (await client.get("/api/v1/warnings")).json()["items"]
        assert {item["id"] for item in items} == ids, login
    client = await kitchen.bearer("merchant")
    assert (await client.get("/api/v1/warnings", params={"merchant": OTHER})).json()["items"] == []


async def test_evidence_comes_with_its_type_and_is_not_sent_twice(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    client = await kitchen.bearer("merchant")
    (item,) = (await client.get(f"/api/v1/warnings/{warning}")).json()["evidence"]
    answer = await client.get(item["url"])
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.startswith(b"\xff\xd8")
    assert (await client.get(item["url"], headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
    async with kitchen.client() as stranger:
        assert (await stranger.get(item["url"])).status_code == 401


async def test_a_photo_that_is_none_is_refused(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    client = await kitchen.bearer("merchant")
    files = {"photos": ("evil.jpg", b"<script>alert(1)</script>", "image/jpeg")}
    answer = await client.post(f"/api/v1/warnings/{warning}/submit", data={"note": ""}, files=files)
    assert (answer.status_code, answer.json()["code"]) == (400, "E001")
    assert (await client.get(f"/api/v1/warnings/{warning}")).json()["state"] == "notified"


async def test_the_same_submission_told_twice_counts_once(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    client = await kitchen.bearer("merchant")
    page = (await client.get(f"/warnings/{warning}")).text
    assert 'name="token"' in page
    files = {"photos": ("a.jpg", photo(), "image/jpeg")}
    for _ in range(2):
        await client.post(f"/warnings/{warning}/submit", data={"note": "", "token": "one-token"}, files=files)
    detail = (await client.get(f"/api/v1/warnings/{warning}")).json()
    assert [step["to"] for step in detail["history"]].count("submitted") == 1


async def test_the_review_queue_is_for_officials_and_confirming_raises(kitchen: Kitchen) -> None:
    kitchen.raise_camera(class_="no_hat", automatic=False)
    merchant, inspector = await kitchen.bearer("merchant"), await kitchen.bearer("inspector")
    assert (await merchant.get("/api/v1/findings", params={"state": "review"})).status_code == 403
    (finding,) = (await inspector.get("/api/v1/findings", params={"state": "review"})).json()["items"]
    assert (await inspector.get(finding["evidence"][0]["url"])).headers["content-type"] == "image/jpeg"
    faraway = await kitchen.bearer("faraway")
    assert (await faraway.post(f"/api/v1/findings/{finding['id']}/confirm")).status_code == 404
    assert (await inspector.post(f"/api/v1/findings/{finding['id']}/confirm")).json()["state"] == "raised"
    assert len((await merchant.get("/api/v1/warnings")).json()["items"]) == 1


@pytest.mark.parametrize("how", ["token", "Idempotency-Key"])
async def test_a_program_too_may_tell_the_same_submission_twice(kitchen: Kitchen, how: str) -> None:
    warning = kitchen.raise_camera()
    client = await kitchen.bearer("merchant")

    async def submit(name: str) -> tuple[int, dict[str, object]]:
        files = {"photos": ("a.jpg", photo(), "image/jpeg")}
        data: dict[str, str] = {"note": "done"}
        headers: dict[str, str] = {}
        (data if how == "token" else headers)[how] = name
        answer = await client.post(f"/api/v1/warnings/{warning}/submit", files=files, data=data, headers=headers)
        return answer.status_code, answer.json()

    first = await submit("one")
    assert first[0] == 200
    assert await submit("one") == first
    assert (await submit("two"))[1]["code"] == "ILLEGAL_TRANSITION"
    detail = (await client.get(f"/api/v1/warnings/{warning}")).json()
    assert [step["to"] for step in detail["history"]].count("submitted") == 1


@pytest.mark.parametrize(("path", "status"), [("/api/v1/warnings/{}/submit", 401), ("/warnings/{}/submit", 303)])
async def test_nothing_is_read_of_the_photos_of_somebody_who_is_not_signed_in(kitchen: Kitchen, path: str, status: int) -> None:
    warning = kitchen.raise_camera()
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a.jpg"\r\n\r\n'
        for number in range(1000):
            read.append(number)
            yield b"\0" * 65536

    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for more in ({}, {"Authorization": "Bearer none"}, {"Cookie": "kitchen_session=none"}):
        async with kitchen.client() as client:
            answer = await client.post(path.format(warning), content=endless(), headers=form | more)
        assert (answer.status_code, len(read)) == (status, 0)
    client = await kitchen.bearer("merchant")
    too_much = await client.post(path.format(warning), content=endless(), headers=form)
    assert too_much.status_code == 413
    assert len(read) * 65536 <= 64 * 1024 * 1024, "six photos of ten megabytes, and a little"


async def test_a_method_that_nobody_knows_is_no_label_of_its_own(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        for method in ("GET", "BREW", "WHEN"):
            await client.request(method, "/healthz")
        numbers = (await client.get("/metrics")).text
    assert 'method="GET",route="/healthz"' in numbers
    assert 'method="other",route="/healthz"' in numbers
    assert "BREW" not in numbers


async def test_a_full_queue_of_another_region_hides_nothing(kitchen: Kitchen) -> None:
    for second in range(4):
        kitchen.clock.forward(seconds=second)
        kitchen.raise_camera(uscc=OTHER, class_="no_hat", automatic=False)
    late = kitchen.raise_camera(class_="no_hat", automatic=False)
    kitchen.clock.forward(seconds=1)
    urgent = kitchen.raise_camera(class_="rodent", automatic=False)  # a serious one is due earlier than one seen before it
    with kitchen.store.reading() as uow:
        users = {user.login: Actor.of(user) for user in uow.users.list()}
    assert [item.finding.id for item in waiting_findings(kitchen.store, users["inspector"], limit=2)] == [urgent, late]
    assert [item.finding.id for item in waiting_findings(kitchen.store, users["inspector"], limit=1)] == [urgent]
    assert [item.id for item in kitchen.office.review_queue(users["inspector"], limit=2)] == [urgent, late]
    assert len(waiting_findings(kitchen.store, users["supervisor"])) == 6
    assert waiting_findings(kitchen.store, replace(users["inspector"], region=None)) == []


async def test_many_refused_messages_of_another_region_hide_nothing(kitchen: Kitchen) -> None:
    now = kitchen.clock()
    for number, uscc in enumerate((MERCHANT, "", "nobody", OTHER, OTHER, OTHER, OTHER)):
        at = now + timedelta(seconds=number)
        letter = DeadLetter(key=f"{number}", source="http", code="E050", reason="x", received_at=at, raw=b"x", uscc=uscc)
        kitchen.office.take_dead_letter(letter, at)
    inspector = await kitchen.bearer("inspector")
    items = (await inspector.get("/api/v1/dead-letters", params={"limit": 3})).json()["items"]
    assert [item["key"] for item in items] == ["2", "1", "0"]
    faraway = await kitchen.bearer("faraway")
    assert len((await faraway.get("/api/v1/dead-letters")).json()["items"]) == 6


async def test_a_rodent_needs_two_persons(kitchen: Kitchen) -> None:
    finding = kitchen.raise_camera(class_="rodent", automatic=False)
    inspector, supervisor = await kitchen.bearer("inspector"), await kitchen.bearer("supervisor")
    assert (await inspector.post(f"/api/v1/findings/{finding}/confirm")).json()["state"] == "review"
    (item,) = (await supervisor.get("/api/v1/findings")).json()["items"]
    assert item["confirmed_once"] is True
    assert item["review_by"] > item["detected_at"]
    assert (await supervisor.post(f"/api/v1/findings/{finding}/confirm")).json()["state"] == "raised"


async def test_a_push_subscription_belongs_to_whoever_made_it(kitchen: Kitchen) -> None:
    keys = {"p256dh": "B" * 87, "auth": "a" * 22}
    wire = {"endpoint": "https://push.example.org/abc", "expirationTime": None, "keys": keys}
    merchant, inspector = await kitchen.bearer("merchant"), await kitchen.bearer("inspector")
    assert (await merchant.get("/api/v1/push/key")).status_code == 404, "this site has no Web Push"
    assert (await merchant.post("/api/v1/push/subscription", json=wire)).status_code == 201
    assert (await merchant.post("/api/v1/push/subscription", json=wire)).status_code == 201
    assert len((await merchant.get("/api/v1/push/subscription")).json()["items"]) == 1
    gone = {"endpoint": wire["endpoint"]}
    assert (await inspector.request("DELETE", "/api/v1/push/subscription", json=gone)).status_code == 204
    assert len((await merchant.get("/api/v1/push/subscription")).json()["items"]) == 1
    assert (await merchant.request("DELETE", "/api/v1/push/subscription", json=gone)).status_code == 204
    assert (await merchant.get("/api/v1/push/subscription")).json()["items"] == []
    inward = {**wire, "endpoint": "http://127.0.0.1/hook"}
    assert (await merchant.post("/api/v1/push/subscription", json=inward)).json()["code"] == "E003"


async def test_health_readiness_metrics_and_openapi_answer_without_a_session(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        assert (await client.get("/healthz")).json() == {"status": "ok", "now": "2026-11-20T11:00:00.000+08:00"}
        ready = await client.get("/readyz")
        assert ready.status_code == 503, "nothing listens where Redis should be"
        assert ready.json() == {"status": "not ready", "checks": {"database": "ok", "redis": "unavailable"}}, "and not why"
        await client.get("/api/v1/warnings/one")
        numbers = (await client.get("/metrics")).text
        assert 'kitchen_web_requests_total{method="GET",route="/api/v1/warnings/{warning_id}",status="401"}' in numbers
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert {
        "/api/v1/session",
        "/api/v1/observations",
        "/api/v1/warnings",
        "/api/v1/warnings/{warning_id}/submit",
        "/api/v1/live",
    } <= set(paths)


async def test_problems_have_a_code_and_pages_have_words(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        problem = await client.get("/api/v1/nothing")
        assert (problem.status_code, problem.json()["code"]) == (404, "NOT_FOUND")
        assert problem.headers["content-type"] == "application/problem+json"
        page = await client.get("/nothing")
        assert page.status_code == 404
        assert "没有找到" in page.text
        invalid = await client.post("/api/v1/session", json={"user": "x"})
        assert (invalid.status_code, invalid.json()["code"]) == (422, "INVALID_REQUEST")
        large = await client.post("/api/v1/session", content=b"x" * 1_100_000)
        assert (large.status_code, large.json()["code"]) == (413, "TOO_LARGE")


def test_a_code_that_only_flags_a_device_refuses_a_person() -> None:
    """E060: a finding without evidence is stored when told, and cannot be confirmed (domain.md E.4)."""
    assert problem_of(BadInput(Code.SNAPSHOT_MISMATCH, "no evidence")).status == 422
    assert problem_of(BadInput(Code.USCC_UNKNOWN, "unknown")).status == 404
