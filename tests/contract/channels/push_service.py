"""A real HTTP server on loopback that answers as it is told, and a browser that can read what it was sent."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import http_ece
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerts.channels import PushKeys


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def a_vapid_key() -> tuple[str, bytes]:
    """PEM of a private key, and its public point."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class Browser:
    """The receiving end of a subscription."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.keys = PushKeys(p256dh=base64url(point), auth=base64url(self._auth))

    def decrypt(self, body: bytes) -> bytes:
        return http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")


@dataclass
class Seen:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    query: str = ""


@dataclass
class Service:
    """What the server saw, and what it answers: ``/status/N`` answers N with ``body`` and ``headers``."""

    port: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    hang: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, status: int = 201, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/status/{status}"

    async def answer(self, request: Request) -> Response:
        self.seen.append(Seen(request.url.path, dict(request.headers), await request.body(), request.url.query))
        return Response(self.body, status_code=request.path_params["status"], headers=self.headers)

    async def never(self, request: Request) -> Response:
        self.seen.append(Seen(request.url.path, dict(request.headers), b""))
        await self.hang.wait()
        return Response()


@asynccontextmanager
async def serving():
    """The server, on a free port of loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    service = Service(port=listener.getsockname()[1])
    routes = [
        Route("/status/{status:int}", service.answer, methods=["POST", "GET"]),
        Route("/never", service.never, methods=["POST"]),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off"))
    server.install_signal_handlers = lambda: None
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        for _ in range(1000):
            if server.started:
                break
            await asyncio.sleep(0.01)
        assert server.started
        yield service
    finally:
        service.hang.set()
        server.should_exit = True
        await asyncio.wait_for(task, 10)
        listener.close()
