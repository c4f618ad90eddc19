"""The listening socket and its connections.

The rule to know: whoever keeps the log waiting too long, with half a request, an answer not taken, or nothing at all, is
disconnected by one look at all connections every second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Final

from streams.log.call import Handler, Peer
from streams.log.connection import Complaints, Connection, End, Parts
from streams.log.coordinator import Coordinator
from streams.log.limits import Limits, Room
from streams.log.metrics import Metrics

_READ_AHEAD_BYTES: Final = 64 * 1024


class Server:
    """The listening socket and its connections.

    Args:
        handlers: by API key.
        coordinator: told when a connection ends.
        metrics: where connections, requests and bytes are counted.
        limits: what is held for clients.
        secret: whether a client must authenticate.
    """

    def __init__(
        self, handlers: Mapping[int, Handler], coordinator: Coordinator, metrics: Metrics, limits: Limits, *, secret: bool
    ) -> None:
        clock = asyncio.get_running_loop().time
        rooms = Room(limits.requests_bytes), Room(limits.answers_bytes)
        self._complaints = Complaints(clock)
        self._parts = Parts(handlers, metrics, limits, *rooms, clock, self._complaints)
        self._coordinator = coordinator
        self._metrics = metrics
        self._limits = limits
        self._secret = secret
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._overdue: dict[asyncio.Task[None], End] = {}
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port (the one given, or a free one for 0)."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=_READ_AHEAD_BYTES)
        self._looking = asyncio.create_task(self._look())
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._looking is not None:
            self._looking.cancel()
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(str((writer.get_extra_info("peername") or ("",))[0]), authenticated=not self._secret)
        if len(self._connections) >= self._limits.connections:
            self._metrics.connections_refused += 1
            self._complaints.add(peer, f"{self._limits.connections} are open")
            writer.transport.abort()
            return
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(reader, writer, peer, self._parts)
        task = asyncio.create_task(self._serve(connection))
        self._connections[task] = connection
        task.add_done_callback(self._ended)

    async def _serve(self, connection: Connection) -> None:
        self._metrics.connections += 1
        self._metrics.connections_opened += 1
        end = End.STOPPED
        try:
            end = await connection.run()
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._metrics.connections -= 1
            self._metrics.connections_ended[self._overdue.pop(task, end)] += 1
            self._coordinator.connection_lost(connection.peer)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task, None)
        self._overdue.pop(task, None)

    async def _look(self) -> None:
        """End the connections that keep the log waiting."""
        while True:
            await asyncio.sleep(self._limits.look_every_s)
            now = self._parts.clock()
            for task, connection in list(self._connections.items()):
                end = connection.overdue(now)
                if end is not None and task not in self._overdue:
                    self._complaints.add(connection.peer, str(end))
                    self._overdue[task] = end
                    task.cancel()
