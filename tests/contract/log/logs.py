"""The two logs the contract is shown on: the embedded one as a process of its own, and Apache Kafka."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

T = TypeVar("T")


class LogProcess:
    """The embedded log as users run it; it may be killed and started again on its directory and port."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self._options = options
        self.address = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it says it is ready."""
        port = self.address.rsplit(":", 1)[-1] or "0"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.log", str(self.directory), "--port", port, "--auto-create", *self._options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready "):
                self.address = line.split()[1]
                return
        raise AssertionError("the log ended before it was ready")

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def stop(self) -> tuple[int, float]:
        """``kill -15``; returns exit status and seconds it took."""
        began = time.monotonic()
        return self._end(signal.SIGTERM), time.monotonic() - began

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def resident_kib(self, *, largest: bool = True) -> int:
        """The resident size: the largest so far, or the present one."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:" if largest else "VmRSS:")[1].split()[0])

    def open_files(self) -> int:
        """How many descriptors it has."""
        assert self._process is not None
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)  # does nothing to a process that has ended
        status = self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status


@asynccontextmanager
async def admin_of(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, started and closed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def make_topic(address: str, name: str, partitions: int = 1, **configs: str) -> None:
    """Create a topic; configs with ``_`` for ``.``."""
    async with admin_of(address) as admin:
        wanted = NewTopic(name, partitions, 1, topic_configs={key.replace("_", "."): value for key, value in configs.items()})
        answer = await admin.create_topics([wanted])
        assert answer.topic_errors[0][1] == 0, answer
    await _led(address, [TopicPartition(name, number) for number in range(partitions)])


async def _led(address: str, parts: list[TopicPartition]) -> None:
    """Wait until the partitions answer: Kafka says "created" a moment before their leader takes its first record."""
    async with AIOKafkaConsumer(bootstrap_servers=address) as reader:
        async with asyncio.timeout(20):
            await reader.end_offsets(parts)


async def eventually(probe: Callable[[], Awaitable[T]], *, within_s: float, what: str) -> T:
    """Poll until ``probe`` returns something true."""
    give_up_at = time.monotonic() + within_s
    while True:
        found = await probe()
        if found:
            return found
        assert time.monotonic() < give_up_at, f"not within {within_s} s: {what}; last seen {found!r}"
        await asyncio.sleep(0.05)
