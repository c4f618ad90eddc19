"""A scene over SQLite in a temporary directory; the empty database is made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.events import Lane
from store import open_media, open_store
from tests.unit.casework.people import scene_roll
from tests.unit.casework.scene import START, Scene, everything_to_phones, quick_directory, sqlite_url, webhook_route


@pytest.fixture(scope="session")
def registered_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("casework")
    store = open_store(sqlite_url(directory))
    store.migrate()
    scene = Scene(store, open_media(f"file://{directory}/media"))
    scene.office.register(scene_roll(), START, password_hashes={"merchant": "hash"})
    with store.writing() as uow:
        for delivery in uow.outbox.claim(START, lanes=list(Lane), limit=1000, lease_until=START):
            uow.outbox.done(delivery.id, START)
        uow.commit()
    store.close()
    return directory / "kitchen.db"


@pytest.fixture
def scene(registered_database: Path) -> Iterator[Scene]:
    with quick_directory() as directory:
        shutil.copy(registered_database, directory / "kitchen.db")
        store = open_store(sqlite_url(directory))
        yield Scene(store, open_media(f"file://{directory}/media"), routes=(everything_to_phones(), webhook_route()))
        store.close()
