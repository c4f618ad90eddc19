"""The auditor's own statements mean the same on both databases, and know the schema as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.registers import Due, DueKind
from domain.rules import Level
from domain.warnings import State
from store.oversight import Lapse, Oversight, open_oversight
from store.ports import Store
from tests.contract.store import builders
from tests.contract.store.builders import NOW
from tests.contract.store.raw import execute

GRACE = timedelta(seconds=10)
LATE = NOW - timedelta(seconds=11)


@pytest.fixture
def oversight(url: str) -> Iterator[Oversight]:
    opened = open_oversight(url)
    yield opened
    opened.close()


def lapses(oversight: Oversight) -> dict[Lapse, int]:
    return {lapse: count for lapse, count in oversight.look(NOW, grace=GRACE).items() if count}


def test_an_empty_system_has_no_lapse(store: Store, oversight: Oversight) -> None:
    assert lapses(oversight) == {}


def test_every_lapse_is_counted_by_the_same_words_on_both(store: Store, url: str, oversight: Oversight) -> None:
    soon = NOW + timedelta(hours=1)
    cases = {
        "well": builders.warning(id="well", open_key="a", notified_at=LATE, close_by=soon, next_due_at=soon),
        "overdue": builders.warning(id="overdue", open_key="b", notified_at=LATE, close_by=soon, next_due_at=LATE),
        "lost": builders.warning(id="lost", open_key="c", notified_at=LATE, close_by=soon, next_due_at=None),
        "late": builders.warning(
            id="late", open_key="d", notified_at=LATE, close_by=soon, next_due_at=soon + timedelta(minutes=1)
        ),
        "unflagged": builders.warning(id="unflagged", open_key="e", notified_at=LATE, close_by=LATE, next_due_at=LATE),
        "limit": builders.warning(
            id="limit", open_key="f", state=State.NOTIFIED, notified_at=LATE, rectify_by=LATE, close_by=soon, next_due_at=LATE
        ),
        "untold": builders.warning(
            id="untold", open_key="g", raised_at=NOW - timedelta(minutes=2), close_by=soon, next_due_at=soon
        ),
        "ordinary": builders.warning(
            id="ordinary",
            open_key="h",
            level=Level.ORDINARY,
            close_by=None,
            raised_at=NOW - timedelta(minutes=2),
            next_due_at=None,
        ),
        "ended": builders.warning(
            id="ended", open_key="i", state=State.CLOSED, closed_at=NOW, close_by=LATE, notified_at=LATE, next_due_at=None
        ),
    }
    with store.writing() as unit:
        for warning in cases.values():
            unit.warnings.add(warning)
        unit.commit()
    assert lapses(oversight) == {
        Lapse.STEP_OVERDUE: 3,
        Lapse.STEP_MISSING: 2,
        Lapse.CLOSURE_UNFLAGGED: 1,
        Lapse.RECTIFY_UNFLAGGED: 1,
        Lapse.UNDELIVERED: 1,
    }
    execute(url, "DELETE FROM warnings WHERE id IN ('overdue', 'lost', 'late', 'unflagged', 'limit', 'untold')")
    assert lapses(oversight) == {}


def test_a_register_whose_time_has_come_is_a_lapse_once_the_sweep_had_its_time(store: Store, oversight: Oversight) -> None:
    due = Due(kind=DueKind.RETEST, uscc=builders.USCC, subject="R1", due_at=LATE)
    with store.writing() as unit:
        unit.records.put_due(due)
        unit.records.put_due(replace(due, subject="R2", due_at=NOW))
        unit.commit()
    assert lapses(oversight) == {Lapse.REGISTER_UNJUDGED: 1}


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.service)])
def test_the_connection_can_only_read(oversight: Oversight) -> None:
    oversight.look(NOW, grace=GRACE)
    connection = oversight._connection  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="read-only"):
        connection.execute("DELETE FROM warnings")
