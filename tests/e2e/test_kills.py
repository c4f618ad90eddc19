"""kill -9 of each process while envelopes flow: nothing the broker acknowledged is lost, nothing counts twice, no deadline moves.

Each case prints its counters (``pytest -s``), so that one sees the kill fell in the middle of real work, and its row of the loss
table, counted as ``python -m tests.loss`` counts it. That is the long form; the last test here is the short one.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

import configs
from tests.e2e.foreign import CountingPublisher, envelope, expired_batch, mosquitto_pub, weighing
from tests.e2e.product import CAMERA, MERCHANT, Product, running, until
from tests.loss import records, table
from tests.loss.ledger import Client, Fact, Ledger, Row
from tests.loss.run import Options, clock, run
from tests.loss.site import Clocks
from tests.loss.tally import Scene, Tally, count
from vision.demo.scene import frame, read_cat

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]

LOTS = 120
RATE_PER_S = 15


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with running(["demo", "--no-devices"], tmp_path_factory.mktemp("kills") / "data") as product:
        yield product


def raised_for(product: Product, prefix: str) -> dict[str, list[dict]]:
    """Lot → the warnings raised for it, over all states."""
    found: dict[str, list[dict]] = {}
    for item in product.warnings():
        lot = item["subject"]
        if lot.startswith(prefix):
            found.setdefault(lot, []).append(item)
    return found


def publish_lots(publisher: CountingPublisher, prefix: str, stop: threading.Event, ledger: Ledger) -> None:
    """Publish expired batches and a sale of each, at a steady rate."""

    def publish(row: Row, lot: str, message: dict, expires_at: datetime | None = None) -> None:
        about = {"uscc": MERCHANT, "lot": lot, "expires_at": expires_at, "published_at": clock()}
        ledger.publish(Fact(row=row, client=Client.FOREIGN, id=message["event_id"], **about))
        publisher.publish(message["event_id"], message)

    for number in range(LOTS):
        if stop.is_set():
            return
        lot = f"{prefix}{number:03d}"
        batch = envelope("batch.upsert", expired_batch(lot), seq=2 * number)
        publish(Row.BATCH, lot, batch, datetime.fromisoformat(batch["body"]["expires_at"]))
        publish(Row.SALE, lot, envelope("scale.weigh", weighing(lot, "42E00ZTAA6BZ7F0T3GJV"), seq=2 * number + 1))
        time.sleep(1 / RATE_PER_S)


def counted(url: str, facts: list[Fact], title: str) -> Tally:
    """The row of the loss table: what was told against what the database holds once the outbox is empty."""
    engine = records.connected(url)
    try:
        until(lambda: records.pulse(engine, clock()).pending == 0, within_s=60, what="the outbox is empty")
        stored = records.read(engine)
    finally:
        engine.dispose()
    tally = count(facts, stored, Scene(rules=configs.load(configs.demo_directory()).rules, ended_at=clock()))
    print(f"\n{title}: {table.line(tally)}")  # noqa: T201 - the row is what this shows
    return tally


def until_all_raised(product: Product, prefix: str) -> None:
    """Until every batch has its warning; says which have none."""
    try:
        until(lambda: len(raised_for(product, prefix)) == LOTS, within_s=120, what="a warning for every acknowledged batch")
    except AssertionError as error:
        missing = sorted({f"{prefix}{number:03d}" for number in range(LOTS)} - set(raised_for(product, prefix)))
        raise AssertionError(f"{error}; without a warning: {missing}\n{product.log_tail()}") from None


@pytest.mark.parametrize("victim", ["mqtt", "log", "redis", "gateway", "casework", "vision"])
def test_nothing_is_lost_or_doubled_when_a_process_is_killed(product, victim):
    prefix = f"K{victim[:2].upper()}"
    ledger = Ledger(clock)
    publisher = CountingPublisher(product, on_acknowledged=ledger.acknowledge)
    stop = threading.Event()
    sender = threading.Thread(target=publish_lots, args=(publisher, prefix, stop, ledger))
    sender.start()
    try:
        until(lambda: len(raised_for(product, prefix)) >= LOTS // 6, within_s=60, what="warnings flow before the kill")
        before = {item["id"]: item["close_by"] for items in raised_for(product, prefix).values() for item in items}
        acknowledged_before = len(publisher.acknowledged)
        pid = product.kill(victim)
        product.wait_restarted(victim, pid)
        sender.join(120)
        until(
            lambda: len(publisher.acknowledged) == len(publisher.published) == 2 * LOTS,
            within_s=90,
            what=f"the broker acknowledged everything ({len(publisher.acknowledged)} of {len(publisher.published)})",
        )
        until_all_raised(product, prefix)
    finally:
        stop.set()
        sender.join(10)
        publisher.close()
    raised = raised_for(product, prefix)
    doubled = {lot: items for lot, items in raised.items() if len(items) > 1}
    after = {item["id"]: item["close_by"] for items in raised.values() for item in items}
    moved = {key: value for key, value in before.items() if after.get(key) != value}
    print(  # noqa: T201 - the counters are part of what this shows
        f"\n{victim}: published {len(publisher.published)}, acknowledged {len(publisher.acknowledged)}",
        f"({acknowledged_before} before the kill), raised {len(raised)} ({len(before)} before),",
        f"doubled {len(doubled)}, moved {len(moved)}",
    )
    assert 0 < len(before) < LOTS, "the kill fell in the middle"
    assert acknowledged_before < 2 * LOTS
    assert doubled == {}
    assert moved == {}
    tally = counted(database_of(product), ledger.facts(), victim)
    assert tally.wrong() == []
    assert tally.by_row()[Row.RAISED.value].stored == LOTS


def database_of(product: Product) -> str:
    """The embedded database's URL."""
    return f"sqlite:///{product.data / 'kitchen.db'}"


def test_a_cameras_warning_survives_the_kill_of_the_vision_worker_and_is_one(product, tmp_path):
    pictures = cat_pictures(tmp_path)
    stop = threading.Event()

    def film() -> None:
        while not stop.is_set():
            for picture in pictures:
                if stop.is_set():
                    return
                mosquitto_pub(product.mqtt_port, CAMERA, "cam/frame", picture)
                time.sleep(0.3)

    camera = threading.Thread(target=film)
    camera.start()
    try:
        seen = until(
            lambda: product.warnings(state="open", **{"class": "pest_or_pet"}) and cats(product), within_s=60, what="the cat"
        )
        pid = product.kill("vision")
        product.wait_restarted("vision", pid)
        pid = product.kill("casework")
        product.wait_restarted("casework", pid)
        until(lambda: cats(product), within_s=60, what="the page is back")
        time_to_find_again = time.monotonic() + 8
        until(lambda: time.monotonic() > time_to_find_again, within_s=10, what="frames flow on after the restart")
    finally:
        stop.set()
        camera.join(10)
    assert {item["id"]: item["close_by"] for item in cats(product)} == {item["id"]: item["close_by"] for item in seen}


def cats(product: Product) -> list[dict]:
    """Open warnings about pets."""
    return [item for item in product.warnings(state="open") if item["class"] == "pest_or_pet"]


def cat_pictures(folder: Path) -> list[Path]:
    """A few frames of the demo scene."""
    import cv2  # noqa: PLC0415 - only here

    paths = []
    for number in range(6):
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), frame(read_cat(), 5 + number / 2))
        paths.append(path)
    return paths


def test_a_kill_between_verification_and_answer_charges_once(product):
    """The officer's verification is sent again and again while casework is killed: one closure, one deduction."""
    expired = [item for item in product.warnings(state="open") if item["class"] == "product_expired"][:20]
    assert len(expired) == 20
    with product.client("merchant") as merchant:
        for item in expired:
            answer = merchant.post(
                f"/api/v1/warnings/{item['id']}/submit",
                data={"note": "下架"},
                headers={"Idempotency-Key": f"rectified-{item['id']}"},
                files=[("photos", ("p.jpg", cat_bytes(), "image/jpeg"))],
            )
            answer.raise_for_status()
    killed = threading.Event()

    def kill() -> None:
        time.sleep(0.15)
        product.kill("casework")
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    for item in expired:
        until(lambda item=item: verified(product, item["id"]), within_s=60, what=f"{item['id']} is closed")
    killer.join()
    assert killed.is_set()
    ledger = [row["warning"] for row in product.deductions()]
    assert {item["id"]: ledger.count(item["id"]) for item in expired} == {item["id"]: 1 for item in expired}
    told = [fact(row, item["id"]) for item in expired for row in (Row.SUBMISSION, Row.VERIFICATION)]
    tally = counted(database_of(product), told, "verified")
    assert tally.wrong() == []
    assert tally.by_row()[Row.DEDUCTION.value].stored == len(expired)


def fact(row: Row, warning_id: str) -> Fact:
    """What a person did about a warning, and was answered."""
    name = f"rectified-{warning_id}" if row is Row.SUBMISSION else f"verified-{warning_id}"
    at = clock()
    return Fact(row=row, client=Client.HTTP, id=name, uscc=MERCHANT, published_at=at, acknowledged_at=at, warning_id=warning_id)


def verified(product: Product, warning_id: str) -> bool:
    """Send the verification until the warning is closed; a 409 means that an earlier one was taken."""
    with product.client("inspector") as inspector:
        answer = inspector.post(f"/api/v1/warnings/{warning_id}/verify", json={"ok": True, "note": ""})
        return answer.status_code in (200, 409)


def cat_bytes() -> bytes:
    """A photo."""
    import cv2  # noqa: PLC0415 - only here

    return cv2.imencode(".jpg", frame(read_cat(), 5)[::4, ::4])[1].tobytes()


def test_the_short_form_of_the_loss_table_loses_doubles_and_forestalls_nothing():
    """Every kind of fact, deadlines that fall due meanwhile, kills at random moments.

    Late is only shown: here it would also say how busy the machine is with other tests.
    """
    options = Options(
        minutes=0.2,
        rate_per_s=30,
        frames_per_s=0,
        pause_s=(1.5, 3),
        victims=("casework", "log", "gateway", "mqtt"),
        clocks=Clocks(close_within_s=6, rectify_within_s=2, expiring_s=(2, 6)),
    )
    result = run(options, Console(quiet=True))
    total, rows = result.tally.total(), result.tally.by_row()
    print(f"\n{len(result.kills)} kills: {table.line(result.tally)}")  # noqa: T201
    assert [item for item in result.tally.wrong() if item.lost or item.duplicates or item.early] == []
    assert len(result.kills) >= 3
    assert total.published == total.acknowledged == total.stored > 300
    assert min(rows[row.value].published for row in (Row.RAISED, Row.EXPIRY, Row.DEADLINE, Row.DEDUCTION, Row.SUBMISSION)) > 0
    assert result.notes["audit chain"].startswith("sound")
