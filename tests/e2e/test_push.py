"""A frame and a sale leave as pushes on an inspector's phone and on the merchant's, and as a signed webhook."""

from __future__ import annotations

import asyncio
import json
import shutil
import time

import httpx
import pytest

import configs
from tests.contract.channels.push_service import Browser, serving
from tests.e2e.foreign import envelope, expired_batch, mosquitto_pub
from tests.e2e.product import MERCHANT, SCALE, Product, running, until

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]


@pytest.fixture
async def service():
    async with serving() as service:
        yield service


def subscribe(product: Product, login: str, browser: Browser, endpoint: str) -> None:
    with product.client(login) as client:
        assert client.get("/api/v1/push/key").json()["key"]
        keys = {"p256dh": browser.keys.p256dh, "auth": browser.keys.auth}
        client.post("/api/v1/push/subscription", json={"endpoint": endpoint, "keys": keys}).raise_for_status()


def site_with(folder, webhook_url: str):
    """The demonstration's site, allowed to push to this machine, with a webhook."""
    shutil.copytree(configs.demo_directory(), folder)
    site = folder / "site.yaml"
    site.write_text(site.read_text().replace("push:\n", 'push:\n  hosts: ["127.0.0.1"]\n'))
    shipped = (configs.default_directory() / "routes.yaml").read_text()
    events = "[warning.raised, warning.closed]"
    route = f"  - name: duty_room\n    channel: webhook\n    url: {webhook_url}\n"
    route += f"    secret_env: KITCHEN_DUTY_ROOM\n    events: {events}\n"
    (folder / "routes.yaml").write_text(shipped.rstrip() + "\n" + route)
    return folder


async def test_a_warning_reaches_both_phones_and_the_duty_room_and_delivery_starts_the_merchants_limit(tmp_path, service):
    config = site_with(tmp_path / "config", service.url(200))
    await asyncio.to_thread(walk, tmp_path, config, service)


def walk(tmp_path, config, service) -> None:
    inspector, merchant = Browser(), Browser()
    secret = {"KITCHEN_DUTY_ROOM": "a secret of the duty room, long enough"}
    with running(["demo", "--no-devices", "--config", str(config)], tmp_path / "data", environment=secret) as product:
        subscribe(product, "inspector", inspector, service.url(201) + "?inspector")
        subscribe(product, "merchant", merchant, service.url(202) + "?merchant")
        started = time.monotonic()
        message = envelope("batch.upsert", expired_batch("PUSHED-1"))
        mosquitto_pub(product.mqtt_port, SCALE, "batch/upsert", json.dumps(message).encode())
        seen = until(lambda: len(service.seen) >= 3 and list(service.seen), within_s=30, what="two pushes and a webhook")
        taken = time.monotonic() - started
        bodies = {one.path: one for one in seen}
        for path, browser in (("/status/201", inspector), ("/status/202", merchant)):
            told = json.loads(browser.decrypt(bodies[path].body))
            assert "PUSHED-1" in json.dumps(told, ensure_ascii=False)
        hook = bodies["/status/200"]
        assert hook.headers["x-kitchen-signature"].startswith("t=")
        assert "PUSHED-1" in hook.body.decode()
        assert taken < 20

        def warning() -> dict:
            return next(item for item in product.warnings() if item["subject"] == "PUSHED-1")

        told = until(lambda: (item := warning())["notified_at"] and item, within_s=20, what="the accepted push is a delivery")
        assert told["state"] == "notified"
        assert told["rectify_by"] is not None
        assert told["rectify_by"] <= told["close_by"]
        assert told["merchant"] == MERCHANT
        metrics = httpx.get(f"{product.url}/metrics", timeout=5).text
        assert 'kitchen_notifications_total{channel="webpush",result="accepted"} 2' in metrics
