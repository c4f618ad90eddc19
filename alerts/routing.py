"""Who is told about an event through which channel; routes are values from ``configs/routes.yaml``.

An empty filter means "no restriction". Nobody is ever told of an object that the object-level check would hide from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.escalation import QuietHours, Step
from domain.events import Event, EventName
from domain.parties import Actor, Role, User
from domain.rules import Level

WEBPUSH, SMS, EMAIL = "webpush", "sms", "email"
WEBHOOK, DINGTALK, WECOM, FEISHU = "webhook", "dingtalk", "wecom", "feishu"

PERSONAL = frozenset({WEBPUSH, SMS, EMAIL})
"""Channels that go to persons: to each user a route reaches. The others go to the route's own address."""
ROBOTS = frozenset({DINGTALK, WECOM, FEISHU})
CONFIRMING = frozenset({WEBPUSH, WEBHOOK, DINGTALK, WECOM, FEISHU})
"""Channels whose acceptance names a person or screen (section 0.2). A gateway or mail server that takes one names nobody."""

MERCHANT_ROLES = frozenset({Role.MERCHANT, Role.STAFF})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to somebody.

    Attributes:
        name: unique; the recipient's name in the outbox where the channel addresses nobody by user.
        channel: ``webpush``, ``sms`` and ``email`` go to each matching user, the others to one address.
        events: which events; empty = all.
        levels: which levels of warning; empty = all. An event that has no level passes.
        roles: whom it reaches: for a personal channel the users asked for (empty = all), for another who reads the address.
        url: the address; ``url_env`` names the environment variable that holds it instead, when it is a secret.
        token_env: of a robot, the environment variable with its token, which is put into ``url``, or into the provider's own
            address where there is none.
        secret_env: environment variable with the secret that signs.
        check_errcode: an answer counts as accepted only with ``errcode`` 0 (DingTalk, WeCom).
        confirms_delivery: the channel's acceptance names a person or screen, so it confirms delivery (section 0.2); an
            address that names no ``merchants`` never confirms, for it may be anybody's.
        merchants: only events of these merchants; empty = all.
        region: only events of regions that begin so; empty = all.
        quiet: hours in which what is not about a red warning waits.
        locale: language of the text where the reader has none of their own.
    """

    name: str
    channel: str
    events: frozenset[EventName] = frozenset()
    levels: frozenset[Level] = frozenset()
    roles: frozenset[Role] = frozenset()
    url: str = ""
    url_env: str = ""
    token_env: str = ""
    secret_env: str = ""
    check_errcode: bool = False
    confirms_delivery: bool = True
    merchants: frozenset[str] = frozenset()
    region: str = ""
    quiet: QuietHours | None = None
    locale: str = "zh"

    def tells_at(self, event: Event) -> datetime:
        """When this way may be gone at the earliest: at once for what is red."""
        return event.at if self.quiet is None or event.data.get("level") == Level.RED else self.quiet.over_at(event.at)

    def concerns(self, event: Event) -> bool:
        """Whether an event goes this way at all."""
        level = event.data.get("level")
        return (
            (not self.events or event.name in self.events)
            and (not self.levels or level is None or level in self.levels)
            and (not self.merchants or event.uscc in self.merchants)
            and event.region.startswith(self.region)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One addressee of one event: a user through a route, or the route's own address (``user`` is None).

    ``to_merchant`` says that this channel's acceptance confirms delivery to the merchant.
    """

    route: Route
    user: User | None
    to_merchant: bool


def recipients(event: Event, users: Iterable[User], routes: Iterable[Route]) -> tuple[Recipient, ...]:
    """Everybody an event must be told to, in the order of the routes, each user once per channel.

    Args:
        event: what happened; ``data["level"]`` is the warning's level where there is one.
        users: who may be told; inactive ones and those who may not see the merchant are left out.
        routes: the site's routes.
    """
    found: list[Recipient] = []
    told: set[tuple[str, str]] = set()
    everybody = tuple(users)
    for route in routes:
        if not route.concerns(event):
            continue
        if route.channel not in PERSONAL:
            found.append(_at_its_address(route))
            continue
        for user in everybody:
            if (route.channel, user.id) in told or not _reached(user, route, event):
                continue
            told.add((route.channel, user.id))
            to_merchant = user.role in MERCHANT_ROLES and route.confirms_delivery and route.channel in CONFIRMING
            found.append(Recipient(route=route, user=user, to_merchant=to_merchant))
    return tuple(found)


def step_recipients(event: Event, step: Step, users: Iterable[User], routes: Iterable[Route]) -> tuple[Recipient, ...]:
    """Everybody a step of escalation tells: each user of its roles through its channels, and the addresses of its routes.

    Args:
        event: of what the step tells.
        step: as it was laid down; a route it names that is gone since is passed over.
        users: who may be told; inactive ones and those who may not see the merchant are left out.
        routes: the site's routes.
    """
    ways = [Route(name=f"escalation_{channel}", channel=channel, roles=frozenset(step.roles)) for channel in step.channels]
    persons = recipients(event, users, ways) if step.roles else ()
    return (
        *persons,
        *(_at_its_address(route) for route in routes if route.name in step.routes and route.channel not in PERSONAL),
    )


def _at_its_address(route: Route) -> Recipient:
    reaches = bool(route.roles & MERCHANT_ROLES) and bool(route.merchants)
    return Recipient(route=route, user=None, to_merchant=reaches and route.confirms_delivery)


def _reached(user: User, route: Route, event: Event) -> bool:
    asked = not route.roles or user.role in route.roles
    return user.active and asked and Actor.of(user).may_see(uscc=event.uscc, region=event.region)
