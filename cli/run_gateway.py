"""``kitchen run gateway``: MQTT into the log. Needs the registers topic to name somebody before it judges anybody."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import configs
from cli import clock
from cli.worker import Setting, show_metrics, stoppable
from configs.secrets import GATEWAY_USER, read_secrets
from configs.values import Site
from devices.connection import MqttSettings
from devices.gateway import Gateway
from devices.limits import Limits
from devices.registers import Registers
from streams.address import bootstrap_servers
from streams.registers import follow
from streams.sink import KafkaSink


async def run(setting: Setting) -> None:
    """Be a gateway until told to stop."""
    bootstrap = bootstrap_servers(setting.endpoints.need("kafka"))
    site = configs.load(setting.config).site
    settings = mqtt_settings(setting)
    registers, complete = Registers(), asyncio.Event()
    async with stoppable("gateway") as stop, KafkaSink(bootstrap, client_id="gateway") as sink:
        gateway = Gateway(settings, sink, registers, limits(site), clock.now, ready=complete.wait)
        show_metrics(setting)
        reading = asyncio.create_task(follow(bootstrap, registers, complete, client_id="gateway-registers"))
        try:
            await gateway.run(stop)
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


def limits(site: Site) -> Limits:
    """The site's limits as the gateway knows them."""
    return Limits(
        frame_bytes=site.frame_max_bytes, events_per_second=site.events_per_second, frames_per_second=site.frames_per_second
    )


def mqtt_settings(setting: Setting) -> MqttSettings:
    """The broker and who we are there: from the URL, else the gateway's own password of this installation.

    On a broker of ours the session has one fixed name; elsewhere each host has its own unless the URL names one
    (``?client_id=…``), so that several gateways may share the work.
    """
    url = setting.endpoints.need("mqtt")
    parts = urlsplit(url)
    changes: dict[str, str] = {}
    if not parts.username:
        changes |= {"user": GATEWAY_USER, "password": read_secrets(setting.data / "secrets").gateway_password}
    if "mqtt" in setting.endpoints.given and "client_id" not in parse_qs(parts.query):
        changes["client_id"] = f"kitchen-gateway-{socket.gethostname()}"
    return MqttSettings.from_url(url, **changes)
