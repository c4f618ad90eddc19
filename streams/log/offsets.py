"""Where each consumer group has read to, kept on disk.

The rule to know: a commit counts, for readers too, once it is synced. All file work happens in the executor: a
commit is a line in memory until the next sync writes everything that has come together.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from crc32c import crc32c

from streams.log.commit import GroupCommit
from streams.log.metrics import Metrics
from streams.log.segment import replace_file, sync_directory

logger = structlog.get_logger(__name__)

_ENTRY: Final = struct.Struct(">II")
_REWRITE_BYTES: Final = 4 * 1024 * 1024


class Position(NamedTuple):
    """What one group may commit for one partition."""

    group: str
    topic: str
    partition: int


class Committed(NamedTuple):
    """A committed offset and the client's note; an offset of -1 takes the commit back."""

    offset: int
    note: str


class OffsetJournal:
    """The committed offsets of all groups, an append-only file rewritten when it has grown.

    Args:
        path: the file; a torn or corrupt tail is cut when it is opened.
        executor: where file work runs.
        metrics: where commits are counted.
    """

    def __init__(self, path: Path, executor: Executor, metrics: Metrics) -> None:
        self._path = path
        self._metrics = metrics
        self._committed: dict[Position, Committed] = {}
        self._arrived: list[tuple[Position, Committed]] = []
        self._written: list[tuple[Position, Committed]] = []
        self._failure: str | None = None
        self._read()
        self._descriptor, self._size = self._rewrite(self._committed)
        self._commit = GroupCommit(self._begin, executor, self._end)

    def __getitem__(self, position: Position) -> Committed:
        """The last durable commit, offset -1 if there is none."""
        return self._committed.get(position, Committed(-1, ""))

    def of_group(self, group: str) -> Iterator[Position]:
        """Every partition a group has committed."""
        return (position for position in self._committed if position.group == group)

    def groups(self) -> set[str]:
        """Groups that have committed anything."""
        return {position.group for position in self._committed}

    async def commit(self, entries: Iterable[tuple[Position, Committed]]) -> None:
        """Record commits and wait until they are on disk.

        Raises:
            OSError: they may not be; the journal takes no more until a restart.
        """
        self._arrived.extend(entries)
        await self._commit.request()

    async def forget_topic(self, topic: str) -> None:
        """Take back every commit for a topic that was deleted."""
        gone = [(position, Committed(-1, "")) for position in self._committed if position.topic == topic]
        if gone:
            await self.commit(gone)

    async def close(self) -> None:
        """Wait for a sync under way, then close the file."""
        await self._commit.idle()
        os.close(self._descriptor)

    def _read(self) -> None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        position = 0
        while position + _ENTRY.size <= len(content):
            length, checksum = _ENTRY.unpack_from(content, position)
            line = content[position + _ENTRY.size : position + _ENTRY.size + length]
            if len(line) < length or crc32c(line) != checksum:
                break
            group, topic, partition, offset, note = json.loads(line)
            self._apply([(Position(group, topic, partition), Committed(offset, note))])
            position += _ENTRY.size + length
        if position < len(content):
            self._metrics.recovered_cut_bytes += len(content) - position
            logger.warning("offset journal tail cut", file=str(self._path), cut_bytes=len(content) - position)

    def _apply(self, entries: Iterable[tuple[Position, Committed]]) -> None:
        for position, committed in entries:
            if committed.offset < 0:
                self._committed.pop(position, None)
            else:
                self._committed[position] = committed

    def _rewrite(self, state: dict[Position, Committed]) -> tuple[int, int]:
        """Write only what is in force; returns the new file's descriptor and size."""
        content = _encoded(state.items())
        replace_file(self._path, content)
        sync_directory(self._path.parent)
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC), len(content)

    def _begin(self) -> Callable[[], None]:
        self._written, self._arrived = self._arrived, []
        written, failure = self._written, self._failure
        state = dict(self._committed) if self._size > _REWRITE_BYTES else None

        def sync() -> None:
            if failure is not None:
                raise OSError(failure)
            if state is not None:
                os.close(self._descriptor)
                self._descriptor, self._size = self._rewrite(state)
            content = _encoded(written)
            if os.write(self._descriptor, content) != len(content):
                raise OSError(f"the disk took only a part of a write to {self._path}")
            os.fdatasync(self._descriptor)
            self._size += len(content)

        return sync

    def _end(self, problem: BaseException | None) -> None:
        if problem is None:
            self._apply(self._written)
            self._metrics.committed_offsets += len(self._written)
        else:
            self._metrics.sync_failures += 1
            self._failure = f"a sync of {self._path} failed ({problem}); restart the log once the disk is sound"
            logger.error("offset journal sync failed", file=str(self._path), problem=str(problem))
        self._written = []


def _encoded(entries: Iterable[tuple[Position, Committed]]) -> bytes:
    out = bytearray()
    for position, committed in entries:
        line = json.dumps([*position, *committed], ensure_ascii=False, separators=(",", ":")).encode()
        out += _ENTRY.pack(len(line), crc32c(line)) + line
    return bytes(out)
