"""Every route of the OpenAPI document in every role: whom it lets in, whom it refuses, and what nobody else may know of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from casework.consequences.catalogue import MACHINES
from domain.parties import Role
from domain.time import format_instant
from tests.unit.casework.scene import quick_directory
from tests.unit.web.kitchen import MERCHANT, OTHER, envelope, photo
from tests.unit.web.world import ANYBODY, PEOPLE, STRANGERS, World, filled, parameters, sample
from web.answers import ANSWERS
from web.openapi import METHODS
from web.pages import ROUTERS as PAGES
from web.policy import POLICIES, Key

ENDLESS = "GET /api/v1/live"
"""A stream has no end; who may open it is tested in test_live.py."""
LEAVING = "DELETE /api/v1/session"
OPEN_PAGES = {"/manifest.webmanifest", "/sw.js", "/offline", "/favicon.ico", "/sign-in", "/"}
"""Pages that anybody may see: what makes the site installable, and the way in."""
PROBLEM_FIELDS = {"type", "title", "status", "code"}


@pytest.fixture(scope="module")
def world(database: Path) -> Iterator[World]:
    with quick_directory() as directory:
        made = World.made(database, directory / "site")
        yield made
        made.kitchen.close()


def document(world: World) -> dict[str, Any]:
    return dict(world.kitchen.app.openapi())


def operations(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every route."""
    for path, described in document(world)["paths"].items():
        for method in METHODS:
            if method in described:
                yield method.upper(), path, described[method]


def query(world: World, name: str) -> dict[str, str]:
    """What an address needs beside its path."""
    del world
    needs = {"GET /api/v1/public/rolls": {"month": "2026-11", "roll": "red"}, "GET /api/v1/public/draws": {"month": "2026-11"}}
    return needs.get(name, {})


def body(world: World, name: str, described: dict[str, Any]) -> dict[str, Any]:
    """How to send what a route takes: made from its schema, or written down where only a person knows what is sensible."""
    now = world.kitchen.clock()
    month = "2026-11"
    soon = format_instant(now + timedelta(hours=1))
    known: dict[str, Any] = {
        "POST /api/v1/session": {"user": "merchant", "password": "merchant-demo"},
        "POST /api/v1/observations": envelope(event_time=format_instant(now)),
        "POST /api/v1/merchants/{uscc}/registers/{register}": {"person": "E1", "issued_on": "2026-01-01"},
        "POST /api/v1/merchants/{uscc}/registers/{register}/import": {"person": "E1", "issued_on": "2026-01-01"},
        "POST /api/v1/warnings/{warning_id}/extend": {"until": format_instant(now + timedelta(hours=13))},
        "POST /api/v1/warnings/{warning_id}/control": {"until": format_instant(now + timedelta(days=3))},
        "POST /api/v1/assessments": {"scheme": "zhenhai", "month": month},
        "POST /api/v1/assessment-objections/{objection_id}/decide": {"upheld": False, "reason": "查无依据"},
        "POST /api/v1/facts": {"rows": []},
        "POST /api/v1/alerts/alertmanager": {"version": "4", "alerts": []},
        "POST /api/v1/silences": {"reason": "检修", "ends_at": soon, "name": "NoSuchAlert"},
        "POST /api/v1/interruptions": {
            "kind": "closure",
            "from": soon,
            "to": format_instant(now + timedelta(hours=2)),
            "reason": "店休",
            "uscc": MERCHANT,
        },
        "POST /api/v1/push/subscription": {
            "endpoint": "https://push.example.org/abc",
            "keys": {"p256dh": "B" * 87, "auth": "a" * 22},
        },
        "DELETE /api/v1/push/subscription": {"endpoint": "https://push.example.org/abc"},
        "POST /api/v1/merchants/{uscc}/credit/{what}": {"values": {"about": "food_quality", "text": "原料可溯"}},
        "POST /api/v1/regions/{region}/quotas": {"values": {"kind": "consumption", "month": "2026-12", "size": 5}},
    }
    content = described.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        return {"data": {"note": "done"}, "files": {"photos": ("a.jpg", photo(), "image/jpeg")}}
    if name in known:
        return {"json": known[name]}
    if "application/json" in content:
        schema = content["application/json"]["schema"]
        return {"json": sample(schema, document(world)["components"]["schemas"])}
    return {}


async def call(world: World, who: str, name: str, address: str, sent: dict[str, Any]) -> httpx.Response:
    method = name.partition(" ")[0]
    answer = await world.client(who).request(method, address, params=query(world, name), **sent)
    if answer.status_code >= 400 and name != "GET /readyz":
        assert answer.headers["content-type"] == "application/problem+json", (name, who, answer.text)
        assert set(answer.json()) >= PROBLEM_FIELDS, (name, who)
    return answer


def test_every_route_has_a_policy_and_every_policy_a_route(world: World) -> None:
    routes = {f"{method} {path}" for method, path, _ in operations(world)}
    assert routes - set(POLICIES) == set(), "declare whom these are for in web/policy.py"
    assert set(POLICIES) - routes == set(), "these routes are not there any more"
    assert set(ANSWERS) - routes == set(), "these routes are not there any more"


def test_the_document_says_of_every_route_how_one_signs_in_and_what_a_refusal_looks_like(world: World) -> None:
    described = document(world)
    schemes = described["components"]["securitySchemes"]
    for method, path, operation in operations(world):
        policy = POLICIES[f"{method} {path}"]
        named = {name for each in operation["security"] for name in each}
        assert named <= set(schemes), path
        assert bool(named) is not policy.public, path
        assert set(policy.keys) <= named, path
        assert operation["x-roles"], path
        assert "application/problem+json" in operation["responses"]["default"]["content"], path
        assert "422" not in operation["responses"], "the framework's own form of a refusal is not ours"
        assert operation.get("description"), path
    text = str(described)
    assert "HTTPValidationError" not in text
    for name in ANSWERS:
        method, _, path = name.partition(" ")
        responses = described["paths"][path][method.lower()]["responses"]
        assert any("$ref" in str(responses[code]) for code in responses if code.startswith("2")), name


async def test_each_route_lets_in_the_roles_of_its_policy_and_refuses_the_others(world: World) -> None:
    wrong = []
    for method, path, described in list(operations(world)):
        name = f"{method} {path}"
        if name in (ENDLESS, LEAVING):
            continue
        policy = POLICIES[name]
        let_in = {who for who, role in PEOPLE.items() if policy.public or role in policy.roles}
        address = filled(path, parameters(world, method, path))
        sent = body(world, name, described)
        for who in (ANYBODY, *(set(PEOPLE) - let_in)):
            answer = await call(world, who, name, address, sent)
            refusals = {401} if who == ANYBODY or not policy.roles else {403, 404}
            if (answer.status_code in refusals) is policy.public:
                wrong.append((name, who, answer.status_code, answer.text[:200]))
        for who in sorted(let_in):
            own = filled(path, parameters(world, method, path))
            answer = await call(world, who, name, own, sent)
            absent = "none" in own.split("/") and answer.status_code == 404  # there is no case of that kind yet
            if answer.status_code in (401, 403, 404, 405) and not absent and not _of_a_kind(name, answer):
                wrong.append((name, who, answer.status_code, answer.text[:200]))
            if answer.status_code >= 500 and name != "GET /readyz":
                wrong.append((name, who, answer.status_code, answer.text[:200]))
            if answer.is_success and name in ANSWERS:
                ANSWERS[name].model_validate(answer.json())
    assert not wrong, "\n".join(map(str, wrong))


def _of_a_kind(name: str, answer: httpx.Response) -> bool:
    """Whether the machine of a kind of case refused: which kinds a role may see or begin, its own policy says."""
    return name in OF_A_KIND and answer.status_code in (403, 404)


OF_A_KIND = {
    "GET /api/v1/credit/{kind}/{case_id}",
    "POST /api/v1/credit/{kind}/{case_id}/{verb}",
    "POST /api/v1/merchants/{uscc}/credit/{what}",
}


async def test_what_is_another_merchants_or_another_regions_is_not_there(world: World) -> None:
    wrong, tried = [], 0
    objects = (
        "{warning_id}",
        "{finding_id}",
        "{evidence_id}",
        "{deduction_id}",
        "{uscc}",
        "{objection_id}",
        "{case_id}",
        "{interruption_id}",
        "{operation_id}",
    )
    for method, path, described in list(operations(world)):
        name = f"{method} {path}"
        if not any(each in path for each in objects) or POLICIES[name].public:
            continue
        address = filled(path, parameters(world, method, path))
        sent = body(world, name, described)
        for who, role in STRANGERS.items():
            answer = await call(world, who, name, address, sent)
            tried += 1
            allowed = {404} if role in POLICIES[name].roles else {403, 404}
            if answer.status_code not in allowed:
                wrong.append((name, who, answer.status_code, answer.text[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    assert tried > 50, "the strangers have tried every object there is"


@pytest.mark.parametrize("kind", sorted(MACHINES))
async def test_of_every_kind_of_case_a_list_holds_only_what_its_reader_may_see(world: World, kind: str) -> None:
    for who, role in {**PEOPLE, **STRANGERS}.items():
        answer = await world.client(who).get(f"/api/v1/credit/{kind}")
        assert answer.status_code in (200, 403, 404), (who, answer.text)
        if not answer.is_success:
            continue
        page = ANSWERS["GET /api/v1/credit/{kind}"].model_validate(answer.json())
        for item in page.model_dump()["items"]:
            if item["merchant"] is not None and role is not Role.DEPARTMENT:
                expected = {"neighbour": {OTHER}, "faraway": {OTHER}, "supervisor": {MERCHANT, OTHER}}.get(who, {MERCHANT})
                assert item["merchant"] in expected, (who, item["id"])
    for who in (*PEOPLE, *STRANGERS):
        for verb in MACHINES[kind].life.who:
            answer = await world.client(who).post(f"/api/v1/credit/{kind}/nobody/{verb.value}", json={})
            assert answer.status_code in (403, 404), (who, verb, answer.text)
    anonymous = await world.client(ANYBODY).get(f"/api/v1/credit/{kind}")
    assert anonymous.status_code == 401


async def test_no_page_shows_anything_to_whoever_is_not_signed_in(world: World) -> None:
    client, seen = world.client(ANYBODY), 0
    for router in PAGES:
        for route in router.routes:
            path = str(getattr(route, "path", ""))
            methods: set[str] = getattr(route, "methods", set())
            if path in OPEN_PAGES:
                continue
            for method in methods - {"HEAD"}:
                answer = await client.request(method, path.replace("{", "").replace("}", ""))
                assert answer.status_code == 303, (method, path, answer.status_code)
                assert answer.headers["location"].startswith("/sign-in"), path
                seen += 1
    assert seen > 20


async def test_a_device_signs_in_with_its_own_password_where_its_key_is_named_and_nowhere_else(world: World) -> None:
    basic = httpx.BasicAuth("scl-0a1b2c3d", "scale-password")
    for method, path, described in list(operations(world)):
        name = f"{method} {path}"
        if POLICIES[name].public or name == ENDLESS:
            continue
        address = filled(path, parameters(world, method, path))
        sent = {} if "multipart/form-data" in str(described.get("requestBody")) else body(world, name, described)
        answer = await world.client(ANYBODY).request(method, address, auth=basic, params=query(world, name), **sent)
        assert (answer.status_code == 401) is (Key.DEVICE not in POLICIES[name].keys), (name, answer.status_code)
