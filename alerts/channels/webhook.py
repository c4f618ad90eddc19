"""A signed webhook: the message as JSON, posted to one address.

    X-Kitchen-Signature: t=1795230153,v1=<hex HMAC-SHA256(secret, "1795230153." + body)>
    Idempotency-Key: warning.raised:…   the same each time the same message is sent

Whoever receives it recomputes the sum over the bytes as they came and refuses an old ``t``; one that has the key already may
answer 409, which counts as accepted. Chat robots answer 200 whether they
sent the message or not: what counts is ``errcode``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from urllib.parse import quote

import httpx

from alerts.channels.message import Accepted, FailureReason, Message, Rejected, Target
from alerts.channels.post import Answer, Poster, address, fixed_address, without_secrets

SIGNATURE_HEADER = "X-Kitchen-Signature"
KEY_HEADER = "Idempotency-Key"

PASSING_ERRCODES = frozenset({-1, 45009, 130101, 410100})
"""Codes by which DingTalk and WeCom say "busy" or "too fast"; every other one will be the same tomorrow."""


class Webhook:
    """The channel ``webhook``.

    Args:
        clock: the time, for the signature.
        plain_hosts: hosts that may be posted to without TLS, beside this machine itself.
        timeout: of one attempt.
    """

    name = "webhook"

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        plain_hosts: Collection[str] = (),
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._clock = clock
        self._plain_hosts = tuple(plain_hosts)
        self._poster = Poster(timeout=timeout)

    async def aclose(self) -> None:
        """Close the connections kept open."""
        await self._poster.aclose()

    async def send(self, message: Message, target: Target) -> Accepted:
        """Post once; signed if the target has a secret.

        Raises:
            Rejected: REFUSED also for 404 and 410: a webhook's address does not go away by itself, somebody must look.
        """
        url = address(target.url, plain_hosts=self._plain_hosts)
        body = json.dumps(message.to_wire(), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if target.secret:
            headers[SIGNATURE_HEADER] = sign(target.secret, self._clock(), body)
        if message.key:
            headers[KEY_HEADER] = quote(message.key, safe=":/-._")
        try:
            answer = await self._poster.post(url, body, headers, hide=(target.secret,))
        except Rejected as rejected:
            if rejected.reason is FailureReason.DUPLICATE and message.key:
                return Accepted(status=httpx.codes.CONFLICT, duplicate=True)
            raise fixed_address(rejected) from None
        _check_errcode(answer, url, required=target.check_errcode)
        return Accepted(status=answer.status)


def sign(secret: str, at: datetime, body: bytes) -> str:
    """The signature header's value for a body sent at an instant."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def _check_errcode(answer: Answer, url: httpx.URL, *, required: bool) -> None:
    """Refuse a 200 that says it was not sent. Where ``errcode`` is required, its absence is a refusal too."""
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    errcode = told.get("errcode") if isinstance(told, dict) else None
    if errcode == 0 or (errcode is None and not required):
        return
    words = without_secrets(answer.body[:200].decode("utf-8", "replace"), url)
    passing = isinstance(errcode, int) and errcode in PASSING_ERRCODES
    raise Rejected(retry=passing, reason=FailureReason.ERRCODE, detail=f"errcode {errcode}: {words}")
