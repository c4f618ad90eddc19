"""Compaction: of each key the last record stays, under the offset it always had.

The rule to know: nothing is changed in place. A group of segments is copied, without what is superseded, into one new
file; its seal is written, both are synced, and the rename that gives the file its name is the moment at which it stands for the
group. A crash before leaves the old files, a crash after leaves the new one, and the next start removes the others.

A batch compressed with a codec that the standard library cannot open is kept whole, and from there on no tombstone is
dropped: an older value of its key might lie in that batch.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from streams.log.batch import BatchHeader, read_header
from streams.log.chain import DRAFT
from streams.log.durable import sync_directory
from streams.log.record import Record, opened, records_of, reduced
from streams.log.segment import Segment, SegmentName

MAX_KEYS: Final = 100_000
"""Keys looked at in one pass (some 15 MB); more are left to the next pass."""
_LONGEST_KEY: Final = 15
_WORK_SECONDS: Final = 0.003
_REST_SECONDS: Final = 0.003


class Stopped(Exception):
    """The partition is being closed; what was begun is left to the next start."""


@dataclass(slots=True)
class Pass:
    """One pass over the closed segments of a partition; all its methods block and belong in a thread of their own.

    Args:
        from_offset: records below it were compacted before: their keys are unique among themselves.
        start_offset: records below it were deleted by request.
        last_offset: of the newest closed segment; that record stays, so that the log does not seem to end early.
        tombstones_below: tombstones below this offset have outlived what they deleted for long enough.
        stop: asked between batches.
        max_keys: how many keys to look at.

    Attributes:
        until: offset up to which this pass compacts; known after ``look``.
    """

    from_offset: int
    start_offset: int
    last_offset: int
    tombstones_below: int
    stop: Callable[[], bool]
    max_keys: int = MAX_KEYS
    until: int = 0
    _latest: dict[bytes, int] = field(default_factory=dict)
    _opaque: bool = False
    _worked_since: float = field(default_factory=time.perf_counter)

    def look(self, segments: Sequence[Segment]) -> None:
        """Find the last offset of each key, as far as there is room for keys."""
        self.until = self.from_offset
        for segment in segments:
            for header, batch in self._batches(segment):
                if header.next_offset <= self.from_offset:
                    continue
                if self._latest and len(self._latest) + header.record_count > self.max_keys:
                    return
                self._note(header, batch)
                self.until = header.next_offset
            self.until = max(self.until, segment.end_offset)

    def rewrite(self, group: Sequence[Segment]) -> Segment | None:
        """Copy a group of neighbours into one file without what is superseded.

        Returns:
            The new segment, in place on disk though the old files are still there; None if nothing would change.

        Raises:
            OSError: the disk did not take it; everything is as it was.
        """
        if any(segment.damage for segment in group):
            self._opaque = True
            return None
        first, last = group[0], group[-1]
        generation = max(segment.name.generation for segment in group) + 1
        name = SegmentName(first.base_offset, last.end_offset, generation)
        path = first.path.with_name(name.file() + DRAFT)
        draft = Segment(path, name, os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640))
        try:
            changed = self._copy(group, draft) or len(group) > 1
            if changed:
                appended_at = max(segment.last_append_at() for segment in group)
                draft.first_append_at = first.first_append_at
                draft.finish(last.end_offset, appended_at)
                draft.take_name()
                sync_directory(path.parent)
                return draft
        except BaseException:
            draft.close()
            path.unlink(missing_ok=True)
            raise
        draft.close()
        path.unlink()
        return None

    def _copy(self, group: Sequence[Segment], draft: Segment) -> bool:
        """Whether anything was left out."""
        left_out = False
        for segment in group:
            for header, batch in self._batches(segment):
                kept = self._kept(header, batch)
                left_out = left_out or kept is not batch
                if kept:
                    draft.append(kept, read_header(kept), 0.0)
        return left_out

    def _note(self, header: BatchHeader, batch: bytes) -> None:
        content = opened(header, batch)
        for record in (content is not None and records_of(header, content)) or ():
            if record.key is not None:
                self._latest[_fingerprint(record.key)] = header.base_offset + record.offset_delta

    def _kept(self, header: BatchHeader, batch: bytes) -> bytes:
        """The batch itself, a smaller one, or nothing."""
        if header.base_offset >= self.until:
            return batch
        content = opened(header, batch)
        records = None if content is None else records_of(header, content)
        if content is None or records is None:
            self._opaque = True
            return batch
        kept = [record for record in records if self._keeps(record, header.base_offset + record.offset_delta)]
        if len(kept) == len(records):
            return batch
        return reduced(header, content, kept) if kept else b""

    def _keeps(self, record: Record, offset: int) -> bool:
        if offset >= min(self.until, self.last_offset):
            return True
        if offset < self.start_offset:
            return False
        if record.key is None:
            return True
        if self._latest.get(_fingerprint(record.key), -1) > offset:
            return False
        return not record.tombstone or offset >= self.tombstones_below or self._opaque

    def _batches(self, segment: Segment) -> Iterator[tuple[BatchHeader, bytes]]:
        for each in segment.batches():
            if self.stop():
                raise Stopped
            yield each
            if time.perf_counter() - self._worked_since > _WORK_SECONDS:
                time.sleep(_REST_SECONDS)  # the event loop wants the interpreter too
                self._worked_since = time.perf_counter()


def grouped(segments: Sequence[Segment], most_bytes: int) -> Iterator[Sequence[Segment]]:
    """Neighbours that fit together into one segment; a damaged one stays alone."""
    group: list[Segment] = []
    for segment in segments:
        size = sum(each.size for each in group) + segment.size
        if group and (size > most_bytes or segment.damage or group[-1].damage):
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


def _fingerprint(key: bytes) -> bytes:
    """A short key itself, a long one's digest of 16 bytes."""
    return key if len(key) <= _LONGEST_KEY else hashlib.blake2b(key, digest_size=16).digest()
