"""Batches of two workers that meet: what both raise at once is raised once, and nothing of either is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

from casework.office import Office
from domain.errors import BadInput, KitchenError
from domain.events import Event, EventName
from domain.findings import Finding
from domain.observations import Observation
from tests.unit.casework.scene import MERCHANT, Scene

Results = list[list[Event] | KitchenError]


def _at_once(actions: Sequence[Callable[[], Results]]) -> list[Results]:
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], Results]) -> Results:
        gate.wait(10)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def _told(results: list[Results]) -> Counter[EventName]:
    return Counter(event.name for result in results for item in result if isinstance(item, list) for event in item)


def _sightings(scene: Scene, count: int, minute: int) -> list[Finding]:
    at = scene.now + timedelta(minutes=minute)
    return [scene.finding(at=at, subject=f"cam-0a1b2c3d/z{n}", zone=f"z{n}") for n in range(count)]


def _whole(scene: Scene, warnings: int) -> None:
    found = scene.warnings()
    assert len({warning.open_key for warning in found}) == len(found) == warnings
    assert all(scene.audit(warning.id)[0].to_state == "raised" for warning in found)
    with scene.store.reading() as uow:
        uow.audit.verify()


def test_two_workers_with_the_same_batch_of_findings_at_once_raise_each_once(scene: Scene) -> None:
    findings = _sightings(scene, 40, 0)
    offices: list[Office] = [scene.another_office() for _ in range(2)]
    told = _told(_at_once([partial(office.take_findings, findings, scene.now) for office in offices]))
    assert told == {EventName.WARNING_RAISED: 40}
    _whole(scene, 40)


def test_two_workers_that_see_the_same_scenes_in_different_orders_raise_one_and_attach_the_other(scene: Scene) -> None:
    early, late = _sightings(scene, 30, 0), _sightings(scene, 30, 1)[::-1]
    now = scene.later(minutes=2)
    actions = [partial(scene.another_office().take_findings, batch, now) for batch in (early, late)]
    told = _told(_at_once(actions))
    assert told == {EventName.WARNING_RAISED: 30, EventName.WARNING_ATTACHED: 30}
    _whole(scene, 30)
    assert {len(scene.evidence(warning.id)) for warning in scene.warnings()} == {2}


def test_two_workers_with_the_same_expired_lots_at_once_raise_each_once(scene: Scene) -> None:
    lots: list[Observation] = [scene.batch(f"L{n}") for n in range(20)]
    now = scene.later(hours=2)
    told = _told(_at_once([partial(scene.another_office().take_observations, lots, now) for _ in range(2)]))
    assert (told[EventName.OBSERVATION_STORED], told[EventName.WARNING_RAISED]) == (20, 20)
    _whole(scene, 20)


def test_what_is_refused_in_the_middle_of_a_batch_takes_nothing_with_it(scene: Scene) -> None:
    first = scene.raised(subject="cam-0a1b2c3d/z0", zone="z0")
    again, *others = _sightings(scene, 4, 1)
    half = replace(others[1], id="half", model="half \ud800")  # no database holds half a pair: refused while it is written
    results = scene.office.take_findings([others[0], again, half, *others[1:]], scene.later(minutes=2))
    assert [isinstance(result, BadInput) for result in results] == [False, False, True, False, False]
    _whole(scene, 4)
    assert len(scene.evidence(first.id)) == 2


def test_a_person_who_acts_while_batches_arrive_is_never_lost(scene: Scene) -> None:
    for finding in _sightings(scene, 10, 0):
        scene.office.take_finding(finding, scene.now)
    warnings, now = scene.warnings(), scene.later(minutes=3)
    batches = [_sightings(scene, 10, minute) for minute in (-2, -1)]
    acting = scene.another_office()

    def act() -> Results:
        return [list(acting.acknowledge(warning.id, MERCHANT, now).events) for warning in warnings]

    told = _told(_at_once([*(partial(scene.another_office().take_findings, batch, now) for batch in batches), act]))
    assert told == {EventName.WARNING_ATTACHED: 20, EventName.WARNING_ACKNOWLEDGED: 10}
    assert {(warning.state, warning.version) for warning in scene.warnings()} == {("acknowledged", 4)}
    _whole(scene, 10)
