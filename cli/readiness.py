"""Ways to tell that a process is ready: a port that accepts, an address that answers 200. One question, one answer.

A check never raises and never takes longer than ``PATIENCE_S``; waiting is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

PATIENCE_S = 2.0
_MOST_BYTES = 4_000_000

Ready = Callable[[], Awaitable[bool]]
"""Asks once."""


def listens(host: str, port: int) -> Ready:
    """Ready when a TCP connection is accepted."""

    async def ask() -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    return ask


def answers(url: str) -> Ready:
    """Ready when GET is answered with 200."""

    async def ask() -> bool:
        status, _ = await get(url)
        return status == 200

    return ask


def shows(url: str, line: str) -> Ready:
    """Ready when the page at an address has a certain line."""

    async def ask() -> bool:
        status, body = await get(url)
        return status == 200 and line in body.splitlines()

    return ask


async def at_once() -> bool:
    """Ready as soon as it runs."""
    return True


async def get(url: str) -> tuple[int, str]:
    """GET an ``http://`` address of ours.

    Returns:
        Status and body; status 0 if nobody answers in time.
    """
    parts = urlsplit(url)
    path = parts.path or "/"
    request = f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                writer.write(request.encode())
                raw = await reader.read(_MOST_BYTES)
                while chunk := await reader.read(_MOST_BYTES):
                    raw += chunk
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0, ""
    head, _, body = raw.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return status, body.decode("utf-8", "replace")
