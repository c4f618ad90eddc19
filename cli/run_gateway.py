"""``kitchen run gateway``: MQTT into the log. Needs the registers topic to name somebody before it judges anybody."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import configs
from cli import clock
from cli.worker import Setting, show_metrics, stoppable
from configs.secrets import GATEWAY_USER, gateway_client_id, read_secrets
from configs.values import Site
from devices.connection import Connection, MqttSettings
from devices.gateway import Gateway
from devices.limits import Limits
from devices.registers import Registers
from domain.errors import ConfigurationError, Unavailable
from streams.address import bootstrap_servers
from streams.registers import follow
from streams.sink import KafkaSink

FORMER_NAME = "kitchen-gateway"
"""What the gateway's session was called before it had a secret name; left alone it would fill the embedded broker's store."""


async def run(setting: Setting) -> None:
    """Be a gateway until told to stop."""
    bootstrap = bootstrap_servers(setting.endpoints.need("kafka"))
    site = configs.load(setting.config).site
    gateway_id = own_name(os.environ)
    settings = mqtt_settings(setting, gateway_id)
    registers, complete = Registers(), asyncio.Event()
    async with AsyncExitStack() as parts:
        parts.enter_context(alone(setting.data, gateway_id))
        stop = await parts.enter_async_context(stoppable("gateway"))
        sink = await parts.enter_async_context(KafkaSink(bootstrap, client_id="gateway"))
        if "mqtt" not in setting.endpoints.given and not gateway_id:
            await end_session(replace(settings, client_id=FORMER_NAME))
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


async def end_session(settings: MqttSettings, *, within_s: float = 10.0) -> None:
    """End the session that ``settings`` name at the broker, if there is one.

    Raises:
        Unavailable: if the broker does not let us in.
    """
    loop, up = asyncio.get_running_loop(), asyncio.Event()

    def connected(*_: object) -> None:
        loop.call_soon_threadsafe(up.set)

    connection = Connection(settings, on_up=connected)
    connection.start()
    try:
        async with asyncio.timeout(within_s):
            await up.wait()
    except TimeoutError:
        raise Unavailable(f"the broker at {settings.host}:{settings.port} did not answer within {within_s} s") from None
    finally:
        await asyncio.to_thread(connection.stop)


def own_name(env: Mapping[str, str]) -> str:
    """What tells this gateway from others over the same data directory: ``KITCHEN_GATEWAY_ID``, or nothing.

    Raises:
        ConfigurationError: if it is no plain word.
    """
    name = env.get("KITCHEN_GATEWAY_ID", "")
    if not re.fullmatch(r"[A-Za-z0-9-]{0,32}", name):
        raise ConfigurationError("at most 32 letters, digits and dashes", key="KITCHEN_GATEWAY_ID")
    return name


@contextmanager
def alone(data: Path, gateway_id: str) -> Iterator[None]:
    """Be the one gateway of this name here: two with one session would throw each other out of the broker for ever.

    Raises:
        ConfigurationError: if another is running.
    """
    path = data / "run" / f"gateway{gateway_id and '-'}{gateway_id}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"another gateway of this name uses {data}",
                key="KITCHEN_GATEWAY_ID",
                hint="give each further one a name of its own",
            ) from None
        yield


def mqtt_settings(setting: Setting, gateway_id: str = "") -> MqttSettings:
    """The broker and who we are there: from the URL, else the gateway's own password of this installation.

    The session has the name that ``DATA/secrets/gateway_client_id`` holds, with ``gateway_id`` added; it
    outlives a host or a container. A name in the URL (``?client_id=…``) wins.

    Raises:
        ConfigurationError: if a secret is missing.
    """
    url = setting.endpoints.need("mqtt")
    parts = urlsplit(url)
    changes: dict[str, str] = {}
    if not parts.username:
        changes |= {"user": GATEWAY_USER, "password": read_secrets(setting.data / "secrets").gateway_password}
    if "client_id" not in parse_qs(parts.query):
        name = gateway_client_id(setting.data / "secrets")
        changes["client_id"] = f"{name}-{gateway_id}" if gateway_id else name
    return MqttSettings.from_url(url, **changes)
