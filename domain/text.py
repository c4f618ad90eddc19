"""Text that every database can hold: no NUL, no half of a surrogate pair. JSON can write both, UTF-8 and PostgreSQL neither."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """Whether SQLite and PostgreSQL both take this text as it is."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
