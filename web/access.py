"""The way in and out of every request, as plain ASGI: security headers and metrics. Streams pass through unbuffered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from web import metrics
from web.problems import ProblemCode, WebError, problem_response
from web.settings import WebSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
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
    metrics.REQUESTS.labels(scope["method"], template, str(status)).inc()
    metrics.REQUEST_SECONDS.labels(template).observe(seconds)


class BodyLimit:
    """Refuses bodies that are longer than their route takes, before they fill a disk."""

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self._app = app
        self._settings = settings

    def limit(self, path: str) -> int:
        """Bytes the route of a path takes."""
        if path.endswith("/submit"):
            return self._settings.photo_bytes * self._settings.photo_limit + PLAIN
        return self._settings.batch_bytes if path.endswith("/observations") else PLAIN

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


def _too_large(limit: int) -> WebError:
    return WebError(413, ProblemCode.TOO_LARGE, f"more than {limit} bytes")
