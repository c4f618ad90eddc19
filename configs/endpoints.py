"""Where the outside parts are: five URLs from the environment, each standing for an embedded part when it is unset.

The rule: a URL that is set means "this part is not ours to start". The embedded parts' own addresses are written to
``DATA/run/endpoints.json`` by whoever started them, without credentials, and are read here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from domain.errors import ConfigurationError

VARIABLES = {
    "mqtt": ("KITCHEN_MQTT_URL", ("mqtt", "mqtts")),
    "kafka": ("KITCHEN_KAFKA_URL", ("kafka",)),
    "database": ("KITCHEN_DATABASE_URL", ("sqlite", "postgresql")),
    "redis": ("KITCHEN_REDIS_URL", ("redis", "rediss", "unix")),
    "media": ("KITCHEN_MEDIA_URL", ("file", "s3")),
}
"""Part → (environment variable, URL schemes it may have)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses of the parts.

    Attributes:
        mqtt, kafka, redis: URL, or None while an embedded one has not been started.
        database, media: always known; the embedded ones are files under the data directory.
        given: the parts whose URL the environment set; the others are embedded.
    """

    mqtt: str | None
    kafka: str | None
    database: str
    redis: str | None
    media: str
    given: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls, env: Mapping[str, str], data: Path) -> Endpoints:
        """Take the URLs from the environment, else from the run under way, else from the data directory.

        Raises:
            ConfigurationError: naming the variable whose URL is malformed.
        """
        data = data.absolute()
        given = {
            part: _checked(variable, env[variable], schemes)
            for part, (variable, schemes) in VARIABLES.items()
            if env.get(variable)
        }
        running = running_parts(data)
        return cls(
            mqtt=given.get("mqtt") or running.get("mqtt"),
            kafka=given.get("kafka") or running.get("kafka"),
            database=given.get("database") or f"sqlite:///{data / 'kitchen.db'}",
            redis=given.get("redis") or running.get("redis"),
            media=given.get("media") or f"file://{data / 'media'}",
            given=frozenset(given),
        )

    def need(self, part: str) -> str:
        """The URL of a part that must be there.

        Raises:
            ConfigurationError: if it is neither set nor embedded and running.
        """
        url: str | None = getattr(self, part)
        if url is None:
            variable, schemes = VARIABLES[part]
            raise ConfigurationError(
                f"nobody says where {part} is", key=variable, hint=f"start `kitchen up`, or set it to {schemes[0]}://HOST:PORT"
            )
        return url


def running_parts(data: Path) -> dict[str, str]:
    """What ``DATA/run/endpoints.json`` says about the embedded parts; empty when nothing was started there."""
    try:
        content = json.loads((data / "run" / "endpoints.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {part: url for part, url in content.items() if isinstance(url, str)} if isinstance(content, dict) else {}


def without_credentials(url: str) -> str:
    """The URL as it may be shown: user and password replaced by ``***``."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]).geturl()


def _checked(variable: str, url: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"not a URL: {error}", key=variable) from None
    if parts.scheme.partition("+")[0] not in schemes:
        allowed = " or ".join(f"{scheme}://…" for scheme in schemes)
        raise ConfigurationError(f"the URL begins with {parts.scheme or url[:20]!r}", key=variable, hint=f"write {allowed}")
    local = parts.scheme in {"sqlite", "file", "unix"}
    if (local and not parts.path.startswith("/")) or (not local and not parts.hostname):
        raise ConfigurationError(f"the URL names no {'absolute path' if local else 'host'}", key=variable)
    return url
