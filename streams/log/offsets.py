"""Where each consumer group has read to, and what must be remembered of the group itself, kept on disk.

The rule to know: a commit counts, for readers too, once it is synced. All file work happens in the executor: a
commit is a line in memory until the next sync writes everything that has come together. A disk that is full refuses what has
come together and nothing else; only a failed sync ends the journal, because the kernel tells it once.

A line is JSON behind its length and CRC: ``[group, topic, partition, offset, note, committed_at]`` (files of earlier versions
have no time), ``{"group": …}`` for a group as ``snapshot`` has it, ``{"ended": group}`` when it is worth keeping no more,
``{"forget": group}`` with its commits.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
from crc32c import crc32c

from streams.log.commit import GroupCommit
from streams.log.durable import PASSING, write_at
from streams.log.metrics import Metrics

logger = structlog.get_logger(__name__)

_ENTRY: Final = struct.Struct(">II")
_REWRITE_BYTES: Final = 4 * 1024 * 1024


class NotTaken(OSError):
    """There is no room for what was to be written; what was there before is as it was, and later there may be."""


class Position(NamedTuple):
    """What one group may commit for one partition."""

    group: str
    topic: str
    partition: int


class Committed(NamedTuple):
    """A committed offset, the client's note and when it came (seconds since 1970); an offset of -1 takes the commit back."""

    offset: int
    note: str
    at: int = 0


Line = tuple[Position, Committed] | dict[str, Any]
"""One thing the journal says: a commit, a group, or a group forgotten."""


class OffsetJournal:
    """The committed offsets of all groups, an append-only file rewritten when it has grown.

    Args:
        path: the file; a torn or corrupt tail is cut when it is opened.
        executor: where file work runs.
        metrics: where commits are counted.
        opened_at: seconds since 1970, taken for the time of commits whose line has none.
    """

    def __init__(self, path: Path, executor: Executor, metrics: Metrics, opened_at: int = 0) -> None:
        self._path = path
        self._metrics = metrics
        self._committed: dict[str, dict[Position, Committed]] = {}
        self._kept: dict[str, dict[str, Any]] = {}
        self._arrived: list[Line] = []
        self._written: list[Line] = []
        self._failure: str | None = None
        self._descriptor, self._size, self._rewrite_above = -1, 0, _REWRITE_BYTES
        self._read(opened_at)
        self._rewrite(self._everything())
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._sync_name()
        self._commit = GroupCommit(self._begin, executor, self._end)

    def __getitem__(self, position: Position) -> Committed:
        """The last durable commit, offset -1 if there is none."""
        return self._committed.get(position.group, {}).get(position, Committed(-1, ""))

    def of_group(self, group: str) -> Mapping[Position, Committed]:
        """Everything a group has committed."""
        return self._committed.get(group, {})

    def groups(self) -> set[str]:
        """Groups that have committed anything or are remembered for their generation."""
        return self._committed.keys() | self._kept.keys()

    def knows(self, group: str) -> bool:
        """Whether anything is kept of a group."""
        return group in self._committed or group in self._kept

    def kept(self, group: str) -> dict[str, Any] | None:
        """A group as ``snapshot.taken`` made it, or None."""
        return self._kept.get(group)

    async def commit(self, entries: Iterable[Line]) -> None:
        """Record commits and groups and wait until they are on disk.

        Raises:
            NotTaken: they are not, for want of room; trying again may succeed.
            OSError: they may not be; the journal takes no more until a restart.
        """
        self._arrived.extend(entries)
        await self._commit.request()

    async def forget_topic(self, topic: str) -> None:
        """Take back every commit for a topic that was deleted."""
        await self.take_back([each for known in self._committed.values() for each in known if each.topic == topic])

    async def take_back(self, positions: Iterable[Position]) -> None:
        """Take commits back."""
        gone: list[Line] = [(position, Committed(-1, "")) for position in positions]
        if gone:
            await self.commit(gone)

    async def forget_group(self, group: str) -> None:
        """Take back everything a group has committed, and the group."""
        if self.knows(group):
            await self.commit([{"forget": group}])

    async def close(self) -> None:
        """Wait for a sync under way, then close the file."""
        await self._commit.idle()
        os.close(self._descriptor)
        os.close(self._folder)

    def _read(self, opened_at: int) -> None:
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
            self._apply([_decoded(line, opened_at)])
            position += _ENTRY.size + length
        if position < len(content):
            self._metrics.recovered_cut_bytes += len(content) - position
            logger.warning("offset journal tail cut", file=str(self._path), cut_bytes=len(content) - position)

    def _apply(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if isinstance(line, dict):
                self._apply_group(line)
                continue
            position, committed = line
            known = self._committed.setdefault(position.group, {})
            if committed.offset >= 0:
                known[position] = committed
                continue
            known.pop(position, None)
            if not known:
                del self._committed[position.group]

    def _apply_group(self, line: dict[str, Any]) -> None:
        if "group" in line:
            self._kept[line["group"]] = line
        else:
            self._kept.pop(line.get("ended") or line.get("forget", ""), None)
            self._committed.pop(line.get("forget", ""), None)

    def _everything(self) -> list[Line]:
        return [*self._kept.values(), *(each for known in self._committed.values() for each in known.items())]

    def _rewrite(self, lines: list[Line]) -> None:
        """Write only what is in force, into a new file; its name is not yet safe.

        Raises:
            OSError: the old file is written on.
        """
        content = _encoded(lines)
        draft = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            write_at(descriptor, content, 0)
            os.fsync(descriptor)
            draft.replace(self._path)
        except BaseException:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            raise
        old, self._descriptor, self._size = self._descriptor, descriptor, len(content)
        self._name_synced = False
        self._rewrite_above = max(_REWRITE_BYTES, 2 * self._size)
        if old >= 0:
            os.close(old)

    def _begin(self) -> Callable[[], None]:
        self._written, self._arrived = self._arrived, []
        written, failure = self._written, self._failure
        state = self._everything() if self._size > self._rewrite_above else None

        def sync() -> None:
            if failure is not None:
                raise OSError(failure)
            if state is not None:
                self._shorten(state)
            self._append(_encoded(written))

        return sync

    def _shorten(self, state: list[Line]) -> None:
        """Rewrite, or write on for a while where there is no room for two files."""
        try:
            self._rewrite(state)
        except OSError as problem:
            if problem.errno not in PASSING:
                raise
            self._rewrite_above = self._size + _REWRITE_BYTES
            logger.warning("offset journal not rewritten", file=str(self._path), problem=str(problem))

    def _append(self, content: bytes) -> None:
        """Write behind what is there, and sync.

        Raises:
            NotTaken: there is no room; the file is as it was.
            OSError: nobody can say what the file is.
        """
        try:
            write_at(self._descriptor, content, self._size)
        except OSError as problem:
            os.ftruncate(self._descriptor, self._size)
            if problem.errno not in PASSING:
                raise
            raise NotTaken(problem.errno, f"the disk did not take a commit: {problem.strerror}", str(self._path)) from problem
        os.fdatasync(self._descriptor)
        if not self._name_synced:
            self._sync_name()
        self._size += len(content)

    def _sync_name(self) -> None:
        os.fsync(self._folder)
        self._name_synced = True

    def _end(self, problem: BaseException | None) -> None:
        written, self._written = self._written, []
        if problem is None:
            self._apply(written)
            self._metrics.committed_offsets += sum(1 for line in written if not isinstance(line, dict))
        elif isinstance(problem, NotTaken):
            self._metrics.storage_failures += 1
            logger.warning("offset journal not written", file=str(self._path), problem=str(problem))
        else:
            self._metrics.sync_failures += 1
            if self._failure is None:
                self._failure = f"a sync of {self._path} failed ({problem}); restart the log once the disk is sound"
                logger.error("offset journal sync failed", file=str(self._path), problem=str(problem))


def _decoded(line: bytes, opened_at: int) -> Line:
    content = json.loads(line)
    if isinstance(content, dict):
        return content
    group, topic, partition, offset, note, *at = content
    return Position(group, topic, partition), Committed(offset, note, at[0] if at else opened_at)


def _encoded(lines: Iterable[Line]) -> bytes:
    out = bytearray()
    for each in lines:
        plain = each if isinstance(each, dict) else [*each[0], *each[1]]
        line = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
        out += _ENTRY.pack(len(line), crc32c(line)) + line
    return bytes(out)
