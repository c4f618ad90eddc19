"""A bare Faust agent with a table: decode an event, count it under its merchant; Faust's own transport, commits and changelog.

``python -m cli.bench.bare.faust_agent BOOTSTRAP TOPIC DIRECTORY``
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import faust
import orjson

from cli.bench.bare.progress import Progress


def application(bootstrap: str, topic: str, directory: str, progress: Progress) -> faust.App:
    """The app with its one agent."""
    app = faust.App(
        "bench-bare-faust",
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=directory,
        web_enabled=False,
        topic_partitions=4,
        topic_replication_factor=1,
        table_standby_replicas=0,
        producer_linger=0.02,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
    )
    weighed = app.Table("weighed", default=int, partitions=4, key_type=str, value_type=int)
    source = app.topic(topic, value_type=bytes, key_type=bytes, key_serializer="raw", value_serializer="raw", partitions=4)

    async def count(stream: Any) -> None:
        async for value in stream:
            weighed[orjson.loads(value)["uscc"]] += 1
            progress.count += 1

    app.agent(source)(count)
    return app


async def work(bootstrap: str, topic: str, directory: str) -> None:
    """Work until killed."""
    progress = Progress()
    app = application(bootstrap, topic, directory, progress)
    app.finalize()
    await app.maybe_start()
    while not app.consumer.assignment():  # noqa: ASYNC110 - the group forms outside; there is nothing to wait on
        await asyncio.sleep(0.05)
    progress.ready()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
