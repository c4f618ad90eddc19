"""Topics are read again after a restart, in other batches and not always in the same order: the outcome is the same."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.findings import Finding
from domain.observations import Observation
from store import open_media, open_store
from tests.unit.casework.scene import INSPECTOR, Scene, quick_directory, sqlite_url


@contextmanager
def _fresh(template: Path) -> Iterator[Scene]:
    with quick_directory() as directory:
        shutil.copy(template, directory / "kitchen.db")
        store = open_store(sqlite_url(directory))
        yield Scene(store, open_media(f"file://{directory}/media"))
        store.close()


def _told(scene: Scene) -> tuple[object, ...]:
    """What must be the same however often and in whatever order things were told."""
    warnings = sorted((w.open_key, w.violation_code, w.state, w.raised_at, w.close_by) for w in scene.warnings())
    evidence = sorted((w.open_key, item.kind, item.at) for w in scene.warnings() for item in scene.evidence(w.id))
    ledger = sorted((d.violation_code, d.points, d.state, d.month) for d in scene.deductions())
    stock = [(b.qty_g, b.state) for b in (scene.batch_of("L1"), scene.batch_of("L2")) if b is not None]
    return warnings, evidence, ledger, stock


def _facts(scene: Scene) -> list[Observation | Finding]:
    """Two lots, sales of both, sightings in two zones; everything within one hour and told after it."""
    start = scene.now
    scene.now = start + timedelta(hours=3)
    sales = [scene.weighing(lot, at=start + timedelta(minutes=m)) for lot, m in (("L1", 90), ("L2", 95), ("L1", 100))]
    cats = [scene.finding(at=start + timedelta(minutes=m)) for m in (5, 16, 40)]
    dogs = [scene.finding(at=start + timedelta(minutes=m), subject="cam-0a1b2c3d/store", zone="store") for m in (7, 50)]
    return [*sales, *cats, *dogs]


def _tell(scene: Scene, fact: Observation | Finding) -> None:
    if isinstance(fact, Finding):
        scene.office.take_finding(fact, scene.now)
    else:
        scene.office.take_observation(fact, scene.now)


def _batches(scene: Scene) -> list[Observation]:
    return [scene.batch("L1"), scene.batch("L2", kind="product", state="in_store")]


def _settle(scene: Scene) -> None:
    """Everything is closed by an inspector, in the order of the keys."""
    for warning in sorted(scene.warnings(state="open"), key=lambda item: item.open_key):
        scene.office.file_case(warning.id, INSPECTOR, "案", scene.now)


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.data())
def test_told_twice_and_in_any_order_the_warnings_and_the_ledger_are_the_same(
    registered_database: Path, data: st.DataObject
) -> None:
    with _fresh(registered_database) as plain, _fresh(registered_database) as shuffled:
        batches = _batches(plain)
        for scene in (plain, shuffled):
            for batch in batches:
                scene.office.take_observation(batch, batch.received_at)
        facts = _facts(plain)
        shuffled.finding()  # the snapshot's bytes
        shuffled.now = plain.now
        for fact in facts:
            _tell(plain, fact)
        twice = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=6))))
        for fact in twice:
            _tell(shuffled, fact)
        assert _told(shuffled) == _told(plain)
        for scene in (plain, shuffled):
            _settle(scene)
        for fact in facts:
            _tell(shuffled, fact)
        assert _told(shuffled) == _told(plain)


def test_a_batch_of_facts_is_worth_the_same_in_every_cut(registered_database: Path) -> None:
    told = []
    with _fresh(registered_database) as source:
        batches = _batches(source)
        facts = [fact for fact in _facts(source) if isinstance(fact, Observation)]
        at = source.now
    for size in (1, 2, len(facts)):
        with _fresh(registered_database) as scene:
            for batch in batches:
                scene.office.take_observation(batch, batch.received_at)
            scene.now = at
            cuts = iter(facts)
            while cut := list(itertools.islice(cuts, size)):
                scene.office.take_observations(cut, at)
                scene.office.take_observations(cut, at)
            told.append(_told(scene))
    assert told[0] == told[1] == told[2]
    assert len(told[0][0]) == 2  # type: ignore[arg-type]
