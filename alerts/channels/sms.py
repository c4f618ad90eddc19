"""Text messages over a gateway's HTTP interface, described as data: every gateway has another one.

In every value of the template ``{phone}``, ``{text}``, ``{key}``, ``{secret}`` and ``{timestamp}`` (seconds) are replaced,
nothing else. That the gateway took a message says nothing of the phone: only its report would, so acceptance confirms no
delivery.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from alerts.channels.message import Accepted, FailureReason, Message, Rejected, Target
from alerts.channels.post import Answer, Poster, address, without_secrets
from alerts.channels.robot import link_of
from alerts.gateways import Gateway


class Sms:
    """The channel ``sms``.

    Args:
        gateway: how it is spoken to.
        clock: the time, for ``{timestamp}``.
        public_url: where people open the pages; without it a message leads nowhere.
        timeout: of one attempt.
    """

    name = "sms"

    def __init__(
        self,
        gateway: Gateway,
        *,
        clock: Callable[[], datetime],
        public_url: str = "",
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._gateway, self._clock, self._public_url = gateway, clock, public_url
        self._poster = Poster(timeout=timeout)

    async def aclose(self) -> None:
        """Close the connections kept open."""
        await self._poster.aclose()

    async def send(self, message: Message, target: Target) -> Accepted:
        """Hand one text message to the gateway.

        Raises:
            Rejected: MISCONFIGURED without traffic if the target is no telephone number; REFUSED also for 404 and 410.
        """
        gateway, values = self._gateway, self._values(message, target)
        url = address(
            filled(gateway.url, {name: quote(value, safe="") for name, value in values.items()}), plain_hosts=gateway.plain_hosts
        )
        fields = filled_all(gateway.fields, values)
        headers = {name: filled(value, values).replace("\n", " ") for name, value in gateway.headers.items()}
        if gateway.form:
            body = urlencode(fields).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        else:
            body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json; charset=utf-8"
        hide = (gateway.secret, target.url)
        try:
            answer = await self._poster.post(url, body, headers, hide=hide)
        except Rejected as rejected:
            if rejected.reason is FailureReason.DUPLICATE:
                return Accepted(status=httpx.codes.CONFLICT, duplicate=True)
            if rejected.reason is not FailureReason.GONE:
                raise
            raise Rejected(retry=False, reason=FailureReason.REFUSED, detail=rejected.detail) from None
        return self._judged(answer, url, hide)

    def _values(self, message: Message, target: Target) -> Mapping[str, str]:
        phone = target.url.strip()
        digits = phone.removeprefix("+")
        if not (digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 15):
            raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail="not a telephone number")
        link = link_of(message, self._public_url)
        room = self._gateway.most_characters - len(link) - bool(link)
        text = " ".join(f"{message.title} {message.body}".split())
        text = text if len(text) <= room else text[: room - 1] + "…"
        return {
            "phone": phone,
            "text": f"{text} {link}" if link else text,
            "key": message.key,
            "secret": self._gateway.secret,
            "timestamp": str(int(self._clock().timestamp())),
        }

    def _judged(self, answer: Answer, url: httpx.URL, hide: Collection[str]) -> Accepted:
        gateway = self._gateway
        code = told(answer, gateway.code) if gateway.code else None
        if not gateway.code or code in gateway.accepted:
            return Accepted(status=answer.status)
        if code in gateway.duplicate:
            return Accepted(status=answer.status, duplicate=True)
        words = without_secrets(answer.body[:200].decode("utf-8", "replace"), url, hide)
        detail = f"{gateway.code} {code}: {words}"
        if code in gateway.too_fast:
            raise Rejected(retry=True, reason=FailureReason.RATE_LIMITED, detail=detail)
        raise Rejected(retry=code in gateway.busy, reason=FailureReason.ERRCODE, detail=detail)


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with each ``{name}`` replaced once; what was put in is not looked at again."""
    parts, rest = [], template
    while True:
        before, brace, after = rest.partition("{")
        name, closing, behind = after.partition("}")
        parts.append(before)
        if not brace:
            return "".join(parts)
        if closing and name in values:
            parts.append(values[name])
            rest = behind
        else:
            parts.append(brace)
            rest = after


def filled_all(template: Any, values: Mapping[str, str]) -> Any:
    """The same in a structure of mappings and lists; what is no text stays as it is."""
    if isinstance(template, Mapping):
        return {name: filled_all(value, values) for name, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled_all(value, values) for value in template]
    return filled(template, values) if isinstance(template, str) else template


def told(answer: Answer, path: str) -> str | None:
    """The value at a path of a JSON answer, as text; None if there is none."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    for step in path.split("."):
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict):
            found = found.get(step)
        else:
            return None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None
