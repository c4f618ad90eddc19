"""The way in and out of every request, as plain ASGI: headers, metrics, and how much is read of whom. Streams pass unbuffered.

A form is read whole before its route is asked who sent it; who may send a large one is therefore asked here.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from fastapi import HTTPException, Request, Response

from domain.errors import KitchenError
from web import metrics
from web.auth import maybe_signed_in
from web.parts import parts_of
from web.problems import NotSignedIn, problem_response
from web.settings import WebSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Refuse: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by name; anybody may send any word as a method, and each label costs memory for good."""
WITH_PHOTOS = "/submit"
"""How the paths end to which photos are sent."""
WITH_ROWS = "/import"
"""How the paths end to which files of records are sent."""
PLAIN = 1024 * 1024
"""Bytes of a request that carries neither photos nor a batch."""
_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"geolocation=(), microphone=(), camera=(self)"),
)


class Access:
    """Adds headers to every answer and counts it by route template."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500
        answered = False

        async def sending(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                answered = True
                status = message["status"]
                headers = message.setdefault("headers", [])
                present = {name.lower() for name, _ in headers}
                headers.extend((name, value) for name, value in _HEADERS if name not in present)
                if b"cache-control" not in present:
                    headers.append((b"cache-control", b"no-store"))
                _count(scope, status, time.perf_counter() - begun)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            if not answered:
                _count(scope, 500, time.perf_counter() - begun)
            raise


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = scope.get("route")
    template = str(getattr(route, "path", "")) or ("/static" if scope["path"].startswith("/static/") else "none")
    method = scope["method"] if scope["method"] in METHODS else "other"
    metrics.REQUESTS.labels(method, template, str(status)).inc()
    metrics.REQUEST_SECONDS.labels(template).observe(seconds)


class BodyLimit:
    """Refuses bodies that are longer than their route takes, before they fill a disk."""

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self._app = app
        self._settings = settings

    def limit(self, path: str) -> int:
        """Bytes the route of a path takes."""
        if path.endswith(WITH_PHOTOS):
            return self._settings.photo_bytes * self._settings.photo_limit + PLAIN
        return self._settings.batch_bytes if path.endswith(("/observations", WITH_ROWS)) else PLAIN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        limit, received = self.limit(scope["path"]), 0
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            await problem_response(_too_large(limit))(scope, receive, send)
            return

        async def receiving() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, receiving, send)


class SignedInFirst:
    """Reads nothing of a body with photos unless its sender is signed in.

    Args:
        app: what comes next.
        refuse: the answer to an error.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith(WITH_PHOTOS):
            request = Request(scope)
            try:
                if await maybe_signed_in(request, parts_of(request)) is None:
                    raise NotSignedIn
            except KitchenError as error:
                answer = await self._refuse(request, error)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _too_large(limit: int) -> HTTPException:
    """Not an error of ours: only this kind comes unchanged out of the reading of a form."""
    return HTTPException(413, f"more than {limit} bytes")
