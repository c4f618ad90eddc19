"""A planted stuck worker: the watchdog ends its process, and only when it really makes no progress."""

import asyncio
import subprocess
import sys
from contextlib import ExitStack, suppress
from time import monotonic

import pytest
from prometheus_client import REGISTRY

from streams.log import Log
from streams.sink import KafkaSink
from streams.topics import ensure_topics
from streams.watchdog import EXIT_STUCK, ProgressWatch
from streams.worker import faust_app, running
from tests.contract.streams.parts import feed, log_at, planted, until

pytestmark = pytest.mark.service

BLOCKED_LOOP = """
import asyncio, time
from streams.watchdog import LoopWatch

async def main():
    watch = asyncio.create_task(LoopWatch(patience_s=1.0).run())
    await asyncio.sleep(0.2)
    time.sleep(60)

asyncio.run(main())
"""


def test_a_process_whose_event_loop_stands_still_ends_as_a_temporary_failure():
    finished = subprocess.run([sys.executable, "-c", BLOCKED_LOOP], timeout=30, capture_output=True, check=False)
    assert finished.returncode == EXIT_STUCK


async def watched(tmp_path, *, acknowledge: bool, wait_s: float) -> list[str]:
    """Reasons the watchdog gave for ending a worker that takes every record, and acknowledges them or not."""
    ended: list[str] = []
    async with Log(tmp_path / "log") as log:
        url, bootstrap = f"kafka://127.0.0.1:{log.port}", f"127.0.0.1:{log.port}"
        await ensure_topics(bootstrap)
        app = faust_app("stuck", url, tmp_path)
        taken = []

        async def agent(stream):
            async for batch in stream.noack_take(100, within=0.02):
                for event in batch:
                    taken.append(event.value)
                    if acknowledge:
                        event.ack()

        app.agent(app.topic("findings", value_type=bytes, key_type=bytes))(agent)
        async with running(app, url, ["findings"]) as mine, KafkaSink(bootstrap, client_id="test") as sink:
            watch = ProgressWatch(
                bootstrap, group="stuck", topics=["findings"], mine=mine, patience_s=3, every_s=0.5, end=ended.append
            )
            task = asyncio.create_task(watch.run())
            for number in range(40):
                await sink.send("findings", key=b"%d" % number, value=b"x")
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while not ended:  # noqa: ASYNC110 - polls with a bound
                        await asyncio.sleep(0.1)
            assert len(taken) == 40
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return ended


async def test_a_worker_that_takes_records_and_never_acknowledges_is_ended(tmp_path):
    ended = await watched(tmp_path, acknowledge=False, wait_s=30)
    assert "no progress on findings" in ended[0]


async def test_a_worker_that_acknowledges_is_left_alone(tmp_path):
    assert await watched(tmp_path, acknowledge=True, wait_s=8) == []


PATIENCE_S = 4.0
EVENTS = 200

STUCK = {
    "loop": "the event loop has not turned",
    "thread": "no progress on findings",
    "never": "no progress on findings",
    "fetcher": "no progress on findings",
    "crash": "the stream worker crashed",
}
WELL = {
    "an idle topic": {"topic": "deductions"},
    "a slow but moving worker": {"mode": "slow", "wait_s": 1.0},
    "a database that is away": {"mode": "away"},
}


async def test_a_worker_that_is_stuck_in_any_way_ends_as_a_temporary_failure(tmp_path):
    async with log_at(tmp_path) as address:
        await feed(address, "findings", EVENTS)
        with ExitStack() as parts:
            workers = {
                mode: parts.enter_context(planted(address, tmp_path / mode, group=mode, mode=mode, patience_s=PATIENCE_S))
                for mode in STUCK
            }
            await until(lambda: bool(workers["fetcher"].effects), "they work")
            await feed(address, "findings", EVENTS, first=EVENTS)
            ends = {mode: await worker.ended() for mode, worker in workers.items()}
            reasons = {mode: worker.said for mode, worker in workers.items()}
    assert ends == dict.fromkeys(STUCK, EXIT_STUCK)
    assert {mode: reason for mode, reason in STUCK.items() if reason not in reasons[mode]} == {}
    assert len(workers["fetcher"].effects) < 2 * EVENTS, "it was stuck before it had everything"


async def test_no_alarm_for_a_worker_that_only_waits(tmp_path):
    async with log_at(tmp_path) as address:
        await feed(address, "findings", EVENTS)
        with ExitStack() as parts:
            workers = {
                why: parts.enter_context(planted(address, tmp_path / f"{place}", group=f"{place}", patience_s=PATIENCE_S, **how))
                for place, (why, how) in enumerate(WELL.items())
            }
            await until(lambda: all(worker.ready for worker in workers.values()), "they run")
            since = monotonic()
            await until(lambda: monotonic() - since > 2.5 * PATIENCE_S or not all_run(workers), "time passes")
            assert {why: worker.said for why, worker in workers.items() if worker.process.poll() is not None} == {}
        assert len(workers["a slow but moving worker"].effects) > PATIENCE_S


def all_run(workers) -> bool:
    return all(worker.process.poll() is None for worker in workers.values())


async def test_a_worker_without_partitions_lags_nowhere_and_begins_anew_with_the_next(tmp_path):
    mine, ended = {("findings", 0)}, []

    def lag() -> float | None:
        return REGISTRY.get_sample_value("kitchen_stream_lag", {"topic": "findings"})

    async with log_at(tmp_path) as address:
        await feed(address, "findings", EVENTS)
        watch = ProgressWatch(
            address, group="nobody", topics=["findings"], mine=lambda: mine, patience_s=60, every_s=0.05, end=ended.append
        )
        task = asyncio.create_task(watch.run())
        await until(lambda: bool(lag()), "it sees what waits")
        mine = set()
        await until(lambda: lag() == 0, "what waits is another worker's")
        assert watch._progress.age_s(("findings", 0), monotonic()) == 0
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert ended == []
