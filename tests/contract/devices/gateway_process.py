"""``python -m tests.contract.devices.gateway_process SETTINGS PATH``: a gateway whose records are lines of PATH.jsonl."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from devices import metrics
from devices.connection import MqttSettings
from devices.gateway import Gateway
from devices.limits import Limits
from devices.sink import Record
from tests.unit.devices.things import registers


class FileSink:
    """A record is safe when its line is on disk; held while PATH.hold exists."""

    def __init__(self, path: Path):
        self._records = path.with_suffix(".jsonl").open("ab")
        self._hold = path.with_suffix(".hold")

    async def put(self, record: Record) -> None:
        line = json.dumps(
            {"topic": record.topic, "key": record.key.decode(), "value": record.value.decode("utf-8", "replace")}
        ).encode()
        while self._hold.exists():  # noqa: ASYNC110 - told from another process
            await asyncio.sleep(0.01)
        self._write(self._records, line)

    async def put_all(self, records):
        await asyncio.gather(*(self.put(record) for record in records))
        return [None] * len(records)

    @staticmethod
    def _write(file, line: bytes) -> None:
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


async def main(settings: dict, path: Path) -> None:
    gateway = Gateway(
        MqttSettings(**settings, reconnect_most_s=0.5),
        FileSink(path),
        registers(),
        Limits(events_per_second=1000, burst=10_000),
        lambda: datetime.now(UTC),
    )
    await gateway.start()
    await gateway.wait_subscribed()
    path.with_suffix(".ready").touch()
    told, writing = path.with_suffix(".in_hand"), path.with_suffix(".writing")
    while True:
        writing.write_text(f"{metrics.IN_HAND._value.get():.0f}")
        writing.replace(told)
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1]), Path(sys.argv[2])))
