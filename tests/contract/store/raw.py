"""Hands on the database behind the store's back, as somebody with its password has them."""

from __future__ import annotations

from sqlalchemy import text

from store import engines


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run SQL in one transaction; the rows of the last statement, if it gives any."""
    parsed = engines.parse_url(url)
    make = engines.sqlite_engines if parsed.get_backend_name() == "sqlite" else engines.postgres_engines
    writer, reader = make(parsed)
    try:
        with writer.begin() as connection:
            rows: list[tuple[object, ...]] = []
            for statement in statements:
                result = connection.execute(text(statement))
                rows = [tuple(row) for row in result] if result.returns_rows else []
            return rows
    finally:
        writer.dispose()
        reader.dispose()
