"""The skeleton of the chat robots: a signed text to one group, and an answer of 200 that may still mean no.

A robot's address holds its token, and its code for "sent" is 0; where that code is missing, nothing was sent. Texts go as plain
text, for what merchants and officers write is part of them: in a robot's markdown it could make a link or call everybody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx

from alerts.channels.message import Accepted, FailureReason, Message, Rejected, Target, shortened
from alerts.channels.post import Answer, Poster, address, fixed_address, without_secrets


class Robot(ABC):
    """A channel to a group's robot.

    Args:
        clock: the time, for the signature.
        public_url: where people open the pages; without it a message leads nowhere.
        plain_hosts: hosts that may be posted to without TLS, beside this machine itself.
        timeout: of one attempt.
    """

    name: str = ""
    code_field: ClassVar[str] = "errcode"
    too_fast: ClassVar[frozenset[int]] = frozenset()
    """Codes for "slower"."""
    busy: ClassVar[frozenset[int]] = frozenset()
    """Codes for "later"; every other one will be the same tomorrow."""
    most_bytes: ClassVar[int]
    """Of a text."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        public_url: str = "",
        plain_hosts: Collection[str] = (),
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._clock = clock
        self._public_url = public_url
        self._plain_hosts = tuple(plain_hosts)
        self._poster = Poster(timeout=timeout)

    async def aclose(self) -> None:
        """Close the connections kept open."""
        await self._poster.aclose()

    async def send(self, message: Message, target: Target) -> Accepted:
        """Send once; signed if the target has a secret.

        Raises:
            Rejected: REFUSED also for 404 and 410; RATE_LIMITED and ERRCODE for answers of 200 that say so.
        """
        url = address(target.url, plain_hosts=self._plain_hosts)
        link = link_of(message, self._public_url)
        text = shortened(f"{message.title}\n{message.body}", self.most_bytes - len(link.encode()) - 1)
        url, content = self.request(url, target.secret, text, link, self._clock())
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            answer = await self._poster.post(url, body, headers, hide=(target.secret,))
        except Rejected as rejected:
            raise fixed_address(rejected) from None
        self._judge(answer, url, target.secret)
        return Accepted(status=answer.status)

    @abstractmethod
    def request(self, url: httpx.URL, secret: str, text: str, link: str, at: datetime) -> tuple[httpx.URL, Mapping[str, Any]]:
        """The address with what the provider wants in it, and the JSON body.

        Args:
            url: the robot's address.
            secret: empty if the robot takes unsigned messages.
            text: title and body.
            link: page to open, or empty.
            at: the time, for the signature.
        """

    def _judge(self, answer: Answer, url: httpx.URL, secret: str) -> None:
        code = code_of(answer, self.code_field)
        if code == 0:
            return
        words = without_secrets(answer.body[:200].decode("utf-8", "replace"), url, (secret,))
        detail = f"{self.code_field} {code}: {words}"
        if code in self.too_fast:
            raise Rejected(retry=True, reason=FailureReason.RATE_LIMITED, detail=detail)
        raise Rejected(retry=code in self.busy, reason=FailureReason.ERRCODE, detail=detail)


def code_of(answer: Answer, name: str) -> int | None:
    """A number out of a JSON answer; None if there is none."""
    try:
        told = json.loads(answer.body)
    except ValueError:
        return None
    code = told.get(name) if isinstance(told, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def link_of(message: Message, public_url: str) -> str:
    """The address a message leads to; empty where it leads nowhere, or nobody said where the pages are."""
    if message.url.startswith(("https://", "http://")):
        return message.url
    return public_url.rstrip("/") + message.url if public_url and message.url else ""


def with_link(text: str, link: str) -> str:
    """The text with the link on a line of its own."""
    return f"{text}\n{link}" if link else text


def signature(key: str, text: str) -> str:
    """Base64 of HMAC-SHA256, as the robots of DingTalk and Feishu want it."""
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode("ascii")
