"""A consumer that a test may kill: ``python worker.py ADDRESS TOPIC GROUP`` prints what it was assigned, at every change."""

from __future__ import annotations

import asyncio
import sys

from aiokafka import AIOKafkaConsumer


async def main(address: str, topic: str, group: str) -> None:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=address, group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=200
    )
    await consumer.start()
    seen: set[int] = set()
    while True:
        await consumer.getmany(timeout_ms=50)
        held = {each.partition for each in consumer.assignment()}
        if held != seen:
            seen = held
            sys.stdout.write(f"holds {sorted(held)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
