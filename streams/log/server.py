"""Connections: frames in, answers out, in the order of the requests.

The rule to know: every request is started as soon as it is read, so a held fetch does not stop the produce behind it;
but answers leave in order, and no more than a few may be owed before reading stops. Whatever a peer sends, the worst
that happens is that its connection is closed.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from typing import Final

import structlog
from kio.static.protocol import Entity

from streams.log.call import Call, Handler
from streams.log.coordinator import Coordinator
from streams.log.errors import WireError
from streams.log.metrics import Metrics
from streams.log.wire import API_VERSIONS, Request, api_versions_answer, decoded, encoded

logger = structlog.get_logger(__name__)

MAX_CONNECTIONS: Final = 512
ANSWERS_OWED: Final = 16
_LENGTH: Final = struct.Struct(">i")
_READ_AHEAD_BYTES: Final = 1024 * 1024


class Server:
    """The listening socket and its connections.

    Args:
        handlers: by API key.
        coordinator: told when a connection ends.
        metrics: where connections, requests and bytes are counted.
        max_request_bytes: a frame larger than this is not read.
    """

    def __init__(
        self, handlers: Mapping[int, Handler], coordinator: Coordinator, metrics: Metrics, *, max_request_bytes: int
    ) -> None:
        self._handlers = handlers
        self._coordinator = coordinator
        self._metrics = metrics
        self._max_request_bytes = max_request_bytes
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port (the one given, or a free one for 0)."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=_READ_AHEAD_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            self._metrics.connections_refused += 1
            logger.warning("connection refused", peer=_peer(writer), reason=f"{MAX_CONNECTIONS} are open")
            writer.transport.abort()
            return
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from beginning to end."""
        self._metrics.connections += 1
        self._metrics.connections_opened += 1
        owed: asyncio.Queue[asyncio.Task[bytes | None]] = asyncio.Queue(ANSWERS_OWED)
        reading = asyncio.create_task(self._read(reader, owed, connection=writer))
        writing = asyncio.create_task(self._write(owed, writer))
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            ended = reading if reading.done() else writing
            problem = ended.exception()
            if isinstance(problem, WireError):
                self._metrics.malformed_requests += 1
                logger.warning("connection closed", peer=_peer(writer), reason=str(problem))
            elif problem is not None and not isinstance(problem, (ConnectionError, asyncio.IncompleteReadError)):
                self._metrics.failed_requests += 1
                logger.error("connection closed", peer=_peer(writer), reason="the log failed", exc_info=problem)
        finally:
            self._metrics.connections -= 1
            self._coordinator.connection_lost(writer)
            unanswered = [owed.get_nowait() for _ in range(owed.qsize())]
            for task in (reading, writing, *unanswered):
                task.cancel()
            await asyncio.gather(reading, writing, *unanswered, return_exceptions=True)
            writer.transport.abort()

    async def _read(
        self,
        reader: asyncio.StreamReader,
        owed: asyncio.Queue[asyncio.Task[bytes | None]],
        *,
        connection: asyncio.StreamWriter,
    ) -> None:
        while True:
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            if not 0 < length <= self._max_request_bytes:
                raise WireError(f"a request of {length} bytes; at most {self._max_request_bytes} are read")
            request = decoded(await reader.readexactly(length))
            self._metrics.requests[request.api.name] += 1
            self._metrics.received_bytes += length + _LENGTH.size
            task = asyncio.create_task(self._answer(request, connection))
            try:
                await owed.put(task)
            except asyncio.CancelledError:
                task.cancel()
                raise

    async def _write(self, owed: asyncio.Queue[asyncio.Task[bytes | None]], writer: asyncio.StreamWriter) -> None:
        while True:
            task = await owed.get()
            try:
                answer = await task
            except asyncio.CancelledError:
                task.cancel()
                raise
            if answer is not None:
                writer.write(answer)
                self._metrics.sent_bytes += len(answer)
                await writer.drain()

    async def _answer(self, request: Request, connection: asyncio.StreamWriter) -> bytes | None:
        if request.api.key == API_VERSIONS:
            return api_versions_answer(request)
        call = Call(request.version, request.client_id, connection)
        answer: Entity | None = await self._handlers[request.api.key](request.body, call)
        return None if answer is None else encoded(request, answer)


def _peer(writer: asyncio.StreamWriter) -> str:
    return str(writer.get_extra_info("peername"))
