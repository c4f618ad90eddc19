"""What goes wrong with telling of a failure takes nothing from how it is dealt with."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.log.commit import GroupCommit


@pytest.mark.parametrize("failing", [True, False], ids=["a failed sync", "a sync"])
async def test_who_asked_for_a_sync_is_answered_though_it_cannot_be_told(failing: bool) -> None:
    def prepare() -> Callable[[], None]:
        def sync() -> None:
            if failing:
                raise OSError(errno.EIO, "the disk")

        return sync

    def tell(_: BaseException | None) -> None:
        raise OSError(errno.ENOSPC, "the line")

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    with ThreadPoolExecutor(1) as executor:
        commit = GroupCommit(prepare, executor, tell)
        for _ in range(2):
            with pytest.raises(OSError, match="the disk" if failing else "the line"):
                await asyncio.wait_for(asyncio.shield(commit.request()), 10)


def test_a_process_whose_lines_nobody_takes_goes_on(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "streams.log", str(tmp_path / "log"), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=full, text=True, cwd=Path(__file__).parents[3])
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline().startswith("ready "), "its first line is told before this one"
            os.kill(process.pid, 15)
            assert process.wait(20) == 0
