"""What must never be wrong is refused by the database itself, also to somebody who goes round the store."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from domain.errors import Conflict, NotFound
from domain.findings import FindingState
from domain.warnings import State
from store.ports import Store
from tests.contract.store.builders import deduction, finding, step, warning, weighing
from tests.contract.store.raw import execute


@pytest.fixture
def filled(store: Store) -> Store:
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.deductions.add(deduction())
        for number in range(5):
            unit.audit.append(step(entity_id=f"warning-{number}"))
        unit.commit()
    return store


def test_one_open_warning_per_key_and_a_new_one_after_it_was_closed(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        with pytest.raises(Conflict), unit.savepoint():
            unit.warnings.add(warning(id="warning-2"))
        unit.warnings.save(warning(state=State.CLOSED, version=2), expected_version=1)
        unit.warnings.add(warning(id="warning-2", state=State.DISMISSED))
        unit.warnings.add(warning(id="warning-3"))
        with pytest.raises(Conflict), unit.savepoint():  # a reopening meets the open one
            unit.warnings.save(warning(state=State.RECTIFYING, version=3), expected_version=2)
        assert unit.warnings.open_with_key(warning().open_key) == warning(id="warning-3")


def test_the_same_fact_is_stored_once(store: Store) -> None:
    with store.writing() as unit:
        unit.weighings.add(weighing())
        with pytest.raises(Conflict), unit.savepoint():
            unit.weighings.add(weighing())
        unit.findings.add(finding(), FindingState.REVIEW)
        with pytest.raises(Conflict), unit.savepoint():
            unit.findings.add(finding(), FindingState.REVIEW)


REFUSED = [  # statement, why, the words of the refusal
    ("UPDATE audit SET reason = 'other'", "the trail is append-only", "audit refuses UPDATE"),
    ("DELETE FROM audit", "the trail is append-only", "audit refuses DELETE"),
    ("DELETE FROM audit_head", "the end of the trail stays known", "audit_head refuses DELETE"),
    ("INSERT INTO audit_head (id, seq, hash) VALUES (2, 0, '')", "the trail has one end", "one_row"),
    ("DELETE FROM deductions", "entries are withdrawn or reversed, never deleted", "deductions refuses DELETE"),
    ("UPDATE deductions SET state = 'final'", "nothing is final without a person's name", "final_is_confirmed"),
    ("UPDATE deductions SET state = 'forgiven'", "no such state", "ck_deductions_state"),
    ("UPDATE deductions SET points = CAST('-1' AS NUMERIC(9))", "points are charged, not given", "ck_deductions_points"),
    ("UPDATE warnings SET state = 'lost'", "no such state", "ck_warnings_state"),
    ("UPDATE warnings SET level = 'orange'", "no such level", "ck_warnings_level"),
    ("UPDATE warnings SET close_by = NULL", "every red warning has its deadline", "red_has_close_by"),
    ("UPDATE warnings SET uscc = 'nobody'", "no such merchant", "not stored"),
    ("DELETE FROM merchants", "it is referred to", "referred to|not stored"),
]


@pytest.mark.parametrize(("statement", "why", "words"), REFUSED)
def test_the_database_refuses(filled: Store, url: str, statement: str, why: str, words: str) -> None:
    with pytest.raises((DBAPIError, NotFound), match=words):
        execute(url, statement)
    with filled.reading() as unit:
        assert unit.audit.verify() == 5, why
        assert unit.deductions.get("deduction-1") == deduction()
        assert unit.warnings.get("warning-1") == warning()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_replacing_does_not_walk_past_the_triggers_of_sqlite(filled: Store, url: str) -> None:
    with pytest.raises(DBAPIError, match="audit refuses DELETE"):
        execute(url, "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 3")
    with pytest.raises(DBAPIError, match="deductions refuses DELETE"):
        execute(url, "INSERT OR REPLACE INTO deductions SELECT * FROM deductions")
    with filled.reading() as unit:
        assert unit.audit.verify() == 5


@pytest.mark.service
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["audit", "deductions"])
def test_truncating_does_not_walk_past_the_triggers_of_postgresql(filled: Store, url: str, table: str) -> None:
    with pytest.raises(DBAPIError, match=f"{table} refuses TRUNCATE"):
        execute(url, f"TRUNCATE {table}")


OFF = {
    "sqlite": ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"],
    "postgresql": ["ALTER TABLE audit DISABLE TRIGGER USER"],
}
TAMPERED = [
    ("UPDATE audit SET reason = 'other' WHERE seq = 3", 3),
    ("UPDATE audit SET actor = 'somebody' WHERE seq = 1", 1),
    ("UPDATE audit SET hash = 'x' WHERE seq = 2", 2),
    ("DELETE FROM audit WHERE seq = 2", 2),
    ("DELETE FROM audit WHERE seq = 1", 1),
    ("DELETE FROM audit WHERE seq = 5", 5),
    ("DELETE FROM audit", 1),
]


@pytest.mark.parametrize(("statement", "first_broken"), TAMPERED)
def test_whoever_switches_the_triggers_off_is_found_out(
    filled: Store, url: str, backend: str, statement: str, first_broken: int
) -> None:
    with filled.reading() as unit:
        assert unit.audit.verify() == 5
    execute(url, *OFF[backend], statement)
    with filled.reading() as unit, pytest.raises(Conflict, match=rf"entry {first_broken} "):
        unit.audit.verify()


def test_a_trail_without_its_head_is_no_sound_trail(filled: Store, url: str, backend: str) -> None:
    head_off = {"sqlite": "DROP TRIGGER audit_head_no_delete", "postgresql": "ALTER TABLE audit_head DISABLE TRIGGER USER"}
    execute(url, *OFF[backend], head_off[backend], "DELETE FROM audit", "DELETE FROM audit_head")
    with filled.reading() as unit, pytest.raises(Conflict, match="head of the audit trail is missing"):
        unit.audit.verify()


def test_a_trail_longer_than_one_fetch_is_verified(store: Store) -> None:
    with store.writing() as unit:
        for number in range(2_500):
            unit.audit.append(step(entity_id=str(number)))
        unit.commit()
    with store.reading() as unit:
        assert unit.audit.verify() == 2_500
