"""A real SMTP server on loopback that answers as it is told, and keeps the letters it took."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class PostOffice:
    """What the server saw, and what it answers to the reader's name and to the letter."""

    port: int = 0
    to_reader: str = "250 OK"
    to_letter: str = "250 OK"
    hangs: bool = False
    hang: asyncio.Event = field(default_factory=asyncio.Event)
    letters: list[EmailMessage] = field(default_factory=list)
    conversations: int = 0
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_EHLO(self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: Any) -> Any:  # noqa: N802
        self.conversations += 1
        session.host_name = hostname
        if self.hangs:
            await self.hang.wait()
        return responses

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if self.to_reader.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.to_reader

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.to_letter.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.letters.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        return self.to_letter

    def authenticate(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


@asynccontextmanager
async def receiving() -> AsyncIterator[PostOffice]:
    """The server, on a free port of loopback."""
    office = PostOffice()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(office, hostname="mail.localhost", authenticator=office.authenticate, auth_require_tls=False, loop=loop),
        "127.0.0.1",
        0,
    )
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        office.hang.set()
        server.close()
        await asyncio.sleep(0)
