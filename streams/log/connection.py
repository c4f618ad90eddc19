"""One connection: frames in, answers out, in the order of the requests.

The rule to know: a request is started as soon as it is read, so a held join does not stop the heartbeat behind it; but
answers leave in order, no more than a few may be owed before reading stops, and a *fetch* begins only when its turn to be
answered has come, so that a client which does not read holds one answer and not many. Whatever a peer sends, the worst that
happens is that its connection is closed.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import structlog
from kio.static.protocol import Entity

from streams.log.apis import API_VERSIONS, BEFORE_AUTHENTICATION, FETCH, Api
from streams.log.call import Call, Handler, Peer
from streams.log.errors import WireError
from streams.log.limits import Limits, Room, Share
from streams.log.metrics import Metrics
from streams.log.wire import Request, admitted, api_versions_answer, decoded, encoded

logger = structlog.get_logger(__name__)

_LENGTH: Final = struct.Struct(">i")
_KIND: Final = struct.Struct(">hh")
_PIECE_BYTES: Final = 256 * 1024
"""An answer is handed to the socket in pieces: what the socket does not take at once is copied."""


class End(StrEnum):
    """Why a connection ended; the values are metric labels."""

    CLIENT = "client"
    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    SLOW_REQUEST = "slow_request"
    SLOW_READER = "slow_reader"
    IDLE = "idle"
    FAILED = "failed"
    STOPPED = "stopped"


class Complaints:
    """Log lines about what clients do wrong: at most one in a second, which says how many it stands for.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told_at = -1.0
        self._held_back = 0

    def add(self, peer: Peer, reason: str) -> None:
        """Say why a connection was closed, unless something was said just now."""
        now = self._clock()
        if now - self._told_at < 1.0:
            self._held_back += 1
            return
        logger.warning("connection closed", peer=peer.host, reason=reason, not_told=self._held_back)
        self._told_at, self._held_back = now, 0


class Parts(NamedTuple):
    """What all connections of a server share."""

    handlers: Mapping[int, Handler]
    metrics: Metrics
    limits: Limits
    requests: Room
    answers: Room
    clock: Callable[[], float]
    complaints: Complaints


class _Unauthenticated(WireError):
    """A request that needs the secret first."""


class _Owed(NamedTuple):
    """A request whose answer is due; the task is none for what starts when its turn comes."""

    request: Request
    task: asyncio.Task[bytes | None] | None
    held: int


class Connection:
    """One client.

    Args:
        reader: its bytes.
        writer: where answers go.
        peer: who it is.
        parts: what it shares with the others.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, parts: Parts) -> None:
        self.peer = peer
        self._reader = reader
        self._writer = writer
        self._parts = parts
        self._owed: asyncio.Queue[_Owed] = asyncio.Queue(parts.limits.answers_owed)
        self._working = 0
        self._since = parts.clock()
        self._opened_at = self._since
        self._request_at: float | None = None
        self._answer_at: float | None = None
        self._unsent = 0
        self._share = Share(parts.answers)
        self._entered = False
        """Whether the request being read has room."""

    async def run(self) -> End:
        """Serve it until one side has enough; returns why."""
        reading, writing = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        end = End.STOPPED
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            end = self._why(reading if reading.done() else writing)
        finally:
            unanswered = [self._owed.get_nowait() for _ in range(self._owed.qsize())]
            tasks = [reading, writing, *(each.task for each in unanswered if each.task is not None)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for each in unanswered:
                self._parts.requests.leave(each.held)
            if end is End.UNAUTHENTICATED:
                self._writer.close()  # what was said about it still leaves
            else:
                self._writer.transport.abort()
        return end

    def overdue(self, now: float) -> End | None:
        """Whether the client has kept the log waiting for too long, and with what."""
        parts, limits = self._parts, self._parts.limits
        if not self.peer.authenticated and now - self._opened_at > limits.authenticate_s:
            return End.UNAUTHENTICATED
        patience_s = limits.crowded_s if parts.requests.crowded and self._entered else limits.request_s
        if self._request_at is not None and now - self._request_at > patience_s:
            return End.SLOW_REQUEST
        if self._answer_at is not None:
            unsent = self._writer.transport.get_write_buffer_size()
            if unsent != self._unsent:
                self._unsent, self._answer_at = unsent, now
            if now - self._answer_at > (limits.crowded_s if parts.answers.crowded else limits.stalled_s):
                return End.SLOW_READER
        if self._working == 0 and self._request_at is None and now - self._since > limits.idle_s:
            return End.IDLE
        return None

    def _why(self, ended: asyncio.Task[None]) -> End:
        problem = ended.exception()
        match problem:
            case None:
                return End.UNAUTHENTICATED
            case _Unauthenticated():
                self._parts.complaints.add(self.peer, str(problem))
                return End.UNAUTHENTICATED
            case WireError():
                self._parts.metrics.malformed_requests += 1
                self._parts.complaints.add(self.peer, str(problem))
                return End.MALFORMED
            case ConnectionError() | asyncio.IncompleteReadError():
                return End.CLIENT
        self._parts.metrics.failed_requests += 1
        logger.error("connection closed", peer=self.peer.host, reason="the log failed", exc_info=problem)
        return End.FAILED

    async def _read(self) -> None:
        metrics, requests, small = self._parts.metrics, self._parts.requests, self._parts.limits.small_bytes
        while True:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            self._request_at = self._parts.clock()
            api, kind = await self._announced(length)
            held = length if length > small else 0
            if held:
                self._request_at = None  # to wait for room is not the client's fault
                await requests.enter(held)
                self._request_at, self._entered = self._parts.clock(), True
            try:
                request = self._decoded(api, kind + await self._reader.readexactly(length - _KIND.size))
                metrics.received_bytes += length + _LENGTH.size
                self._request_at, self._entered = None, False
                self._working += 1
                task = None if api.key == FETCH else asyncio.create_task(self._answer(request))
            except BaseException:
                requests.leave(held)
                raise
            try:
                await self._owed.put(_Owed(request, task, held))
            except asyncio.CancelledError:
                requests.leave(held)
                if task is not None:
                    task.cancel()
                raise

    async def _announced(self, length: int) -> tuple[Api, bytes]:
        """What a request of this length is about; judged before the rest of it is read."""
        most = self._parts.limits.request_bytes
        if not _KIND.size < length <= most:
            raise WireError(f"a request of {length} bytes; at most {most} are read")
        kind = await self._reader.readexactly(_KIND.size)
        api = admitted(*_KIND.unpack(kind))
        if not self.peer.authenticated and api.key not in BEFORE_AUTHENTICATION:
            raise _Unauthenticated(f"{api.name} before the secret was shown")
        if api.max_bytes is not None and length > api.max_bytes:
            raise WireError(f"a {api.name} request of {length} bytes; at most {api.max_bytes} are read")
        return api, kind

    def _decoded(self, api: Api, frame: bytes) -> Request:
        try:
            return decoded(frame)
        except WireError:
            self._parts.metrics.requests[api.name, "malformed"] += 1
            raise

    async def _write(self) -> None:
        """Send what is owed; returns when the client has failed to show the secret."""
        while True:
            request, task, held = await self._owed.get()
            try:
                try:
                    answer = await (self._answer(request) if task is None else task)
                finally:
                    if held:
                        self._parts.requests.leave(held)
                    if task is not None:
                        task.cancel()
                if answer is not None:
                    await self._send(answer)
            finally:
                self._share.leave()
            self._working -= 1
            self._since = self._parts.clock()
            del request, task, answer  # not held while waiting for the next
            if self.peer.refused:
                return

    async def _send(self, answer: bytes) -> None:
        """Send an answer whole; while it is not taken the clock of ``overdue`` runs."""
        transport, size = self._writer.transport, len(answer)
        self._parts.metrics.sent_bytes += size
        if size <= _PIECE_BYTES:
            self._writer.write(answer)
            if not transport.get_write_buffer_size():
                return
        self._share.settle(size)
        for start in range(0, size, _PIECE_BYTES):
            if size > _PIECE_BYTES:
                self._writer.write(memoryview(answer)[start : start + _PIECE_BYTES])
            self._answer_at, self._unsent = self._parts.clock(), transport.get_write_buffer_size()
            await self._writer.drain()
        self._answer_at = None

    async def _answer(self, request: Request) -> bytes | None:
        api, outcome = request.api, "failed"
        try:
            if api.key == API_VERSIONS:
                content: bytes | None = api_versions_answer(request)
            else:
                call = Call(request.version, request.client_id, self.peer, self._share)
                answer: Entity | None = await self._parts.handlers[api.key](request.take_body(), call)
                content = None if answer is None else encoded(request, answer)
            outcome = "answered"
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        else:
            return content
        finally:
            self._parts.metrics.requests[api.name, outcome] += 1
