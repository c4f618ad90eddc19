"""The secrets of one installation, below ``DATA/secrets``: readable by their owner only, never part of the configuration.

devices.yaml   device id → {password, key}    MQTT password and, where the device signs, its HMAC key (base64)
users.yaml     login → argon2 hash            used once, to seed the database
gateway        the gateway's own MQTT password
gateway_client_id  the name of the gateway's session at the MQTT broker: whoever knows it can empty that session
log            what clients of the embedded log must show where it listens beyond loopback
monitoring_token  what a monitoring system shows when it tells alerts (bearer token)
vapid.pem      private key of Web Push (RFC 8292)
assessment.pem  Ed25519 key that monthly reports are signed with
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from configs.reading import read_yaml
from domain.errors import ConfigurationError

GATEWAY_USER = "gateway"
MONITORING = "monitoring_token"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What the files say.

    Attributes:
        device_passwords: device id → MQTT password.
        device_keys: device id → HMAC key, for devices that must sign.
        user_hashes: login → argon2 hash.
        gateway_password: of MQTT user ``gateway``.
        vapid_pem: PEM of the Web Push key.
        monitoring_token: of a monitoring system that tells alerts; empty where `kitchen init` has not made one.
    """

    gateway_password: str
    vapid_pem: str
    device_passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    device_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    user_hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    monitoring_token: str = field(default="", repr=False)


def read_secrets(folder: Path) -> Secrets:
    """Read the secrets of an installation.

    Raises:
        ConfigurationError: naming the file that is missing or wrong.
    """
    devices = _mapping(folder / "devices.yaml")
    passwords: dict[str, str] = {}
    keys: dict[str, bytes] = {}
    for device_id, entry in devices.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("password"), str):
            raise ConfigurationError("a password is required", file=str(folder / "devices.yaml"), key=device_id)
        passwords[device_id] = entry["password"]
        if entry.get("key") is not None:
            keys[device_id] = _key(entry["key"], str(folder / "devices.yaml"), device_id)
    users = {login: str(digest) for login, digest in _mapping(folder / "users.yaml").items()}
    return Secrets(
        device_passwords=passwords,
        device_keys=keys,
        user_hashes=users,
        monitoring_token=_text(folder / MONITORING) if (folder / MONITORING).exists() else "",
        gateway_password=_text(folder / "gateway"),
        vapid_pem=_text(folder / "vapid.pem"),
    )


def _mapping(path: Path) -> dict[str, object]:
    content, problems = read_yaml(path, str(path))
    if problems:
        raise ConfigurationError(problems[0].what, file=str(path), hint="`kitchen init` writes it")
    return content


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"cannot be read: {reason}", file=str(path), hint="`kitchen init` writes it") from None


def _key(value: object, file: str, device_id: str) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError("the key is not base64", file=file, key=f"{device_id}.key") from None


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def new_password(length: int = 14) -> str:
    """A password a person can type from a screen: no letters that look alike."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def ensure_keys(folder: Path) -> None:
    """Make the gateway's password and session name, the monitoring token and the Web Push key unless they are there."""
    gateway_client_id(folder)
    made_once(folder / MONITORING, new_password(32))
    if not (folder / "gateway").exists():
        write_secret(folder / "gateway", new_password(32) + "\n")
    if not (folder / "vapid.pem").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_secret(folder / "vapid.pem", pem.decode("ascii"))


def gateway_client_id(folder: Path) -> str:
    """The MQTT client id of this installation's gateway; made once, also for a directory that is older than it.

    A broker hands a session to whoever names it, whatever their user, so the name must be one that no device can guess. Its 23
    letters and digits are what every MQTT 3.1.1 broker must take.

    Raises:
        ConfigurationError: if it can neither be read nor made.
    """
    return made_once(folder / "gateway_client_id", f"kgw{new_password(20)}")


def log_secret(folder: Path) -> str:
    """The secret of this installation's embedded log; made once.

    Raises:
        ConfigurationError: if it can neither be read nor made.
    """
    return made_once(folder / "log", new_password(32))


def made_once(path: Path, text: str) -> str:
    """What a file says, or the text given, which it says from now on."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = path.with_name(f".{path.name}.{new_password()}")
            write_secret(made, f"{text}\n")
            with suppress(FileExistsError):  # another process was quicker: its name counts
                path.hardlink_to(made)
            made.unlink()
        name = _text(path)
    except OSError as error:
        raise ConfigurationError(f"cannot be made: {error.strerror or error}", file=str(path)) from None
    if not name:
        raise ConfigurationError("it is empty", file=str(path), hint="remove the file; a new one is made")
    return name


def ensure_devices(folder: Path, passwords: Mapping[str, str]) -> dict[str, str]:
    """Add the devices that have no secret yet; returns the added ones with their passwords."""
    path = folder / "devices.yaml"
    known = _mapping(path) if path.exists() else {}
    added = {device_id: password for device_id, password in passwords.items() if device_id not in known}
    if added or not path.exists():
        write_secret(path, yaml.safe_dump(known | {device_id: {"password": password} for device_id, password in added.items()}))
    return added


def ensure_users(folder: Path, passwords: Mapping[str, str]) -> dict[str, str]:
    """Add the users that have no hash yet; returns the added ones with their passwords."""
    path = folder / "users.yaml"
    known = _mapping(path) if path.exists() else {}
    hasher = PasswordHasher()
    added = {login: password for login, password in passwords.items() if login not in known}
    if added or not path.exists():
        write_secret(path, yaml.safe_dump(known | {login: hasher.hash(password) for login, password in added.items()}))
    return added


def vapid_public_key(pem: str) -> str:
    """The application server key browsers ask for: base64url of the uncompressed P-256 point.

    Raises:
        ConfigurationError: if the PEM holds no P-256 key.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigurationError("no P-256 private key", file="vapid.pem", hint="remove the file; a new one is made")
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode("ascii")
