"""The relay: everything arrives at least once, in order where order counts, and nothing waits for a slow channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.channels import Accepted, FailureReason, Message, Rejected, Target
from alerts.escalation import Chain
from alerts.gateways import Limit
from casework import metrics
from casework.notices import Pace
from casework.relay import Relay
from domain.errors import Unavailable
from domain.escalation import Step, Until
from domain.events import Lane
from domain.parties import Role
from domain.rules import Level
from domain.warnings import State
from tests.unit.casework.scene import COLLEAGUE, INSPECTOR, MERCHANT, STAFF, Scene, webhook_route

QUICK = Pace(idle=timedelta(milliseconds=5), attempt=timedelta(seconds=5))


@dataclass
class Phone:
    """A channel that does as it is told: accept, refuse, hang, or break."""

    name: str = "webpush"
    refusal: Rejected | Exception | None = None
    hangs: Callable[[Target], bool] = lambda _: False
    taken: list[tuple[str, Message]] = field(default_factory=list)
    tried: int = 0
    at_once: int = 0
    most_at_once: int = 0

    async def send(self, message: Message, target: Target) -> Accepted:
        self.tried += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.hangs(target):
                await asyncio.Event().wait()
            await asyncio.sleep(0.01)
        finally:
            self.at_once -= 1
        if self.refusal is not None:
            raise self.refusal
        self.taken.append((target.url, message))
        return Accepted(status=201)

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class Outside:
    """The live stream and the log, which may be away."""

    away: set[Lane] = field(default_factory=set)
    live: list[Mapping[str, Any]] = field(default_factory=list)
    kafka: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    async def publish_live(self, item: Mapping[str, Any]) -> None:
        if Lane.LIVE in self.away:
            raise Unavailable("Redis is away")
        self.live.append(item)

    async def publish_kafka(self, topic: str, key: str, value: Mapping[str, Any]) -> None:
        if Lane.KAFKA in self.away:
            raise Unavailable("the log is away")
        self.kafka.append((topic, key, value))


def _relay(scene: Scene, phone: Phone, outside: Outside | None = None, **options: Any) -> Relay:
    outside = outside or Outside()
    return Relay(
        scene.store,
        {phone.name: phone, "webhook": Phone(name="webhook")},
        publish_live=outside.publish_live,
        publish_kafka=outside.publish_kafka,
        office=scene.office,
        clock=lambda: scene.now,
        jitter=lambda: 1.0,
        **{"pace": QUICK, **options},
    )


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - it polls SQL and lists, which set no event
            await asyncio.sleep(0.005)


async def test_everything_goes_out_once_and_the_merchants_phone_confirms_the_delivery(scene: Scene) -> None:
    scene.subscribe(MERCHANT)
    warning = scene.raised()
    phone, outside = Phone(), Outside()
    report = await _relay(scene, phone, outside).run_once(scene.later(seconds=2))
    assert report.sent == {Lane.LIVE: 1, Lane.KAFKA: 1, Lane.NOTIFY: 2}
    ((url, message),) = phone.taken
    assert url == "https://push.example.org/u-merchant/phone"
    assert message.title == "红色预警：昆虫或宠物"
    assert message.data["warning"] == warning.id
    told = scene.warning(warning.id)
    assert (told.state, told.notified_at) == (State.NOTIFIED, scene.now)
    assert told.rectify_by == scene.now + timedelta(hours=12)
    assert [topic for topic, _, _ in outside.kafka] == ["warnings"]
    second = await _relay(scene, phone, outside).run_once(scene.later(seconds=1))
    assert [message.data["event"] for _, message in phone.taken].count("warning.raised") == 1
    assert second.sent[Lane.LIVE] == 1, "the news that it was delivered"


async def test_an_inspectors_phone_confirms_nothing(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    warning = scene.raised()
    await _relay(scene, Phone()).run_once(scene.now)
    assert scene.warning(warning.id).state is State.RAISED


async def test_a_refusal_that_may_pass_is_tried_again_with_growing_pauses_and_given_up_in_the_end(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    scene.raised()
    phone = Phone(refusal=Rejected(retry=True, reason=FailureReason.UNAVAILABLE))
    relay = _relay(scene, phone)
    pauses, last = [], scene.now
    while phone.tried < 4:
        before = phone.tried
        await relay.run_once(scene.now)
        if phone.tried > before:
            pauses.append((scene.now - last).total_seconds())
            last = scene.now
        scene.later(seconds=1)
    assert pauses == [0, 5, 10, 20]
    scene.later(hours=48)
    report = await relay.run_once(scene.now)
    assert report.failed == 1
    with scene.store.reading() as uow:
        (failed,) = uow.outbox.failed()
    assert (failed.attempts, failed.last_error) == (5, "unavailable")


async def test_the_other_end_may_ask_to_be_left_alone_for_longer(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    scene.raised()
    phone = Phone(refusal=Rejected(retry=True, reason=FailureReason.RATE_LIMITED, retry_after=timedelta(minutes=10)))
    relay = _relay(scene, phone)
    await relay.run_once(scene.now)
    await relay.run_once(scene.later(minutes=9))
    assert phone.tried == 1
    await relay.run_once(scene.later(minutes=1))
    assert phone.tried == 2


@pytest.mark.parametrize("attempts", [1, 2, 5, 10, 1000])
def test_the_pause_doubles_up_to_half_an_hour_and_is_spread(scene: Scene, attempts: int) -> None:
    notices = _relay(scene, Phone())._notices
    longest = min(timedelta(seconds=5) * 2 ** min(attempts - 1, 20), timedelta(minutes=30))
    assert notices.wait(attempts) == longest


async def test_a_subscription_that_is_gone_is_forgotten(scene: Scene) -> None:
    subscription = scene.subscribe(INSPECTOR)
    scene.raised()
    report = await _relay(scene, Phone(refusal=Rejected(retry=False, reason=FailureReason.GONE))).run_once(scene.now)
    assert report.failed == 1
    with scene.store.reading() as uow:
        assert uow.push_subscriptions.get(subscription.id) is None


async def test_a_channel_that_breaks_stops_nothing_and_is_tried_again(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    scene.raised()
    phone, outside = Phone(refusal=ZeroDivisionError()), Outside()
    report = await _relay(scene, phone, outside).run_once(scene.now)
    assert (report.retried, len(outside.live)) == (1, 1)


async def test_a_webhook_whose_secret_is_not_set_is_a_visible_failure(scene: Scene) -> None:
    scene.routes = (webhook_route(secret_env="HOOK_SECRET"),)
    scene.office = scene.another_office()
    scene.raised()
    report = await _relay(scene, Phone()).run_once(scene.now)
    assert report.failed == 1
    with scene.store.reading() as uow:
        assert "HOOK_SECRET" in uow.outbox.failed()[0].last_error
    scene.raised(subject="cam-0a1b2c3d/b")
    report = await _relay(scene, Phone(), environment={"HOOK_SECRET": "s"}).run_once(scene.now)
    assert report.sent[Lane.NOTIFY] == 1


async def test_while_the_live_stream_is_away_the_log_goes_on_and_afterwards_the_order_is_kept(scene: Scene) -> None:
    warning = scene.raised()
    outside = Outside(away={Lane.LIVE})
    relay = _relay(scene, Phone(), outside)
    await relay.run_once(scene.now)
    assert (len(outside.live), len(outside.kafka)) == (0, 1)
    scene.office.delivered(warning.id, scene.later(seconds=1))
    outside.away.clear()
    await relay.run_once(scene.now)
    assert outside.live == [], "the new entry waits behind the old one"
    await relay.run_once(scene.later(seconds=10))
    assert [item["version"] for item in outside.live] == [1, 2]


async def test_a_relay_that_died_gives_its_entries_back(scene: Scene) -> None:
    scene.raised()
    with scene.store.writing() as uow:
        claimed = uow.outbox.claim(scene.now, lanes=list(Lane), limit=100, lease_until=scene.now + timedelta(seconds=10))
        uow.commit()
    assert claimed
    outside = Outside()
    relay = _relay(scene, Phone(), outside)
    await relay.run_once(scene.later(seconds=5))
    assert outside.live == []
    await relay.run_once(scene.later(seconds=6))
    assert len(outside.live) == 1


async def test_after_a_kill_an_older_word_never_follows_a_newer_one(scene: Scene) -> None:
    warning = scene.raised()
    with scene.store.writing() as uow:
        lease_until = scene.now + timedelta(seconds=5)
        assert uow.outbox.claim(scene.now, lanes=[Lane.LIVE, Lane.KAFKA], limit=100, lease_until=lease_until)
        uow.commit()
    scene.office.delivered(warning.id, scene.later(seconds=1))
    outside = Outside()
    relay = _relay(scene, Phone(), outside)
    await relay.run_once(scene.now)
    assert (outside.live, outside.kafka) == ([], []), "the killed one may have sent the first or not"
    await relay.run_once(scene.later(seconds=4))
    assert [item["version"] for item in outside.live] == [1, 2]
    assert [value["warning"]["version"] for _, _, value in outside.kafka] == [1, 2]


async def test_a_hanging_phone_delays_neither_the_pages_nor_the_other_phones(scene: Scene) -> None:
    for actor in (INSPECTOR, COLLEAGUE, STAFF):
        scene.subscribe(actor)
    warning = scene.raised()
    phone = Phone(hangs=lambda target: "u-inspector" in target.url)
    outside = Outside()
    relay = _relay(scene, phone, outside)
    running = asyncio.create_task(relay.run())
    try:
        await _until(lambda: len(phone.taken) >= 2)
        await _until(lambda: scene.warning(warning.id).state is State.NOTIFIED)
        await asyncio.to_thread(scene.office.acknowledge, warning.id, MERCHANT, scene.later(seconds=1))
        relay.nudge()
        await _until(lambda: bool(outside.live) and outside.live[-1]["event"] == "warning.acknowledged")
        assert phone.at_once >= 1, "the hanging one still hangs"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert phone.at_once == 0, "stopping the relay leaves nothing running"


async def test_many_phones_are_told_side_by_side_within_a_bound(scene: Scene) -> None:
    for number in range(12):
        scene.subscribe(INSPECTOR, f"phone{number}")
    scene.raised()
    phone = Phone()
    pace = Pace(idle=timedelta(milliseconds=5), side_by_side=4)
    running = asyncio.create_task(_relay(scene, phone, pace=pace).run())
    try:
        await _until(lambda: len(phone.taken) == 12)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert 2 <= phone.most_at_once <= 4


async def test_an_attempt_that_takes_too_long_ends_and_is_tried_again(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    scene.raised()
    phone = Phone(hangs=lambda _: True)
    pace = Pace(attempt=timedelta(milliseconds=50))
    report = await _relay(scene, phone, pace=pace).run_once(scene.now)
    assert report.retried == 1
    with scene.store.writing() as uow:
        waiting = uow.outbox.claim(scene.now + timedelta(hours=1), lanes=[Lane.NOTIFY], limit=9, lease_until=scene.now)
    assert [item.last_error for item in waiting if item.target == "webpush"] == ["timeout"]


async def test_a_push_that_was_accepted_is_not_sent_again_when_its_confirmation_breaks(scene: Scene) -> None:
    scene.subscribe(MERCHANT)
    warning = scene.raised()
    scene.office.desk = replace(scene.office.desk, translator=_no_words)
    phone = Phone()
    relay = _relay(scene, phone)
    report = await relay.run_once(scene.now)
    assert report.sent[Lane.NOTIFY] == 2
    await relay.run_once(scene.later(minutes=5))
    assert phone.tried == 1
    assert scene.warning(warning.id).state is State.RAISED, "the confirmation did break"


def _no_words(locale: str) -> Any:
    raise KeyError(locale)


async def test_an_entry_that_can_never_be_sent_is_given_up_and_the_lane_goes_on(scene: Scene) -> None:
    first, second = scene.raised(), scene.raised(subject="cam-0a1b2c3d/b")
    outside = Outside()

    async def publish_live(item: Mapping[str, Any]) -> None:
        if item["id"] == first.id:
            raise ValueError("cannot be written")
        await outside.publish_live(item)

    relay = Relay(
        scene.store,
        {},
        publish_live=publish_live,
        publish_kafka=outside.publish_kafka,
        office=scene.office,
        clock=lambda: scene.now,
        pace=QUICK,
    )
    for attempt in range(5):
        assert outside.live == [], f"after {attempt} attempts the newer one still waits"
        await relay.run_once(scene.now)
        scene.later(seconds=6)
    await relay.run_once(scene.now)
    assert [item["id"] for item in outside.live] == [second.id]
    with scene.store.reading() as uow:
        (failed,) = [item for item in uow.outbox.failed() if item.lane is Lane.LIVE]
    assert (failed.attempts, failed.last_error) == (5, "ValueError('cannot be written')")


async def test_a_round_in_which_nothing_is_due_opens_no_write_transaction(scene: Scene) -> None:
    scene.raised()
    relay = _relay(scene, Phone(), Outside(away={Lane.LIVE, Lane.KAFKA}))
    await relay.run_once(scene.now)
    with scene.store.writing():  # SQLite has one writer: a second would wait for it until the time is up
        async with asyncio.timeout(5):
            report = await _relay(scene, Phone()).run_once(scene.later(seconds=1))
    assert report.sent[Lane.LIVE] == 0


# one receiver, many messages

SLOWLY = {"webpush": Limit(messages=4, within=timedelta(minutes=1))}


def _titles(phone: Phone) -> list[str]:
    return [message.title for _, message in phone.taken]


def _counted(name: str) -> float:
    return metrics.NOTIFICATIONS.labels("webpush", name)._value.get()


async def test_what_is_more_than_the_limit_is_put_together_into_one_message_that_names_the_rest(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    for number in range(6):
        scene.raised(subject=f"cam-0a1b2c3d/{number}", class_="pest_or_pet")
    phone, coalesced = Phone(), _counted(metrics.COALESCED)
    report = await _relay(scene, phone, limits=SLOWLY).run_once(scene.now)
    assert report.sent[Lane.NOTIFY] == 2 + 6, "two to the phone, and six to the webhook, whose reader is a program"
    first, digest = (message for _, message in phone.taken)
    assert first.title == "红色预警：昆虫或宠物"
    assert digest.title == "5 条通知，其中红色预警 5 条"
    assert len(digest.body.splitlines()) == 5
    assert all(line.startswith("红色预警：昆虫或宠物 · ") for line in digest.body.splitlines())
    assert len({item["warning"] for item in digest.data["items"]} | {first.data["warning"]}) == 6, "nothing is dropped"
    assert digest.urgent
    assert _counted(metrics.COALESCED) - coalesced == 4
    assert [item for item in scene.outbox(Lane.NOTIFY) if item.target == "webpush"] == []


async def test_who_has_no_room_waits_untried_and_the_wait_is_no_attempt(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    phone = Phone()
    relay = _relay(scene, phone, limits=SLOWLY)
    for number in range(2):
        scene.raised(subject=f"cam-0a1b2c3d/{number}")
    await relay.run_once(scene.now)
    for number in range(2, 15):
        scene.raised(subject=f"cam-0a1b2c3d/{number}")
    await relay.run_once(scene.later(seconds=1))
    assert phone.tried == 2
    await relay.run_once(scene.later(seconds=28))
    assert phone.tried == 2, "its turn is half a minute after the first"
    await relay.run_once(scene.later(seconds=1))
    assert _titles(phone)[2:] == ["13 条通知，其中红色预警 13 条"]
    assert phone.taken[-1][1].body.endswith("另有 3 条，请打开查看")


async def test_in_a_message_of_many_what_is_red_comes_first(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    for number in range(3):
        level = Level.RED if number == 2 else Level.ORDINARY
        scene.raised(subject=f"cam-0a1b2c3d/{number}", level=level)
    phone = Phone()
    await _relay(scene, phone, limits={"webpush": Limit(messages=2, within=timedelta(minutes=1))}).run_once(scene.now)
    ((_, digest),) = phone.taken
    assert digest.title == "3 条通知，其中红色预警 1 条"
    assert digest.body.splitlines()[0].startswith("红色预警：")


async def test_a_message_of_many_that_reaches_the_merchant_confirms_the_delivery_of_each(scene: Scene) -> None:
    scene.subscribe(MERCHANT)
    warnings = [scene.raised(subject=f"cam-0a1b2c3d/{number}") for number in range(3)]
    await _relay(scene, Phone(), limits={"webpush": Limit(messages=1, within=timedelta(minutes=1))}).run_once(scene.now)
    assert {scene.warning(warning.id).state for warning in warnings} == {State.NOTIFIED}


async def test_a_message_of_many_that_is_refused_is_tried_again_whole(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    for number in range(3):
        scene.raised(subject=f"cam-0a1b2c3d/{number}")
    phone = Phone(refusal=Rejected(retry=True, reason=FailureReason.UNAVAILABLE))
    relay = _relay(scene, phone, limits={"webpush": Limit(messages=2, within=timedelta(seconds=2))})
    await relay.run_once(scene.now)
    phone.refusal = None
    await relay.run_once(scene.later(minutes=1))
    assert _titles(phone) == ["3 条通知，其中红色预警 3 条"]


async def test_a_receiver_that_says_slower_is_left_alone_by_the_others_that_wait_for_it(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    scene.raised()
    phone = Phone(refusal=Rejected(retry=True, reason=FailureReason.RATE_LIMITED, retry_after=timedelta(minutes=10)))
    relay = _relay(scene, phone, limits=SLOWLY)
    await relay.run_once(scene.now)
    scene.raised(subject="cam-0a1b2c3d/b")
    await relay.run_once(scene.later(minutes=9))
    assert phone.tried == 1
    phone.refusal = None
    await relay.run_once(scene.later(minutes=1))
    assert len(phone.taken) == 2


async def test_what_was_cancelled_after_it_was_taken_is_not_sent(scene: Scene) -> None:
    scene.subscribe(INSPECTOR)
    scene.office.desk = replace(scene.office.desk, chains=(CHAIN,), routes=())
    warning = scene.raised()
    scene.office.sweep(scene.later(minutes=30))
    phone = Phone()
    relay = _relay(scene, phone)
    parcels = await asyncio.to_thread(relay._claim_parcels, 9, scene.now)
    scene.office.acknowledge(warning.id, MERCHANT, scene.now)
    endings = [await relay._notices.send(*parcel) for parcel in parcels]
    assert (len(endings), phone.tried) == (1, 0)


CHAIN = Chain(
    name="red",
    steps=(Step(after=timedelta(minutes=30), until=Until.DELIVERED, roles=(Role.INSPECTOR,), channels=("webpush",)),),
)


async def test_a_red_warning_that_reaches_no_merchant_ends_where_a_person_sees_it(scene: Scene) -> None:
    scene.subscribe(MERCHANT)
    scene.subscribe(INSPECTOR)
    scene.office.desk = replace(scene.office.desk, chains=(CHAIN,))
    warning = scene.raised()
    failures = metrics.RED_FAILURES.labels("webpush")
    before = failures._value.get()
    phone = Phone(refusal=Rejected(retry=False, reason=FailureReason.GONE))
    await _relay(scene, phone).run_once(scene.now)
    assert failures._value.get() - before == 2, "the merchant's and the inspector's browser"
    escalated = [step.reason for step in scene.audit(warning.id)]
    assert escalated == [escalated[0], "escalate"], "the last way to the merchant failed: said at once, in the warning's history"
    metrics.refresh(scene.store, scene.later(minutes=31))
    assert metrics.UNDELIVERED._value.get() == 1
    scene.office.opened(warning.id, MERCHANT, scene.now)
    metrics.refresh(scene.store, scene.now)
    assert metrics.UNDELIVERED._value.get() == 0


def test_every_result_of_an_attempt_is_in_the_closed_list() -> None:
    known = {reason.value for reason in FailureReason} | {"accepted", "coalesced", "given_up", "unexpected"}
    assert set(metrics.RESULTS) == known
