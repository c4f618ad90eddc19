"""Web Push: encrypted for one browser (RFC 8291), signed by this server (VAPID, RFC 8292), sent by the browser's push service.

The endpoint of a subscription is an address a user's browser chose: it is used only if its host is a known push service.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import httpx
from py_vapid import Vapid02, VapidException
from pywebpush import WebPusher, WebPushException

from alerts.channels.message import Accepted, FailureReason, Message, PushKeys, Rejected, Target
from alerts.channels.post import Poster, address, fixed_address, host_allowed
from domain.errors import ConfigurationError

PUSH_HOSTS = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""The push services of the browsers there are."""

LONGEST_BODY_BYTES = 4096
"""What every push service takes (RFC 8030 section 7.2), counted after encryption."""

SIGNATURE_LIVES = timedelta(hours=12)  # RFC 8292 allows at most 24 h, and clocks differ


def push_address(url: str, allowed: Collection[str]) -> httpx.URL:
    """A subscription's endpoint, if it may be posted to: asked for when it is given, and again at each sending.

    Raises:
        Rejected: MISCONFIGURED if it is no https address, HOST_NOT_ALLOWED outside the allow-list.
    """
    parsed = address(url)
    if not host_allowed(parsed.host, allowed):
        raise Rejected(retry=False, reason=FailureReason.HOST_NOT_ALLOWED, detail=parsed.host)
    return parsed


class WebPush:
    """The channel ``webpush``.

    Args:
        vapid_private_key_pem: P-256 private key, PEM.
        subject: ``mailto:`` or ``https:`` contact for the push service.
        allowed_hosts: hosts a subscription may point at; ``*.`` admits what is under it.
        ttl: how long the push service keeps the message for a phone that is off.
        clock: the time, for the signature.
        timeout: of one attempt.

    Raises:
        ConfigurationError: the key is none, or the subject no contact.
    """

    name = "webpush"

    def __init__(
        self,
        *,
        vapid_private_key_pem: str,
        subject: str,
        clock: Callable[[], datetime],
        allowed_hosts: Collection[str] = PUSH_HOSTS,
        ttl: timedelta = timedelta(hours=24),
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        try:
            self._vapid = Vapid02.from_pem(vapid_private_key_pem.encode())
        except (ValueError, TypeError, VapidException) as error:
            raise ConfigurationError(f"the Web Push key is no P-256 key in PEM ({error})", key="vapid.pem") from None
        self._subject = subject
        self._allowed = tuple(allowed_hosts)
        self._ttl_s = int(ttl.total_seconds())
        self._clock = clock
        self._poster = Poster(timeout=timeout)
        try:
            self._signature("https://push.invalid")
        except VapidException as error:
            raise ConfigurationError(f"{subject!r} is no contact for push services ({error})", key="push.subject") from None

    async def aclose(self) -> None:
        """Close the connections kept open."""
        await self._poster.aclose()

    async def send(self, message: Message, target: Target) -> Accepted:
        """Send to one browser.

        Raises:
            Rejected: GONE if the subscription no longer exists; HOST_NOT_ALLOWED, TOO_LARGE and MISCONFIGURED without any
                traffic.
        """
        url = push_address(target.url, self._allowed)
        if target.keys is None:
            raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail="a subscription has keys")
        text = json.dumps(message.to_wire(), ensure_ascii=False, separators=(",", ":")).encode()
        body = _encrypted(text, target.url, target.keys)
        if len(body) > LONGEST_BODY_BYTES:
            raise Rejected(retry=False, reason=FailureReason.TOO_LARGE, detail=f"{len(body)} bytes")
        headers = self._headers(url, urgent=message.urgent)
        if message.key:  # of the same message sent twice, a phone that was off gets one (RFC 8030 section 5.4)
            headers["Topic"] = base64.urlsafe_b64encode(hashlib.sha256(message.key.encode()).digest()[:24]).decode("ascii")
        try:
            answer = await self._poster.post(url, body, headers, hide=(target.keys.auth,))
        except Rejected as rejected:
            raise (rejected if rejected.reason is FailureReason.GONE else fixed_address(rejected)) from None
        return Accepted(status=answer.status)

    def _headers(self, url: httpx.URL, *, urgent: bool) -> dict[str, str]:
        return {
            "Authorization": self._signature(f"{url.scheme}://{url.netloc.decode('ascii')}"),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._ttl_s),
            "Urgency": "high" if urgent else "normal",
        }

    def _signature(self, audience: str) -> str:
        claims = {"aud": audience, "sub": self._subject, "exp": int((self._clock() + SIGNATURE_LIVES).timestamp())}
        signature: str = self._vapid.sign(claims)["Authorization"]
        return signature


def _encrypted(text: bytes, endpoint: str, keys: PushKeys) -> bytes:
    try:
        pusher = WebPusher({"endpoint": endpoint, "keys": {"p256dh": keys.p256dh, "auth": keys.auth}})
        body: bytes = pusher.encode(text, content_encoding="aes128gcm")["body"]
    except (WebPushException, ValueError, TypeError, IndexError) as error:
        detail = f"the subscription's keys are none ({type(error).__name__})"
        raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=detail) from None
    return body
