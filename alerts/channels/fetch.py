"""Fetches one small answer from a register outside: one GET, and what its end means in the words of the channels.

Redirects are never followed and the environment's proxy is not used; an answer longer than 64 KiB is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import httpx

from alerts.channels.message import FailureReason, Rejected
from alerts.channels.post import LONGEST_ANSWER_BYTES, address


class Fetcher:
    """Gets bytes and tells every way it can fail apart.

    Args:
        timeout: bounds the whole exchange, a dripping answer too.
        plain_hosts: hosts that may be asked without TLS, beside this machine itself.
    """

    def __init__(self, *, timeout: timedelta, plain_hosts: tuple[str, ...] = ()) -> None:
        self._timeout_s, self._plain_hosts = timeout.total_seconds(), plain_hosts
        self._client = httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False, trust_env=False)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, url: str, headers: Mapping[str, str]) -> bytes:
        """Ask once.

        Raises:
            Rejected: on any end but a 2xx answer of at most 64 KiB; GONE says that it knows nothing under that address.
        """
        where = address(url, plain_hosts=self._plain_hosts)
        try:
            async with asyncio.timeout(self._timeout_s), self._client.stream("GET", where, headers=headers) as response:
                text = await _bounded(response)
        except (TimeoutError, httpx.TimeoutException):
            raise Rejected(retry=True, reason=FailureReason.TIMEOUT, detail=where.host) from None
        except httpx.HTTPError as error:
            detail = f"{where.host}: {type(error).__name__}"
            raise Rejected(retry=True, reason=FailureReason.UNREACHABLE, detail=detail) from None
        if response.is_success:
            return text
        raise _rejection(response)


async def _bounded(response: httpx.Response) -> bytes:
    text = b""
    async for piece in response.aiter_bytes():
        text += piece
        if len(text) > LONGEST_ANSWER_BYTES:
            detail = f"{response.url.host}: more than {LONGEST_ANSWER_BYTES} bytes"
            raise Rejected(retry=False, reason=FailureReason.TOO_LARGE, detail=detail)
    return text


def _rejection(response: httpx.Response) -> Rejected:
    """What a refusal means; its body is not repeated, for it may say what is nobody's business."""
    status, after = response.status_code, response.headers.get("retry-after", "")
    detail = f"{response.url.host} answered {status}"
    pause = timedelta(seconds=int(after)) if after.isascii() and after.isdigit() and len(after) < 8 else None
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Rejected(retry=True, reason=FailureReason.RATE_LIMITED, detail=detail, retry_after=pause)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Rejected(retry=True, reason=FailureReason.UNAVAILABLE, detail=detail, retry_after=pause)
    if status == httpx.codes.REQUEST_TIMEOUT:
        return Rejected(retry=True, reason=FailureReason.TIMEOUT, detail=detail, retry_after=pause)
    if status in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
        return Rejected(retry=False, reason=FailureReason.GONE, detail=detail)
    return Rejected(retry=False, reason=FailureReason.REFUSED, detail=detail)
