"""Addresses of the stream log: ``kafka://host:port[,host:port]`` as configured, ``host:port`` as clients want it."""

from __future__ import annotations

from urllib.parse import urlsplit

from domain.errors import ConfigurationError

SCHEME = "kitchen"
"""The Faust transport of our own (``streams.driver``)."""


def bootstrap_servers(kafka_url: str) -> str:
    """``host:port,…`` for aiokafka.

    Raises:
        ConfigurationError: if the URL is not ``kafka://host:port``.
    """
    parts = urlsplit(kafka_url)
    if parts.scheme != "kafka" or not parts.netloc:
        raise ConfigurationError(
            f"{kafka_url!r} is no Kafka address", key="KITCHEN_KAFKA_URL", hint="write kafka://host:9092[,host:9092]"
        )
    return parts.netloc


def faust_brokers(kafka_url: str) -> list[str]:
    """The brokers as Faust wants them, on our own transport."""
    return [f"{SCHEME}://{server}" for server in bootstrap_servers(kafka_url).split(",")]
