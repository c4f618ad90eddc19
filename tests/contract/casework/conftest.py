"""The office on SQLite and on PostgreSQL, each scene with a database of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import open_media, open_store
from tests.services import required_in_ci
from tests.services.postgres import Postgres, postgres
from tests.unit.casework.people import scene_roll
from tests.unit.casework.scene import START, Scene, everything_to_phones, sqlite_url


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with required_in_ci(), postgres() as running:
        yield running


def _prepare(url: str, media: Path) -> None:
    """An empty database with its schema and the scene's people."""
    store = open_store(url)
    store.migrate()
    Scene(store, open_media(f"file://{media}")).office.register(scene_roll(), START)
    store.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("template")
    _prepare(sqlite_url(directory), directory / "media")
    return directory / "kitchen.db"


@pytest.fixture(scope="session")
def postgres_template(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database to copy: migrating one for each test takes longer than the test."""
    url = server.fresh()
    _prepare(url, tmp_path_factory.mktemp("template") / "media")
    return url


@pytest.fixture
def copied_url(server: Postgres, postgres_template: str) -> str:
    """A database of the test's own on PostgreSQL."""
    return server.copy(postgres_template)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "kitchen.db")
        url = sqlite_url(tmp_path)
    else:
        url = request.getfixturevalue("copied_url")
    store = open_store(url)
    yield Scene(store, open_media(f"file://{tmp_path}/media"), routes=(everything_to_phones(),))
    store.close()
