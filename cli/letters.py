"""``kitchen dead-letters``: what was refused, read from the Kafka topic itself."""

from __future__ import annotations

import base64
from collections import deque
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from cli.output import show_json, show_table
from configs.endpoints import Endpoints
from domain.errors import Unavailable
from domain.topics import Topic
from streams.address import bootstrap_servers, reaching

_FIELDS = ("code", "reason", "received_at", "source", "uscc", "device_id")


async def dead_letters(endpoints: Endpoints, *, limit: int, as_json: bool) -> None:
    """Print the newest letters, oldest first.

    Raises:
        Unavailable: if the log cannot be reached.
    """
    letters = await newest(bootstrap_servers(endpoints.need("kafka")), limit)
    if as_json:
        for letter in letters:
            show_json(letter)
        return
    shown = ("received_at", "code", "source", "reason")
    show_table(shown, ([letter[column] for column in shown] for letter in letters))


async def newest(bootstrap: str, limit: int) -> list[dict[str, Any]]:
    """The newest ``limit`` letters of each partition together, oldest first."""
    topic = Topic.DEAD_LETTERS.value
    consumer = AIOKafkaConsumer(
        topic, **reaching(bootstrap), client_id="kitchen-dead-letters", group_id=None, enable_auto_commit=False
    )
    try:
        await consumer.start()
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        found: deque[dict[str, Any]] = deque(maxlen=limit)
        for partition in partitions:
            consumer.seek(partition, max(begins[partition], ends[partition] - limit))
        while [each for each in partitions if await consumer.position(each) < ends[each]]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found.extend(_letter(record) for record in records)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"the stream log at {bootstrap} cannot be reached: {error}") from error
    finally:
        await consumer.stop()
    return list(found)


def _letter(record: Any) -> dict[str, Any]:
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    raw = record.value or b""
    try:
        body = {"raw": raw.decode("utf-8")}
    except UnicodeDecodeError:
        body = {"raw_base64": base64.b64encode(raw[:4096]).decode(), "raw_bytes": str(len(raw))}
    return {"offset": record.offset, **{name: headers.get(name, "") for name in _FIELDS}, **body}
