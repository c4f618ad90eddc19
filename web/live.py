"""The live stream: a Redis stream whose entry id is the SSE id.

Nothing is true only here: Redis may restart or be wiped. A ``Last-Event-ID`` that cannot be placed in the stream any more
answers with RESET, and the page loads anew from SQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from domain.errors import Unavailable
from web import metrics
from web.hub import Client, Entry, Hub, Signal

log = structlog.get_logger(__name__)

STREAM = "kitchen:live"
NOTHING = "0-0"
_LOST = (RedisError, OSError, TimeoutError)


def position(entry_id: str) -> tuple[int, int]:
    """A stream id as numbers that compare.

    Raises:
        ValueError: if it is no id of a stream.
    """
    milliseconds, dash, sequence = entry_id.partition("-")
    if not dash or not milliseconds.isascii() or not sequence.isascii():
        raise ValueError(entry_id)
    return int(milliseconds), int(sequence)


def read_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    """A stream entry as the hub carries it."""
    data = fields.get(b"item", b"{}")
    item = orjson.loads(data)
    return Entry(id=entry_id.decode(), uscc=str(item.get("merchant", "")), region=fields.get(b"region", b"").decode(), data=data)


class Feed:
    """What one client reads: what it missed first, then what comes, without what it already had."""

    def __init__(self, missed: list[Entry | Signal], client: Client, after: str | None) -> None:
        self.client = client
        self._missed = missed
        had = [after] if after is not None and Signal.RESET not in missed else []
        had += [item.id for item in missed if isinstance(item, Entry)]
        self._last = position(had[-1]) if had else (0, 0)

    async def next(self, seconds: float) -> Entry | Signal:
        """The next message; HEARTBEAT after that many seconds of silence."""
        if self._missed:
            return self._missed.pop(0)
        while True:
            message = await self.client.next(seconds)
            if isinstance(message, Entry) and position(message.id) <= self._last:
                continue
            return message


class LiveStream:
    """Publishes changes and lets clients follow them.

    Args:
        url: ``redis://host:port/db``.
        stream: key of the stream.
        max_length: entries kept, approximately; older ones are trimmed and answer RESET.
        replay_limit: entries replayed to one client; more answer RESET, since a fresh page is cheaper.
    """

    def __init__(
        self, url: str, *, stream: str = STREAM, max_length: int = 10_000, queue_length: int = 256, replay_limit: int = 500
    ) -> None:
        self._redis: Any = Redis.from_url(
            url,
            protocol=2,
            socket_connect_timeout=3,
            socket_timeout=15,
            retry=Retry(NoBackoff(), 0),  # a reconnection must be noticed: the stream may be another one
            decode_responses=False,
        )
        self._stream = stream
        self._max_length = max_length
        self._replay_limit = replay_limit
        self._last: str | None = None
        self._reader: asyncio.Task[None] | None = None
        self._closed = False
        self.hub = Hub(queue_length)

    async def start(self) -> None:
        """Start the reader. Returns at once; Redis need not be there yet."""
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(), name="live-reader")

    async def close(self) -> None:
        """End every client and the reader."""
        self._closed = True
        self.hub.close()
        if self._reader is not None:
            while not self._reader.done():  # the client may take a cancellation for a lost connection and go on
                self._reader.cancel()
                await asyncio.wait({self._reader}, timeout=0.1)
            self._reader = None
        with contextlib.suppress(*_LOST):
            await self._redis.aclose()

    async def ping(self) -> None:
        """Raises Unavailable if Redis cannot be reached."""
        try:
            await self._redis.ping()
        except _LOST as error:
            raise Unavailable(f"Redis cannot be reached: {error}") from error

    async def publish(self, item: Mapping[str, Any]) -> str:
        """Tell everybody that a warning changed.

        Args:
            item: the list item of the API; ``merchant`` and ``region`` decide who sees it.

        Returns:
            The id of the entry.

        Raises:
            Unavailable: Redis took nothing; try again later.
        """
        fields: dict[Any, Any] = {"item": orjson.dumps(dict(item)), "region": str(item.get("region") or "")}
        try:
            entry_id = await self._redis.xadd(self._stream, fields, maxlen=self._max_length, approximate=True)
        except _LOST as error:
            raise Unavailable(f"the live stream took nothing: {error}") from error
        return bytes(entry_id).decode()

    @property
    def newest(self) -> str | None:
        """The newest id this process has read, from which a page just rendered may follow; None before the first contact."""
        return self._last

    async def follow(self, after: str | None) -> Feed:
        """Follow the stream; whoever follows must ``leave``.

        Args:
            after: the last id the client has, or None to begin with what comes next.

        Raises:
            Unavailable: Redis cannot be asked what was missed.
        """
        client = self.hub.join()
        try:
            missed = [] if after is None else await self._missed(after)
        except _LOST as error:
            self.hub.leave(client)
            raise Unavailable(f"Redis cannot be reached: {error}") from error
        return Feed(missed, client, after)

    def leave(self, feed: Feed) -> None:
        """Stop following."""
        self.hub.leave(feed.client)

    async def _info(self) -> tuple[str, bool]:
        """(last generated id, whether the stream still has every entry it ever had)."""
        try:
            info = await self._redis.xinfo_stream(self._stream)
        except ResponseError:  # no such key
            return NOTHING, True
        return bytes(info["last-generated-id"]).decode(), int(info["length"]) == int(info["entries-added"])

    async def _missed(self, after: str) -> list[Entry | Signal]:
        try:
            position(after)
        except ValueError:
            return [Signal.RESET]
        newest, whole = await self._info()
        if after == newest:
            return []
        known = whole if after == NOTHING else bool(await self._redis.xrange(self._stream, after, after, count=1))
        if not known:
            return [Signal.RESET]
        found = await self._redis.xrange(self._stream, f"({after}", "+", count=self._replay_limit + 1)
        if len(found) > self._replay_limit:
            return [Signal.RESET]
        return [read_entry(entry_id, fields) for entry_id, fields in found]

    async def _read(self) -> None:
        """Read for ever; reconnect with back-off. The outermost loop of this task."""
        wait = 0.05
        while not self._closed:
            try:
                await self._find_place()
                wait = 0.05
                while not self._closed:
                    await self._read_some()
            except _LOST as error:
                metrics.LIVE_RECONNECTS.inc()
                log.warning("live_stream_lost", error=str(error), retry_in_seconds=round(wait, 2))
                await asyncio.sleep(wait * random.uniform(0.7, 1.3))  # noqa: S311 - jitter, no secret
                wait = min(wait * 2, 5.0)
            except Exception:
                metrics.LIVE_RECONNECTS.inc()
                log.exception("live_reader_failed")
                self.hub.tell(Signal.RESET)
                self._last = None
                await asyncio.sleep(1)

    async def _find_place(self) -> None:
        """Where to read on. After a reconnect to a stream that lost our place, everybody starts anew."""
        newest, whole = await self._info()
        if self._last is None:
            self._last = newest
        elif self._last != newest:
            known = (
                whole if self._last == NOTHING else bool(await self._redis.xrange(self._stream, self._last, self._last, count=1))
            )
            if not known:
                log.warning("live_stream_reset", had=self._last, found=newest)
                self._last = newest
                self.hub.tell(Signal.RESET)

    async def _read_some(self) -> None:
        answer = await self._redis.xread({self._stream: self._last or NOTHING}, count=500, block=2000)
        for _, entries in answer or ():
            for entry_id, fields in entries:
                self._last = bytes(entry_id).decode()
                self.hub.tell(read_entry(entry_id, fields))
