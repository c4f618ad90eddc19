"""One registered database for all, a fresh copy for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.web.kitchen import Kitchen, make_database


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_database(tmp_path_factory.mktemp("web"))


@pytest.fixture
def kitchen(database: Path, tmp_path: Path) -> Iterator[Kitchen]:
    made = Kitchen.copied(database, tmp_path / "site")
    yield made
    made.close()
