"""A Faust application to be killed: remembers, behind a repartition, which numbers each word came with, in a table.

``python counting.py ADDRESS TOPIC DATADIR`` prints ``recovered {…}`` once it is up and ``counted {…}`` at every change: per
word the number of *different* numbers, so that an event taken twice (at least once is the promise) does not show, and one
that is missing does. ``taken N`` on standard error counts every event. SIGTERM stops it in order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping

import faust


async def main(address: str, topic: str, datadir: str) -> None:
    app = faust.App(
        f"counting-{topic}",
        broker=f"kafka://{address}",
        store="memory://",
        datadir=datadir,
        origin="counting",
        topic_partitions=4,
        topic_replication_factor=1,
        table_standby_replicas=0,
        producer_linger=0.02,
        broker_commit_interval=0.2,
        web_enabled=False,
    )
    words = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    numbers = app.Table("numbers", default=list)
    taken = 0

    async def count(stream: faust.StreamT[bytes]) -> None:
        nonlocal taken
        async for event in stream.group_by(lambda value: value.split(b":")[0], name="word"):
            word, number = event.decode().split(":")
            numbers[word] = sorted({*numbers[word], int(number)})
            taken += 1

    app.agent(words)(count)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    app.finalize()
    await app.start()
    told = say("recovered", numbers)
    while not stop.is_set():
        await asyncio.sleep(0.05)
        if different(numbers) != told:
            told = say("counted", numbers)
    await app.stop()
    sys.stderr.write(f"taken {taken}\n")


def different(numbers: Mapping[str, list[int]]) -> dict[str, int]:
    return {word: len(each) for word, each in numbers.items()}


def say(what: str, numbers: Mapping[str, list[int]]) -> dict[str, int]:
    counts = different(numbers)
    sys.stdout.write(f"{what} {json.dumps(counts, sort_keys=True)}\n")
    sys.stdout.flush()
    return counts


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
