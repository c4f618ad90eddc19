"""``kitchen replay``: publish recorded envelopes as their devices would."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import typer

import configs
from cli.edge import secrets_of
from cli.worker import Setting
from devices.connection import MqttSettings
from devices.replay import Replay, ReplayReport, region_of_code
from domain.errors import ConfigurationError


def replay(setting: Setting, file: Path, mqtt: str | None) -> None:
    """Publish every line; those that are no envelope are told on standard error, exit status 1.

    Raises:
        ConfigurationError: if the file cannot be read.
        Unavailable: if the broker cannot be reached.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(file)) from None
    report = _publish(setting, mqtt, lines)
    for refused in report.refused:
        print(f"{file}: line {refused.line}: {refused.reason}", file=sys.stderr)
    print(f"{report.published} published, {len(report.refused)} refused")
    if report.refused:
        raise typer.Exit(1)


def _publish(setting: Setting, mqtt: str | None, lines: list[bytes]) -> ReplayReport:
    url = mqtt or setting.endpoints.need("mqtt")
    secrets = secrets_of(setting) if not urlsplit(url).username else None
    regions = {}
    if setting.config.is_dir():
        regions = {merchant.uscc: merchant.region for merchant in configs.load(setting.config).merchants}
    with Replay(
        MqttSettings.from_url(url),
        passwords=secrets.device_passwords if secrets else None,
        region_of=lambda uscc: regions.get(uscc, region_of_code(uscc)),
    ) as recording:
        return recording.publish(lines)
