"""Asks the provincial public-credit register: by hand (``kitchen facts provincial``), and beside casework for ever."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

import structlog
import typer

from alerts.channels.fetch import Fetcher
from casework.assessment_provincial import WHOLESALE, Asked, Province, Surroundings
from cli import clock
from cli.output import show_json, show_table
from cli.worker import Setting
from configs.values import Configuration
from domain.errors import ConfigurationError, NotFound
from store.ports import Store

log = structlog.get_logger(__name__)

ASK_EVERY_S: Final = 60.0


@asynccontextmanager
async def province(
    store: Store, configuration: Configuration, *, now: Callable[[], datetime] = clock.now
) -> AsyncIterator[Province]:
    """The connector, with its connections closed in the end.

    Raises:
        ConfigurationError: the environment lacks the secret that ``connectors.yaml`` names.
    """
    terms = configuration.provincial
    secret = os.environ.get(terms.secret_env, "") if terms.secret_env else ""
    if terms.url and terms.secret_env and not secret:
        what = f"the environment has no {terms.secret_env}"
        raise ConfigurationError(what, file="connectors.yaml", key="provincial.secret_env", hint='set it, or write ""')
    fetcher = Fetcher(timeout=terms.timeout, plain_hosts=terms.plain_hosts)
    try:
        around = Surroundings(get=fetcher.get, pause=asyncio.sleep, clock=now, secret=secret)
        yield Province(store, configuration.ratings, terms, around)
    finally:
        await fetcher.aclose()


async def keep_asking(store: Store, configuration: Configuration, stop: asyncio.Event) -> None:
    """Ask about whoever is due until told to stop; a register that fails must never hold up a warning."""
    if not configuration.provincial.url:
        return
    try:
        async with province(store, configuration) as connector:
            while not stop.is_set():
                try:
                    await connector.round()
                except Exception:  # whatever goes wrong with one round, the next one is due in a minute
                    log.exception("provincial.round_failed")
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), ASK_EVERY_S)
    except ConfigurationError as error:
        log.error("provincial.not_asked", reason=str(error))  # noqa: TRY400 - it says all there is to say


def ask(setting: Setting, *, uscc: str | None, as_json: bool) -> None:
    """One round by hand."""
    from cli.assess import opened

    with opened(setting) as (store, configuration, _):
        if not configuration.provincial.url:
            raise ConfigurationError("no address", file="connectors.yaml", key="provincial.url", hint="docs/assessment.md")
        asked = asyncio.run(_round(store, configuration, uscc))
    if as_json:
        told = [{"merchant": one.uscc, "outcome": one.outcome.value, "detail": one.detail, "score": one.score} for one in asked]
        show_json({"asked": told})
    else:
        show_table(("merchant", "outcome", "score", ""), [(one.uscc, one.outcome.value, one.score, one.detail) for one in asked])
    if any(one.outcome in WHOLESALE for one in asked):
        raise typer.Exit(1)


async def _round(store: Store, configuration: Configuration, uscc: str | None) -> list[Asked]:
    async with province(store, configuration) as connector:
        if uscc is None:
            return await connector.round()
        with store.reading() as uow:
            merchant = uow.merchants.get(uscc)
        if merchant is None:
            raise NotFound(f"no merchant {uscc[:40]}")
        return await connector.round([merchant])
