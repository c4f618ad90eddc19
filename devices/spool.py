"""What a device has not yet delivered, on its own disk: facts and frames in one SQLite file.

A fact is synced to disk before ``put_fact`` returns, so that a kill loses none. Room is made by dropping the oldest frames, never
facts: when facts alone exceed the bound they are kept and the caller is told.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  frame INTEGER NOT NULL,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  about TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS items_in_order ON items (frame, id);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message waiting. ``about``: a frame's metadata as MQTT user properties."""

    id: int
    frame: bool
    topic: str
    payload: bytes
    about: Mapping[str, str] = field(default_factory=dict)


class Spool:
    """A bounded store of messages in order of arrival; safe to use from several threads of one process.

    Args:
        directory: made if it is not there.
        most_bytes: bound on the payloads.
    """

    def __init__(self, directory: Path, *, most_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._most_bytes = most_bytes
        self._lock = threading.RLock()
        self._database = sqlite3.connect(directory / "spool.db", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA busy_timeout = 5000")
        self._database.executescript(_SCHEMA)
        self._sizes = {False: self._measure(frame=False), True: self._measure(frame=True)}
        self.frames_dropped = 0

    def _measure(self, *, frame: bool) -> int:
        row = self._database.execute("SELECT coalesce(sum(size), 0) FROM items WHERE frame = ?", (int(frame),)).fetchone()
        return int(row[0])

    @property
    def size_bytes(self) -> int:
        """Bytes of payload waiting."""
        with self._lock:
            return self._sizes[False] + self._sizes[True]

    @property
    def overfull(self) -> bool:
        """Whether facts alone exceed the bound."""
        with self._lock:
            return self._sizes[False] > self._most_bytes

    def __len__(self) -> int:
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM items").fetchone()[0])

    def put_fact(self, topic: str, payload: bytes) -> int:
        """Keep a fact; on disk when this returns. Oldest frames make room."""
        with self._lock:
            identity = self._insert(topic, payload, {}, frame=False)
            self._make_room()
            return identity

    def put_frame(self, topic: str, payload: bytes, about: Mapping[str, str]) -> int | None:
        """Keep a frame, not synced; None if not even it alone has room beside the facts."""
        with self._lock:
            if self._sizes[False] + len(payload) > self._most_bytes:
                self.frames_dropped += 1
                return None
            identity = self._insert(topic, payload, about, frame=True)
            self._make_room()
            return identity

    def _insert(self, topic: str, payload: bytes, about: Mapping[str, str], *, frame: bool) -> int:
        self._database.execute(f"PRAGMA synchronous = {'NORMAL' if frame else 'FULL'}")
        cursor = self._database.execute(
            "INSERT INTO items (frame, topic, payload, about, size) VALUES (?, ?, ?, ?, ?)",
            (int(frame), topic, payload, json.dumps(dict(about)), len(payload)),
        )
        self._sizes[frame] += len(payload)
        return int(cursor.lastrowid or 0)

    def _make_room(self) -> None:
        while self._sizes[True] and self._sizes[False] + self._sizes[True] > self._most_bytes:
            row = self._database.execute("SELECT id FROM items WHERE frame = 1 ORDER BY id LIMIT 1").fetchone()
            self.remove(int(row[0]))
            self.frames_dropped += 1

    def next(self, *, count: int, without: Collection[int] = ()) -> list[Item]:
        """The next messages: facts before frames, each oldest first, leaving out those already on their way."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, frame, topic, payload, about FROM items"
                " WHERE id NOT IN (SELECT value FROM json_each(?)) ORDER BY frame, id LIMIT ?",
                (json.dumps(list(without)), count),
            ).fetchall()
        return [Item(id=row[0], frame=bool(row[1]), topic=row[2], payload=row[3], about=json.loads(row[4])) for row in rows]

    def remove(self, identity: int) -> None:
        """A message is delivered (or dropped)."""
        with self._lock:
            row = self._database.execute("DELETE FROM items WHERE id = ? RETURNING frame, size", (identity,)).fetchone()
            if row is not None:
                self._sizes[bool(row[0])] -= int(row[1])

    def count_up(self, name: str) -> int:
        """The next value of a counter that survives restarts, from 1."""
        with self._lock:
            row = self._database.execute(
                "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value", (name,)
            ).fetchone()
            return int(row[0])

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        with self._lock:
            self._database.close()
