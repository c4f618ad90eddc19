"""The migrations make exactly the tables the queries are written for, and can be applied again and again."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import NotFound, Unavailable
from domain.findings import Review
from domain.warnings import Warning
from store import engines, open_store
from store.migrations import upgrade
from store.ports import Store
from store.tables import metadata
from store.types import micros
from tests.contract.store.builders import HASH, NOW, USCC, seed, warning
from tests.contract.store.raw import execute

_SQLITE = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
_POSTGRES = """
SELECT table_name, column_name, concat_ws(' ', data_type, collation_name, is_nullable, is_identity)
    FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


def _described(url: str) -> set[tuple[str, ...]]:
    """Every table, column, constraint and index in the database's own words; the order within a table does not matter."""
    sqlite = url.startswith("sqlite")
    rows = [tuple(map(str, row)) for row in execute(url, _SQLITE if sqlite else _POSTGRES)]
    rows = [row for row in rows if not any(cell.startswith(("alembic_version", "sqlite_sequence")) for cell in row)]
    # SQLite writes an added column behind the last one, on the same line
    parts = re.compile(r",?\s*\n\s*|, (?=\w+ (?:TEXT|INTEGER|REAL|BLOB))") if sqlite else re.compile("$^")
    return {(row[0], row[1], part) for row in rows for part in parts.split(row[2])}


def test_the_migrations_make_the_tables_the_queries_are_written_for(empty_url: str, url: str) -> None:
    migrated = _described(url)
    parsed = engines.parse_url(empty_url)
    store = open_store(empty_url)
    store.migrate()
    tables = ", ".join(f'"{table.name}"' for table in reversed(metadata.sorted_tables))
    assert _described(empty_url) == migrated
    if parsed.get_backend_name() == "sqlite":
        execute(empty_url, "PRAGMA defer_foreign_keys=ON", *(f"DROP TABLE {name}" for name in tables.split(", ")))
        writer, reader = engines.sqlite_engines(parsed)
    else:
        execute(empty_url, f"DROP TABLE {tables} CASCADE")
        writer, reader = engines.postgres_engines(parsed)
    assert not _described(empty_url)
    metadata.create_all(writer)
    for engine in (writer, reader):
        engine.dispose()
    store.close()
    assert _described(empty_url) == migrated


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    for _ in range(2):
        store = open_store(empty_url)
        store.migrate()
        store.close()
    seed(store)
    store.migrate()
    with store.reading() as unit:
        assert len(unit.merchants.list()) == 2
        assert unit.warnings.overdue_unflagged(NOW) == 0
    store.close()


_NEWER = (
    ("users", "department"),
    ("users", "phone"),
    ("users", "email"),
    ("warnings", "rectify_reminded_percent"),
    ("warnings", "escalation"),
)


def _seed_old(store: Store, url: str, *warnings: Warning) -> None:
    """Seed a schema of before some columns, which the repositories of today would write."""
    for table, column in _NEWER:
        execute(url, f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
    if not url.startswith("sqlite"):
        execute(
            url,
            "ALTER TABLE warnings ALTER rectify_reminded_percent TYPE bigint USING 0, ALTER escalation TYPE json USING 'null'",
        )
    seed(store)
    with store.writing() as unit:
        for item in warnings:
            unit.warnings.add(item)
        unit.commit()
    for table, column in _NEWER:
        execute(url, f"ALTER TABLE {table} DROP COLUMN {column}")


_OLD_FINDING = (
    "INSERT INTO findings (id, uscc, rule, class, violation_code, level, subject, event_time, first_seen_at, detected_at, "
    "automatic, why, frames_positive, evidence, model, state) "
    "VALUES ('{id}', '{uscc}', 'no_hat', 'no_hat', 'CV01', '{level}', 's', {at}, {at}, {at}, {no}, "
    "'{{\"code\": \"manual\", \"params\": {{}}}}', 0, '[]', '', '{state}')"
)


def test_findings_queued_before_the_review_clock_get_one_and_lose_nothing(empty_url: str) -> None:
    sqlite = empty_url.startswith("sqlite")
    parsed = engines.parse_url(empty_url)
    if sqlite:
        path = Path(parsed.database or "")
        path.parent.mkdir()
        path.touch()
    writer, reader = engines.sqlite_engines(parsed) if sqlite else engines.postgres_engines(parsed)
    with writer.connect() as connection, connection.begin():
        upgrade(connection, "0001")
    at, no = (str(micros(NOW)), "0") if sqlite else (f"'{NOW.isoformat()}'", "false")
    parts = {"uscc": USCC, "at": at, "no": no}
    evidence = (
        "INSERT INTO evidence (id, warning_id, kind, sha256, media_type, at, by, attempt, note, original_sha256, finding_id) "
        f"VALUES ('e', 'warning-1', 'record', '{HASH}', '', {at}, '', 1, '', '', 'raised')"
    )
    store = open_store(empty_url)
    _seed_old(store, empty_url, warning())
    findings = [_OLD_FINDING.format(id=f"{level}-review", level=level, state="review", **parts) for level in ("red", "ordinary")]
    execute(empty_url, *findings, _OLD_FINDING.format(id="raised", level="red", state="raised", **parts), evidence)
    store.migrate()
    with store.reading() as unit:
        assert unit.findings.review("red-review") == Review(review_by=NOW + timedelta(hours=2))
        ordinary = Review(review_by=NOW + timedelta(hours=24), expires_at=NOW + timedelta(hours=72))
        assert unit.findings.review("ordinary-review") == ordinary
        assert unit.findings.review("raised") is None
        assert [item.id for item in unit.findings.reviews_due(NOW + timedelta(hours=25), limit=5)] == [
            "red-review",
            "ordinary-review",
        ]
        (kept,) = unit.evidence.of("warning-1")
        assert kept.finding_id == "raised"
    with store.writing() as unit:
        unit.evidence.add(replace(kept, id="other", finding_id="nobody"))
        with pytest.raises(NotFound):  # references are checked again
            unit.commit()
    store.close()
    for engine in (writer, reader):
        engine.dispose()


def test_lots_known_before_anything_was_counted_as_apart_are_kept(empty_url: str) -> None:
    sqlite = empty_url.startswith("sqlite")
    parsed = engines.parse_url(empty_url)
    if sqlite:
        path = Path(parsed.database or "")
        path.parent.mkdir()
        path.touch()
    writer, reader = engines.sqlite_engines(parsed) if sqlite else engines.postgres_engines(parsed)
    with writer.connect() as connection, connection.begin():
        upgrade(connection, "0002")
    store = open_store(empty_url)
    _seed_old(store, empty_url)
    at = str(micros(NOW)) if sqlite else f"'{NOW.isoformat()}'"
    qty_g = "'12.50'" if sqlite else "12.50"
    execute(
        empty_url,
        "INSERT INTO batches (uscc, lot, kind, name, qty_g, expires_at, state, event_time, produced_on, gb2760_class, "
        f"supplier_uscc, voucher_ref) VALUES ('{USCC}', 'L1', 'raw', 'n', {qty_g}, {at}, 'in_store', {at}, '', '', '', '')",
    )
    store.migrate()
    with store.reading() as unit:
        (kept,) = unit.batches.list(USCC)
        assert (kept.qty_g, kept.apart_g, kept.expires_at) == (Decimal("12.50"), 0, NOW)
    store.close()
    for engine in (writer, reader):
        engine.dispose()


def test_a_database_nobody_has_migrated_says_so(empty_url: str) -> None:
    store = open_store(empty_url)
    store.migrate()
    store.close()
    execute(empty_url, "DROP TABLE dead_letters")
    with store.reading() as unit, pytest.raises(Unavailable, match="not been migrated"):
        unit.dead_letters.counts()
    store.close()
