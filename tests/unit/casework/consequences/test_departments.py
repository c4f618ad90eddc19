"""A department's own system is told by a signed webhook through the outbox; what it did not accept is somebody's to know."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.channels import Webhook
from alerts.channels.webhook import SIGNATURE_HEADER, sign
from casework.consequences import pushes
from casework.consequences.pushes import PushState
from casework.relay import Relay
from credit.pushes import PushKind
from tests.unit.casework.consequences.street import LEADER, PUBLISHED, command, found
from tests.unit.casework.consequences.test_lists import TAX, listed
from tests.unit.casework.scene import MERCHANT, USCC, Scene, configuration

LISTED_AT = datetime.fromisoformat("2026-12-15T00:00:00+08:00")
SECRET = "a secret both sides know"
DAY = timedelta(days=1)


@dataclass
class System:
    """A department's own system on a loopback port: keeps what comes, and answers as it is told."""

    url: str = ""
    status: int = 200
    seen: list[tuple[str, bytes]] = field(default_factory=list)


@contextmanager
def system() -> Iterator[System]:
    kept = System()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.seen.append((self.headers[SIGNATURE_HEADER], body))
            self.send_response(kept.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/kitchen"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def tax_system(scene: Scene) -> Iterator[System]:
    """The tax office has a system; the other 29 departments read their accounts."""
    with system() as kept:
        terms = scene.office.bureau.terms
        departments = tuple(
            replace(one, url=kept.url, secret_env="TAX_SECRET") if one.id == "tax" else one for one in terms.departments
        )
        scene.office.desk = replace(scene.office.desk, terms=replace(terms, departments=departments))
        scene.office.bureau._desk = scene.office.desk
        scene.routes = ()
        yield kept


async def relayed(scene: Scene, now: datetime, **environment: str) -> None:
    scene.now = now
    webhook = Webhook(clock=lambda: now)

    async def nowhere(*_: Any) -> None:
        """Nobody looks at the live pages or the log here."""

    relay = Relay(
        scene.store,
        {webhook.name: webhook},
        publish_live=nowhere,
        publish_kafka=nowhere,
        office=scene.office,
        clock=lambda: now,
        environment={"TAX_SECRET": SECRET, **environment},
    )
    await relay.run_once(now)
    await webhook.aclose()


def mine(scene: Scene, kind: PushKind = PushKind.LISTED) -> Any:
    (told,) = [one for one in found(scene, "pushes", TAX) if one.case.push.kind is kind]
    return told


async def test_a_listing_reaches_a_departments_own_system_signed_and_only_then_counts_as_sent(
    scene: Scene, tax_system: System
) -> None:
    listing = listed(scene)
    others = [one for one in found(scene, "pushes") if one.case.push.department != "tax"]
    assert {one.case.state for one in others} == {PushState.SENT}
    assert (mine(scene).case.state, mine(scene).case.push.sent_at) == (PushState.WAITING, None)
    await relayed(scene, LISTED_AT + timedelta(minutes=1))
    ((signature, body),) = tax_system.seen
    assert signature == sign(SECRET, LISTED_AT + timedelta(minutes=1), body)
    said = json.loads(body)["data"]
    assert (said["merchant"], said["kind"], said["listing"], said["push"]) == (USCC, "listed", listing, mine(scene).case.id)
    assert mine(scene).case.state is PushState.SENT
    assert mine(scene).case.push.sent_at == LISTED_AT + timedelta(minutes=1)
    await relayed(scene, LISTED_AT + timedelta(minutes=2))
    assert len(tax_system.seen) == 1
    command(scene, "pushes", mine(scene).case.id, "acknowledge", TAX, LISTED_AT + DAY, feedback="已限制")
    assert mine(scene).case.state is PushState.ACKNOWLEDGED


async def test_a_system_that_is_away_for_a_day_is_told_again_and_the_officials_know(scene: Scene, tax_system: System) -> None:
    tax_system.status = 503
    listed(scene)
    scene.subscribe(LEADER)

    def unsent(now: datetime) -> int:
        messages = found(scene, "pushes")
        told = scene.office.bureau.ask(lambda work: pushes.answers(work, messages, now))
        return sum(one.unsent for one in told)

    await relayed(scene, LISTED_AT + timedelta(minutes=1))
    scene.office.sweep(LISTED_AT + DAY)
    assert unsent(LISTED_AT + DAY) == 0  # 24 hours are allowed
    for _ in range(2):
        scene.office.sweep(LISTED_AT + DAY + timedelta(seconds=1))
    assert unsent(LISTED_AT + DAY + timedelta(seconds=1)) == 1
    titles = [one.payload["title"] for one in scene.outbox() if one.target == "webpush"]
    assert titles.count("联合惩戒信息超过 24 小时未送达部门系统") == 1
    tax_system.status = 200
    before = len(tax_system.seen)
    scene.office.sweep(LISTED_AT + 3 * DAY)
    await relayed(scene, LISTED_AT + 3 * DAY + timedelta(minutes=1))
    assert len(tax_system.seen) > before
    assert mine(scene).case.state is PushState.SENT
    assert unsent(LISTED_AT + 9 * DAY) == 0


async def test_whoever_may_have_been_told_of_a_listing_is_told_of_its_end(scene: Scene, tax_system: System) -> None:
    tax_system.status = 503
    case = listed(scene)
    await relayed(scene, LISTED_AT + timedelta(minutes=1))
    later = LISTED_AT + 400 * DAY
    command(scene, "listings", case, "ask_removal", MERCHANT, later, "已整改")
    command(scene, "listings", case, "remove", LEADER, later, "整改到位")
    removal = mine(scene, PushKind.REMOVED)
    assert removal.case.state is PushState.WAITING
    tax_system.status = 200
    tax_system.seen.clear()
    await relayed(scene, later + timedelta(minutes=1))
    kinds = {json.loads(body)["data"]["kind"] for _, body in tax_system.seen}
    assert "removed" in kinds
    assert mine(scene, PushKind.REMOVED).case.state is PushState.SENT


async def test_a_secret_that_is_not_set_sends_nothing_unsigned(scene: Scene, tax_system: System) -> None:
    listed(scene)
    await relayed(scene, LISTED_AT + timedelta(minutes=1), TAX_SECRET="")
    assert tax_system.seen == []
    assert mine(scene).case.state is PushState.WAITING


def test_a_waiting_message_lies_in_the_departments_account_too(scene: Scene, tax_system: System) -> None:
    listed(scene)
    at = PUBLISHED + 30 * DAY
    command(scene, "pushes", mine(scene).case.id, "acknowledge", TAX, at, feedback="收到")
    assert (mine(scene).case.state, mine(scene).case.push.sent_at) == (PushState.ACKNOWLEDGED, at)
    assert tax_system.seen == []


def test_nobody_has_a_system_unless_a_site_says_so() -> None:
    assert not any(one.has_system for one in configuration().departments)
