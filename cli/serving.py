"""The pages and the API on a process's own event loop, wired to the log, the store and the site's settings."""

from __future__ import annotations

import asyncio
import os

import orjson

from cli import clock
from cli.wiring import Wiring
from configs.secrets import vapid_public_key
from domain.events import DeadLetter
from domain.observations import Kind, Observation
from domain.time import format_instant
from domain.topics import Topic
from streams.codecs import headers_of
from streams.sink import KafkaSink
from web import Intake, WebSettings, create_app
from web import serve as serve_app


async def serve(parts: Wiring, *, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set."""
    app = create_app(
        parts.office,
        parts.store,
        parts.media,
        parts.live,
        web_settings(parts),
        clock.now,
        intake=_intake(parts),
        assessor=parts.assessor,
        seal=parts.seal,
        department_secret=_department_secrets(parts).get,
    )
    await serve_app(app, host, port, stop=stop)


def web_settings(parts: Wiring) -> WebSettings:
    """What the site sets about its pages."""
    site = parts.configuration.site
    return WebSettings(
        site_name=site.name,
        public_url=site.public_url,
        secure_cookies=site.public_url.startswith("https://"),
        vapid_public_key=vapid_public_key(parts.secrets.vapid_pem),
        push_hosts=site.push_hosts,
        device_rate=site.events_per_second,
        monitoring_token=parts.secrets.monitoring_token,
    )


def _department_secrets(parts: Wiring) -> dict[str, str]:
    """What the liaison departments' own systems sign with."""
    found = {one.id: os.environ.get(one.secret_env, "") for one in parts.configuration.departments if one.secret_env}
    return {name: secret for name, secret in found.items() if secret}


def _intake(parts: Wiring) -> Intake:
    async def accept(observation: Observation) -> None:
        await put_observation(parts.sink, observation)

    async def dead_letter(letter: DeadLetter) -> None:
        await put_dead_letter(parts.sink, letter)

    return Intake(
        accept=accept,
        dead_letter=dead_letter,
        device_passwords=parts.secrets.device_passwords.get,
    )


async def put_observation(sink: KafkaSink, observation: Observation) -> None:
    """Write a fact that came over HTTP where the gateway writes it: told detections to their own topic."""
    value = orjson.dumps(observation.to_wire())
    if observation.kind is Kind.CAM_DETECTION:
        await sink.send(Topic.DETECTIONS.value, key=observation.device_id.encode(), value=value)
    else:
        await sink.send(Topic.OBSERVATIONS.value, key=observation.uscc.encode(), value=value)


async def put_dead_letter(sink: KafkaSink, letter: DeadLetter) -> None:
    """Write a refused fact that came over HTTP."""
    headers = headers_of(
        {
            "code": letter.code,
            "reason": letter.reason,
            "received_at": format_instant(letter.received_at),
            "source": letter.source,
            "uscc": letter.uscc,
            "device_id": letter.device_id,
        }
    )
    await sink.send(Topic.DEAD_LETTERS.value, key=letter.source.encode(), value=letter.raw, headers=headers)
