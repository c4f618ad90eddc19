"""The store under test: every test runs on SQLite and on PostgreSQL, each with a fresh, migrated, seeded database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import open_store
from store.chain import GENESIS
from store.ports import Store
from store.tables import metadata
from tests.contract.store.builders import seed
from tests.contract.store.raw import execute
from tests.services import required_in_ci
from tests.services.postgres import Postgres, postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with required_in_ci(), postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_database(postgres_server: Postgres) -> str:
    """One migrated database for all: copying one for each test costs more than emptying it."""
    url = postgres_server.fresh()
    store = open_store(url)
    store.migrate()
    store.close()
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "kitchen.db"
    _prepare(f"sqlite:///{path}")
    return path


def _prepare(url: str) -> None:
    store = open_store(url)
    store.migrate()
    seed(store)
    store.close()


def _empty(url: str) -> None:
    """As migrated and seeded. A superuser's replica role passes the triggers; a test may have switched them off."""
    names = ", ".join(table.name for table in metadata.sorted_tables)
    execute(
        url,
        "SET LOCAL session_replication_role = replica",
        f"TRUNCATE {names} RESTART IDENTITY",
        f"INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '{GENESIS}')",
        "ALTER TABLE audit ENABLE TRIGGER USER",
    )
    store = open_store(url)
    seed(store)
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of this test's own, migrated and seeded."""
    if backend == "sqlite":
        path = tmp_path / "kitchen.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    shared: str = request.getfixturevalue("postgres_database")
    _empty(shared)
    return shared


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database nobody has migrated."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'kitchen.db'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.fresh()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()
