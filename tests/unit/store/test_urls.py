"""Database URLs: what is taken, what is refused, and that a password is never repeated."""

from __future__ import annotations

import pytest

from domain.errors import ConfigurationError, Unavailable
from store import open_store
from store.engines import parse_url


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////var/lib/kitchen/kitchen.db", "sqlite+pysqlite"),
        ("postgresql://u:p@db:5432/kitchen", "postgresql+psycopg"),
        ("postgres://u:p@db/kitchen?sslmode=verify-full", "postgresql+psycopg"),
        ("postgresql+psycopg://db/kitchen", "postgresql+psycopg"),
    ],
)
def test_a_url_names_its_driver(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize(
    "url", ["", "kitchen.db", "sqlite://", "sqlite:///:memory:", "mysql://u:hush@db/kitchen", "postgresql+asyncpg://u:hush@db/k"]
)
def test_another_database_is_a_configuration_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="KITCHEN_DATABASE_URL") as refused:
        open_store(url)
    assert "hush" not in str(refused.value)


def test_a_missing_file_is_unavailable_and_not_made_by_asking(tmp_path: object) -> None:
    path = f"{tmp_path}/none.db"
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(Unavailable):
        store.ping()
    with pytest.raises(Unavailable), store.reading():
        pass
    with pytest.raises(FileNotFoundError):
        open(path).close()  # noqa: PTH123
    store.close()


def test_a_server_nobody_runs_is_unavailable() -> None:
    store = open_store("postgresql://u:hush@127.0.0.1:1/kitchen")
    with pytest.raises(Unavailable) as refused:
        store.ping()
    assert "hush" not in str(refused.value)
    store.close()
