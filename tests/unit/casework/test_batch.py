"""A batch of findings or facts comes to the same as one by one, and one that is bad leaves the others whole."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from domain.errors import BadInput, Code, KitchenError
from domain.events import Event, EventName
from domain.findings import Finding
from domain.observations import Observation
from store import open_media, open_store
from tests.unit.casework.scene import (
    COLLEAGUE,
    HOUR,
    INSPECTOR,
    MERCHANT,
    STAFF,
    Scene,
    everything_to_phones,
    names,
    quick_directory,
    sqlite_url,
    webhook_route,
)
from tests.unit.log.length import times

ZONES = ("kitchen", "store", "hall")


@contextmanager
def _fresh(template: Path) -> Iterator[tuple[Scene, str]]:
    """A scene whose ids are counted, so that two of them can be compared row by row."""
    with quick_directory() as directory:
        shutil.copy(template, directory / "kitchen.db")
        url = sqlite_url(directory)
        store = open_store(url)
        scene = Scene(store, open_media(f"file://{directory}/media"), routes=(everything_to_phones(), webhook_route()))
        counted = itertools.count(1)
        scene.office.desk = replace(scene.office.desk, new_id=lambda _at: f"id-{next(counted):04d}")
        scene.subscribe(MERCHANT)
        scene.subscribe(INSPECTOR)
        scene.subscribe(STAFF, "old")
        scene.subscribe(STAFF, "new")
        yield scene, url
        store.close()


def _rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything the batch may write, in the order it was written where order counts."""
    orders = {
        "warnings": "id",
        "findings": "id",
        "evidence": "id",
        "audit": "seq",
        "audit_head": "id",
        "outbox": "id",
        "observations": "event_id",
        "weighings": "event_id",
        "batches": "uscc, lot",
        "lot_changes": "id",
        "deductions": "id",
        "device_presence": "device_id",
    }
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}"))]
            for table, order in orders.items()
        }
    engine.dispose()
    # an outbox entry's number counts refused keys on SQLite; what matters is the order
    found["outbox"] = [row[1:] for row in found["outbox"]]
    return found


def _sightings(scene: Scene) -> list[Finding]:
    start = scene.now
    found = [
        scene.finding(at=start + timedelta(minutes=m), subject=f"cam-0a1b2c3d/{zone}", zone=zone)
        for zone in ZONES
        for m in (1, 4)
    ]
    found.append(scene.finding(at=start + timedelta(minutes=5), subject="cam-0a1b2c3d/yard", zone="yard", automatic=False))
    unknown = replace(found[0], id="0b9d1f0a-0000-5000-8000-00000000000a", uscc="91330200MA2AFT4L5X")
    bad = replace(found[1], id="bad", model="half \ud800")
    return [*found, unknown, bad]


def _facts(scene: Scene) -> list[Observation]:
    start = scene.now
    scene.now = start + timedelta(hours=3)
    return [
        *(scene.weighing(lot, at=start + timedelta(minutes=m)) for lot, m in (("L1", 90), ("L1", 90), ("L2", 30), ("L3", 100))),
        scene.batch("L4", expires_at=_at(start + HOUR)),
        scene.batch("L5", expires_at=_at(start + 9 * HOUR)),
        scene.move("NEW", "in_store", "on_sale", 1),
        scene.move("L2", "on_sale", "quarantined", 100),
        scene.weighing("L4", at=start + timedelta(minutes=170)),
        scene.move("L2", "on_sale", "destroyed", 9000),
        scene.batch("L3", at=start + timedelta(minutes=95), expires_at=_at(start + HOUR)),
    ]


def _at(at: Any) -> str:
    return str(at.isoformat(timespec="milliseconds"))


def _plain(result: list[Event] | KitchenError) -> object:
    return str(result) if isinstance(result, KitchenError) else result


def _one_by_one(take: Any, items: Sequence[Any], scene: Scene) -> list[object]:
    told: list[object] = []
    for item in items:
        try:
            told.append(take(item, scene.now))
        except KitchenError as error:
            told.append(str(error))
    return told


@settings(max_examples=times(4), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.data())
def test_a_batch_of_findings_writes_what_they_write_one_by_one(registered_database: Path, data: st.DataObject) -> None:
    with _fresh(registered_database) as (plain, plain_url), _fresh(registered_database) as (batched, batched_url):
        batched.finding()  # the snapshot's bytes
        chosen = data.draw(st.lists(st.sampled_from(_sightings(plain)), min_size=1, max_size=12))
        for scene in (plain, batched):
            scene.later(minutes=10)
        told = _one_by_one(plain.office.take_finding, chosen, plain)
        cut = data.draw(st.integers(0, len(chosen)))
        results = [
            _plain(result)
            for part in (chosen[:cut], chosen[cut:])
            if part
            for result in batched.office.take_findings(part, batched.now)
        ]
        assert results == told
        assert _rows(batched_url) == _rows(plain_url)
        with batched.store.reading() as uow:
            uow.audit.verify()


@settings(max_examples=times(4), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.data())
def test_a_batch_of_facts_writes_what_they_write_one_by_one(registered_database: Path, data: st.DataObject) -> None:
    with _fresh(registered_database) as (plain, plain_url), _fresh(registered_database) as (batched, batched_url):
        lots = [plain.batch(lot) for lot in ("L1", "L2", "L3")]
        for scene in (plain, batched):
            for lot in lots:
                scene.office.take_observation(lot, lot.received_at)
        chosen = data.draw(st.lists(st.sampled_from(_facts(plain)), min_size=1, max_size=14))
        batched.now = plain.now
        told = _one_by_one(plain.office.take_observation, chosen, plain)
        assert [_plain(result) for result in batched.office.take_observations(chosen, batched.now)] == told
        assert _rows(batched_url) == _rows(plain_url)


def test_one_bad_finding_leaves_the_others_of_its_batch_whole(scene: Scene) -> None:
    good = [scene.finding(subject=f"cam-0a1b2c3d/{zone}", zone=zone) for zone in ZONES]
    bad = replace(scene.finding(subject="cam-0a1b2c3d/yard"), uscc="91330200MA2AFT4L5X", id="unknown")
    results = scene.office.take_findings([good[0], bad, *good[1:]], scene.now)
    assert isinstance(results[1], BadInput)
    assert results[1].code is Code.USCC_UNKNOWN
    raised = [result for result in results if isinstance(result, list)]
    assert [names(events) for events in raised] == [[EventName.WARNING_RAISED]] * 3
    for warning in scene.warnings():
        assert (len(scene.evidence(warning.id)), len(scene.audit(warning.id))) == (1, 1)
    assert len(scene.warnings()) == 3
    assert all(item.warning_id in {w.id for w in scene.warnings()} for item in scene.outbox())


def test_a_batch_knows_an_older_warning_that_was_opened_again(scene: Scene) -> None:
    first = scene.raised()
    scene.office.file_case(first.id, INSPECTOR, "案", scene.later(minutes=1))
    second = scene.raised(at=scene.later(minutes=1))
    scene.office.file_case(second.id, INSPECTOR, "案", scene.later(minutes=1))
    scene.office.reopen(first.id, COLLEAGUE, "错", scene.later(minutes=1))
    (events,) = scene.office.take_findings([scene.finding(at=scene.later(minutes=1))], scene.now)
    assert isinstance(events, list)
    assert (events[0].name, events[0].entity_id) == (EventName.WARNING_ATTACHED, first.id)
