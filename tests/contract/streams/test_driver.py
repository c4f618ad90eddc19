"""The flush that ends: under a steady stream of new messages a commit must not wait for an empty buffer."""

import asyncio
import signal
from time import monotonic

import pytest

from domain.errors import ConfigurationError
from streams import driver
from streams.address import bootstrap_servers
from streams.log import Log
from streams.topics import ensure_topics
from streams.worker import faust_app
from tests.contract.streams.parts import committed, feed, log_at, planted

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


BACKLOG = 12_000
INTERVAL_S = 0.5
"""Faust's commit interval (``streams.worker``)."""


async def commits_under_backlog(address, folder, group, **how) -> tuple[int, float, int]:
    """Kill a worker in the middle of a backlog: (events taken, longest time without a commit in seconds, replays)."""
    with planted(address, folder, group=group, mode="writing", topic="observations", **how) as worker:
        moved_at, last, longest_s = monotonic(), 0, 0.0
        async with asyncio.timeout(60):
            while len(worker.effects) < BACKLOG // 2:
                await asyncio.sleep(0.1)
                done = await committed(address, group, "observations")
                if not worker.effects or done != last:
                    moved_at, last = monotonic(), done
                longest_s = max(longest_s, monotonic() - moved_at)
        worker.signal(signal.SIGKILL)
        await worker.ended()
        taken = sum(worker.effects.values())
    return taken, longest_s, taken - await committed(address, group, "observations")


async def test_commits_go_on_under_a_backlog_and_a_kill_replays_little(tmp_path):
    async with log_at(tmp_path) as address:
        await feed(address, "observations", BACKLOG)
        taken, longest_s, replays = await commits_under_backlog(address, tmp_path / "ours", "ours")
        _, stock_s, stock = await commits_under_backlog(address, tmp_path / "stock", "stock", stock=True)
    print(  # noqa: T201 - the comparison is what this shows
        f"\nkilled after {taken} of {BACKLOG}: ours replays {replays}, longest without a commit {longest_s:.1f} s;",
        f"the stock driver {stock} and {stock_s:.1f} s",
    )
    assert replays < BACKLOG // 2
    assert replays < stock


@pytest.mark.parametrize(("changed", "to"), [("faust-streaming", "0.16.0"), ("aiokafka", "0.15.1"), ("aiokafka", "0.1")])
def test_another_version_of_what_it_reaches_into_is_refused_with_what_to_install(changed, to):
    with pytest.raises(ConfigurationError, match=changed) as refused:
        driver.install(lambda name: to if name == changed else f"{driver.WRITTEN_FOR[name]}.9")
    assert "pip install 'faust-streaming==0.15.*' 'aiokafka==0.14.*'" in str(refused.value)


def test_a_private_part_that_has_changed_is_named(monkeypatch):
    monkeypatch.setattr(driver.ProducerBuffer, "_send_pending", lambda self: None)
    with pytest.raises(ConfigurationError, match=r"ProducerBuffer\._send_pending"):
        driver.install()
