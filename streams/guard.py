"""What happens to an event that fails: it is told apart and never stops the stream.

    BadInput and other refusals   → dead letter with its code, then acknowledged
    Unavailable                   → the same event again, later, until it works or the worker stops; never acknowledged
    anything else                 → logged with its traceback, dead letter E001, acknowledged

Faust itself would drop an event whose agent raises (it counts as acknowledged), so nothing may escape from here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeVar

import structlog

from domain.errors import BadInput, Code, KitchenError, Unavailable
from domain.time import format_instant
from domain.topics import Topic
from streams import metrics
from streams.codecs import headers_of
from streams.sink import KafkaSink

log = structlog.get_logger(__name__)

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0

T = TypeVar("T")


class Guard:
    """Runs the effect of one event and decides what its failure means."""

    def __init__(self, sink: KafkaSink, clock: Callable[[], datetime]) -> None:
        self._sink, self._clock = sink, clock

    async def available(self, topic: Topic, effect: Callable[[], Awaitable[T]]) -> T:
        """Await ``effect``, again and again while a part it needs is away. Everything else it raises passes through."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await effect()
            except Unavailable as error:
                log.warning("stream.waits", topic=topic.value, error=str(error), wait_s=wait_s)
                metrics.STREAM_EVENTS.labels(topic.value, "retried").inc()
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def run(
        self, topic: Topic, raw: bytes | None, effect: Callable[[], Awaitable[None]], about: Mapping[str, str] | None = None
    ) -> None:
        """Await ``effect`` until it is done or refused for good; afterwards the event may be acknowledged.

        Args:
            topic: where the event came from.
            raw: its bytes, for a dead letter.
            effect: what is to be done.
            about: what is known of it (``uscc``, ``device_id``), for a dead letter.

        Raises:
            asyncio.CancelledError: when the worker stops; the event must then not be acknowledged.
        """
        try:
            await self.available(topic, effect)
        except KitchenError as error:
            await self.refuse(topic, raw, error, about)
        except Exception as error:  # the outermost loop of an event: logged, counted, kept as a dead letter
            log.exception("stream.failed", topic=topic.value)
            await self.refuse(topic, raw, BadInput(Code.MALFORMED, f"unexpected {error!r}", where=topic.value), about)
        else:
            metrics.STREAM_EVENTS.labels(topic.value, "done").inc()

    async def refuse(self, topic: Topic, raw: bytes | None, error: KitchenError, about: Mapping[str, str] | None = None) -> None:
        """Keep the event as a dead letter with its code; waits until the log has it."""
        code = error.code if isinstance(error, BadInput) else Code.FIELD
        metrics.STREAM_EVENTS.labels(topic.value, "refused").inc()
        metrics.STREAM_DEAD_LETTERS.labels(code.value).inc()
        log.warning("stream.refused", topic=topic.value, code=code.value, reason=str(error))
        await self.dead_letter(source=f"kafka:{topic.value}", raw=raw or b"", code=code, reason=str(error), about=about)

    async def dead_letter(
        self, *, source: str, raw: bytes, code: Code, reason: str, about: Mapping[str, str] | None = None
    ) -> None:
        """Write a dead letter, trying until the log takes it."""
        headers = headers_of(
            {
                "code": code.value,
                "reason": reason,
                "received_at": format_instant(self._clock()),
                "source": source,
                **(about or {}),
            }
        )
        while True:
            try:
                await self._sink.send(Topic.DEAD_LETTERS.value, key=source.encode(), value=raw, headers=headers)
            except Unavailable as error:
                log.warning("stream.dead_letter_waits", error=str(error))
                await asyncio.sleep(1)
            else:
                return
