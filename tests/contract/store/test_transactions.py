"""A unit of work is one transaction: all of it or nothing, and nothing gets lost unseen."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy.exc import DBAPIError, ResourceClosedError

from domain.errors import Conflict, NotFound, Unavailable
from domain.warnings import State
from store import engines, open_store
from store.ports import Store, UnitOfWork
from tests.contract.store.builders import (
    OTHER_USCC,
    batch,
    deduction,
    delivery,
    evidence,
    merchant,
    observation,
    step,
    user,
    warning,
)
from tests.contract.store.raw import execute


def test_leaving_without_commit_changes_nothing(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.audit.append(step())
        unit.outbox.add(delivery())
    with store.reading() as unit:
        assert unit.warnings.get("warning-1") is None
        assert unit.audit.verify() == 0
        assert unit.outbox.pending() == (0, None)


def _raise_then_fail(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        raise RuntimeError("mine")


def test_an_error_changes_nothing_and_propagates(store: Store) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        _raise_then_fail(store)
    with store.reading() as unit:
        assert unit.warnings.get("warning-1") is None


def _clash(unit: UnitOfWork) -> None:
    with unit.savepoint():
        unit.audit.append(step(to_state="never"))
        unit.observations.add_all([observation(), observation()])


def _fail_outside_of_a_savepoint_that_succeeded(unit: UnitOfWork) -> None:
    with unit.savepoint():
        with unit.savepoint():
            unit.audit.append(step(to_state="inner"))
        raise RuntimeError("mine")


def test_a_savepoint_takes_back_only_its_own_part(store: Store) -> None:
    with store.writing() as unit:
        unit.audit.append(step())
        with pytest.raises(Conflict):
            _clash(unit)
        with unit.savepoint():
            unit.observations.add(observation())
            unit.audit.append(step(to_state="kept"))
        with pytest.raises(RuntimeError, match="mine"):
            _fail_outside_of_a_savepoint_that_succeeded(unit)
        unit.commit()
    with store.reading() as unit:
        assert unit.observations.count() == 1
        assert [entry.to_state for entry in unit.audit.of("warning", "warning-1")] == ["notified", "kept"]
        assert unit.audit.verify() == 2


def test_nothing_can_be_written_after_the_commit(store: Store) -> None:
    with store.writing() as unit:
        unit.commit()
        with pytest.raises(ResourceClosedError):
            unit.observations.add(observation())


def test_a_reading_unit_cannot_write(store: Store) -> None:
    with store.reading() as unit, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        unit.merchants.put(merchant(name="changed"))
    with store.reading() as unit:
        assert unit.merchants.list()[0].name == merchant().name


def test_a_reader_sees_one_snapshot_and_does_not_wait_for_the_writer(store: Store) -> None:
    with store.reading() as before, store.writing() as unit:
        assert before.observations.count() == 0
        unit.observations.add(observation())
        with store.reading() as during:
            assert during.observations.count() == 0
        unit.commit()
        assert before.observations.count() == 0
    with store.reading() as after:
        assert after.observations.count() == 1


def test_a_stale_writer_is_told_and_changes_nothing(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.deductions.add(deduction())
        unit.warnings.save(warning(version=2, state=State.NOTIFIED), expected_version=1)
        with pytest.raises(Conflict, match="version 2"):
            unit.warnings.save(warning(version=2, state=State.DISMISSED), expected_version=1)
        with pytest.raises(NotFound):
            unit.warnings.save(warning(id="warning-9", version=2), expected_version=1)
        unit.deductions.save(deduction(version=2, note="a"), expected_version=1)
        with pytest.raises(Conflict, match="version 2"):
            unit.deductions.save(deduction(version=2, note="b"), expected_version=1)
        with pytest.raises(NotFound):
            unit.deductions.save(deduction(id="deduction-9", version=2), expected_version=1)
        assert unit.warnings.get("warning-1") == warning(version=2, state=State.NOTIFIED)
        assert unit.deductions.get("deduction-1") == deduction(version=2, note="a")


def test_a_change_without_a_new_version_is_a_defect(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        with pytest.raises(ValueError, match="version"):
            unit.warnings.save(replace(warning(), state=State.NOTIFIED), expected_version=1)


def test_what_refers_to_nothing_is_refused(store: Store) -> None:
    nobody = "91371102MA3RHF0196"
    with store.writing() as unit:
        with pytest.raises(NotFound), unit.savepoint():
            unit.observations.add(observation(uscc=nobody))
        with pytest.raises(NotFound), unit.savepoint():
            unit.batches.put(batch(uscc=nobody))
    with store.writing() as unit:
        unit.evidence.add(evidence())  # a warning may still come: judged at the end
        with pytest.raises(NotFound):
            unit.commit()
    with store.reading() as unit:
        assert unit.evidence.get("evidence-1") is None


def test_two_users_cannot_have_one_login(store: Store) -> None:
    with store.writing() as unit, pytest.raises(Conflict):
        unit.users.put(user(id="user-2"))


def test_two_locks_of_one_name_take_turns(store: Store) -> None:
    order: list[str] = []
    inside, waiting = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait(10)
        waiting.set()
        with store.writing() as unit:
            unit.lock(OTHER_USCC)
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.writing() as unit:
        unit.lock(OTHER_USCC)
        inside.set()
        waiting.wait(10)
        thread.join(0.2)  # long enough for a lock that does not hold to show
        order.append("first")
        unit.commit()
    thread.join(10)
    assert order == ["first", "second"]


def test_ping_answers(store: Store) -> None:
    store.ping()


@pytest.mark.service
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_server_that_drops_its_clients_is_unavailable_and_found_again(store: Store, url: str) -> None:
    with store.writing() as unit:
        unit.observations.add(observation())
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        execute(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        with pytest.raises(Unavailable):
            unit.commit()
    with store.reading() as unit:
        assert unit.observations.count() == 0
    with store.writing() as unit:
        unit.observations.add(observation())
        unit.commit()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_file_another_process_keeps_locked_is_unavailable(store: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 50)
    other = open_store(url)
    with store.writing(), pytest.raises(Unavailable, match="locked"), other.writing():
        pass
    other.close()
