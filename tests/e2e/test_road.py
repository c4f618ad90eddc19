"""The whole road with foreign devices, on two grounds: the embedded parts, and Mosquitto, Apache Kafka, PostgreSQL and Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import httpx
import pytest

import configs
from devices.nats import BrokerUser
from tests.e2e.foreign import envelope, expired_batch, mosquitto_pub, weighing
from tests.e2e.product import CAMERA, MERCHANT, SCALE, Product, free_port, running, until
from tests.services import required_in_ci
from tests.services.kafka import kafka_or_skip
from tests.services.mqtt import mosquitto_broker
from tests.services.postgres import postgres
from tests.services.redis import redis_server
from vision.demo.scene import frame, read_cat

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

GROUNDS = ["embedded", "services"]


@contextmanager
def ground(name: str, folder: Path) -> Iterator[tuple[dict[str, str], int | None]]:
    """The environment that puts the product on one ground, and the broker's port if it is not the product's own."""
    if name == "embedded":
        yield {}, None
        return
    with ExitStack() as parts, required_in_ci():
        devices = configs.load(configs.demo_directory()).devices
        users = [
            BrokerUser(name="gateway", password="e2e-gateway"),
            *(BrokerUser(name=d.id, password=f"demo-{d.id}", device=d) for d in devices),
        ]
        broker = parts.enter_context(mosquitto_broker(users, folder / "mosquitto", port=free_port()))
        kafka = parts.enter_context(kafka_or_skip())
        database = parts.enter_context(postgres()).fresh()
        redis = parts.enter_context(redis_server(folder / "redis"))
        yield (
            {
                "KITCHEN_MQTT_URL": broker.url("gateway"),
                "KITCHEN_KAFKA_URL": f"kafka://{kafka}",
                "KITCHEN_DATABASE_URL": database,
                "KITCHEN_REDIS_URL": redis,
            },
            broker.port,
        )


@pytest.fixture(scope="module", params=GROUNDS)
def product(request, tmp_path_factory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp(request.param)
    with (
        ground(request.param, folder) as (environment, mqtt_port),
        running(["demo", "--no-devices"], folder / "data", environment=environment) as product,
    ):
        if mqtt_port is not None:
            product.mqtt_port = mqtt_port
        yield product


def of_class(product: Product, class_: str) -> list[dict]:
    return [item for item in product.warnings(state="open") if item["class"] == class_]


def test_a_foreign_camera_publishing_bare_jpegs_raises_the_demo_cameras_warning(product, tmp_path):
    for number in range(8):
        picture = tmp_path / f"{number}.jpg"
        cv2.imwrite(str(picture), frame(read_cat(), 5 + number / 2))
        mosquitto_pub(product.mqtt_port, CAMERA, "cam/frame", picture)
        time.sleep(0.25)  # a camera's own pace
    found = until(lambda: of_class(product, "pest_or_pet"), within_s=60, what="the camera's warning")
    (item,) = found
    assert (item["violation_code"], item["level"], item["merchant"], item["camera"]) == ("CV10", "red", MERCHANT, CAMERA)
    assert datetime.fromisoformat(item["close_by"]) - datetime.fromisoformat(item["raised_at"]) == timedelta(hours=24)
    with product.client("inspector") as inspector:
        picture = inspector.get(item["evidence"][0]["url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")


def test_a_foreign_scale_selling_an_expired_lot_raises_xv04(product):
    batch = envelope("batch.upsert", expired_batch("FOREIGN-1", state="in_store"))
    mosquitto_pub(product.mqtt_port, SCALE, "batch/upsert", json.dumps(batch).encode())
    in_store = until(
        lambda: [i for i in of_class(product, "product_expired") if i["subject"] == "FOREIGN-1"], within_s=60, what="in store"
    )
    assert in_store[0]["violation_code"] == "XV03"
    sale = envelope("scale.weigh", weighing("FOREIGN-2", "42E00ZTAA6BZ7F0T3GJV"))
    mosquitto_pub(
        product.mqtt_port, SCALE, "batch/upsert", json.dumps(envelope("batch.upsert", expired_batch("FOREIGN-2"))).encode()
    )
    mosquitto_pub(product.mqtt_port, SCALE, "scale/weigh", json.dumps(sale).encode())
    sold = until(
        lambda: [i for i in of_class(product, "product_expired") if i["subject"] == "FOREIGN-2"], within_s=60, what="sold"
    )
    assert [item["violation_code"] for item in sold] == ["XV04"]


def test_the_same_envelope_twice_is_one_fact_and_another_under_its_id_is_refused(product):
    message = envelope("batch.upsert", expired_batch("TWICE-1"))
    for _ in range(3):
        mosquitto_pub(product.mqtt_port, SCALE, "batch/upsert", json.dumps(message).encode())
    until(lambda: [i for i in of_class(product, "product_expired") if i["subject"] == "TWICE-1"], within_s=60, what="the warning")
    changed = {**message, "body": {**message["body"], "qty_g": 1}}
    mosquitto_pub(product.mqtt_port, SCALE, "batch/upsert", json.dumps(changed).encode())
    letter = until(lambda: letters(product, "E031"), within_s=60, what="the contradiction is a dead letter")
    assert SCALE in json.dumps(letter, ensure_ascii=False)
    assert len([i for i in product.warnings() if i["subject"] == "TWICE-1"]) == 1


def letters(product: Product, code: str) -> list[dict]:
    with product.client("supervisor") as client:
        answer = client.get("/api/v1/dead-letters", params={"code": code})
        answer.raise_for_status()
        return answer.json()["items"]


def sale(**changes) -> bytes:
    return json.dumps(envelope("scale.weigh", weighing("A", "B")) | changes).encode()


@pytest.mark.parametrize(
    ("code", "leaf", "payload"),
    [
        ("E001", "scale/weigh", lambda: b"\xff not json"),
        ("E001", "scale/weigh", lambda: b'{"pad":"' + b"x" * 70_000 + b'"}'),
        ("E002", "scale/weigh", lambda: sale(v=9)),
        ("E002", "scale/dance", lambda: sale(kind="scale.dance")),
        ("E010", "scale/weigh", lambda: sale(uscc="92330211MA2ABC1250")),
        ("E020", "scale/weigh", lambda: sale(device_id="scl-ffffffff")),
        ("E041", "scale/weigh", lambda: sale(event_time="2019-01-01T00:00:00+08:00")),
        ("E043", "scale/weigh", lambda: sale(event_time="2026-11-20T11:02:33")),
        ("E050", "scale/weigh", lambda: sale(body=weighing("A", "B") | {"net_g": 31_000})),
        ("E054", "batch/upsert", lambda: batch("X", expires_at="2020-01-01T00:00:00+08:00")),
        ("E052", "batch/move", lambda: move("MOVE-1", qty_g=9e5)),
    ],
)
def test_bad_input_becomes_a_dead_letter_with_its_code_and_the_road_goes_on(product, code, leaf, payload):
    if code == "E052":
        mosquitto_pub(product.mqtt_port, SCALE, "batch/upsert", batch("MOVE-1", expires_at="2027-01-01T00:00:00+08:00"))
    before = len(letters(product, code))
    mosquitto_pub(product.mqtt_port, SCALE, leaf, payload())
    until(lambda: len(letters(product, code)) > before, within_s=30, what=f"a dead letter {code}")
    assert httpx.get(f"{product.url}/readyz", timeout=5).status_code == 200


def batch(lot: str, **changes: str) -> bytes:
    return json.dumps(envelope("batch.upsert", expired_batch(lot, state="in_store") | changes)).encode()


def move(lot: str, *, qty_g: float) -> bytes:
    return json.dumps(envelope("batch.move", {"lot": lot, "from": "in_store", "to": "destroyed", "qty_g": qty_g})).encode()


def test_a_frame_that_is_no_jpeg_becomes_a_dead_letter(product, tmp_path):
    nonsense = tmp_path / "x.jpg"
    nonsense.write_bytes(b"GIF89a" + b"0" * 100)
    before = len(letters(product, "E001"))
    mosquitto_pub(product.mqtt_port, CAMERA, "cam/frame", nonsense)
    until(lambda: len(letters(product, "E001")) > before, within_s=30, what="a dead letter E001")


def test_a_device_that_dies_is_seen_as_offline(product):
    mosquitto_pub(product.mqtt_port, CAMERA, "status", b"online")
    mosquitto_pub(product.mqtt_port, CAMERA, "status", b"offline")
    until(
        lambda: 'kitchen_device_online{device="cam-0a1b2c3d"} 0' in httpx.get(f"{product.url}/metrics").text,
        within_s=30,
        what="offline",
    )
