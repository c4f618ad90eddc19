"""Planted workers as processes, a log to feed them with, and what the group has committed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from streams.log import Log
from streams.topics import ensure_topics

PATIENCE_S = 40.0


@asynccontextmanager
async def log_at(folder: Path) -> AsyncIterator[str]:
    """An embedded log with the product's topics; its address."""
    async with Log(folder / "log") as log:
        await ensure_topics(log.address)
        yield log.address


async def feed(address: str, topic: str, count: int, *, first: int = 0, keys: int = 16) -> None:
    """Numbered events, spread over the partitions."""
    async with AIOKafkaProducer(bootstrap_servers=address, linger_ms=20, acks="all") as producer:
        sent = [
            await producer.send(topic, b"%08d" % number, key=b"%d" % (number % keys)) for number in range(first, first + count)
        ]
        await asyncio.gather(*sent)


async def until(condition: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
    """Poll with a bound."""
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.05)


class PlantedProcess:
    """One worker of ``tests.contract.streams.planted``."""

    def __init__(self, address: str, folder: Path, *, group: str, **how: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        told = {"kafka": f"kafka://{address}", "folder": str(folder), "group": group, **how}
        self._effects, self.output = folder / told.get("effects", "effects"), folder / f"{group}-{time.monotonic_ns()}.output"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.contract.streams.planted", json.dumps(told)],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[3],
            )

    @property
    def ready(self) -> bool:
        """Whether it has partitions."""
        return b"ready\n" in self.output.read_bytes()

    @property
    def effects(self) -> Counter[int]:
        """How often each event was taken, over all runs with one file."""
        try:
            whole = self._effects.read_bytes().rpartition(b"\n")[0]
        except FileNotFoundError:
            return Counter()
        return Counter(int(line) for line in whole.split(b"\n") if line)

    async def ended(self, *, within_s: float = PATIENCE_S) -> int:
        """Its exit status, once it has ended."""
        await until(lambda: self.process.poll() is not None, f"it ends\n{self.said}", within_s=within_s)
        return int(self.process.returncode)

    @property
    def said(self) -> str:
        """The end of its output."""
        return self.output.read_text(errors="replace")[-3000:]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


@contextmanager
def planted(address: str, folder: Path, *, group: str, **how: Any) -> Iterator[PlantedProcess]:
    """A worker until the block is left."""
    worker = PlantedProcess(address, folder, group=group, **how)
    try:
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait(10)


async def committed(address: str, group: str, topic: str) -> int:
    """Records of a topic below the group's committed offsets."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return sum(max(0, offset.offset) for partition, offset in offsets.items() if partition.topic == topic)


async def until_committed(address: str, group: str, topic: str, count: int, *, within_s: float = PATIENCE_S) -> None:
    """Wait until a group has committed so many records of a topic."""
    async with asyncio.timeout(within_s):
        while await committed(address, group, topic) < count:  # noqa: ASYNC110 - asks another process
            await asyncio.sleep(0.1)
