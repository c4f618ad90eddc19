"""Gathering: what waits is seen by whoever reads, forgotten with its savepoint, and never lost unseen."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.errors import Conflict
from domain.findings import FindingState
from domain.warnings import State
from store import open_store
from store.ports import Store
from tests.contract.store.builders import USCC, batch, delivery, finding, step, warning


def test_what_waits_is_seen_by_whoever_reads(store: Store) -> None:
    with store.writing() as unit:
        with unit.gathering():
            unit.warnings.add(warning())
            unit.findings.add(finding(), FindingState.RAISED, warning_id="warning-1")
            unit.batches.put(batch(qty_g=Decimal(7)))
            unit.batches.put(batch(qty_g=Decimal(5)))
            unit.audit.append(step())
            assert unit.findings.known_all(["finding-1", "other"]) == {"finding-1"}
            assert unit.warnings.latest_with_keys([warning().open_key]) == {warning().open_key: warning()}
            unit.warnings.save(warning(state=State.NOTIFIED, version=2), expected_version=1)
            changed = unit.warnings.get("warning-1")
            assert changed is not None
            assert (changed.state, changed.version) == (State.NOTIFIED, 2)
            assert unit.batches.get_all([(USCC, "LOT-1")])[USCC, "LOT-1"].qty_g == 5
            assert [entry.seq for entry in unit.audit.of(step().entity, step().entity_id)] == [1]
        unit.commit()
    with store.reading() as unit:
        assert unit.audit.verify() == 1


def test_what_waited_in_a_savepoint_is_forgotten_with_it_and_the_rest_is_written_in_order(store: Store) -> None:
    with store.writing() as unit:
        with unit.gathering():
            unit.audit.append(step(entity_id="before"))
            with pytest.raises(RuntimeError), unit.savepoint():  # noqa: PT012 - what is undone
                unit.audit.append(step(entity_id="undone"))
                unit.warnings.add(warning())
                assert unit.warnings.get("warning-1") is not None  # written already, in the database's own savepoint
                with unit.savepoint():
                    unit.audit.append(step(entity_id="undone too"))
                raise RuntimeError
            with unit.savepoint():
                unit.audit.append(step(entity_id="after"))
            assert unit.warnings.get("warning-1") is None
        unit.commit()
    with store.reading() as unit:
        assert unit.audit.verify() == 2
        assert [len(unit.audit.of(step().entity, name)) for name in ("before", "after", "undone")] == [1, 1, 0]


def test_a_unit_whose_waiting_rows_could_not_be_written_can_not_be_committed(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.commit()
    with store.writing() as unit:
        with pytest.raises(Conflict), unit.gathering():  # noqa: PT012 - leaving the block writes
            unit.outbox.add(delivery())
            unit.warnings.add(warning(id="another"))
            with pytest.raises(Conflict), unit.savepoint():
                unit.warnings.get("another")
        with pytest.raises(Conflict):
            unit.commit()
    with store.reading() as unit:
        assert unit.outbox.pending()[0] == 0


def test_of_changes_that_wait_one_with_an_older_version_undoes_all(url: str, store: Store) -> None:
    other = open_store(url)
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.warnings.add(warning(id="warning-2", open_key="two"))
        unit.commit()
    with other.writing() as unit:
        unit.warnings.save(warning(state=State.NOTIFIED, version=2), expected_version=1)
        unit.commit()
    with store.writing() as unit, pytest.raises(Conflict), unit.gathering():  # noqa: PT012 - leaving the block writes
        unit.warnings.save(warning(id="warning-2", open_key="two", state=State.NOTIFIED, version=2), expected_version=1)
        unit.warnings.save(warning(state=State.CLOSED, version=2), expected_version=1)
    with store.reading() as unit:
        found = unit.warnings.get("warning-2")
        assert found is not None
        assert found.version == 1
    other.close()


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_any_number_of_rows_is_written_once_each(store: Store, count: int) -> None:
    with store.writing() as unit:
        with unit.gathering():
            for number in range(count):
                unit.outbox.add(delivery(key=str(number)))
                unit.outbox.add(delivery(key=str(number)))
        unit.commit()
    with store.reading() as unit:
        assert unit.outbox.pending()[0] == count
