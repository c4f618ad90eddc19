"""Who is told (domain.md E.7; section 0.2 on what confirms delivery)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from alerts.routing import DINGTALK, SMS, WEBHOOK, WEBPUSH, Route, recipients, step_recipients
from domain.escalation import QuietHours, Step, Until
from domain.events import Event, EventName
from domain.parties import Role, User
from domain.rules import Level
from tests.unit.alerts.builders import OTHER_OWNER, REGION, T0, USCC

OWNER = User(id="owner", login="owner", name="", role=Role.MERCHANT, uscc=USCC)
STAFF = User(id="staff", login="staff", name="", role=Role.STAFF, uscc=USCC)
STRANGER = User(id="stranger", login="stranger", name="", role=Role.MERCHANT, uscc=OTHER_OWNER.uscc)
INSPECTOR = User(id="inspector", login="inspector", name="", role=Role.INSPECTOR, region="3302")
FAR = User(id="far", login="far", name="", role=Role.INSPECTOR, region="3702")
SUPERVISOR = User(id="supervisor", login="supervisor", name="", role=Role.SUPERVISOR)
USERS = (OWNER, STAFF, STRANGER, INSPECTOR, FAR, SUPERVISOR)

RAISED = Event(name=EventName.WARNING_RAISED, entity_id="w-1", uscc=USCC, region=REGION, at=T0, data={"level": "red"})
PHONES = Route(name="phones", channel=WEBPUSH)
ROBOT = Route(name="robot", channel=WEBHOOK, url="https://robot.example/x", roles=frozenset({Role.MERCHANT}))


def names(event, *routes, users=USERS):
    return [r.user.id if r.user else r.route.name for r in recipients(event, users, routes)]


def test_only_those_who_may_see_the_merchant_are_told():
    assert names(RAISED, PHONES) == ["owner", "staff", "inspector", "supervisor"]


def test_a_route_reaches_the_roles_it_names():
    assert names(RAISED, replace(PHONES, roles=frozenset({Role.INSPECTOR}))) == ["inspector"]


def test_each_user_is_told_once_per_channel_however_many_routes_name_them():
    assert names(RAISED, PHONES, replace(PHONES, name="again"), ROBOT).count("owner") == 1


def test_somebody_who_left_is_not_told():
    assert names(RAISED, PHONES, users=[replace(OWNER, active=False)]) == []


@pytest.mark.parametrize(
    ("route", "event", "reaches", "why"),
    [
        (replace(ROBOT, events=frozenset({EventName.WARNING_CLOSED})), RAISED, False, "another event"),
        (replace(ROBOT, events=frozenset({EventName.WARNING_RAISED})), RAISED, True, "this event"),
        (replace(ROBOT, levels=frozenset({Level.ORDINARY})), RAISED, False, "another level"),
        (replace(ROBOT, levels=frozenset({Level.RED})), RAISED, True, "this level"),
        (replace(ROBOT, levels=frozenset({Level.RED})), replace(RAISED, data={}), True, "the event has no level"),
        (replace(ROBOT, merchants=frozenset({USCC})), RAISED, True, "this merchant"),
        (replace(ROBOT, merchants=frozenset({str(OTHER_OWNER.uscc)})), RAISED, False, "another merchant"),
        (replace(ROBOT, region="3302"), RAISED, True, "within the region"),
        (replace(ROBOT, region="3702"), RAISED, False, "another region"),
    ],
)
def test_a_route_concerns_what_it_names(route, event, reaches, why):
    assert bool(names(event, route)) is reaches, why


@pytest.mark.parametrize(
    ("route", "confirms", "why"),
    [
        (replace(ROBOT, merchants=frozenset({USCC})), True, "the merchant's own robot"),
        (ROBOT, False, "an address of nobody in particular"),
        (replace(ROBOT, merchants=frozenset({USCC}), roles=frozenset({Role.INSPECTOR})), False, "the inspectors' robot"),
        (replace(ROBOT, merchants=frozenset({USCC}), confirms_delivery=False), False, "switched off"),
    ],
)
def test_which_webhook_confirms_delivery(route, confirms, why):
    [recipient] = recipients(RAISED, USERS, [route])
    assert recipient.to_merchant is confirms, why


def test_a_push_confirms_delivery_only_when_it_goes_to_the_merchant():
    told = {r.user.id: r.to_merchant for r in recipients(RAISED, USERS, [PHONES])}
    assert told == {"owner": True, "staff": True, "inspector": False, "supervisor": False}


TEXTS = Route(name="texts", channel=SMS, roles=frozenset({Role.MERCHANT, Role.INSPECTOR}))
TEAM = Route(name="team", channel=DINGTALK, token_env="T", events=frozenset({EventName.WARNING_CLOSED}))


def test_a_text_message_goes_to_each_user_and_confirms_nothing():
    told = {r.user.id: r.to_merchant for r in recipients(RAISED, USERS, [TEXTS])}
    assert told == {"owner": False, "inspector": False}


def test_a_robot_of_the_merchants_own_group_confirms_delivery():
    own = replace(TEAM, events=frozenset(), roles=frozenset({Role.MERCHANT}), merchants=frozenset({USCC}))
    assert [r.to_merchant for r in recipients(RAISED, USERS, [own])] == [True]


def test_a_step_reaches_its_roles_through_its_channels_and_the_routes_it_names():
    step = Step(
        after=timedelta(hours=1),
        until=Until.CLOSED,
        roles=(Role.INSPECTOR, Role.SUPERVISOR),
        channels=("webpush", "sms"),
        routes=("team", "gone", "texts"),
    )
    found = [
        (r.route.channel, r.user.id if r.user else r.route.name) for r in step_recipients(RAISED, step, USERS, (TEAM, TEXTS))
    ]
    assert found == [
        ("webpush", "inspector"),
        ("webpush", "supervisor"),
        ("sms", "inspector"),
        ("sms", "supervisor"),
        ("dingtalk", "team"),
    ], "the far inspector may not see the merchant; a route that is gone since, or has no address, is passed over"


@pytest.mark.parametrize(
    ("level", "waits", "why"),
    [
        ("red", False, "a red warning knows no quiet hours"),
        ("ordinary", True, "it can wait"),
        (None, True, "not about a warning"),
    ],
)
def test_quiet_hours_of_a_route_put_off_what_is_not_red(level, waits, why):
    night = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    route = replace(PHONES, quiet=QuietHours(begins=time(21, 30), ends=time(6, 30)))
    event = replace(RAISED, at=night, data={} if level is None else {"level": level})
    morning = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
    assert route.tells_at(event) == (morning if waits else night), why
