"""The system of record: SQLite or PostgreSQL behind ``store.ports``, and the evidence media.

Nobody outside this package sees SQL; casework asks the ports, and only the URL says which database answers.
"""

from store.media import open_media
from store.sql import open_store

__all__ = ["open_media", "open_store"]
