"""What channels are told of the other end: a gateway for text messages, a mail server, and how fast a receiver may be told.

Plain values, read from ``configs/channels.yaml``; the secrets come from the environment when the channels are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from alerts.routing import DINGTALK, EMAIL, FEISHU, SMS, WEBPUSH, WECOM

PUBLISHED: Mapping[str, str] = MappingProxyType(
    {
        DINGTALK: "https://oapi.dingtalk.com/robot/send?access_token={token}",
        WECOM: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={token}",
        FEISHU: "https://open.feishu.cn/open-apis/bot/v2/hook/{token}",
    }
)
"""Where the providers of robots say that they listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """How one gateway for text messages is spoken to.

    Attributes:
        url: template of the address; what is put in is percent-encoded.
        form: the fields go as ``application/x-www-form-urlencoded``, else as JSON.
        headers: name → template.
        fields: name → template, or for JSON a structure of them.
        secret: stands for ``{secret}``.
        code: path of the answer's code, as ``code`` or ``Result.0.Code``; without one every 2xx answer is acceptance.
        accepted, duplicate, too_fast, busy: values of the code, as text: sent; it has the key already; slower; later.
        most_characters: a longer text is cut.
        plain_hosts: hosts that may be posted to without TLS, beside this machine itself.
    """

    url: str
    form: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    code: str = ""
    accepted: frozenset[str] = frozenset({"0"})
    duplicate: frozenset[str] = frozenset()
    too_fast: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    most_characters: int = 300
    plain_hosts: tuple[str, ...] = ()


class Tls(StrEnum):
    """How the connection to a mail server is protected."""

    IMPLICIT = "implicit"  # from the first byte, port 465
    STARTTLS = "starttls"  # the server must offer it, port 587
    NONE = "none"  # only to this machine, or where the host is allowed to


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One SMTP server and who writes through it.

    Attributes:
        sender: mail address.
        sender_name: shown beside it.
        user, password: empty where the server asks for none.
        plain_hosts: hosts that may be spoken to without TLS, beside this machine itself.
    """

    host: str
    sender: str
    port: int = 465
    tls: Tls = Tls.IMPLICIT
    sender_name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    plain_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many messages one receiver gets in a span of time; what is more is put together into one message."""

    messages: int
    within: timedelta


_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        DINGTALK: Limit(messages=20, within=_MINUTE),  # who sends more is shut out for ten minutes
        WECOM: Limit(messages=20, within=_MINUTE),
        FEISHU: Limit(messages=100, within=_MINUTE),
        SMS: Limit(messages=30, within=_HOUR),
        EMAIL: Limit(messages=60, within=_HOUR),
        WEBPUSH: Limit(messages=60, within=_MINUTE),
    }
)
"""What the providers publish, and what a person can bear; a webhook's reader is a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """What a site says of its channels.

    Attributes:
        gateway: for text messages; None if the site sends none.
        gateway_secret_env: environment variable with what stands for ``{secret}``.
        server: for e-mail; None if the site writes none.
        server_user_env, server_password_env: environment variables with who writes.
        limits: by channel.
        plain_hosts: hosts robots and webhooks may be posted to without TLS, beside this machine itself.
    """

    gateway: Gateway | None = None
    gateway_secret_env: str = ""
    server: Server | None = None
    server_user_env: str = ""
    server_password_env: str = ""
    limits: Mapping[str, Limit] = field(default_factory=lambda: LIMITS)
    plain_hosts: tuple[str, ...] = ()
