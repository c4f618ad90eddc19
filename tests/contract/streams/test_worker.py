"""A worker whose start or whose watch fails does not stay behind half alive."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from domain.topics import Topic
from streams.casework import Intake
from streams.guard import Guard
from streams.log import Log
from streams.watchdog import LoopWatch
from streams.worker import faust_app, running

pytestmark = pytest.mark.service


class Unstartable:
    """An app that takes its connections and then fails to start."""

    conf = SimpleNamespace(id="unstartable")
    stopped = False

    def finalize(self) -> None:
        """Nothing to do."""

    async def maybe_start(self) -> None:
        """As an app whose group cannot be joined."""
        raise ValueError("no start")

    async def stop(self) -> None:
        """Give them back."""
        self.stopped = True


async def test_an_app_that_did_not_start_is_stopped_all_the_same(tmp_path: Path) -> None:
    app = Unstartable()
    async with Log(tmp_path / "log") as log:
        with pytest.raises(ValueError, match="no start"):
            async with running(app, f"kafka://{log.address}", ["findings"]):  # type: ignore[arg-type]
                pytest.fail("it runs")
    assert app.stopped


async def test_a_watch_that_fails_ends_the_worker_and_the_app_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: LoopWatch) -> None:
        raise ValueError("what nobody thought of")

    monkeypatch.setattr(LoopWatch, "run", fails)
    reasons: list[str] = []
    async with Log(tmp_path / "log") as log:
        app = faust_app("watched", f"kafka://{log.address}", tmp_path)
        async with running(app, f"kafka://{log.address}", ["findings"], end=reasons.append):
            async with asyncio.timeout(20):
                while not reasons:  # noqa: ASYNC110 - polls with a bound
                    await asyncio.sleep(0.01)
        assert app.should_stop
    assert reasons == ["a watch of the worker failed: ValueError('what nobody thought of')"]


class Office:
    """Keeps no letter."""

    def take_dead_letter(self, *_: object) -> None:
        """As with a letter whose words the database does not take."""
        raise ValueError("not kept")


async def test_a_dead_letter_that_cannot_be_kept_is_counted_as_lost() -> None:
    def lost() -> float:
        return REGISTRY.get_sample_value("kitchen_stream_events_total", {"topic": Topic.DEAD_LETTERS, "result": "lost"}) or 0

    acknowledged: list[bool] = []
    message = SimpleNamespace(topic="dead-letters", partition=0, offset=1, headers=[])
    event = SimpleNamespace(message=message, value=b"x", ack=lambda: acknowledged.append(True))
    intake = Intake(Office(), Guard(None, None), lambda: None, lambda: None)  # type: ignore[arg-type,return-value]
    before = lost()
    await intake.dead_letters([event])  # type: ignore[list-item]
    assert (lost() - before, acknowledged) == (1, [True])
