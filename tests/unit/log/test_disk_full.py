"""A disk that is full, for real: nothing half-written is served, producers are told, and it goes on once there is room."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.log.catalog import Catalog
from streams.log.metrics import Metrics
from tests.services import CannotBeHad, disk
from tests.unit.log.power import stored

ROOM_BYTES = 200_000

PRODUCE_UNTIL_FULL = """
import asyncio, json, os, resource, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from streams.log.catalog import Catalog
from streams.log.errors import Refused
from streams.log.metrics import Metrics
from streams.log.settings import TopicSettings
from tests.contract.log.batches import batch

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
directory, kind, room = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ballast = directory / "ballast"


def make_room():
    if kind == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        ballast.unlink()


async def main():
    with ThreadPoolExecutor(2) as executor:
        settings = {"t": TopicSettings(segment_bytes=50_000_000 if kind == "limit" else 60_000)}
        catalog = Catalog(directory / "log", settings, executor, Metrics())
        topic = await catalog.create("t")
        partition = topic.partitions[0]
        if kind == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        else:
            ballast.write_bytes(bytes(os.statvfs(directory).f_bavail * os.statvfs(directory).f_frsize - room))
        acked, refused = [], []
        for number in range(300):
            try:
                appended = partition.append(batch([b"%d-" % number + b"x" * 3000]), 1.0)
                await appended.synced
                acked.append([appended.base_offset, number])
            except Refused as refusal:
                refused.append(refusal.code.name)
                if len(refused) == 5:
                    await catalog.housekeep(2.0)  # must not fail either
                    make_room()
        await catalog.housekeep(3.0)
        assert partition.failure is None, partition.failure
        if "kill" not in sys.argv:
            await catalog.close()
        print(json.dumps({"acked": acked, "refused": refused}), flush=True)
        os._exit(0)


asyncio.run(main())
"""


def produced(*arguments: str) -> tuple[list[tuple[int, int]], list[str]]:
    """What a process of its own was told: offsets and numbers of what was acknowledged, names of refusals."""
    done = subprocess.run(
        [sys.executable, "-c", PRODUCE_UNTIL_FULL, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return [(offset, number) for offset, number in told["acked"]], told["refused"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    try:
        with disk.small_disk(tmp_path / "small", 2) as where:
            yield where
    except CannotBeHad as error:
        pytest.skip(str(error))


def judge(directory: Path, kind: str, end: str) -> None:
    acked, refused = produced(str(directory), kind, str(ROOM_BYTES), end)
    assert set(refused) == {"kafka_storage_error"}, "an error that producers repeat"
    assert len(refused) >= 5
    assert len(acked) + len(refused) == 300
    assert acked[-1][1] == 299, "it goes on by itself"
    with ThreadPoolExecutor(2) as executor:
        metrics = Metrics()
        partition = Catalog(directory / "log", {}, executor, metrics).partition("t", 0)
        kept = {offset: int((value or b"").split(b"-")[0]) for offset, (_, value) in stored(partition).items()}
    assert list(kept.items()) == acked
    assert partition.damage == ()
    assert metrics.recovered_cut_bytes == 0, "nothing half-written was left behind"


def test_a_file_system_that_is_full_costs_no_acknowledged_record(small_disk: Path) -> None:
    judge(small_disk, "mount", "stopped")


def test_a_limit_on_the_size_of_files_costs_no_acknowledged_record_even_if_killed(tmp_path: Path) -> None:
    judge(tmp_path, "limit", "kill")
