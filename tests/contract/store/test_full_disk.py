"""A database file on a disk that is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import Unavailable
from store import open_store
from store.sql import LEAST_FREE_BYTES
from tests.services import CannotBeHad, disk


def test_a_full_disk_is_told_before_a_writer_meets_it_and_passes_when_there_is_room(tmp_path: Path) -> None:
    try:
        with disk.small_disk(tmp_path / "small", 2 * LEAST_FREE_BYTES // 2**20) as where:
            store = open_store(f"sqlite:///{where / 'kitchen.db'}")
            try:
                store.migrate()
                store.ping()
                ballast = where / "ballast"
                ballast.write_bytes(bytes(LEAST_FREE_BYTES))
                with pytest.raises(Unavailable, match="is full"):
                    store.ping()
                ballast.unlink()
                store.ping()
            finally:
                store.close()
    except CannotBeHad as error:
        pytest.skip(str(error))
