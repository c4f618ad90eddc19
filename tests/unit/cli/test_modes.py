"""Nobody but the owner reads what an installation keeps: its log holds the devices' keys."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.datadir import DataDirectory
from cli.main import app
from cli.plan import KITCHEN
from tests.services.mqtt import free_port

USUAL = 0o022


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """As a login shell has it."""
    before = os.umask(USUAL)
    yield
    os.umask(before)


def open_to_others(root: Path) -> list[str]:
    """What below a directory others may read, write or enter; the root itself too."""
    paths = [root, *root.rglob("*")]
    assert len(paths) > 3
    return [str(path.relative_to(root)) for path in paths if path.lstat().st_mode & 0o077 and not path.is_socket()]


def test_a_new_installation_is_its_owners_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", "--data", str(tmp_path / "data")])
    assert result.exit_code == 0, result.output
    assert open_to_others(tmp_path / "data") == []
    assert os.umask(USUAL) == USUAL, "whoever called us has their own umask back"


def test_an_older_installation_is_closed_at_its_next_start(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "log").mkdir(parents=True)
    root.chmod(0o755)
    DataDirectory(root).prepare()
    assert root.stat().st_mode & 0o777 == 0o700


def test_the_log_writes_segments_that_only_its_owner_reads(tmp_path: Path) -> None:
    port = free_port()
    command = (*KITCHEN, "run", "log", "--data", str(tmp_path / "data"), "--port", str(port))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            give_up = time.monotonic() + 20
            with socket.socket() as probe:
                while probe.connect_ex(("127.0.0.1", port)):
                    assert time.monotonic() < give_up
                    assert process.poll() is None
                    time.sleep(0.05)
        finally:
            process.terminate()
    assert open_to_others(tmp_path / "data") == []
