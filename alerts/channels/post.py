"""The skeleton of every HTTP channel: one POST, and what its end means.

Redirects are never followed: an allowed host must not be able to send us to one that is not. Nor is the environment's proxy used.
What the other end says is kept for people to read, without the tokens and secrets that it may repeat.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import quote

import httpx

from alerts.channels.message import FailureReason, Rejected

LONGEST_ANSWER_BYTES = 64 * 1024
SHORTEST_TOKEN, SHORTEST_SECRET = 12, 4
"""Characters from which on a part of a path is taken for a token, and a value for a secret."""

_FINAL: Mapping[int, FailureReason] = MappingProxyType(
    {
        httpx.codes.CONFLICT: FailureReason.DUPLICATE,
        httpx.codes.REQUEST_ENTITY_TOO_LARGE: FailureReason.TOO_LARGE,
        httpx.codes.NOT_FOUND: FailureReason.GONE,
        httpx.codes.GONE: FailureReason.GONE,
    }
)
"""Statuses that will be the same tomorrow; the others of them are plain refusals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the other end said: a 2xx status and the beginning of the body."""

    status: int
    body: bytes


@cache
def _authorities() -> ssl.SSLContext:
    """Whom to believe: read once, for reading it takes longer than a message does."""
    return httpx.create_ssl_context(trust_env=False)


class Poster:
    """Posts bytes and tells every way it can fail apart. ``timeout`` bounds the whole exchange, a dripping answer too."""

    def __init__(self, *, timeout: timedelta) -> None:
        self._timeout_s = timeout.total_seconds()
        self._client = httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False, trust_env=False, verify=_authorities())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def post(
        self, url: httpx.URL, body: bytes, headers: Mapping[str, str], *, hide: Collection[str] = (), method: str = "POST"
    ) -> Answer:
        """Post once.

        Args:
            url: where to; its tokens are hidden in what is told of the answer.
            body: the bytes.
            headers: beside httpx's own.
            hide: further secrets that the other end may repeat.
            method: another one than POST.

        Raises:
            Rejected: on any end but a 2xx answer.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(method, url, content=body, headers=headers) as response,
            ):
                text = await _beginning(response)
        except (TimeoutError, httpx.TimeoutException):
            raise Rejected(retry=True, reason=FailureReason.TIMEOUT, detail=f"{url.host}") from None
        except (httpx.HTTPError, UnicodeError) as error:  # a host's name may be none: idna says so with a UnicodeError
            detail = f"{url.host}: {type(error).__name__}"
            raise Rejected(retry=True, reason=FailureReason.UNREACHABLE, detail=detail) from None
        if response.is_success:
            return Answer(status=response.status_code, body=text)
        raise _rejection(response, without_secrets(text[:200].decode("utf-8", "replace"), url, hide))


async def _beginning(response: httpx.Response) -> bytes:
    text = b""
    async for piece in response.aiter_bytes():
        text += piece
        if len(text) >= LONGEST_ANSWER_BYTES:
            break
    return text[:LONGEST_ANSWER_BYTES]


def without_secrets(text: str, url: httpx.URL, hide: Collection[str] = ()) -> str:
    """The text without what an address is secret by: the values of its query, and parts of its path that look like a token."""
    values = [*url.params.values(), *(part for part in url.path.split("/") if len(part) >= SHORTEST_TOKEN), *hide]
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET:
            text = text.replace(value, "***").replace(quote(value, safe=""), "***")
    return text


def _rejection(response: httpx.Response, words: str) -> Rejected:
    status = response.status_code
    detail = f"{response.url.host} answered {status}: {words}"
    after = response.headers.get("retry-after", "")
    pause = timedelta(seconds=int(after)) if after.isascii() and after.isdigit() and len(after) < 8 else None
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Rejected(retry=True, reason=FailureReason.RATE_LIMITED, detail=detail, retry_after=pause)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Rejected(retry=True, reason=FailureReason.UNAVAILABLE, detail=detail, retry_after=pause)
    if status == httpx.codes.REQUEST_TIMEOUT:
        return Rejected(retry=True, reason=FailureReason.TIMEOUT, detail=detail, retry_after=pause)
    return Rejected(retry=False, reason=_FINAL.get(status, FailureReason.REFUSED), detail=detail)


def fixed_address(rejected: Rejected) -> Rejected:
    """What a rejection means of an address that somebody configured: it does not go away by itself, so somebody must look."""
    if rejected.reason not in {FailureReason.GONE, FailureReason.DUPLICATE}:
        return rejected
    return Rejected(retry=False, reason=FailureReason.REFUSED, detail=rejected.detail)


def address(url: str, *, plain_hosts: Collection[str] = ()) -> httpx.URL:
    """An address to post to: https, or http where the host is this machine or one of ``plain_hosts``.

    Raises:
        Rejected: it is none.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise _unusable("not an address") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise _unusable("not an http address without a user in it")
    if parsed.scheme == "http" and not (is_loopback(parsed.host) or host_allowed(parsed.host, plain_hosts)):
        raise _unusable(f"{parsed.host}: https is required")
    return parsed


def _unusable(detail: str) -> Rejected:
    return Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=detail)


def is_loopback(host: str) -> bool:
    """Whether a host names this machine by itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_allowed(host: str, allowed: Collection[str]) -> bool:
    """Whether a host is in an allow-list.

    An entry is a host, or ``*.example.org`` (also written ``.example.org``) for what is under it, never for a look-alike that
    only ends in the same letters.
    """
    name = host.rstrip(".").lower()
    for entry in allowed:
        known = entry.lower()
        if known.startswith(("*.", ".")):
            if name.endswith(known.removeprefix("*")) and name != known.removeprefix("*"):
                return True
        elif name == known:
            return True
    return False
