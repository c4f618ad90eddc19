"""What the office promises on every database, above all when several of them work on it at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from casework.desk import Work
from casework.handling import deliver
from casework.office import Office
from domain.deductions import DeductionState
from domain.errors import Conflict, IllegalTransition, KitchenError
from domain.events import Event, EventName, Lane
from domain.parties import SYSTEM
from domain.records import BatchState
from domain.warnings import State
from store.ports import AuditStep
from tests.unit.casework.scene import COLLEAGUE, INSPECTOR, MERCHANT, OTHER, SUPERVISOR, USCC, Scene, photo

T = TypeVar("T")


def _offices(scene: Scene, count: int, ask: Callable[[Office], T]) -> list[T | KitchenError]:
    """Ask as many offices the same thing at once."""
    return _at_once([partial(ask, scene.another_office()) for _ in range(count)])


def _at_once(actions: Sequence[Callable[[], T]]) -> list[T | KitchenError]:
    """Run every action in a thread of its own, all let go at the same moment."""
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], T]) -> T | KitchenError:
        gate.wait(10)
        try:
            return action()
        except KitchenError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_a_whole_life_ends_in_the_score(scene: Scene) -> None:
    warning = scene.expired_sale()
    scene.office.delivered(warning.id, scene.later(minutes=1))
    scene.office.acknowledge(warning.id, MERCHANT, scene.later(minutes=1))
    scene.office.submit(warning.id, MERCHANT, "下架", [photo()], scene.later(minutes=1), token="t")
    closed = scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.later(minutes=1))
    assert closed.deduction is not None
    assert closed.deduction.points == Decimal("15.0")
    scene.office.confirm_deduction(closed.deduction.id, SUPERVISOR, closed.deduction.objection_until + timedelta(hours=1))
    assert scene.office.score(USCC, "2026-11").score == 85
    with scene.store.reading() as uow:
        assert uow.audit.verify() == 7


def test_two_offices_that_raise_from_the_same_sighting_at_once_raise_one_warning(scene: Scene) -> None:
    for round_ in range(5):
        subject = f"cam-0a1b2c3d/zone{round_}"
        findings = [scene.finding(at=scene.now + timedelta(seconds=s), subject=subject) for s in range(4)]
        now = scene.later(minutes=1)
        results = _at_once([partial(scene.another_office().take_finding, finding, now) for finding in findings])
        told = [event.name for result in results if isinstance(result, list) for event in result]
        assert sorted(told) == [EventName.WARNING_ATTACHED] * 3 + [EventName.WARNING_RAISED]
        (warning,) = [item for item in scene.warnings() if item.subject == subject]
        assert len(scene.evidence(warning.id)) == 4


def test_one_finding_given_to_two_offices_at_once_counts_once(scene: Scene) -> None:
    finding = scene.finding()
    results = _offices(scene, 4, lambda o: o.take_finding(finding, scene.now))
    assert sorted(len(result) for result in results if isinstance(result, list)) == [0, 0, 0, 1]
    warning = scene.only_warning()
    assert (warning.version, len(scene.evidence(warning.id)), len(scene.audit(warning.id))) == (1, 1, 1)


def test_the_same_batch_of_facts_taken_by_two_workers_at_once_counts_once(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(qty_g=100_000), scene.now)
    sales = [scene.weighing() for _ in range(20)]
    results = _offices(scene, 3, lambda o: o.take_observations(sales, scene.now))
    stored = [
        event.name
        for result in results
        if isinstance(result, list)
        for item in result
        if isinstance(item, list)
        for event in item
        if event.name is EventName.OBSERVATION_STORED
    ]
    assert len(stored) == 20
    assert scene.batch_of("L1").qty_g == 100_000 - 20 * 500


def test_two_inspectors_who_decide_at_once_the_first_wins(scene: Scene) -> None:
    warning = scene.submitted()
    results = _at_once(
        [
            lambda: scene.another_office().verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now),
            lambda: scene.another_office().dismiss(warning.id, COLLEAGUE, "误报", scene.now),
        ]
    )
    refused = [result for result in results if isinstance(result, KitchenError)]
    assert len(refused) == 1
    assert isinstance(refused[0], IllegalTransition | Conflict)
    assert len(scene.audit(warning.id)) == 4
    standing = [entry for entry in scene.deductions() if entry.state is DeductionState.PROPOSED]
    assert len(standing) == (1 if scene.warning(warning.id).state is State.CLOSED else 0)


def test_two_sweeps_at_once_charge_once(scene: Scene) -> None:
    for number in range(6):
        warning = scene.raised(subject=f"cam-0a1b2c3d/{number}", rule="fire", class_="fire", violation_code="CV16")
        scene.office.delivered(warning.id, scene.now)
    scene.later(hours=25)
    _offices(scene, 3, lambda o: o.sweep(scene.now))
    while scene.office.sweep(scene.now).warnings:
        continue
    assert scene.office.audit_deadlines(scene.now) == 0
    entries = scene.deductions()
    assert len(entries) == len({entry.warning_id for entry in entries}) == 6
    with scene.store.reading() as uow:
        uow.audit.verify()


def test_a_delivery_confirmed_by_two_channels_at_once_starts_the_limit_once(scene: Scene) -> None:
    warning = scene.raised()
    results = _offices(scene, 4, lambda o: o.delivered(warning.id, scene.now))
    events: list[Event] = [event for result in results if not isinstance(result, KitchenError) for event in result.events]
    assert [event.name for event in events] == [EventName.WARNING_NOTIFIED]
    keys = [item.key for item in scene.outbox(Lane.KAFKA) if item.key.startswith("warning.notified")]
    assert len(keys) == 1


def test_the_refused_of_a_batch_leave_no_trace(scene: Scene) -> None:
    scene.office.take_observation(scene.batch("SMALL", qty_g=4), scene.now)
    good, bad = scene.weighing(), scene.move("SMALL", "on_sale", "destroyed", 5, at=scene.later(minutes=1))
    results = scene.office.take_observations([bad, good], scene.now)
    assert isinstance(results[0], KitchenError)
    with scene.store.reading() as uow:
        assert uow.observations.count() == 2


def test_a_batch_set_aside_while_the_sweep_looks_at_it_stays_set_aside(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(), scene.now)
    scene.later(hours=2)
    with ThreadPoolExecutor(1) as pool:
        with scene.store.writing() as uow:
            batch = uow.batches.get(USCC, "L1")
            assert batch is not None
            uow.batches.put(replace(batch, state=BatchState.QUARANTINED, event_time=scene.now))
            sweeping = pool.submit(scene.another_office().sweep, scene.now)
            wait([sweeping], timeout=0.5)
            uow.commit()
        assert sweeping.result(20).events == (), "it waits for the one that holds the batch, or leaves it to a later sweep"
    assert scene.office.sweep(scene.now).events == ()
    assert scene.batch_of("L1").state is BatchState.QUARANTINED
    assert scene.warnings() == []


def test_two_workers_that_sweep_the_same_due_items_do_each_once_and_never_cross(scene: Scene) -> None:
    """Warnings of two merchants fall due by turns, so that two sweeps charge both; lots expire at the same time."""
    due = [
        scene.raised(uscc=uscc, subject=f"cam-0a1b2c3d/{uscc}-{number}", zone=f"z{number}", at=scene.now)
        for number in range(12)
        for uscc in ((USCC, OTHER) if number % 2 else (OTHER, USCC))
    ]
    for warning in due:
        scene.office.delivered(warning.id, scene.now)
    scene.later(hours=25)
    for number in range(12):
        scene.office.take_observation(scene.batch(f"L{number}"), scene.now)
    scene.later(hours=2)
    reports = _offices(scene, 2, lambda office: [office.sweep(scene.now, limit=2) for _ in range(24)])
    assert not any(isinstance(report, KitchenError) for report in reports), reports
    swept = [report for several in reports if isinstance(several, list) for report in several]
    assert [report.failed for report in swept] == [0] * len(swept)
    told = Counter(event.name for report in swept for event in report.events)
    assert (told[EventName.WARNING_RAISED], told[EventName.CLOSURE_OVERDUE], told[EventName.RECTIFY_OVERDUE]) == (12, 24, 24)
    assert told[EventName.DEDUCTION_PROPOSED] == 24
    assert scene.office.audit_deadlines(scene.now) == 0
    with scene.store.reading() as uow:
        uow.audit.verify()


def test_a_command_given_while_the_product_changes_the_warning_waits_and_is_carried_out(scene: Scene) -> None:
    warning = scene.raised()
    with ThreadPoolExecutor(1) as pool:
        with scene.store.writing() as uow:
            work = Work(uow, scene.office.desk)
            deliver(work, warning.id, SYSTEM, scene.now, how="webpush")
            command = pool.submit(scene.another_office().acknowledge, warning.id, MERCHANT, scene.now)
            wait([command], timeout=0.5)
            assert not command.done(), "it waits for the one that holds the warning"
            uow.commit()
        assert command.result(20).warning.state is State.ACKNOWLEDGED
    assert [step.to_state for step in scene.audit(warning.id)] == ["raised", "notified", "acknowledged"]


def test_a_persons_command_survives_a_deadlock_with_another_transaction(scene: Scene) -> None:
    warning = scene.raised()
    step = AuditStep(entity="x", entity_id="x", from_state="", to_state="", at=scene.now, actor="x", actor_role="x", reason="")
    with ThreadPoolExecutor(1) as pool:
        with scene.store.writing() as uow:
            uow.audit.append(step)
            command = pool.submit(scene.another_office().acknowledge, warning.id, MERCHANT, scene.now)
            wait([command], timeout=0.5)
            with suppress(Conflict):  # the database undoes one of the two, most times the one that waited first
                uow.warnings.get(warning.id)
        assert command.result(20).warning.state is State.ACKNOWLEDGED
