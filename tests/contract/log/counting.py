"""A Faust application to be killed: counts events by word behind a repartition, in a table with a changelog.

``python counting.py ADDRESS TOPIC DATADIR`` prints ``recovered {…}`` once it is up and ``counted {…}`` at every change;
SIGTERM stops it in order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys

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
    counts = app.Table("counts", default=int)

    async def count(stream: faust.StreamT[bytes]) -> None:
        async for word in stream.group_by(lambda value: value, name="word"):
            counts[word.decode()] += 1

    app.agent(words)(count)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    app.finalize()
    await app.start()
    told = say("recovered", dict(counts))
    while not stop.is_set():
        await asyncio.sleep(0.05)
        if dict(counts) != told:
            told = say("counted", dict(counts))
    await app.stop()


def say(what: str, counts: dict[str, int]) -> dict[str, int]:
    sys.stdout.write(f"{what} {json.dumps(counts, sort_keys=True)}\n")
    sys.stdout.flush()
    return counts


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
