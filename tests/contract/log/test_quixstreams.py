"""A stateful quixstreams application: its state comes back from the changelog, on both logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from quixstreams import Application, State

from tests.contract.log.logs import make_topic

pytestmark = pytest.mark.service
EVENTS = 30


def count(address: str, topic: str, group: str, folder: Path, events: int) -> dict[str, int]:
    """Take so many events with a state directory of its own; returns the last count of each key."""
    app = Application(
        broker_address=address,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=folder,
        commit_interval=0.1,
        loglevel=None,
    )
    counts: dict[str, int] = {}

    def add(value: dict[str, str], state: State) -> dict[str, int]:
        total = state.get("count", 0) + 1
        state.set("count", total)
        counts[value["word"]] = total
        return {"count": total}

    app.dataframe(app.topic(topic, value_deserializer="json")).apply(add, stateful=True)
    app.run(count=events, timeout=20)
    return counts


async def feed(address: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for number in range(EVENTS):
            word = ("mask", "hat", "glove")[number % 3]
            await producer.send_and_wait(topic, json.dumps({"word": word}).encode(), key=word.encode())


async def test_counts_go_on_where_they_were_with_an_empty_state_directory(
    log_address: str, topic: str, group: str, tmp_path: Path
) -> None:
    await make_topic(log_address, topic, 2)
    await feed(log_address, topic)
    assert count(log_address, topic, group, tmp_path / "first", EVENTS) == dict.fromkeys(("mask", "hat", "glove"), EVENTS // 3)
    await feed(log_address, topic)
    assert count(log_address, topic, group, tmp_path / "second", EVENTS) == dict.fromkeys(
        ("mask", "hat", "glove"), 2 * EVENTS // 3
    )
