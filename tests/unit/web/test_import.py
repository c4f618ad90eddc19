"""``kitchen import`` against the real pages on a loopback port: what is told of each line, and the exit status."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.unit.web.kitchen import MERCHANT, PASSWORDS, Kitchen

KITCHEN = Path(sys.executable).with_name("kitchen")


@contextmanager
def served(kitchen: Kitchen) -> Iterator[str]:
    """The pages, without their live stream, which needs Redis."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(kitchen.app, lifespan="off", log_level="error"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def brought(url: str, file: Path, *, password: str) -> subprocess.CompletedProcess[str]:
    command = [KITCHEN, "import", file, "--register", "batches", "--merchant", MERCHANT, "--user", "merchant", "--url", url]
    environment = {**os.environ, "KITCHEN_PASSWORD": password}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


def test_a_file_is_brought_and_each_refused_line_explained(kitchen: Kitchen, tmp_path: Path) -> None:
    file = tmp_path / "lots.csv"
    file.write_text("批号,种类,品名,数量（克）,到期日\nR1,原料,鸭胚,500,2026-11-30\nR2,原料,盐,两斤,2026-11-30\n")
    with served(kitchen) as url:
        first = brought(url, file, password=PASSWORDS["merchant"])
        assert first.returncode == 1, first.stderr
        assert "1 new, 0 known already, 1 refused" in first.stdout
        assert "qty_g" in first.stdout
        assert "只写数字，不写单位" in first.stdout
        wrong = brought(url, file, password="guessed")
        assert (wrong.returncode, wrong.stdout, "Traceback" in wrong.stderr) == (1, "", False)
