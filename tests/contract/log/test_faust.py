"""A Faust application with a repartition and a table: its counts are there after a restart, on both logs."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.contract.log.logs import LogProcess, make_topic

pytestmark = pytest.mark.service
WORDS = ("mask", "hat", "glove", "apron")


class App:
    """The application as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, what: str, counts: dict[str, int], *, within_s: float = 40) -> None:
        """Wait until it says this; fail with the last it said."""
        wanted = f"{what} {json.dumps(counts, sort_keys=True)}"
        last = "nothing"
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                while last != wanted:
                    line = await self._process.stdout.readline()
                    assert line, f"it ended; the last it said was {last}"
                    last = line.decode().rstrip()
        except TimeoutError:
            pytest.fail(f"not within {within_s} s: {wanted}; the last it said was {last}")


@asynccontextmanager
async def counting(address: str, topic: str, datadir: Path) -> AsyncIterator[App]:
    script = str(Path(__file__).with_name("counting.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, address, topic, str(datadir), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield App(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def feed(address: str, topic: str, numbers: range) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, linger_ms=5) as producer:
        acks = [await producer.send(topic, f"{word}:{number}".encode()) for number in numbers for word in WORDS]
        await asyncio.gather(*acks)


async def test_a_table_is_recovered_from_its_changelog_and_counts_on(log_address: str, topic: str, tmp_path: Path) -> None:
    await make_topic(log_address, topic, 4)
    async with counting(log_address, topic, tmp_path / "first") as app:
        await feed(log_address, topic, range(50))
        await app.says("counted", dict.fromkeys(WORDS, 50))
    async with counting(log_address, topic, tmp_path / "second") as app:
        await app.says("recovered", dict.fromkeys(WORDS, 50))
        await feed(log_address, topic, range(50, 55))
        await app.says("counted", dict.fromkeys(WORDS, 55))


async def test_a_killed_log_keeps_the_table_and_a_running_worker_misses_nothing(
    log: LogProcess, topic: str, tmp_path: Path
) -> None:
    """Events may be taken again after the kill, because a restarted log has forgotten its groups' members; none is missing."""
    await make_topic(log.address, topic, 4)
    async with counting(log.address, topic, tmp_path / "first") as app:
        await feed(log.address, topic, range(20))
        await app.says("counted", dict.fromkeys(WORDS, 20))
    log.kill()
    log.start()
    async with counting(log.address, topic, tmp_path / "second") as app:
        await app.says("recovered", dict.fromkeys(WORDS, 20))
        log.kill()
        log.start()
        await feed(log.address, topic, range(20, 40))
        await app.says("counted", dict.fromkeys(WORDS, 40), within_s=60)
