"""How the commands that act as a device find its broker, its merchant and its password."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import configs
from cli.worker import Setting
from configs.secrets import Secrets, read_secrets
from configs.values import Configuration
from devices.connection import MqttSettings
from devices.edge import EdgeDevice, EdgePublisher
from domain.errors import ConfigurationError


def secrets_of(setting: Setting) -> Secrets | None:
    """The secrets of this installation, or None on a machine that has none (a device's own)."""
    folder = setting.data / "secrets"
    return read_secrets(folder) if (folder / "devices.yaml").exists() else None


def device_settings(setting: Setting, device_id: str, mqtt: str | None, secrets: Secrets | None) -> MqttSettings:
    """The broker, and the device's own name and password there unless the URL has others."""
    url = mqtt or setting.endpoints.need("mqtt")
    changes: dict[str, str] = {"client_id": device_id}
    if not urlsplit(url).username:
        changes["user"] = device_id
        if secrets is not None:
            changes["password"] = secrets.device_passwords.get(device_id, "")
    return MqttSettings.from_url(url, **changes)


def publisher(setting: Setting, device_id: str, mqtt: str | None) -> EdgePublisher:
    """A publisher for a registered device; its spool lies in ``DATA/spool``.

    Raises:
        ConfigurationError: if the configuration does not know the device.
    """
    secrets = secrets_of(setting)
    configuration = configs.load(setting.config).with_device_keys(secrets.device_keys if secrets else {})
    device = _device(configuration, device_id)
    return EdgePublisher(device_settings(setting, device_id, mqtt, secrets), device, setting.data / "spool" / device_id)


def _device(configuration: Configuration, device_id: str) -> EdgeDevice:
    for device in configuration.devices:
        if device.id == device_id:
            return EdgeDevice(id=device.id, uscc=device.uscc, region=device.region, key=device.key)
    known = ", ".join(device.id for device in configuration.devices) or "none"
    raise ConfigurationError(f"{device_id} is no device of this configuration", key="--device", hint=f"known: {known}")


async def until_stopped(work: Callable[[threading.Event], object]) -> None:
    """Run blocking work in a thread; SIGTERM and SIGINT set the event it is given."""
    stop = threading.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await asyncio.to_thread(work, stop)
