"""Where a notification goes, looked up when it is sent: a browser may have signed off, a number may have changed since.

Tokens and secrets come from the environment, and are in no outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from alerts.channels.message import FailureReason, PushKeys, Rejected, Target
from alerts.gateways import PUBLISHED
from alerts.routing import EMAIL, SMS, WEBHOOK, WEBPUSH, Route
from casework.consequences.pushes import recipient_of
from casework.desk import Desk
from casework.outbound import address_of
from domain.events import Delivery
from store.ports import UnitOfWork


def target_of(uow: UnitOfWork, desk: Desk, delivery: Delivery, environment: Mapping[str, str]) -> Target:
    """The address of a delivery.

    Raises:
        Rejected: GONE or MISCONFIGURED where there is none.
    """
    if delivery.target == WEBPUSH:
        subscription = uow.push_subscriptions.get(delivery.recipient)
        if subscription is None:
            raise Rejected(retry=False, reason=FailureReason.GONE, detail="signed off meanwhile")
        return Target(url=subscription.endpoint, keys=PushKeys(p256dh=subscription.p256dh, auth=subscription.auth))
    if delivery.target in (SMS, EMAIL):
        user = uow.users.get(delivery.recipient)
        address = "" if user is None or not user.active else address_of(user, delivery.target)
        if not address:
            raise Rejected(retry=False, reason=FailureReason.GONE, detail="the user has no such address any more")
        return Target(url=address)
    return _route_target(_route(desk, delivery.recipient), environment)


def _route(desk: Desk, name: str) -> Route:
    for route in desk.routes:
        if route.name == name:
            return route
    for department in desk.terms.departments if desk.terms is not None else ():
        if department.has_system and recipient_of(department) == name:
            return Route(
                name=name,
                channel=WEBHOOK,
                url=department.url,
                url_env=department.url_env,
                secret_env=department.secret_env,
            )
    raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"no route {name}")


def _route_target(route: Route, environment: Mapping[str, str]) -> Target:
    url = _set(route.url_env, environment) if route.url_env else route.url
    if route.token_env:
        url = (url or PUBLISHED[route.channel]).replace("{token}", quote(_set(route.token_env, environment), safe=""))
    if not url:
        raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"url of route {route.name} is not set")
    secret = _set(route.secret_env, environment) if route.secret_env else ""
    return Target(url=url, secret=secret, check_errcode=route.check_errcode)


def _set(variable: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable, "")
    if not value:
        raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"{variable} is not set")
    return value
