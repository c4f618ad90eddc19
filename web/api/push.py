"""Web Push subscriptions of the signed-in user's browsers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from alerts.channels import Rejected, push_address
from domain.errors import BadInput, Code, NotFound
from domain.events import PushSubscription
from domain.ids import derived_id
from web.auth import SignedIn
from web.parts import Parts, Wired

router = APIRouter(prefix="/api/v1/push", tags=["push"])

_BASE64URL = r"^[A-Za-z0-9_-]+=*$"


class Keys(BaseModel):
    """The browser's keys (RFC 8291), base64url."""

    p256dh: str = Field(min_length=80, max_length=120, pattern=_BASE64URL)
    auth: str = Field(min_length=16, max_length=48, pattern=_BASE64URL)


class Subscription(BaseModel):
    """A browser's subscription, as ``PushSubscription.toJSON()`` says it."""

    endpoint: str = Field(min_length=12, max_length=1000)
    keys: Keys


class Endpoint(BaseModel):
    """Which subscription is meant."""

    endpoint: str = Field(min_length=12, max_length=1000)


def subscription_id(endpoint: str) -> str:
    """The id of a subscription; derives from its endpoint."""
    return derived_id("push", endpoint)


def _check_endpoint(parts: Parts, endpoint: str) -> None:
    try:
        push_address(endpoint, parts.settings.push_hosts)
    except Rejected as refused:
        raise BadInput(
            Code.FIELD, f"not the https address of a known push service ({refused.detail})", where="endpoint"
        ) from None


@router.get("/key")
def read_key(parts: Wired) -> dict[str, str]:
    """The application server key a browser subscribes with. Raises NotFound where there is no Web Push."""
    if not parts.settings.vapid_public_key:
        raise NotFound("Web Push is not set up here")
    return {"key": parts.settings.vapid_public_key}


@router.get("/subscription")
def read_subscriptions(identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """The user's own subscriptions, by the host of their push service."""
    with parts.store.reading() as uow:
        kept = uow.push_subscriptions.of_users([identity.user.id])
    return {"items": [{"id": one.id, "host": urlsplit(one.endpoint).hostname} for one in kept]}


@router.post("/subscription", status_code=201)
def add_subscription(subscription: Subscription, identity: SignedIn, parts: Wired) -> dict[str, str]:
    """Tell this browser about warnings from now on."""
    _check_endpoint(parts, subscription.endpoint)
    kept = PushSubscription(
        id=subscription_id(subscription.endpoint),
        user_id=identity.user.id,
        endpoint=subscription.endpoint,
        p256dh=subscription.keys.p256dh,
        auth=subscription.keys.auth,
        created_at=parts.clock(),
    )
    with parts.store.writing() as uow:
        uow.push_subscriptions.put(kept)
        uow.commit()
    return {"id": kept.id}


@router.delete("/subscription", status_code=204)
def remove_subscription(which: Endpoint, identity: SignedIn, parts: Wired) -> Response:
    """Tell this browser nothing any more. Removing what is not there is no error."""
    with parts.store.writing() as uow:
        kept = uow.push_subscriptions.get(subscription_id(which.endpoint))
        if kept is not None and kept.user_id == identity.user.id:
            uow.push_subscriptions.remove(kept.id)
            uow.commit()
    return Response(status_code=204)
