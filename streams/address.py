"""Addresses of the stream log: ``kafka://[USER:SECRET@]host:port[,host:port]`` as configured, and as clients want them.

The rule to know: what stands before the ``@`` is shown to the log (SASL/SCRAM-SHA-256) and to nobody else. It is no part of the
text of ``Servers``, which goes into messages; so clients are opened with ``reaching(servers)`` and not with the text alone.
"""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import unquote, urlsplit

from domain.errors import ConfigurationError

SCHEME = "kitchen"
"""The Faust transport of our own (``streams.driver``)."""
MECHANISM = "SCRAM-SHA-256"


class Servers(str):
    """``host:port,…`` of a log, and who to be there.

    Attributes:
        user: as whom clients authenticate; empty where the log wants no secret.
        secret: what they show.
    """

    __slots__ = ("secret", "user")

    user: str
    secret: str

    def __new__(cls, text: str, user: str = "", secret: str = "") -> Self:  # noqa: D102 - see the class
        made = super().__new__(cls, text)
        made.user, made.secret = user, secret
        return made


def bootstrap_servers(kafka_url: str) -> Servers:
    """Where the log is and who to be there; percent signs in user and secret are taken as URLs have them.

    Raises:
        ConfigurationError: if the URL is not ``kafka://[USER:SECRET@]host:port``. The message does not hold the secret.
    """
    parts = urlsplit(kafka_url)
    shown, at, servers = parts.netloc.rpartition("@")
    user, colon, secret = shown.partition(":")
    if parts.scheme != "kafka" or not servers or (at and not (user and colon and secret)):
        raise ConfigurationError(
            f"{parts.scheme}://{'***@' if at else ''}{servers} is no Kafka address",
            key="KITCHEN_KAFKA_URL",
            hint="write kafka://host:9092[,host:9092], or kafka://USER:SECRET@host:9092 where the log wants a secret",
        )
    return Servers(servers, unquote(user), unquote(secret))


def reaching(servers: str) -> dict[str, Any]:
    """The settings with which any aiokafka client reaches a log.

    Args:
        servers: ``host:port,…``; the secret is shown if it is of ``Servers`` and has one.
    """
    if not isinstance(servers, Servers) or not servers.user:
        return {"bootstrap_servers": str(servers)}
    return {
        "bootstrap_servers": str(servers),
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": servers.user,
        "sasl_plain_password": servers.secret,
    }
