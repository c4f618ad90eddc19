"""The receiving end of Web Push: a push service on loopback and the browser behind it, which decrypts what it is sent."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import http_ece
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cli.plan import LOOPBACK

RAISED = "warning.raised"


class Browser:
    """Serves from a thread of its own while the block lasts.

    Attributes:
        received: merchant of a raised warning → when its push had been decrypted, on ``perf_counter``.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = os.urandom(16)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.p256dh, self.auth = _base64url(point), _base64url(self._secret)
        self.received: dict[str, float] = {}
        self.endpoint = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)

    @property
    def subscription(self) -> dict[str, Any]:
        """As ``PushSubscription.toJSON()`` says it."""
        return {"endpoint": self.endpoint, "keys": {"p256dh": self.p256dh, "auth": self.auth}}

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, LOOPBACK, 0), self._loop).result(10)
        self.endpoint = f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}/push/bench"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer every POST of a connection with 201."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                self._read(body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _read(self, body: bytes) -> None:
        text = http_ece.decrypt(body, private_key=self._key, auth_secret=self._secret, version="aes128gcm")
        told = orjson.loads(text).get("data", {})
        if told.get("event") == RAISED:
            self.received.setdefault(str(told["merchant"]), perf_counter())


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
