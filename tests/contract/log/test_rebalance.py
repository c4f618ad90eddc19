"""A group of 1, then 3, then 2 members while a producer goes on: every record is taken."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import CommitFailedError, IllegalStateError

from tests.contract.log.logs import eventually, make_topic

pytestmark = pytest.mark.service
PARTITIONS = 6


class Member:
    """Takes records and commits them, until told to stop or cancelled."""

    def __init__(self, address: str, topic: str, group: str, taken: Counter[bytes]) -> None:
        self.consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=address,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=200,
            session_timeout_ms=6000,
        )
        self._taken = taken
        self._stop = asyncio.Event()

    async def run(self) -> None:
        async with self.consumer:
            while not self._stop.is_set():
                for part, records in (await self.consumer.getmany(timeout_ms=50)).items():
                    self._taken.update(record.value for record in records)
                    try:
                        await self.consumer.commit({part: records[-1].offset + 1})
                    except (CommitFailedError, IllegalStateError):  # taken again by whoever has the partition now
                        continue

    def stop(self) -> None:
        self._stop.set()


async def test_members_come_and_go_under_load_and_nothing_is_lost(log_address: str, topic: str, group: str) -> None:
    await make_topic(log_address, topic, PARTITIONS)
    taken: Counter[bytes] = Counter()
    sent: list[bytes] = []
    stop = asyncio.Event()

    async def produce() -> None:
        async with AIOKafkaProducer(bootstrap_servers=log_address, enable_idempotence=True, linger_ms=5) as producer:
            while not stop.is_set():
                values = [b"%d" % number for number in range(len(sent), len(sent) + 30)]
                acks = [await producer.send(topic, value, partition=int(value) % PARTITIONS) for value in values]
                await asyncio.gather(*acks)
                sent.extend(values)

    members = [Member(log_address, topic, group, taken) for _ in range(3)]
    producing = asyncio.create_task(produce())
    running = [asyncio.create_task(members[0].run())]

    async def shared(among: list[Member]) -> bool:
        held = [len(each.consumer.assignment()) for each in among]
        return sum(held) == PARTITIONS and min(held) > 0 and len(taken) > len(sent) // 2 > 0

    try:
        await eventually(lambda: shared(members[:1]), within_s=20, what="one member has everything")
        running += [asyncio.create_task(each.run()) for each in members[1:]]
        await eventually(lambda: shared(members), within_s=20, what="three share")
        members[0].stop()
        await asyncio.wait_for(running[0], 20)
        await eventually(lambda: shared(members[1:]), within_s=20, what="two share")
        stop.set()
        await asyncio.wait_for(producing, 20)

        async def everything() -> bool:
            return set(sent) <= taken.keys()

        await eventually(everything, within_s=20, what="every record taken")
    finally:
        stop.set()
        for each in members:
            each.stop()
        await asyncio.wait_for(asyncio.gather(producing, *running, return_exceptions=True), 30)
    again = sum(taken.values()) - len(sent)
    assert again < len(sent) / 2, f"{again} of {len(sent)} taken again: only what was in flight at a rebalance may be"
