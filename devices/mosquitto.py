"""Mosquitto, the broker at scale: its configuration, access list and password file.

With Mosquitto's own defaults a kill loses acknowledged messages: ``autosave_interval 1`` with ``autosave_on_changes true``
saves after every change. Its default queue of 1,000 messages per absent client drops what comes after; it is lifted here.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devices.nats import BrokerUser

_ITERATIONS = 10_000

ACCESS_LIST = """# The gateway reads everything and may send commands down.
user gateway
topic read fs/v1/#
topic write fs/v1/+/+/+/cmd/#

# A device (user name = device id) writes below its own id and reads its commands; the gateway checks merchant and region.
pattern write fs/v1/+/+/%u/#
pattern read fs/v1/+/+/%u/cmd/#
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MosquittoSettings:
    """Where Mosquitto listens and keeps its files.

    Attributes:
        tls_port: a second listener for TLS client certificates whose common name is the device id; None = none.
    """

    data: Path
    passwords: Path
    access: Path
    bind: str = "127.0.0.1"
    port: int = 1883
    tls_port: int | None = None
    certificates: Path = Path("/mosquitto/certificates")
    payload_bytes: int = 4 * 1024**2
    in_flight: int = 100
    user: str = ""


def mosquitto_configuration(settings: MosquittoSettings) -> str:
    """The text of ``mosquitto.conf``."""
    run_as = f"user {settings.user}\n" if settings.user else ""
    text = f"""# Acknowledged means saved: every change is written within a second and before more than one change is behind.
persistence true
persistence_location {settings.data.as_posix().rstrip("/")}/
autosave_interval 1
autosave_on_changes true

# A session waits a week for a client that is gone for good. What waits in it is not bounded: a queue holds frames and facts
# alike, and a full one drops what comes next, which may be a fact that its device believes safe.
persistent_client_expiration 7d
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages {settings.in_flight}
message_size_limit {settings.payload_bytes}
{run_as}log_dest stderr
per_listener_settings true

listener {settings.port}{f" {settings.bind}" if settings.bind else ""}
allow_anonymous false
password_file {settings.passwords}
acl_file {settings.access}
"""
    if settings.tls_port is None:
        return text
    return f"""{text}
# Devices with a client certificate: its common name is the user name.
listener {settings.tls_port}
allow_anonymous false
cafile {settings.certificates / "ca.crt"}
certfile {settings.certificates / "server.crt"}
keyfile {settings.certificates / "server.key"}
require_certificate true
use_identity_as_username true
acl_file {settings.access}
"""


def password_line(name: str, password: str, *, salt: bytes | None = None) -> str:
    """One line of the password file: PBKDF2-SHA512, Mosquitto's format 7."""
    salt = secrets.token_bytes(12) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{name}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def write_mosquitto(path: Path, settings: MosquittoSettings, users: Iterable[BrokerUser]) -> None:
    """Write ``mosquitto.conf`` to ``path``, and the access list and password file where ``settings`` says (both 0600)."""
    lines = [password_line(user.name, user.password) for user in users]
    for target, text in (
        (path, mosquitto_configuration(settings)),
        (settings.access, ACCESS_LIST),
        (settings.passwords, "\n".join(lines) + "\n"),
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_text(text, encoding="utf-8")
    settings.data.mkdir(parents=True, exist_ok=True)
