from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from tests.contract.channels.harness import NAMELESS
from tests.contract.channels.push_service import serving
from tests.contract.channels.smtp_service import receiving


@pytest.fixture(scope="session")
def served():
    """One server for all, on an event loop of its own: starting one for each test takes longer than the tests."""
    loop, ready, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    kept = []

    async def serve():
        async with serving() as service:
            kept.append(service)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield kept[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(20)
    loop.close()


@pytest.fixture
def service(served):
    """The server as new."""
    served.body, served.headers, served.seen = b"", {}, []
    return served


@pytest.fixture
async def office():
    async with receiving() as office:
        yield office


@pytest.fixture
def nameless(monkeypatch):
    """A resolver that does not know ``NAMELESS``; asking a real one would leave this machine."""
    ask = socket.getaddrinfo

    def answer(host, *args, **options):
        if host in (NAMELESS, NAMELESS.encode()):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ask(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
