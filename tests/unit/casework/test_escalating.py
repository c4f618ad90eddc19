"""Escalation end to end in the office: laid down at the raise, taken by the sweep, ended by what it waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from alerts.escalation import Chain
from alerts.routing import DINGTALK, SMS, Route
from domain.escalation import Step, Until
from domain.events import EventName, Lane
from domain.parties import Role
from tests.unit.casework.scene import INSPECTOR, MERCHANT, SUPERVISOR, Scene

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
UNDELIVERED = Step(
    after=30 * MINUTE, until=Until.DELIVERED, roles=(Role.INSPECTOR,), channels=("webpush", "sms"), routes=("team",)
)
UNSEEN = Step(after=2 * HOUR, until=Until.ACKNOWLEDGED, roles=(Role.SUPERVISOR,), channels=("webpush",))
CHAIN = Chain(name="red", steps=(UNDELIVERED, UNSEEN))
TEAM = Route(name="team", channel=DINGTALK, token_env="TEAM", events=frozenset({EventName.WARNING_CLOSED}))


def lay_down(scene: Scene, *chains: Chain, routes: Sequence[Route] = (TEAM,)) -> None:
    scene.office.desk = replace(scene.office.desk, chains=chains, routes=tuple(routes))


def give_number(scene: Scene, user_id: str, phone: str) -> None:
    with scene.store.writing() as uow:
        user = uow.users.get(user_id)
        assert user is not None
        uow.users.put(replace(user, phone=phone))
        uow.commit()


def told(scene: Scene) -> list[tuple[str, str, str]]:
    """Notifications that wait: what they say, through which channel, to whom."""
    return [(item.payload["title"], item.target, item.recipient) for item in scene.outbox(Lane.NOTIFY)]


def test_a_step_tells_its_roles_through_its_channels_and_the_addresses_it_names(scene: Scene) -> None:
    lay_down(scene, CHAIN)
    scene.subscribe(INSPECTOR)
    scene.subscribe(SUPERVISOR)
    give_number(scene, INSPECTOR.id, "13800138000")
    scene.raised()
    assert scene.office.sweep(scene.later(minutes=29)).events == ()
    (event,) = scene.office.sweep(scene.later(minutes=1)).events
    assert (event.name, event.data["until"]) == (EventName.WARNING_ESCALATED, "delivered")
    words = "仍未送达商户，请现场告知：昆虫或宠物"
    assert told(scene) == [
        (words, "webpush", "u-inspector-phone"),
        (words, "sms", INSPECTOR.id),
        (words, "dingtalk", "team"),
    ], "a colleague without a browser and a number is told by nobody"
    assert scene.office.sweep(scene.later(minutes=1)).events == ()


def test_what_is_edited_afterwards_does_not_alter_a_running_chain(scene: Scene) -> None:
    lay_down(scene, CHAIN)
    warning = scene.raised()
    lay_down(scene, Chain(name="other", steps=(replace(UNDELIVERED, after=MINUTE),)))
    assert scene.office.sweep(scene.later(minutes=29)).events == ()
    assert [event.data["chain"] for event in scene.office.sweep(scene.later(minutes=1)).events] == ["red"]
    escalation = scene.warning(warning.id).escalation
    assert escalation is not None
    assert (escalation.steps, escalation.done) == (CHAIN.steps, (0,))


def test_acknowledging_cancels_what_is_pending_and_what_is_on_its_way_in_one_transaction(scene: Scene) -> None:
    lay_down(scene, CHAIN)
    scene.subscribe(INSPECTOR)
    scene.subscribe(SUPERVISOR)
    warning = scene.raised()
    scene.office.sweep(scene.later(hours=3))
    assert [recipient for _, _, recipient in told(scene)] == ["u-inspector-phone", "team", "u-supervisor-phone"]
    scene.office.acknowledge(warning.id, MERCHANT, scene.later(minutes=1))
    assert told(scene) == []
    with scene.store.reading() as uow:
        assert uow.outbox.failed() == [], "settled, not failed"
    assert not [event for event in scene.office.sweep(scene.later(hours=3)).events if event.name is EventName.WARNING_ESCALATED]


def test_an_acknowledgement_that_does_not_come_through_cancels_nothing(scene: Scene) -> None:
    lay_down(scene, CHAIN, routes=(TEAM, Route(name="phones", channel="webpush")))
    scene.subscribe(INSPECTOR)
    warning = scene.raised()
    scene.office.sweep(scene.later(minutes=30))
    before = told(scene)
    scene.office.desk = replace(scene.office.desk, translator=_no_words)
    try:
        scene.office.acknowledge(warning.id, MERCHANT, scene.now)
    except KeyError:
        pass
    else:
        raise AssertionError("the transaction was to fail at its last step")
    assert told(scene) == before
    assert scene.warning(warning.id).state is warning.state


def _no_words(locale: str) -> object:
    raise KeyError(locale)


def test_being_delivered_ends_only_the_steps_that_wait_for_it(scene: Scene) -> None:
    lay_down(scene, CHAIN)
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.later(minutes=1))
    assert scene.office.sweep(scene.later(hours=1)).events == ()
    assert [event.data["until"] for event in scene.office.sweep(scene.later(hours=1)).events] == ["acknowledged"]


def test_when_the_last_way_to_the_merchant_has_failed_nobody_waits_for_half_an_hour(scene: Scene) -> None:
    lay_down(scene, CHAIN, routes=(TEAM, Route(name="phones", channel="webpush", roles=frozenset({Role.MERCHANT}))))
    scene.subscribe(MERCHANT)
    scene.subscribe(MERCHANT, "second")
    warning = scene.raised()
    first, second = scene.outbox(Lane.NOTIFY)
    for failed, events in ((first, 0), (second, 1)):
        with scene.store.writing() as uow:
            uow.outbox.fail(failed.id, at=scene.now, error="gone")
            uow.commit()
        assert len(scene.office.unreached(warning.id, scene.now).events) == events
    assert told(scene)[-1] == ("仍未送达商户，请现场告知：昆虫或宠物", "dingtalk", "team")
    assert scene.office.unreached(warning.id, scene.now).events == (), "it is said once"


def test_a_text_message_to_the_merchant_confirms_nothing(scene: Scene) -> None:
    lay_down(scene, routes=(Route(name="texts", channel=SMS, roles=frozenset({Role.MERCHANT})),))
    give_number(scene, MERCHANT.id, "13800138000")
    scene.raised()
    (item,) = scene.outbox(Lane.NOTIFY)
    assert (item.target, item.recipient, item.to_merchant) == ("sms", MERCHANT.id, False)


def test_both_clocks_remind_and_each_says_which_it_is(scene: Scene) -> None:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    heard = []
    for _ in range(25):
        heard += [
            (event.data["clock"], event.data["percent"])
            for event in scene.office.sweep(scene.now).events
            if event.name is EventName.WARNING_REMINDED
        ]
        scene.later(hours=1)
    assert heard == [("rectify", 50), ("rectify", 75), ("rectify", 100), ("close", 50), ("close", 75), ("close", 100)]
    keys = [item.key for item in scene.outbox(Lane.LIVE) if item.key.startswith("warning.reminded")]
    assert len(keys) == len(heard), "two clocks that remind in one sweep are two events"
