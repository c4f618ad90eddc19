"""What every sweep, its auditor and the gauges ask is answered by an index among many rows; the planner is told nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event

from domain.findings import FindingState, Review
from domain.registers import Due, DueKind
from domain.warnings import State
from store.engines import parse_url, postgres_engines, sqlite_engines
from store.ports import Store, UnitOfWork
from tests.contract.store.builders import NOW, batch, delivery, finding, letter, warning
from tests.contract.store.raw import execute

ROWS, ONE_IN = 2000, 50
EARLIER = NOW - timedelta(days=1)

Ask = Callable[[UnitOfWork], object]
ASKED: list[tuple[str, Ask, str]] = [
    ("due warnings", lambda uow: uow.warnings.due(EARLIER, limit=200), "ix_warnings_next_due_at"),
    ("expired lots", lambda uow: uow.batches.expired(EARLIER, limit=200), "ix_batches_judge_at"),
    ("the expiry index", lambda uow: uow.records.dues(EARLIER, limit=200), "ix_register_dues_due_at"),
    ("reviews due", lambda uow: uow.findings.reviews_due(EARLIER, limit=200), "ix_findings_review_due_at"),
    ("sent long ago", lambda uow: uow.outbox.has_done(EARLIER), "ix_outbox_done"),
    ("old letters", lambda uow: uow.dead_letters.has_before(EARLIER), "ix_dead_letters_received_at"),
    ("old letters of a code", lambda uow: uow.dead_letters.has_before(EARLIER, code="E011"), "ix_dead_letters_"),
    ("the auditor", lambda uow: uow.warnings.overdue_unflagged(EARLIER), "ix_warnings_unflagged"),
    ("open warnings", lambda uow: uow.warnings.count_open(), "ix_warnings_open_level"),
    ("what waits to be sent", lambda uow: uow.outbox.pending(), "ix_outbox_pending"),
]


def _fill(store: Store, url: str) -> None:
    with store.writing() as uow:
        with uow.gathering():
            for n in range(ROWS):
                rare = n % ONE_IN == 0
                at = NOW + timedelta(seconds=n)
                state = State.NOTIFIED if rare else State.DISMISSED
                uow.warnings.add(warning(id=f"w{n}", open_key=f"k{n}", state=state, next_due_at=at, raised_at=at, close_by=at))
                uow.batches.put(batch(lot=f"L{n}", expires_at=at, expiry_judged_at=None if rare else NOW))
                if rare:
                    uow.findings.add(finding(id=f"f{n}"), FindingState.REVIEW, review=Review(review_by=at))
                else:
                    uow.findings.add(finding(id=f"f{n}"), FindingState.DISCARDED)
                uow.outbox.add(delivery(key=f"d{n}"))
                uow.records.put_due(Due(kind=DueKind.SHIFT, uscc=batch().uscc, subject=f"s{n}", due_at=at))
        for n in range(ROWS // 4):
            uow.dead_letters.add(letter(key=f"l{n}", received_at=NOW + timedelta(seconds=n)))
        uow.commit()
    execute(url, f"UPDATE outbox SET state = 'done', settled_at = created_at WHERE id % {ONE_IN} <> 0", "ANALYZE")


@contextmanager
def _listening() -> Iterator[list[tuple[str, Any]]]:
    told: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        told.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def _plan(url: str, statement: str, parameters: Any) -> str:
    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    writer, reader = (sqlite_engines if sqlite else postgres_engines)(parsed)
    try:
        with writer.begin() as connection:
            rows = connection.exec_driver_sql(f"{'EXPLAIN QUERY PLAN' if sqlite else 'EXPLAIN'} {statement}", parameters)
            return "\n".join(str(row[-1]) for row in rows)
    finally:
        writer.dispose()
        reader.dispose()


def test_among_many_rows_the_sweep_its_auditor_and_the_gauges_read_an_index_only(store: Store, url: str) -> None:
    """As a reader asks, and as a writer does, who locks what he finds."""
    _fill(store, url)
    for what, ask, index in ASKED:
        for begin in (store.reading, store.writing):
            with _listening() as told, begin() as uow:
                ask(uow)
            (asked,) = [item for item in told if item[0].startswith("SELECT")]
            plan = _plan(url, *asked)
            assert index in plan, f"{what}: {plan}"
            assert "Seq Scan" not in plan, f"{what}: {plan}"
