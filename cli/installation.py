"""Makes a data directory ready for its first start: kind, secrets, first users. Running it again changes nothing.

A directory made by ``kitchen demo`` has published passwords and is refused by ``kitchen up``, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import configs
from cli.datadir import DataDirectory, read_json, write_json
from configs.secrets import GATEWAY_USER, Secrets, ensure_devices, ensure_keys, ensure_users, new_password
from configs.values import Configuration
from devices.nats import BrokerUser
from domain.errors import ConfigurationError

DEMO_USERS: Final = {"merchant": "merchant-demo", "inspector": "inspector-demo", "supervisor": "supervisor-demo"}


class Kind(StrEnum):
    """What an installation is for."""

    DEMO = "demo"
    SITE = "site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An installation ready to start; ``new_users`` and ``new_devices`` hold passwords made just now, to be shown once."""

    data: DataDirectory
    config: Path
    configuration: Configuration
    kind: Kind
    new_users: Mapping[str, str] = field(default_factory=dict, repr=False)
    new_devices: Mapping[str, str] = field(default_factory=dict, repr=False)


def refuse_other(data: DataDirectory, kind: Kind) -> None:
    """Refuse a directory that is the other kind's.

    Raises:
        ConfigurationError: saying whose it is.
    """
    known = read_json(data.root / "installation.json").get("kind", kind)
    if known != kind:
        what = "a demonstration, whose passwords are published" if known == Kind.DEMO else "a real site"
        raise ConfigurationError(f"{data.root} belongs to {what}", key="--data", hint="choose another with --data")


def claim(data: DataDirectory, kind: Kind) -> None:
    """Mark the directory as a demonstration's or a site's."""
    refuse_other(data, kind)
    write_json(data.root / "installation.json", {"kind": kind.value})


def broker_users(configuration: Configuration, secrets: Secrets) -> list[BrokerUser]:
    """Who may connect to the MQTT broker: the gateway, and every device that has a password and is not revoked."""
    devices = [
        BrokerUser(name=device.id, password=secrets.device_passwords[device.id], device=device)
        for device in configuration.devices
        if device.id in secrets.device_passwords and not device.revoked
    ]
    return [BrokerUser(name=GATEWAY_USER, password=secrets.gateway_password), *devices]


def device_demo_password(device_id: str) -> str:
    """The published password of a demonstration device."""
    return f"demo-{device_id}"


def prepare_demo(data: DataDirectory, config: Path | None) -> Prepared:
    """The demonstration: the shipped site unless another is named, with published passwords."""
    config = config or configs.demo_directory()
    configuration = configs.load(config)
    data.prepare()
    claim(data, Kind.DEMO)
    ensure_keys(data.secrets)
    users = {user.login: DEMO_USERS.get(user.login, f"{user.login}-demo") for user in configuration.users}
    ensure_users(data.secrets, users)
    devices = {device.id: device_demo_password(device.id) for device in configuration.devices}
    ensure_devices(data.secrets, devices)
    return Prepared(data=data, config=config, configuration=configuration, kind=Kind.DEMO, new_users=users, new_devices=devices)


def prepare_site(data: DataDirectory, config: Path | None) -> Prepared:
    """A site: its configuration, with passwords made for whoever has none yet.

    Raises:
        ConfigurationError: if there is no configuration, or it is wrong.
    """
    data.prepare()
    config = config or data.config
    refuse_other(data, Kind.SITE)
    if not config.is_dir():
        raise ConfigurationError(
            f"there is no configuration in {config}", hint=f"run `kitchen init {config}` first, or name one with --config"
        )
    configuration = configs.load(config)
    claim(data, Kind.SITE)
    ensure_keys(data.secrets)
    new_users = ensure_users(data.secrets, {user.login: new_password() for user in configuration.users})
    new_devices = ensure_devices(data.secrets, {device.id: new_password() for device in configuration.devices})
    return Prepared(
        data=data, config=config, configuration=configuration, kind=Kind.SITE, new_users=new_users, new_devices=new_devices
    )
