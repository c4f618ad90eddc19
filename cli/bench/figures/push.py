"""From a finding in the log to a push that a browser has decrypted, beside bare pywebpush to the same receiver.

The receiver is an HTTP server on loopback that holds an inspector's subscription and really decrypts (RFC 8291). Each finding is
of a merchant of its own, which is how its push is told from the others.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Final

import orjson
from aiokafka import AIOKafkaProducer

from cli import clock
from cli.bench import events, latency, parts, records, site
from cli.bench.bare.push import send
from cli.bench.browser import Browser
from cli.bench.figure import Contender, Contest, Ground, Reading, Size
from cli.bench.parts import Child
from configs.secrets import read_secrets
from domain.events import PushSubscription
from domain.topics import Topic
from store import open_media, open_store

NAME = "push"
TITLE = "Detection to push"
INSPECTOR: Final = "inspector"
LATE_S: Final = 15.0
BARE_RATE: Final = 10
JPEG: Final = b"\xff\xd8\xff\xe0 a snapshot of the bench \xff\xd9"


@dataclass(frozen=True, slots=True)
class Amounts:
    """Findings at each rate (findings per second), and rounds."""

    findings: Mapping[int, int]
    rounds: int


SIZES: Final = {
    Size.FULL: Amounts(findings={1: 10, 10: 60}, rounds=2),
    Size.QUICK: Amounts(findings={1: 3, 10: 20}, rounds=1),
    Size.TINY: Amounts(findings={10: 3}, rounds=1),
}


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open log, live store, the receiver and the casework worker."""
    amounts = SIZES[ground.size]
    place = site.make(ground.scratch, merchants=max(amounts.findings.values()))
    sha256 = open_media(f"file://{place.prepared.data.root / 'media'}").put(JPEG, "image/jpeg")
    browser = stack.enter_context(Browser())
    _, kafka = stack.enter_context(parts.embedded_log(ground.scratch))
    records.make_topics(kafka)
    redis = stack.enter_context(parts.live_store(ground.scratch))
    child, _ = stack.enter_context(place.installation(kafka=kafka, redis=redis).worker("casework"))
    _subscribe(place, browser)
    vapid_pem = read_secrets(place.prepared.data.secrets).vapid_pem
    told = Told(kafka, child, browser, place.merchants(), sha256)
    asyncio.run(told.findings(BARE_RATE, 1))

    def product() -> Mapping[str, Reading]:
        found: dict[str, Reading] = {}
        for rate, count in amounts.findings.items():
            found |= asyncio.run(told.findings(rate, count))
        return found

    def bare() -> Mapping[str, Reading]:
        found: dict[str, Reading] = {}
        for rate, count in amounts.findings.items():
            found |= asyncio.run(bare_pushes(browser, vapid_pem, rate, count))
        return found

    return Contest(
        quantities=tuple(one for rate in amounts.findings for one in latency.quantities(f"{rate}", f"findings at {rate}/s")),
        product=Contender(name="log, casework, outbox, Web Push", round=product),
        baselines=(Contender(name=f"bare pywebpush to the same receiver, {BARE_RATE}/s", round=bare),),
        rounds=amounts.rounds,
        note="timed a round: "
        + ", ".join(f"{count} at {rate}/s" for rate, count in amounts.findings.items())
        + "; received means decrypted; CPU is the worker's, per finding",
    )


def _subscribe(place: site.MadeUpSite, browser: Browser) -> None:
    """The inspector's browser wants to be told."""
    store = open_store(f"sqlite:///{place.prepared.data.database}")
    try:
        with store.writing() as uow:
            known = uow.users.by_login(INSPECTOR)
            assert known is not None
            subscription = PushSubscription(
                id="bench",
                user_id=known[0].id,
                endpoint=browser.endpoint,
                p256dh=browser.p256dh,
                auth=browser.auth,
                created_at=clock.now(),
            )
            uow.push_subscriptions.put(subscription)
            uow.commit()
    finally:
        store.close()


@dataclass(slots=True)
class Told:
    """Findings told to the log one by one, and when the browser has read of each."""

    kafka: str
    child: Child
    browser: Browser
    merchants: list[str]
    sha256: str

    async def findings(self, rate: int, count: int) -> Mapping[str, Reading]:
        """Tell so many at a rate; what is not received in time is left out."""
        self.child.check()
        told: dict[str, float] = {}
        self.browser.received.clear()
        cpu_s = self.child.cpu_s()
        async with AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all") as producer:
            begun = perf_counter()
            for number, (key, value) in enumerate(events.findings(self.merchants, count, self.sha256)):
                await asyncio.sleep(max(0.0, begun + number / rate - perf_counter()))
                told[key.decode()] = perf_counter()
                await producer.send_and_wait(Topic.FINDINGS.value, value=value, key=key)
        await _all_received(self.browser, count)
        cpu_us = 1e6 * (self.child.cpu_s() - cpu_s) / count
        return latency.readings(f"{rate}", waited(told, self.browser), cpu_us=cpu_us)


def waited(told: Mapping[str, float], browser: Browser) -> list[float]:
    """Seconds from telling to reading, for what was read."""
    return [browser.received[name] - at for name, at in told.items() if name in browser.received]


async def _all_received(browser: Browser, count: int) -> None:
    give_up = perf_counter() + LATE_S
    while len(browser.received) < count and perf_counter() < give_up:  # noqa: ASYNC110 - filled by another thread
        await asyncio.sleep(0.01)


async def bare_pushes(browser: Browser, vapid_pem: str, rate: int, count: int) -> Mapping[str, Reading]:
    """As many messages of the same size, one call of the library each."""
    told: dict[str, float] = {}
    browser.received.clear()
    begun, spent_s = perf_counter(), 0.0
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / BARE_RATE - perf_counter()))
        name = f"bare-{number}"
        text = json.dumps({"title": "红色预警", "body": "摊位 " * 20, "data": {"merchant": name, "event": "warning.raised"}})
        told[name], cpu_s = perf_counter(), process_time()
        await asyncio.to_thread(send, browser.subscription, orjson.dumps(orjson.loads(text)), vapid_pem)
        spent_s += process_time() - cpu_s
    await _all_received(browser, count)
    return latency.readings(f"{rate}", waited(told, browser), cpu_us=1e6 * spent_s / count)
