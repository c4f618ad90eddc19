"""The flush that ends: under a steady stream of new messages a commit must not wait for an empty buffer."""

import asyncio
from time import monotonic

import pytest

from streams.address import bootstrap_servers
from streams.log import Log
from streams.topics import ensure_topics
from streams.worker import faust_app

pytestmark = pytest.mark.service


async def time_of_flush(app, *, refill_s: float) -> float:
    """Seconds a flush takes while another task keeps the buffer filled for ``refill_s``."""
    producer = app.producer
    await producer.maybe_start()
    topic = app.topic("findings", value_type=bytes)
    stop_at = monotonic() + refill_s

    async def refill() -> None:
        while monotonic() < stop_at:
            while producer.buffer.size < 50:
                topic.send_soon(key=b"k", value=b"v" * 300)
            await asyncio.sleep(0)

    task = asyncio.create_task(refill())
    await asyncio.sleep(0.2)
    started = monotonic()
    try:
        await producer.flush()
        return monotonic() - started
    finally:
        task.cancel()


async def test_a_flush_ends_although_the_buffer_is_refilled(tmp_path):
    async with Log(tmp_path / "log") as log:
        url = f"kafka://127.0.0.1:{log.port}"
        await ensure_topics(bootstrap_servers(url))
        ours = faust_app("flush-ours", url, tmp_path)
        try:
            assert await time_of_flush(ours, refill_s=4) < 2
        finally:
            await ours.producer.stop()


async def test_without_our_driver_the_same_flush_waits_for_an_empty_buffer(tmp_path):
    """Shows that the test above can fail, and tells when faust-streaming no longer needs the fix."""
    async with Log(tmp_path / "log") as log:
        url = f"kafka://127.0.0.1:{log.port}"
        await ensure_topics(bootstrap_servers(url))
        stock = faust_app("flush-stock", url, tmp_path)
        stock.conf.broker = [f"kafka://127.0.0.1:{log.port}"]
        try:
            assert await time_of_flush(stock, refill_s=4) > 3
        finally:
            await stock.producer.stop()
