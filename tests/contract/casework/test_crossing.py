"""Two sweeps that meet: one passes over what the other holds, and takes ledgers in an order in which nobody waits in a ring."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from domain.events import EventName
from domain.findings import FindingState
from store import open_media, open_store
from store.ports import UnitOfWork
from tests.unit.casework.scene import OTHER, USCC, Scene

pytestmark = pytest.mark.service

FIRST, LAST = sorted([USCC, OTHER])
PATIENCE_S = 10.0


@pytest.fixture
def scene(copied_url: str, tmp_path: Path) -> Iterator[Scene]:
    store = open_store(copied_url)
    yield Scene(store, open_media(f"file://{tmp_path}/media"))
    store.close()


def _wait_until_somebody_waits(url: str) -> None:
    give_up = time.monotonic() + PATIENCE_S
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < give_up:
            row = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            if row is not None and row[0] > 0:
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


def _is_free(url: str, ledger: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"ledger:{ledger}"]).fetchone()
        return row is not None and row[0] is True


def test_a_sweep_that_waits_for_a_ledger_holds_no_later_one(scene: Scene, copied_url: str) -> None:
    """What falls due first is the last merchant's: a sweep that took ledgers as they came would hold his while it waits."""
    for uscc in (LAST, FIRST):
        warning = scene.raised(uscc=uscc, subject=f"cam-0a1b2c3d/{uscc}", zone=uscc[-3:], at=scene.later(minutes=1))
        scene.office.delivered(warning.id, scene.now)
    scene.later(hours=25)
    with ThreadPoolExecutor(1) as pool:
        with scene.store.writing() as uow:
            uow.lock(f"ledger:{FIRST}")
            sweeping = pool.submit(scene.another_office().sweep, scene.now)
            _wait_until_somebody_waits(copied_url)
            free = _is_free(copied_url, LAST)
        report = sweeping.result(PATIENCE_S)
    assert free
    assert (report.warnings, report.failed) == (2, 0)
    assert [event.name for event in report.events].count(EventName.DEDUCTION_PROPOSED) == 2


def _hold_lot(uow: UnitOfWork, scene: Scene) -> None:
    assert uow.batches.get(USCC, "HELD") is not None


def _hold_warning(uow: UnitOfWork, scene: Scene) -> None:
    assert uow.warnings.get(scene.warnings()[0].id) is not None


def _hold_review(uow: UnitOfWork, scene: Scene) -> None:
    (first, _) = uow.findings.in_state(FindingState.REVIEW)
    assert uow.findings.get(first.id) is not None


def _lots(scene: Scene) -> None:
    for lot in ("HELD", "FREE"):
        scene.office.take_observation(scene.batch(lot), scene.now)
    scene.later(hours=2)


def _warnings(scene: Scene) -> None:
    for zone in ("held", "free"):
        scene.raised(subject=f"cam-0a1b2c3d/{zone}", zone=zone)
    scene.later(hours=13)


def _reviews(scene: Scene) -> None:
    for zone in ("held", "free"):
        finding = scene.finding(subject=f"cam-0a1b2c3d/{zone}", zone=zone, automatic=False)
        scene.office.take_finding(finding, scene.now)
    scene.later(hours=25)


@pytest.mark.parametrize(
    ("make", "hold", "kind"),
    [(_lots, _hold_lot, "batches"), (_warnings, _hold_warning, "warnings"), (_reviews, _hold_review, "reviews")],
)
def test_a_sweep_passes_over_what_another_holds_and_does_the_rest_at_once(
    scene: Scene, make: Callable[[Scene], None], hold: Callable[[UnitOfWork, Scene], None], kind: str
) -> None:
    make(scene)
    with ThreadPoolExecutor(1) as pool, scene.store.writing() as uow:
        hold(uow, scene)
        report = pool.submit(scene.another_office().sweep, scene.now).result(PATIENCE_S)
    assert (getattr(report, kind), report.failed) == (1, 0)
    assert getattr(scene.office.sweep(scene.now), kind) == 1
