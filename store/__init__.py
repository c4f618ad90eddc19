"""The system of record: SQLite or PostgreSQL behind ``store.ports``, and the evidence media.

Nobody outside this package sees SQL; casework asks the ports, and only the URL says which database answers. What opens them is
loaded when it is first asked for: the auditor takes ``store.oversight`` alone, a third of the memory.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.media import open_media
    from store.sql import open_store

__all__ = ["open_media", "open_store"]


def __getattr__(name: str) -> Any:
    """Load what opens a part when it is named."""
    if name == "open_store":
        from store.sql import open_store  # noqa: PLC0415 - that is the point

        return open_store
    if name == "open_media":
        from store.media import open_media  # noqa: PLC0415

        return open_media
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
