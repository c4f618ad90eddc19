"""Turns a paho client on the running event loop instead of in a thread of paho's own.

A thread costs a hand-over and a fight for the interpreter with every message; here a burst is read at once and answered at once.
Only the connect itself, which may block, runs in a thread; every callback of the client comes on the loop.
"""

from __future__ import annotations

import asyncio
import random
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from paho.mqtt import __version__ as paho_version
from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode

from domain.errors import ConfigurationError

_FIRST_PAUSE_S = 0.25
_MOST_AT_ONCE = 64
_CHORES_EVERY_S = 1.0
_CHUNK_BYTES = 64 * 1024
_NEEDED = ("_in_packet", "_protocol", "_sock_recv", "_sock_send")
_PUBACK = struct.Struct("!BBH")


class Publish(NamedTuple):
    """A message at QoS 1 without properties."""

    topic: str
    payload: bytes
    mid: int
    retained: bool


class BufferedClient(paho.Client):
    """paho's client, which asks the system four times for each message, over a buffer that asks once for many.

    Only for a ``Pump``: whoever waits for the socket does not see what the buffer still holds.

    Raises:
        ConfigurationError: this paho reads and writes its socket by other methods than those that are overridden here.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        there = {*dir(paho.Client), *vars(self)}
        if missing := [name for name in _NEEDED if name not in there]:
            raise ConfigurationError(
                f"paho-mqtt {paho_version} has no {' and no '.join(missing)}, which the gateway builds on",
                key="paho-mqtt",
                hint="install the version named in requirements.lock",
            )
        self._kept, self._at = b"", 0
        self._unsent = bytearray()

    @property
    def holds(self) -> bool:
        """Whether the buffer has more."""
        return self._at < len(self._kept)

    def reconnect(self) -> MQTTErrorCode:
        """Begin anew; what the last connection left is nobody's."""
        self._kept, self._at = b"", 0
        self._unsent.clear()
        return super().reconnect()

    def fill(self) -> bool:
        """Read what is there, unless something is left or paho is in the middle of a packet; False if there is nothing."""
        if self.holds or self._in_packet["command"]:
            return True
        try:
            self._kept, self._at = super()._sock_recv(_CHUNK_BYTES), 0
        except BlockingIOError:
            return False
        except OSError:  # paho hears of it when it reads, and of the end too
            pass
        return True

    def take(self) -> Publish | None:
        """The next message, if the buffer holds it whole and it is of the common sort (MQTT 3.1.1, QoS 1).

        It costs a fifth of paho's own way. All else, and what is not as it should be, is paho's: None.
        """
        kept, at = self._kept, self._at
        if self._protocol != paho.MQTTv311 or self._in_packet["command"] or at + 2 > len(kept) or kept[at] & 0xF6 != 0x32:
            return None
        first, length, shift, at = kept[at], 0, 0, at + 1
        while True:
            if at >= len(kept) or shift > 21:
                return None
            length |= (kept[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if kept[at - 1] < 0x80:
                break
        end = at + length
        if end > len(kept) or length < 4:
            return None
        begin = at + 2 + int.from_bytes(kept[at : at + 2], "big")
        if begin + 2 > end or not (mid := int.from_bytes(kept[begin : begin + 2], "big")):
            return None
        try:
            topic = kept[at + 2 : begin].decode()
        except UnicodeDecodeError:
            return None
        self._at = end
        return Publish(topic, kept[begin + 2 : end], mid, bool(first & 1))

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send PUBACKs, in one packet of the network; behind what the client itself has not sent yet, if there is any."""
        if self.want_write():
            for mid in mids:
                self.ack(mid, 1)
            return
        self._unsent += b"".join([_PUBACK.pack(0x40, 2, mid) for mid in mids])
        self.flush()

    def flush(self) -> bool:
        """Send the acknowledgements that wait; whether none is left."""
        while self._unsent:
            try:
                sent = super()._sock_send(self._unsent)
            except BlockingIOError:
                return False
            except OSError:  # whoever reads will hear of it
                self._unsent.clear()
                break
            del self._unsent[:sent]
        return True

    def _sock_send(self, buf: bytes | bytearray) -> int:
        if not self.flush():
            raise BlockingIOError
        return super()._sock_send(buf)

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self.holds:
            if bufsize >= _CHUNK_BYTES:
                return super()._sock_recv(bufsize)
            self._kept, self._at = super()._sock_recv(_CHUNK_BYTES), 0
        begin, self._at = self._at, min(self._at + bufsize, len(self._kept))
        return self._kept[begin : self._at]


class Pump:
    """Keeps one client connected until it is closed; reconnects with growing pauses.

    Args:
        client: configured and told its broker by ``connect_async``.
        longest_pause_s: between two tries.
        messages: how many messages have come so far; tells whether reading once more is worth it.
        on_publish: called with each message that need not go through paho.
        on_unreachable: called when the broker cannot even be reached.
    """

    def __init__(
        self,
        client: BufferedClient,
        *,
        longest_pause_s: float,
        messages: Callable[[], int],
        on_publish: Callable[[Publish], None],
        on_unreachable: Callable[[], None],
    ) -> None:
        self._client, self._longest_pause_s = client, longest_pause_s
        self._messages, self._on_publish, self._on_unreachable = messages, on_publish, on_unreachable
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._gone = asyncio.Event()
        self._pause_s = _FIRST_PAUSE_S
        self._closed = False
        client.on_socket_open = lambda _client, _data, sock: self._here(self._opened, sock)
        client.on_socket_close = lambda _client, _data, sock: self._here(self._ended, _number(sock))
        client.on_socket_register_write = lambda _client, _data, sock: self._here(self._write_when_possible, sock)
        client.on_socket_unregister_write = lambda _client, _data, sock: self._here(self._write_no_more, _number(sock))
        self._task = asyncio.create_task(self._run())

    def came_up(self) -> None:
        """The broker let us in: the next loss is tried again soon."""
        self._pause_s = _FIRST_PAUSE_S

    async def close(self) -> None:
        """Say goodbye (no last will is published) and end; a connect in progress is left to fail by itself."""
        self._closed = True
        self._client.disconnect()
        self._client.loop_write()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if (sock := self._client.socket()) is not None:
            self._forget(_number(sock))

    async def _run(self) -> None:
        while not self._closed:
            self._gone.clear()
            try:
                await asyncio.to_thread(self._client.reconnect)
            except OSError:
                self._on_unreachable()
            else:
                await self._chores()
            await asyncio.sleep(self._pause_s * random.uniform(0.8, 1.0))  # noqa: S311 - spreads retries, no secret
            self._pause_s = min(self._pause_s * 2, self._longest_pause_s)

    async def _chores(self) -> None:
        """Keep the connection alive until it is gone."""
        while not self._gone.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHORES_EVERY_S):
                    await self._gone.wait()
            self._client.loop_misc()

    def _here(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call on the loop: at once if we are there, soon if the connecting thread calls."""
        if threading.get_ident() == self._thread:
            function(*arguments)
        else:
            with suppress(RuntimeError):  # the loop has ended: nobody is left to care
                self._loop.call_soon_threadsafe(function, *arguments)

    def _current(self, sock: Any) -> bool:
        return self._client.socket() is sock

    def _opened(self, sock: Any) -> None:
        if self._closed or not self._current(sock):
            sock.close()
        else:
            self._loop.add_reader(sock.fileno(), self._readable, sock)

    def _ended(self, number: int) -> None:
        self._forget(number)
        self._gone.set()

    def _forget(self, number: int) -> None:
        if number >= 0:
            self._loop.remove_reader(number)
            self._loop.remove_writer(number)

    def _write_when_possible(self, sock: Any) -> None:
        if self._current(sock):
            self._loop.add_writer(sock.fileno(), self._writable, sock)

    def _write_no_more(self, number: int) -> None:
        if number >= 0:
            self._loop.remove_writer(number)

    def _readable(self, sock: Any) -> None:
        """Read what is there: as long as messages come, up to a bound, so that others get their turn too."""
        for _ in range(_MOST_AT_ONCE):
            if not self._client.fill():
                return
            taken = False
            while (message := self._client.take()) is not None:
                self._on_publish(message)
                taken = True
            if taken and not self._client.holds:
                break
            before = self._messages()
            self._client.loop_read()
            if not self._current(sock):
                return
            if self._messages() == before:
                break
        pending = getattr(sock, "pending", None)  # TLS may hold what the system no longer tells of, and so may the buffer
        if self._client.holds or (pending is not None and pending()):
            self._loop.call_soon(self._readable, sock)

    def _writable(self, sock: Any) -> None:
        if self._current(sock) and self._client.flush():
            self._client.loop_write()


def _number(sock: Any) -> int:
    """The file descriptor; paho may name a socket that is gone: -1."""
    return -1 if sock is None else int(sock.fileno())
