"""E-mail over one SMTP server. That the server took a letter says nothing of its reader, so acceptance confirms no delivery.

The same message has the same ``Message-ID`` each time it is sent: mail programs show it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPTimeoutError,
)

from alerts.channels.message import Accepted, FailureReason, Message, Rejected, Target
from alerts.channels.post import host_allowed, is_loopback
from alerts.channels.robot import link_of, with_link
from alerts.gateways import Server, Tls

R = FailureReason
ACCEPTED = 250


class Email:
    """The channel ``email``.

    Args:
        server: which server, and who writes.
        clock: the time, for the letter's date.
        public_url: where people open the pages; without it a letter leads nowhere.
        timeout: of each step of the conversation.
    """

    name = "email"

    def __init__(
        self,
        server: Server,
        *,
        clock: Callable[[], datetime],
        public_url: str = "",
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._server, self._clock, self._public_url = server, clock, public_url
        self._timeout_s = timeout.total_seconds()

    async def aclose(self) -> None:
        """Nothing is kept open: each letter has a conversation of its own."""

    async def send(self, message: Message, target: Target) -> Accepted:
        """Hand one letter to the server.

        Raises:
            Rejected: MISCONFIGURED without traffic if the target is no mail address, or the server may not be spoken to
                without TLS; GONE where it knows no such reader.
        """
        server = self._server
        letter = self._letter(message, target.url)
        if server.tls is Tls.NONE and not (is_loopback(server.host) or host_allowed(server.host, server.plain_hosts)):
            raise Rejected(retry=False, reason=R.MISCONFIGURED, detail=f"{server.host}: TLS is required")
        hide = (target.url, server.password, server.user)
        try:
            await aiosmtplib.send(
                letter,
                sender=server.sender,
                recipients=[target.url],
                hostname=server.host,
                port=server.port,
                username=server.user or None,
                password=server.password or None,
                timeout=self._timeout_s,
                use_tls=server.tls is Tls.IMPLICIT,
                start_tls=server.tls is Tls.STARTTLS,
            )
        except SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise _rejection(server.host, refused.code, refused.message, hide) from None
        except SMTPAuthenticationError as error:
            if error.code < 500:
                raise _rejection(server.host, error.code, error.message, hide) from None
            raise Rejected(retry=False, reason=R.MISCONFIGURED, detail=f"{server.host} does not know who writes") from None
        except SMTPResponseException as error:
            raise _rejection(server.host, error.code, error.message, hide) from None
        except (SMTPTimeoutError, TimeoutError):
            raise Rejected(retry=True, reason=R.TIMEOUT, detail=server.host) from None
        except (SMTPException, OSError, UnicodeError) as error:
            raise Rejected(retry=True, reason=R.UNREACHABLE, detail=f"{server.host}: {type(error).__name__}") from None
        return Accepted(status=ACCEPTED)

    def _letter(self, message: Message, to: str) -> EmailMessage:
        sender, letter = self._server.sender, EmailMessage()
        try:
            Address(addr_spec=to)
            letter["From"] = formataddr((self._server.sender_name, sender), "utf-8") if self._server.sender_name else sender
            letter["To"] = to
        except (MessageError, ValueError, IndexError):
            raise Rejected(retry=False, reason=R.MISCONFIGURED, detail="not a mail address") from None
        if "@" not in to or not to.isascii():
            raise Rejected(retry=False, reason=R.MISCONFIGURED, detail="not a mail address")
        letter["Subject"] = " ".join(message.title.split())
        letter["Date"] = format_datetime(self._clock())
        if message.key:
            name = hashlib.sha256(f"{message.key}\n{to}".encode()).hexdigest()[:32]
            letter["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        if message.urgent:
            letter["Importance"] = "high"
        letter.set_content(with_link(message.body, link_of(message, self._public_url)))
        return letter


def _rejection(host: str, code: int, words: str, hide: Collection[str]) -> Rejected:
    """What an SMTP reply means (RFC 5321 section 4.2, RFC 3463 for the finer code)."""
    finer = words.split(maxsplit=1)[0] if words else ""
    for value in hide:
        words = words.replace(value, "***") if value else words
    detail = f"{host} answered {code}: {words[:200]}"
    if code < 400:
        return Rejected(retry=True, reason=R.UNREACHABLE, detail=detail)
    if code < 500:
        reason = R.RATE_LIMITED if finer.startswith("4.7.") else R.UNAVAILABLE
        return Rejected(retry=True, reason=reason, detail=detail)
    if code == 552 or finer.startswith("5.3.4"):
        return Rejected(retry=False, reason=R.TOO_LARGE, detail=detail)
    if finer.startswith("5.1."):
        return Rejected(retry=False, reason=R.GONE, detail=detail)
    return Rejected(retry=False, reason=R.REFUSED, detail=detail)
