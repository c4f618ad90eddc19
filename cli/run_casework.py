"""``kitchen run casework``: facts and findings into cases, deadlines, the outbox; with ``--port`` the pages in the same process.

SQLite has one owner, so on one machine worker and pages share this process and its event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import orjson
import structlog

from alerts.channels import Channel, DingTalk, Email, Feishu, Sms, Webhook, WebPush, WeCom
from casework.relay import Relay
from cli import clock
from cli.provincial import keep_asking
from cli.serving import serve
from cli.wiring import Wiring, wired
from cli.worker import Setting, show_metrics, stoppable
from configs.secrets import Secrets
from configs.values import Configuration
from domain.errors import ConfigurationError
from streams import casework
from streams.sink import KafkaSink

log = structlog.get_logger(__name__)

ASSESS_EVERY_S: Final = 20.0


async def run(setting: Setting, *, host: str, port: int) -> None:
    """Be the casework worker until told to stop; serve the pages too if there is a port."""
    async with stoppable("casework") as stop, wired(setting, client_id="casework") as parts:
        show_metrics(setting)
        await asyncio.to_thread(_register, parts)
        channels = notification_channels(parts.configuration, parts.secrets, os.environ)
        relay = Relay(
            parts.store,
            channels,
            publish_live=parts.live.publish,
            publish_kafka=_publisher(parts.sink),
            office=parts.office,
            clock=clock.now,
            environment=os.environ,
            limits=parts.configuration.channels.limits,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                casework.run(
                    kafka_url=setting.endpoints.need("kafka"),
                    data=setting.data,
                    office=parts.office,
                    relay=lambda wake: _relay(relay, wake),
                    clock=clock.now,
                    stop=stop,
                )
            )
            tasks.create_task(_assess(parts, stop))
            tasks.create_task(keep_asking(parts.store, parts.configuration, stop))
            if port:
                tasks.create_task(serve(parts, host=host, port=port, stop=stop))


async def _assess(parts: Wiring, stop: asyncio.Event) -> None:
    """Drive monthly assessments on: a piece at a time while there is something to do, else look again after a while."""
    while not stop.is_set():
        try:
            done = await asyncio.to_thread(parts.assessor.sweep, clock.now())
            done += await asyncio.to_thread(parts.assessor.count_days, clock.now())
        except Exception:  # a month that cannot be assessed must never hold up a warning
            log.exception("assessment.sweep_failed")
            done = 0
        if not done:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ASSESS_EVERY_S)


def _register(parts: Wiring) -> None:
    parts.office.register(parts.configuration, clock.now(), password_hashes=parts.secrets.user_hashes)


async def _relay(relay: Relay, wake: asyncio.Event) -> None:
    """Relay for ever; ``wake`` says that a transaction has left something in the outbox."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(relay.run())
        while True:
            await wake.wait()
            wake.clear()
            relay.nudge()


def _publisher(sink: KafkaSink) -> Any:
    async def publish(topic: str, key: str, value: Mapping[str, Any]) -> None:
        await sink.send(topic, key=key.encode(), value=orjson.dumps(dict(value)))

    return publish


def notification_channels(configuration: Configuration, secrets: Secrets, environment: Mapping[str, str]) -> dict[str, Channel]:
    """Every channel a route may name.

    Raises:
        ConfigurationError: an environment variable is not set that ``channels.yaml`` names.
    """
    site, settings = configuration.site, configuration.channels
    plain = settings.plain_hosts
    channels: list[Channel] = [
        WebPush(
            vapid_private_key_pem=secrets.vapid_pem, subject=site.push_subject, allowed_hosts=site.push_hosts, clock=clock.now
        ),
        Webhook(clock=clock.now, plain_hosts=plain),
        DingTalk(clock=clock.now, public_url=site.public_url, plain_hosts=plain),
        WeCom(clock=clock.now, public_url=site.public_url, plain_hosts=plain),
        Feishu(clock=clock.now, public_url=site.public_url, plain_hosts=plain),
    ]
    if settings.gateway is not None:
        gateway = replace(settings.gateway, secret=_set(settings.gateway_secret_env, environment))
        channels.append(Sms(gateway, clock=clock.now, public_url=site.public_url))
    if settings.server is not None:
        user, password = (_set(name, environment) for name in (settings.server_user_env, settings.server_password_env))
        server = replace(settings.server, user=user, password=password)
        channels.append(Email(server, clock=clock.now, public_url=site.public_url))
    return {channel.name: channel for channel in channels}


def _set(variable: str, environment: Mapping[str, str]) -> str:
    """What an environment variable holds; nothing if none is named."""
    if variable and not environment.get(variable):
        raise ConfigurationError("the environment variable is not set", file="channels.yaml", key=variable, hint="set it")
    return environment.get(variable, "")
