"""Observations over HTTP: every row of the table of bad input that HTTP can meet, batches, senders, repetition."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from devices.payloads import signed
from domain.errors import Unavailable
from domain.observations import parse_envelope
from domain.time import format_instant
from tests.unit.web.kitchen import (
    CAMERA,
    DEVICE_PASSWORDS,
    OTHER,
    OTHER_SCALE,
    SCALE,
    START,
    Kitchen,
    envelope,
)


def basic(device: str = SCALE, password: str | None = None) -> dict[str, str]:
    said = f"{device}:{password if password is not None else DEVICE_PASSWORDS[device]}"
    return {"Authorization": "Basic " + base64.b64encode(said.encode()).decode()}


async def post(kitchen: Kitchen, content: Any, headers: dict[str, str] | None = None) -> Any:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    async with kitchen.client() as client:
        return await client.post("/api/v1/observations", content=raw, headers=headers or basic())


async def test_a_device_with_its_password_is_believed(kitchen: Kitchen) -> None:
    answer = await post(kitchen, envelope())
    assert answer.status_code == 200
    assert answer.json()["result"] == "accepted"
    (kept,) = kitchen.accepted
    assert (kept.device_id, kept.body["net_g"]) == (SCALE, 512)
    assert kitchen.buried == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (basic(password=""), 401),
        (basic(password="guess"), 401),
        ({"Authorization": "Basic %%%"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"nobody:").decode()}, 401),
    ],
    ids=["nobody", "no password", "a wrong password", "no base64", "an unknown device"],
)
async def test_who_cannot_say_who_they_are_is_not_heard(kitchen: Kitchen, headers: dict[str, str], status: int) -> None:
    answer = await post(kitchen, envelope(), {"X-Nothing": "1", **headers})
    assert answer.status_code == status
    assert answer.json()["code"] == "NOT_SIGNED_IN"
    assert kitchen.accepted == kitchen.buried == []


@pytest.mark.parametrize(("login", "status"), [("inspector", 200), ("supervisor", 200), ("merchant", 403), ("faraway", 404)])
async def test_officials_may_post_for_their_region_and_merchants_may_not(kitchen: Kitchen, login: str, status: int) -> None:
    bearer = {"Authorization": f"Bearer {await kitchen.token(login)}"}
    assert (await post(kitchen, envelope(), bearer)).status_code == status


LATER = format_instant(START + timedelta(minutes=6))
BAD: tuple[tuple[str, int, str, Any], ...] = (
    ("E001", 400, "no JSON", b"{"),
    ("E001", 400, "no UTF-8", b'{"v": "\xff"}'),
    ("E001", 400, "too long", {**envelope(), "pad": "x" * 65_536}),
    ("E002", 422, "an unknown version", envelope(v=2)),
    ("E002", 422, "an unknown kind", envelope(kind="scale.dance")),
    ("E003", 422, "a field is missing", envelope(body={"net_g": None})),
    ("E004", 422, "a polymorphic key", envelope(body={"__faust": {"ns": "x"}})),
    ("E010", 422, "a wrong check character", envelope(uscc="92330211MA2ABC125X")),
    ("E011", 404, "a merchant nobody knows", envelope(uscc="91350100M000100Y43")),
    ("E020", 403, "a device of another merchant", envelope(uscc=OTHER)),
    ("E020", 403, "another device's facts", envelope(device_id=CAMERA)),
    ("E041", 422, "in two days", envelope(event_time=format_instant(START + timedelta(days=2)))),
    ("E041", 422, "in 2019", envelope(event_time="2019-12-31T23:00:00+08:00")),
    ("E043", 422, "no offset", envelope(event_time="2026-11-20T11:00:00")),
    ("E050", 422, "less than nothing", envelope(body={"net_g": -4})),
    ("E050", 422, "no number", json.dumps(envelope(body={"gross_g": float("nan")})).encode()),
)


@pytest.mark.parametrize(("code", "status", "why", "content"), BAD, ids=[f"{row[0]} {row[2]}" for row in BAD])
async def test_bad_input_answers_its_status_and_leaves_a_dead_letter(
    kitchen: Kitchen, code: str, status: int, why: str, content: Any
) -> None:
    answer = await post(kitchen, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code), why
    assert answer.headers["content-type"] == "application/problem+json"
    assert kitchen.accepted == []
    (letter,) = kitchen.buried
    assert (letter.code, letter.source) == (code, "http")
    assert letter.raw, "the original bytes are kept"


async def test_a_device_with_a_key_must_sign(kitchen: Kitchen) -> None:
    with kitchen.store.reading() as uow:
        key = uow.devices.get(OTHER_SCALE).key  # type: ignore[union-attr]
    said = envelope(uscc=OTHER, device_id=OTHER_SCALE)
    for wrong in (said, signed(said, b"another key")):
        answer = await post(kitchen, wrong, basic(OTHER_SCALE))
        assert (answer.status_code, answer.json()["code"]) == (401, "E021")
    assert (await post(kitchen, signed(said, key), basic(OTHER_SCALE))).status_code == 200


async def test_three_wrong_signatures_in_ten_minutes_block_a_device_until_it_has_a_new_key(kitchen: Kitchen) -> None:
    with kitchen.store.reading() as uow:
        device = uow.devices.get(OTHER_SCALE)
    assert device is not None
    assert device.key is not None
    said = envelope(uscc=OTHER, device_id=OTHER_SCALE)
    right, wrong = signed(said, device.key), signed(said, b"another key")
    for _ in range(2):
        assert (await post(kitchen, wrong, basic(OTHER_SCALE))).json()["code"] == "E021"
    kitchen.clock.forward(minutes=10)
    assert (await post(kitchen, wrong, basic(OTHER_SCALE))).json()["code"] == "E021", "the first two are long ago"
    assert (await post(kitchen, right, basic(OTHER_SCALE))).status_code == 200
    for _ in range(2):
        await post(kitchen, wrong, basic(OTHER_SCALE))
    blocked = await post(kitchen, right, basic(OTHER_SCALE))
    assert (blocked.status_code, blocked.json()["code"]) == (403, "E020")
    with kitchen.store.writing() as uow:
        uow.devices.put(replace(device, key=b"a new key of 32 bytes, for signing"))
        uow.commit()
    new = signed(said, b"a new key of 32 bytes, for signing")
    assert (await post(kitchen, new, basic(OTHER_SCALE))).status_code != 403, "registered anew, it speaks again"


async def test_an_official_who_posts_in_a_devices_name_cannot_block_it(kitchen: Kitchen) -> None:
    with kitchen.store.reading() as uow:
        key = uow.devices.get(OTHER_SCALE).key  # type: ignore[union-attr]
    said = envelope(uscc=OTHER, device_id=OTHER_SCALE)
    supervisor = await kitchen.bearer("supervisor")
    for _ in range(4):
        answer = await supervisor.post("/api/v1/observations", json=signed(said, b"another key"))
        assert answer.json()["code"] == "E021"
    assert (await post(kitchen, signed(said, key), basic(OTHER_SCALE))).status_code == 200


@pytest.mark.parametrize(
    ("change", "flag", "source"),
    [
        ({"event_time": LATER}, "clock_skew", "server"),
        ({"event_time": format_instant(START - timedelta(hours=73))}, "late", "device"),
        ({"body": {"amount_fen": 1}}, "suspect", "device"),
    ],
    ids=["E040 clock ahead", "E042 late", "E051 does not add up"],
)
async def test_what_is_only_odd_is_accepted_and_marked(kitchen: Kitchen, change: dict[str, Any], flag: str, source: str) -> None:
    answer = await post(kitchen, envelope(**change))
    assert answer.status_code == 200
    assert answer.json()["flags"] == [flag]
    assert answer.json()["time_source"] == source


async def test_told_twice_is_replayed_before_and_after_it_is_stored(kitchen: Kitchen) -> None:
    assert (await post(kitchen, envelope())).json()["replayed"] is False
    assert (await post(kitchen, envelope())).json()["replayed"] is True, "it is in the log, not yet in the database"
    kitchen.office.take_observation(kitchen.accepted[0], kitchen.clock())
    fresh = Kitchen(kitchen.directory, clock=kitchen.clock)  # another process: it remembers nothing
    answer = await post(fresh, envelope())
    assert (answer.status_code, answer.json()["result"], answer.json()["replayed"]) == (200, "replayed", True)
    other = await post(fresh, envelope(seq=2))
    assert (other.status_code, other.json()["code"]) == (409, "E031")
    assert len(kitchen.accepted) == 1
    assert fresh.accepted == []
    fresh.close()


async def test_a_batch_is_judged_item_by_item_in_order(kitchen: Kitchen) -> None:
    good, bad = envelope(), envelope(event_id=None, body={"net_g": 40_000})
    second = envelope(event_id=None, seq=2)
    answer = await post(kitchen, [good, bad, good, second])
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["result"] for item in items] == ["accepted", "refused", "replayed", "accepted"]
    assert (items[1]["status"], items[1]["code"]) == (422, "E050")
    assert [answer.json()[word] for word in ("accepted", "replayed", "refused")] == [2, 1, 1]
    assert [observation.seq for observation in kitchen.accepted] == [1, 2]


async def test_a_number_that_is_none_spoils_its_item_only(kitchen: Kitchen) -> None:
    raw = json.dumps([envelope(), envelope(event_id=None, body={"gross_g": float("inf")})]).encode()
    items = (await post(kitchen, raw)).json()["items"]
    assert [item["result"] for item in items] == ["accepted", "refused"]
    assert items[1]["code"] == "E050"


async def test_a_batch_beyond_its_limit_is_refused_whole(kitchen: Kitchen) -> None:
    answer = await post(kitchen, [envelope(event_id=None, seq=n) for n in range(1001)])
    assert (answer.status_code, answer.json()["code"]) == (400, "E001")
    assert kitchen.accepted == []


async def test_a_device_that_is_too_fast_is_told_so_and_leaves_no_letter(kitchen: Kitchen) -> None:
    flood = [envelope(event_id=None, seq=n) for n in range(1000)]
    items = (await post(kitchen, flood)).json()["items"]
    assert [item["result"] for item in items].count("accepted") == kitchen.settings.device_burst
    assert (items[-1]["status"], items[-1]["code"]) == (429, "E070")
    assert kitchen.buried == []
    kitchen.clock.forward(seconds=1)
    items = (await post(kitchen, flood[500:])).json()["items"]
    assert [item["result"] for item in items].count("accepted") == 20


async def test_more_than_there_is_cannot_be_moved(kitchen: Kitchen) -> None:
    lot = {"lot": "L1", "kind": "product", "name": "卤鸭", "qty_g": 500, "expires_at": format_instant(START + timedelta(days=1))}
    stock = envelope(kind="batch.upsert", event_id=None)
    stock["body"] = {**lot, "state": "in_store"}
    kitchen.office.take_observation(parse_envelope(stock, START), START)
    move = envelope(kind="batch.move", event_id=None)
    move["body"] = {"lot": "L1", "from": "in_store", "to": "on_sale", "qty_g": 600}
    answer = await post(kitchen, move)
    assert (answer.status_code, answer.json()["code"]) == (409, "E052")
    move["body"]["qty_g"] = 400
    assert (await post(kitchen, move)).status_code == 200


@pytest.mark.parametrize(
    ("origin", "to", "qty_g", "minutes", "status", "why"),
    [
        ("quarantined", "on_sale", 400, 2, 200, "more than the rest, but so much is set apart"),
        ("quarantined", "on_sale", 401, 2, 409, "so much was never set apart"),
        ("in_store", "on_sale", 101, 2, 409, "only the rest is there"),
        ("in_store", "on_sale", 500, -1, 200, "older than what is known of the lot: it is in there already"),
    ],
)
async def test_a_move_is_judged_as_casework_judges_it(
    kitchen: Kitchen, origin: str, to: str, qty_g: float, minutes: int, status: int, why: str
) -> None:
    lot = {"lot": "L1", "kind": "product", "name": "卤鸭", "qty_g": 500, "expires_at": format_instant(START + timedelta(days=1))}
    stock = envelope(kind="batch.upsert", event_id=None)
    stock["body"] = {**lot, "state": "in_store"}
    kitchen.office.take_observation(parse_envelope(stock, START), START)
    apart = envelope(kind="batch.move", event_id=None)
    apart["body"] = {"lot": "L1", "from": "in_store", "to": "quarantined", "qty_g": 400}
    kitchen.office.take_observation(parse_envelope(apart, START), START)
    move = envelope(kind="batch.move", event_id=None)
    move["event_time"] = format_instant(START + timedelta(minutes=minutes))
    move["body"] = {"lot": "L1", "from": origin, "to": to, "qty_g": qty_g}
    assert (await post(kitchen, move)).status_code == status, why


async def test_while_the_log_is_away_nothing_is_called_accepted(kitchen: Kitchen) -> None:
    async def away(_: object) -> None:
        raise Unavailable("the log cannot be reached")

    parts = kitchen.app.state.parts
    object.__setattr__(parts.intake, "accept", away)
    answer = await post(kitchen, envelope())
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert answer.headers["retry-after"]
    items = (await post(kitchen, [envelope()])).json()["items"]
    assert items[0]["status"] == 503, "and the repetition is not called a replay"
