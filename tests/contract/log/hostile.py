"""Requests as real clients send them, recorded on their way, and what a broken or hostile client makes of them."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LENGTH = struct.Struct(">i")
NUMBERS = (-1, -2, 0, 1, 255, 65535, 1_000_000, 2**24, 2**31 - 1, -(2**31))


class Recorder:
    """What clients sent through a proxy, one frame (without its length) each."""

    def __init__(self) -> None:
        self.address = ""
        self.frames: list[bytes] = []

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        try:
            while True:
                head = await reader.readexactly(LENGTH.size)
                content = await reader.readexactly(LENGTH.unpack(head)[0])
                if keep:
                    self.frames.append(content)
                writer.write(head + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def recording(port: int, address: str) -> AsyncIterator[Recorder]:
    """A proxy on a port before the log of an address, as long as the block lasts."""
    recorder, tasks = Recorder(), set()
    host, log_port = address.rsplit(":", 1)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_log = await asyncio.open_connection(host, int(log_port))
        for task in (
            asyncio.create_task(recorder.pass_on(reader, to_log[1], keep=True)),
            asyncio.create_task(recorder.pass_on(to_log[0], writer, keep=False)),
        ):
            tasks.add(task)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    recorder.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def spoiled(frame: bytes, dice: random.Random) -> bytes:
    """A request with something wrong in it, with its length, which may be wrong too."""
    content = bytearray(frame)
    match dice.randrange(8):
        case 0:
            del content[dice.randrange(len(content)) :]
        case 1:
            content += dice.randbytes(dice.randrange(1, 200))
        case 2:
            struct.pack_into(">hh", content, 0, dice.choice([*range(80), 999, -1]), dice.randrange(-1, 20))
        case 3:
            return LENGTH.pack(dice.choice(NUMBERS)) + bytes(content)
        case 4:
            return dice.randbytes(dice.randrange(1, 300))
        case _:
            for _ in range(dice.randrange(1, 4)):
                position = dice.randrange(4, len(content))
                if dice.randrange(2):
                    content[position] = dice.randrange(256)
                else:
                    content[position : position + 4] = LENGTH.pack(dice.choice(NUMBERS))
    return LENGTH.pack(len(content)) + bytes(content)
