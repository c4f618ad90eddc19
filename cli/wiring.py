"""The parts that casework and the pages share, opened once and closed in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import configs
from casework.assessment import Assessor
from casework.assessment_wiring import assessor_of
from casework.consequences.terms import Terms
from casework.office import Office
from casework.report_seal import seal
from cli.worker import Setting
from configs.assessment_key import assessment_key
from configs.secrets import Secrets, read_secrets
from configs.values import Configuration
from domain.errors import Unavailable
from store import open_media, open_store
from store.ports import Media, Store
from streams.address import bootstrap_servers
from streams.sink import KafkaSink
from streams.topics import ensure_topics
from web.language import translator
from web.live import LiveStream
from web.parts import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The parts that casework and the pages share."""

    configuration: Configuration
    secrets: Secrets
    store: Store
    media: Media
    office: Office
    live: LiveStream
    sink: KafkaSink
    assessor: Assessor
    seal: Seal


@asynccontextmanager
async def wired(setting: Setting, *, client_id: str) -> AsyncIterator[Wiring]:
    """Open what casework and the pages need, and close it again."""
    bootstrap = bootstrap_servers(setting.endpoints.need("kafka"))
    secrets = read_secrets(setting.data / "secrets")
    configuration = configs.load(setting.config).with_device_keys(secrets.device_keys)
    store, media = open_store(setting.endpoints.database), open_media(setting.endpoints.media)
    live = LiveStream(setting.endpoints.need("redis"))
    office = Office(
        store,
        media,
        rules=configuration.rules,
        schemes=configuration.schemes,
        routes=configuration.routes,
        working_day=configuration.calendar.works,
        translator=translator,
        terms=Terms.of(configuration),
        chains=configuration.chains,
        additives=configuration.additives,
    )
    try:
        await asyncio.to_thread(store.migrate)
        with suppress(Unavailable):  # the log may come later: pages, deadlines and notices do not wait for it
            await ensure_topics(bootstrap, attempts=1)
        async with KafkaSink(bootstrap, client_id=client_id, waits=True) as sink:
            yield Wiring(
                configuration=configuration,
                secrets=secrets,
                store=store,
                media=media,
                office=office,
                live=live,
                sink=sink,
                assessor=assessor_of(store, configuration, setting.config, desk=office.desk),
                seal=partial(seal, key=assessment_key(setting.data / "secrets")),
            )
    finally:
        await live.close()
        store.close()
