"""The live stream as server-sent events: ``event: warning`` with the list item, ``event: reset`` when a page must load anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from domain.parties import Actor
from web.auth import Identity, SignedIn, standing
from web.hub import Entry, Signal
from web.live import Feed
from web.parts import Parts, Wired

router = APIRouter(prefix="/api/v1", tags=["live"])

RETRY_MS = 2000


def frame(message: Entry | Signal) -> bytes:
    """A message as SSE bytes. Ours are single lines: JSON has no raw line breaks."""
    if isinstance(message, Entry):
        return b"id: %b\nevent: warning\ndata: %b\n\n" % (message.id.encode(), message.data)
    return b"event: reset\ndata: {}\n\n" if message is Signal.RESET else b": alive\n\n"


async def _events(parts: Parts, identity: Identity, feed: Feed) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MS
    checked_at = parts.clock()
    actor = identity.actor
    while True:
        message = await feed.next(parts.settings.heartbeat_every.total_seconds())
        if message is Signal.END:
            return
        now = parts.clock()
        if now - checked_at >= parts.settings.session_checked_every:
            kept = await asyncio.to_thread(standing, parts.store, identity.session.token_hash, now)
            if kept is None or Actor.of(kept[1]) != actor:  # a page that connects again is asked anew who it is
                return
            checked_at = now
        if isinstance(message, Entry) and not actor.may_see(uscc=message.uscc, region=message.region):
            continue
        yield frame(message)


class LiveResponse(StreamingResponse):
    """A stream that leaves the hub however it ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], *, leave: Callable[[], None]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until either side ends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


@router.get("/live", response_class=StreamingResponse)
async def follow_live(
    identity: SignedIn,
    parts: Wired,
    last_event_id: Annotated[str | None, Header()] = None,
    after: Annotated[str | None, Query(max_length=40)] = None,
) -> StreamingResponse:
    """Follow changes of the warnings the reader may see.

    ``Last-Event-ID`` (or ``?after=`` for the first connection of a page) replays what came since. Answers 503 while Redis
    cannot be asked what was missed.
    """
    feed = await parts.live.follow(last_event_id or after)
    return LiveResponse(_events(parts, identity, feed), leave=lambda: parts.live.leave(feed))
