"""What every channel has in common: the message, the address, and how sending ends.

A message comes rendered in the reader's language; no channel makes up a word of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from domain.errors import KitchenError


class FailureReason(StrEnum):
    """Why a message was not accepted; the value is the metric label."""

    GONE = "gone"  # the subscription no longer exists: forget it
    REFUSED = "refused"  # the other end understood and said no, or answered with a redirect
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"  # the other end has a problem of its own (5xx)
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"  # no connection, no name, a bad certificate
    ERRCODE = "errcode"  # 200, but the body says that it was not sent
    TOO_LARGE = "too_large"
    DUPLICATE = "duplicate"  # the other end has a message of that key already, and will not take another
    HOST_NOT_ALLOWED = "host_not_allowed"
    MISCONFIGURED = "misconfigured"  # no address, or keys that are none


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A rendered message.

    Attributes:
        url: page to open, a path or an address.
        tag: a later message with the same tag replaces this one on a screen.
        urgent: wake a sleeping phone.
        locale: language it is rendered in, for the words the other end adds of its own (the buttons of a notification).
        data: what a program at the other end may want to know; JSON values.
        key: names this message for good: one that is sent again carries the same, so that the other end can tell. Not part of
            the text; each channel has its own place for it, or none.
    """

    title: str
    body: str
    url: str = ""
    tag: str = ""
    urgent: bool = True
    locale: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""

    def to_wire(self) -> dict[str, Any]:
        """JSON form, the same on every channel."""
        return {
            "title": self.title,
            "body": self.body,
            "url": self.url,
            "tag": self.tag,
            "locale": self.locale,
            "data": dict(self.data),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PushKeys:
    """A browser's public key and secret of a subscription, base64url as ``PushSubscription.toJSON()`` says them."""

    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to: an address, with the keys of a push subscription or the secret that signs.

    Nothing of it shows in a log: the address of a robot holds its token, and a number or mail address is a person's.

    Attributes:
        url: an http address; for ``sms`` a telephone number, for ``email`` a mail address.
        keys: of a push subscription.
        secret: what the message is signed with.
        check_errcode: of a webhook, an answer counts only with ``"errcode": 0`` in it.
    """

    url: str = field(repr=False)
    keys: PushKeys | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    check_errcode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The other end took the message.

    Attributes:
        status: what it answered with.
        duplicate: it had the message already, by its key.
    """

    status: int
    duplicate: bool = False


class Rejected(KitchenError):
    """The message was not accepted.

    Args:
        retry: whether the same message may be accepted later.
        reason: one of a closed set.
        detail: what the other end said, for the log.
        retry_after: how long it asked to be left alone.
    """

    def __init__(self, *, retry: bool, reason: FailureReason, detail: str = "", retry_after: timedelta | None = None) -> None:
        self.retry, self.reason, self.detail, self.retry_after = retry, reason, detail, retry_after
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)


def shortened(text: str, most_bytes: int) -> str:
    """The text, cut to so many bytes of UTF-8; a cut one ends in an ellipsis."""
    whole = text.encode()
    if len(whole) <= most_bytes:
        return text
    return whole[: most_bytes - len("…".encode())].decode("utf-8", "ignore") + "…"


class Channel(Protocol):
    """One way out."""

    name: str

    async def send(self, message: Message, target: Target) -> Accepted:
        """Try once. Raises Rejected."""

    async def aclose(self) -> None:
        """Close the connections kept open."""
