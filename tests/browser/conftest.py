"""Debian's Chromium through playwright; skipped where there is none, unless the environment says CI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.site import Site, served
from tests.services import CannotBeHad, required_in_ci
from tests.unit.web.kitchen import make_database

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module: the driver keeps an event loop running, which no asynchronous test could share."""
    with required_in_ci():
        if not CHROMIUM.exists():
            raise CannotBeHad("chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_database(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def site(database: Path, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as made:
        yield made
