"""Several writers at once: exactly one wins, nobody is lost, the trail has no fork."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from domain.errors import Conflict
from domain.events import Lane
from domain.findings import FindingState
from domain.warnings import State
from store import open_store
from store.ports import Store, UnitOfWork
from tests.contract.store.builders import NOW, USCC, batch, deduction, delivery, finding, seed, step, warning

WRITERS = 4


def _at_once(work: Callable[[int], object], writers: int = WRITERS) -> list[object]:
    """Run ``work`` in that many threads, begun together; an error is a result."""
    together = Barrier(writers)

    def begin(number: int) -> object:
        together.wait(20)
        try:
            return work(number)
        except Conflict as error:
            return error

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(begin, range(writers)))


def _stores(url: str, number: int = WRITERS) -> list[Store]:
    """Stores of their own, as processes have them: on SQLite only the database itself keeps them apart."""
    return [open_store(url) for _ in range(number)]


def test_of_several_writers_raising_the_same_key_exactly_one_wins(url: str, store: Store) -> None:
    stores = _stores(url)

    def raise_it(number: int) -> object:
        with stores[number].writing() as unit:
            unit.audit.append(step(entity_id=f"warning-{number}"))
            unit.warnings.add(warning(id=f"warning-{number}"))
            unit.commit()
        return number

    results = _at_once(raise_it)
    winners = [result for result in results if isinstance(result, int)]
    assert len(winners) == 1
    assert all(isinstance(result, Conflict) for result in results if result not in winners)
    with store.reading() as unit:
        assert unit.audit.verify() == 1
        found = unit.warnings.open_with_key(warning().open_key)
        assert found is not None
        assert found.id == f"warning-{winners[0]}"
    for opened in stores:
        opened.close()


def test_of_several_writers_changing_one_warning_exactly_one_wins(url: str, store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.commit()
    stores = _stores(url)
    ends = [State.CLOSED, State.DISMISSED] * 2

    def change(number: int) -> object:
        with stores[number].reading() as unit:
            read = unit.warnings.get("warning-1")
        assert read is not None
        if read.version != 1:
            raise Conflict("came too late to try")
        with stores[number].writing() as unit:
            unit.warnings.save(warning(state=ends[number], version=2), expected_version=1)
            unit.commit()
        return number

    winners = [result for result in _at_once(change) if isinstance(result, int)]
    assert len(winners) == 1
    with store.reading() as unit:
        assert unit.warnings.get("warning-1") == warning(state=ends[winners[0]], version=2)
    for opened in stores:
        opened.close()


def test_the_trail_of_many_writers_has_no_gap_and_no_fork(url: str, store: Store) -> None:
    stores = _stores(url)

    def write(number: int) -> object:
        for turn in range(15):
            with stores[number].writing() as unit:
                unit.audit.append(step(entity_id=f"{number}/{turn}"))
                with unit.savepoint():
                    unit.audit.append(step(entity_id=f"{number}/{turn}"))
                if turn % 3:
                    unit.commit()
        return None

    assert _at_once(write) == [None] * WRITERS
    with store.reading() as unit:
        assert unit.audit.verify() == WRITERS * 10 * 2
    for opened in stores:
        opened.close()


def test_what_is_read_in_a_writing_unit_does_not_change_under_it(url: str, store: Store) -> None:
    with store.writing() as unit:
        unit.batches.put(batch())
        unit.commit()
    stores = _stores(url)

    def take(number: int) -> object:
        for _ in range(10):
            with stores[number].writing() as unit:
                before = unit.batches.get(USCC, "LOT-1")
                assert before is not None
                unit.batches.put(batch(qty_g=before.qty_g - 1))
                unit.commit()
        return None

    assert _at_once(take) == [None] * WRITERS
    with store.reading() as unit:
        left = unit.batches.get(USCC, "LOT-1")
        assert left is not None
        assert left.qty_g == batch().qty_g - 10 * WRITERS
    for opened in stores:
        opened.close()


def test_of_two_reviews_of_one_finding_one_counts(url: str, store: Store) -> None:
    with store.writing() as unit:
        unit.findings.add(finding(), FindingState.REVIEW)
        unit.commit()
    stores = _stores(url)

    def review(number: int) -> object:
        with stores[number].writing() as unit:
            known = unit.findings.get("finding-1")
            assert known is not None
            if known[1] is not FindingState.REVIEW:
                raise Conflict("somebody has reviewed it")
            unit.findings.set_state("finding-1", FindingState.DISCARDED)
            unit.commit()
        return number

    assert len([result for result in _at_once(review) if isinstance(result, int)]) == 1
    for opened in stores:
        opened.close()


def test_several_who_propose_the_same_deduction_enter_it_once(url: str, store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.commit()
    stores = _stores(url)

    def propose(number: int) -> object:
        with stores[number].writing() as unit:
            added = unit.deductions.add(deduction(id=f"deduction-{number}"))
            unit.commit()
        return added

    assert Counter(_at_once(propose)) == {True: 1, False: WRITERS - 1}
    for opened in stores:
        opened.close()


def test_several_relays_share_the_outbox_without_sending_twice(url: str, store: Store) -> None:
    with store.writing() as unit:
        for number in range(200):
            unit.outbox.add(delivery(key=f"{number:03}"))
        unit.commit()
    stores = _stores(url)

    def relay(number: int) -> object:
        sent: list[str] = []
        while True:
            with stores[number].writing() as unit:
                taken = _claim(unit)
                unit.commit()
            if not taken:
                return sent
            sent += taken

    sent = [key for keys in _at_once(relay) for key in keys]  # type: ignore[attr-defined]
    assert sorted(sent) == [f"{number:03}" for number in range(200)]
    for opened in stores:
        opened.close()


def _claim(unit: UnitOfWork) -> list[str]:
    taken = unit.outbox.claim(NOW, lanes=[Lane.NOTIFY], limit=7, lease_until=NOW + timedelta(minutes=1))
    return [item.key for item in taken]


def _migrate(url: str, together: object) -> None:
    together.wait(60)  # type: ignore[attr-defined]
    opened = open_store(url)
    opened.migrate()
    opened.close()


def test_processes_that_migrate_at_the_same_time_all_succeed(empty_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(3)
    processes = [context.Process(target=_migrate, args=(empty_url, together)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    store = open_store(empty_url)
    seed(store)
    with store.writing() as unit:
        assert unit.audit.append(step()).seq == 1
        unit.warnings.add(warning())
        with pytest.raises(Conflict):
            unit.warnings.add(warning(id="warning-2"))
    store.close()


def test_two_sweeps_divide_what_is_due_instead_of_waiting_for_each_other(url: str, store: Store) -> None:
    if url.startswith("sqlite"):
        pytest.skip("one writer at a time")
    with store.writing() as unit:
        unit.warnings.add(warning(id="due-1", next_due_at=NOW, open_key="1"))
        unit.commit()
    with store.writing() as one, store.writing() as other:
        assert [item.id for item in one.warnings.due(NOW, limit=9)] == ["due-1"]
        assert other.warnings.due(NOW, limit=9) == []
        with store.reading() as reader:
            assert len(reader.warnings.due(NOW, limit=9)) == 1
