"""One way to make each channel meet each end: what the other end answers, where to send, and what the outcome must be."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from alerts.channels import (
    Channel,
    DingTalk,
    Email,
    FailureReason,
    Feishu,
    Message,
    Sms,
    Target,
    Webhook,
    WebPush,
    WeCom,
)
from alerts.gateways import Gateway, Server, Tls
from tests.contract.channels.push_service import Browser, Service, a_vapid_key
from tests.contract.channels.smtp_service import PostOffice

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECRET = "shared-secret-of-ours"
TOKEN = "0123456789abcdef-token"
MESSAGE = Message(
    title="红色预警", body="过期产品在售", url="/warnings/w-1", tag="w-1", data={"warning": "w-1"}, key="warning.raised:w-1:1:x:y"
)
PUBLIC = "https://kitchen.example.org"
PHONE = "13800138000"
READER = "owner@example.org"


class End(StrEnum):
    """How an attempt may end."""

    SUCCESS = "success"
    SAYS_NO = "provider error inside a 200"
    SAYS_SLOWER = "provider says slower inside a 200"
    BAD_REQUEST = "400"
    NOT_FOUND = "404"
    GONE = "410"
    DUPLICATE = "409 to a key it has"
    TOO_LARGE = "413"
    RATE_LIMITED = "429"
    BROKEN = "500"
    SILENT = "timeout"
    NOBODY = "connection refused"
    NO_NAME = "DNS failure"


R = FailureReason
Outcome = tuple[bool, FailureReason] | str
"""Whether to try again and why not accepted; or ``accepted``, ``duplicate``, or ``none`` where a channel has no such end."""

ENDS: dict[End, Outcome] = {
    End.SUCCESS: "accepted",
    End.SAYS_NO: (False, R.ERRCODE),
    End.SAYS_SLOWER: (True, R.RATE_LIMITED),
    End.BAD_REQUEST: (False, R.REFUSED),
    End.NOT_FOUND: (False, R.REFUSED),
    End.GONE: (False, R.REFUSED),
    End.DUPLICATE: (False, R.REFUSED),
    End.TOO_LARGE: (False, R.TOO_LARGE),
    End.RATE_LIMITED: (True, R.RATE_LIMITED),
    End.BROKEN: (True, R.UNAVAILABLE),
    End.SILENT: (True, R.TIMEOUT),
    End.NOBODY: (True, R.UNREACHABLE),
    End.NO_NAME: (True, R.UNREACHABLE),
}
"""What each end means, unless a channel's own table says otherwise."""

STATUS = {
    End.BAD_REQUEST: 400,
    End.NOT_FOUND: 404,
    End.GONE: 410,
    End.DUPLICATE: 409,
    End.TOO_LARGE: 413,
    End.RATE_LIMITED: 429,
    End.BROKEN: 500,
}
NAMELESS = "nobody.example.org"
"""A name that the tests' resolver does not know."""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@dataclass(frozen=True)
class OverHttp:
    """A channel that posts."""

    name: str
    make: Callable[..., Channel]
    yes: bytes = b""
    no: bytes | None = None
    slower: bytes | None = None
    own: dict[End, Outcome] = field(default_factory=dict)
    keys: bool = False

    def outcome(self, end: End) -> Outcome:
        """What an end means on this channel."""
        if (end is End.SAYS_NO and self.no is None) or (end is End.SAYS_SLOWER and self.slower is None):
            return "none"
        return {**ENDS, **self.own}[end]

    def target(self, url: str) -> Target:
        """An address with what the channel needs beside it."""
        if self.name == "sms":
            return Target(url=PHONE)
        return Target(
            url=url,
            keys=Browser().keys if self.keys else None,
            secret="" if self.keys else SECRET,
            check_errcode=self.name == "webhook",
        )

    def meet(self, end: End, service: Service, **options: Any) -> tuple[Channel, Target]:
        """The channel and the address at which it meets the end."""
        service.body = {End.SUCCESS: self.yes, End.SAYS_NO: self.no or b"", End.SAYS_SLOWER: self.slower or b""}.get(
            end, b"said no"
        )
        service.headers = {"retry-after": "120"} if end is End.RATE_LIMITED else {}
        url = service.url(STATUS.get(end, 200))
        if end is End.SILENT:
            url = f"http://127.0.0.1:{service.port}/never"
        elif end is End.NOBODY:
            url = f"http://127.0.0.1:{free_port()}/"
        elif end is End.NO_NAME:
            url = f"https://{NAMELESS}/"
        return self.make(url, **options), self.target(url)


@dataclass(frozen=True)
class OverSmtp:
    """The channel that writes letters."""

    name: str = "email"
    replies: ClassVar = {
        End.BAD_REQUEST: "554 5.6.0 no letter",
        End.NOT_FOUND: "550 5.1.1 no such reader",
        End.GONE: "551 5.1.6 moved away",
        End.TOO_LARGE: "552 5.3.4 too large",
        End.RATE_LIMITED: "450 4.7.1 slower",
        End.BROKEN: "451 4.3.0 our problem",
    }

    def outcome(self, end: End) -> Outcome:
        """What an end means on this channel."""
        own: dict[End, Outcome] = {
            End.NOT_FOUND: (False, R.GONE),
            End.GONE: (False, R.GONE),
            End.SAYS_NO: "none",
            End.SAYS_SLOWER: "none",
            End.DUPLICATE: "none",
        }
        return {**ENDS, **own}[end]

    def meet(self, end: End, office: PostOffice, **options: Any) -> tuple[Channel, Target]:
        """The channel and the address at which it meets the end."""
        if end in (End.NOT_FOUND, End.GONE):
            office.to_reader = self.replies[end]
        else:
            office.to_letter = self.replies.get(end, "250 OK")
        office.hangs = end is End.SILENT
        port = free_port() if end is End.NOBODY else office.port
        named = {"host": NAMELESS, "plain_hosts": (NAMELESS,)} if end is End.NO_NAME else {}
        return an_email(port, **named, **options), Target(url=READER)


def an_email(port: int, *, host: str = "127.0.0.1", plain_hosts: tuple[str, ...] = (), **options: Any) -> Email:
    server = Server(
        host=host,
        port=port,
        tls=Tls.NONE,
        sender="kitchen@example.org",
        sender_name="明厨亮灶",
        plain_hosts=plain_hosts,
        **{name: options.pop(name) for name in ("user", "password") if name in options},
    )
    return Email(server, **{"clock": lambda: NOW, "public_url": PUBLIC, **options})


def a_webpush(_url: str = "", **changes: Any) -> WebPush:
    known = {
        "vapid_private_key_pem": a_vapid_key()[0],
        "subject": "mailto:ops@example.org",
        "clock": lambda: NOW,
        "allowed_hosts": ("127.0.0.1", NAMELESS),
    }
    return WebPush(**{**known, **changes})


def a_webhook(_url: str = "", **changes: Any) -> Webhook:
    return Webhook(**{"clock": lambda: NOW, **changes})


def a_robot(kind: type) -> Callable[..., Channel]:
    return lambda _url="", **changes: kind(**{"clock": lambda: NOW, "public_url": PUBLIC, **changes})


def a_gateway(url: str, **changes: Any) -> Gateway:
    known: dict[str, Any] = {
        "url": url,
        "headers": {"Authorization": "Bearer {secret}", "X-Request-Id": "{key}"},
        "fields": {"mobiles": ["{phone}"], "content": "{text}", "at": "{timestamp}"},
        "secret": SECRET,
        "code": "result.code",
        "accepted": frozenset({"0", "OK"}),
        "duplicate": frozenset({"DUP"}),
        "too_fast": frozenset({"105147"}),
        "busy": frozenset({"-1"}),
    }
    return Gateway(**{**known, **changes})


def an_sms(url: str, **changes: Any) -> Sms:
    return Sms(a_gateway(url), **{"clock": lambda: NOW, "public_url": PUBLIC, **changes})


OVER_HTTP = (
    OverHttp("webpush", a_webpush, keys=True, own={End.NOT_FOUND: (False, R.GONE), End.GONE: (False, R.GONE)}),
    OverHttp(
        "webhook", a_webhook, b'{"errcode": 0}', b'{"errcode": 40001}', b'{"errcode": 45009}',
        own={End.DUPLICATE: "duplicate", End.SAYS_SLOWER: (True, R.ERRCODE)},
    ),
    OverHttp(
        "dingtalk", a_robot(DingTalk), b'{"errcode":0,"errmsg":"ok"}', b'{"errcode":310000,"errmsg":"sign not match"}',
        b'{"errcode":410100,"errmsg":"send too fast"}',
    ),
    OverHttp(
        "wecom", a_robot(WeCom), b'{"errcode":0,"errmsg":"ok"}', b'{"errcode":93000,"errmsg":"invalid webhook url"}',
        b'{"errcode":45009,"errmsg":"api freq out of limit"}',
    ),
    OverHttp(
        "feishu", a_robot(Feishu), b'{"code":0,"msg":"success","data":{}}', b'{"code":19021,"msg":"sign match fail"}',
        b'{"code":11232,"msg":"frequency limited"}',
    ),
    OverHttp(
        "sms", an_sms, b'{"result":{"code":"OK"}}', b'{"result":{"code":"1016"}}', b'{"result":{"code":105147}}',
        own={End.DUPLICATE: "duplicate"},
    ),
)  # fmt: skip
OVER_SMTP = OverSmtp()
