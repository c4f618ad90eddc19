"""What happens to an event that fails: it is told apart and never stops the stream.

    BadInput and other refusals   → dead letter with its code, then acknowledged
    Unavailable                   → the same event again, later, until it works or the worker stops; never acknowledged
    anything else                 → logged with its traceback, dead letter E001, acknowledged

Faust itself would drop an event whose agent raises, and all behind it that was fetched with it (it counts as acknowledged),
so nothing may escape from here: ``batch`` is what an agent awaits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Protocol, TypeVar

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
DEAD_LETTER_BYTES = 3 * 1024 * 1024
"""A dead letter keeps this much of the original; its topic takes 4 MiB with headers."""
LONGEST_REASON = 2000

T = TypeVar("T")


@dataclass(slots=True)
class _Wait:
    """When an event of this process was last told to come again, on the monotonic clock."""

    at: float = float("-inf")


_last_wait = _Wait()


class TakenMessage(Protocol):
    """What we use of an event's message."""

    acked: bool
    offset: int


class TakenEvent(Protocol):
    """What we use of a Faust event."""

    value: bytes | None
    message: TakenMessage

    def ack(self) -> bool:
        """Let the worker commit past this event."""


class Guard:
    """Runs the effect of one event and decides what its failure means."""

    def __init__(self, sink: KafkaSink, clock: Callable[[], datetime]) -> None:
        self._sink, self._clock = sink, clock

    @staticmethod
    def waits(now: float) -> bool:
        """Whether some event here was lately told to come again; ``now`` on the monotonic clock. The watchdog excuses that.

        A try that hangs is no such wait: what it needs did not say that it is away.
        """
        return now - _last_wait.at < 3 * LONGEST_WAIT_S

    async def available(self, topic: Topic, effect: Callable[[], Awaitable[T]]) -> T:
        """Await ``effect``, again and again while a part it needs is away. Everything else it raises passes through."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await effect()
            except Unavailable as error:
                log.warning("stream.waits", topic=topic.value, error=str(error), wait_s=wait_s)
                metrics.STREAM_EVENTS.labels(topic.value, "retried").inc()
                _last_wait.at = monotonic()
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

    async def batch(self, topic: Topic, events: Sequence[TakenEvent], take: Callable[[Sequence[Any]], Awaitable[object]]) -> None:
        """Await ``take`` of a batch; whatever escapes from it, each event is done or a dead letter afterwards, and acknowledged.

        Args:
            topic: where the events came from.
            events: the batch.
            take: does it all, and acknowledges each event when it is done; doing one again must change nothing.
        """
        try:
            await take(events)
        except Exception:  # the outermost loop of an agent: logged, then its events are told apart
            log.exception("stream.batch_escaped", topic=topic.value, size=len(events))
        else:
            return
        for event in events:
            if event.message.acked:
                continue
            try:
                await take([event])
            except Exception as error:  # the outermost loop of an event
                log.exception("stream.event_escaped", topic=topic.value, offset=event.message.offset)
                await self._set_aside(topic, event.value, error)
                event.ack()

    async def _set_aside(self, topic: Topic, raw: bytes | None, error: Exception) -> None:
        if topic is Topic.DEAD_LETTERS:  # a dead letter about a dead letter would go round for ever
            metrics.STREAM_EVENTS.labels(topic.value, "lost").inc()
            return
        await self.refuse(topic, raw, BadInput(Code.MALFORMED, f"unexpected {error!r}", where=topic.value))

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
        """Write a dead letter, trying until the log takes it; one too large for it keeps its beginning."""
        fields = {
            "code": code.value,
            "reason": reason[:LONGEST_REASON],
            "received_at": format_instant(self._clock()),
            "source": source,
            **(about or {}),
        }
        if len(raw) > DEAD_LETTER_BYTES:
            fields["original_bytes"] = str(len(raw))
            raw = raw[:DEAD_LETTER_BYTES]
        while True:
            try:
                await self._sink.send(Topic.DEAD_LETTERS.value, key=source.encode(), value=raw, headers=headers_of(fields))
            except Unavailable as error:
                log.warning("stream.dead_letter_waits", error=str(error))
                _last_wait.at = monotonic()
                await asyncio.sleep(1)
            except BadInput as error:  # a site's own log may take less than ours: what was refused stands in the log line
                log.exception("stream.dead_letter_lost", source=source, code=code.value, size=len(raw), error=str(error))
                metrics.STREAM_EVENTS.labels(Topic.DEAD_LETTERS.value, "lost").inc()
                return
            else:
                return
