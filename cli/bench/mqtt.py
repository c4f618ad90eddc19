"""A device that costs next to nothing: MQTT 3.1.1 packets made beforehand, written as fast as the broker acknowledges.

Only what a publisher needs: CONNECT, PUBLISH at QoS 1, PUBACK. Credentials and rights are the device's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self

from cli.plan import LOOPBACK
from domain.errors import Unavailable
from domain.parties import Device

WINDOW = 50
PATIENCE_S = 60.0


def packet(kind: int, body: bytes) -> bytes:
    """A control packet: its first byte, the remaining length, the body (MQTT 3.1.1 section 2.2)."""
    size, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        size.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes((kind,)) + bytes(size) + body


def text(value: str) -> bytes:
    """A UTF-8 string with its length (section 1.5.3)."""
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def connect(client_id: str, user: str, password: str) -> bytes:
    """CONNECT with a clean session, a name and a password (section 3.1)."""
    return packet(0x10, text("MQTT") + b"\x04\xc2\x00\x3c" + text(client_id) + text(user) + text(password))


def publish(topic: str, number: int, payload: bytes) -> bytes:
    """PUBLISH at QoS 1 under a packet id (section 3.3)."""
    return packet(0x32, text(topic) + (number % 65_535 + 1).to_bytes(2, "big") + payload)


class Publisher:
    """One device's connection; use as an asynchronous context manager."""

    def __init__(self, port: int, device: Device, password: str) -> None:
        self._port, self._device, self._password = port, device, password

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(LOOPBACK, self._port)
        self._writer.write(connect(self._device.id, self._device.id, self._password))
        answer = await self._reader.readexactly(4)
        if answer[3]:
            raise Unavailable(f"the broker refuses {self._device.id}: {answer[3]}")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.write(packet(0xE0, b""))
        self._writer.close()

    async def send(self, leaf: str, payloads: Sequence[bytes]) -> None:
        """Publish, at most ``WINDOW`` unacknowledged at once; back when the broker has acknowledged all.

        Raises:
            Unavailable: if it stops acknowledging.
        """
        device = self._device
        topic = f"fs/v1/{device.region}/{device.uscc}/{device.id}/{leaf}"
        sent = acknowledged = 0
        while acknowledged < len(payloads):
            while sent < len(payloads) and sent - acknowledged < WINDOW:
                self._writer.write(publish(topic, sent, payloads[sent]))
                sent += 1
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._reader.readexactly(4)
            except (TimeoutError, asyncio.IncompleteReadError):
                raise Unavailable(f"the broker stopped acknowledging {device.id}") from None
            acknowledged += 1
