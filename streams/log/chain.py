"""The segments of one partition in order, and what its directory says of them after a crash.

The rule to know: everything before the last sync is kept or reported as damage, everything after the first tear is cut.
A batch behind a tear was never acknowledged; kept, it would make its producer's repeats of the torn ones look old.

Files of a partition's directory::

    00000000000000000000.segment      batches; the one with the highest number is written
    00000000000000000000.seal         its index and checksums, once it is written no more
    FIRST-UNTIL-GENERATION.segment    a compacted segment, and its .seal
    state                             log start offset and what was compacted when (synced)
    producers                         sequences of idempotent producers up to an offset (synced)
    synced                            offset up to which records are safe; may be old or missing (not synced)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from streams.log.damage import Damage
from streams.log.durable import checked, read_checked_json, sync_directory
from streams.log.errors import Damaged
from streams.log.metrics import Metrics
from streams.log.seal import SUFFIX as SEAL_SUFFIX
from streams.log.seal import read_seal
from streams.log.segment import SUFFIX, Segment, SegmentName

logger = structlog.get_logger(__name__)

DRAFT: Final = ".draft"
SYNCED_FILE: Final = "synced"


class File(NamedTuple):
    """A segment's file as the directory names it."""

    name: SegmentName
    path: Path


class Chain:
    """The segments of one partition.

    Args:
        directory: holds them; made if it is not there.
        start_offset: records before it were deleted by request.
        metrics: where cuts and damage are counted.
        sync: put on disk what a killed process left in memory only.

    Attributes:
        segments: oldest first; the last one is written.

    Raises:
        Damaged: the directory holds something that is no segment of a partition.
    """

    def __init__(self, directory: Path, start_offset: int, metrics: Metrics, *, sync: bool) -> None:
        self.directory = directory
        self._start = start_offset
        self._metrics = metrics
        self._reported: dict[Path, set[Damage]] = {}
        self.segments = self._open(sync=sync)

    @property
    def active(self) -> Segment:
        """The segment that is written."""
        return self.segments[-1]

    @property
    def start_offset(self) -> int:
        """Offset of the oldest record kept."""
        return max(self._start, self.segments[0].base_offset)

    @property
    def end_offset(self) -> int:
        """Offset the next record will get."""
        return self.segments[-1].end_offset

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments)

    def since(self, offset: int) -> Sequence[Segment]:
        """The segment that holds an offset and those after it."""
        return self.segments[bisect_right(self.segments, offset, key=lambda each: each.end_offset) :]

    def roll(self) -> Segment:
        """Begin a new segment; returns the one that is full."""
        full = self.segments[-1]
        self.segments.append(Segment.create(self.directory, full.end_offset))
        return full

    def begin_at(self, offset: int) -> None:
        """Show no record before an offset any more."""
        self._start = max(self._start, offset)

    def drop_oldest(self) -> Segment:
        """Take the oldest segment out; its file is left to the caller."""
        oldest = self.segments.pop(0)
        self._metrics.dropped_segments += 1
        self._metrics.dropped_bytes += oldest.size
        oldest.retire()
        return oldest

    def replace(self, old: Sequence[Segment], new: Segment) -> None:
        """Put a compacted segment in the place of those it was made from; their files are left to the caller."""
        first = self.segments.index(old[0])
        self.segments[first : first + len(old)] = [new]
        for segment in old:
            segment.retire()

    def note_synced(self, offset: int) -> None:
        """Write down that everything below an offset is on disk. Blocks; a lost note costs nothing but certainty."""
        (self.directory / SYNCED_FILE).write_bytes(checked(str(offset).encode()))

    def report(self, segment: Segment) -> None:
        """Log and count damage of a segment that was not reported since the start."""
        known = self._reported.setdefault(segment.path, set())
        for damage in segment.damage:
            if damage not in known:
                known.add(damage)
                self._say(segment.path, damage)

    def _say(self, path: Path, damage: Damage) -> None:
        self._metrics.damaged_ranges += 1
        self._metrics.damaged_bytes += damage.end - damage.position
        logger.error(
            "log damaged",
            file=str(path),
            first_byte=damage.position,
            damaged_bytes=damage.end - damage.position,
            first_offset_lost=damage.offset,
            last_offset_lost=damage.next_offset - 1,
            advice="these records are skipped; restore the file and its .seal from a copy while the log is stopped",
        )

    def _open(self, *, sync: bool) -> list[Segment]:
        self.directory.mkdir(parents=True, exist_ok=True)
        files = _present(self.directory)
        safe_to = self._safe_to(files)
        segments: list[Segment] = []
        for number, file in enumerate(files):
            following = files[number + 1].name.base_offset if number + 1 < len(files) else None
            segment = self._opened(file, safe_to if following is None else min(safe_to, following))
            segments.append(segment)
            if following is not None and segment.end_offset > following:
                raise Damaged(f"{files[number + 1].path} begins before {file.path} ends; restore the directory from a copy")
            if following is not None and segment.end_offset < following:
                if following > safe_to:
                    _cut_behind(segment, files[number + 1 :])
                    break
                self._say(self.directory, Damage(0, 0, segment.end_offset, following))
        if sync:
            self._sync(segments)
        return self._continued(segments, safe_to)

    def _sync(self, segments: Sequence[Segment]) -> None:
        """Make safe, before anything new is promised, all that was found: what comes to lie behind a tear would be cut."""
        sync_directory(self.directory)
        for segment in segments:
            if not segment.sealed:
                segment.sync()

    def _opened(self, file: File, safe_to: int) -> Segment:
        segment = Segment.open(file.path, file.name, safe_to)
        if segment.cut_bytes:
            self._metrics.recovered_cut_bytes += segment.cut_bytes
            logger.warning(
                "log tail cut",
                file=str(file.path),
                kept_bytes=segment.size,
                cut_bytes=segment.cut_bytes,
                next_offset=segment.end_offset,
            )
        self.report(segment)
        return segment

    def _continued(self, segments: list[Segment], safe_to: int) -> list[Segment]:
        """See to it that the last segment may be written, and that no offset is given twice."""
        if segments and segments[-1].end_offset < self._start:  # only where nothing was promised: a tail lost unsynced
            for segment in segments:
                segment.close()
                segment.unlink()
            segments = []
        if not segments:
            if safe_to > self._start:
                self._say(self.directory, Damage(0, 0, self._start, safe_to))
            return [Segment.create(self.directory, max(self._start, safe_to))]
        last = segments[-1]
        if last.sealed or last.damage or last.name.until is not None:
            segments.append(Segment.create(self.directory, last.end_offset))
        return segments

    def _safe_to(self, files: Sequence[File]) -> int:
        """The highest offset below which everything is known to have been synced."""
        noted = read_checked_json(self.directory / SYNCED_FILE)
        for file in reversed(files):
            seal = read_seal(file.path.with_suffix(SEAL_SUFFIX))
            if seal is not None:
                return max(noted or 0, seal.end_offset)
        return noted or 0


def _present(directory: Path) -> list[File]:
    """The segments' files in order, after what a crash left over of a compaction or a deletion is gone."""
    for pattern in (f"*{DRAFT}", "*.new"):
        for path in directory.glob(pattern):
            path.unlink()
    files = []
    for path in directory.glob(f"*{SUFFIX}"):
        name = SegmentName.of(path)
        if name is None:
            raise Damaged(f"{path} is not a segment of the log; move it away and start again")
        files.append(File(name, path))
    files.sort(key=lambda file: (file.name.base_offset, file.name.generation))
    kept = [file for file in files if not any(_replaces(other.name, file.name) for other in files)]
    if len(kept) < len(files):
        sync_directory(directory)  # killed after a rename, its name may be in memory only
    for file in files:
        if file not in kept:
            file.path.with_suffix(SEAL_SUFFIX).unlink(missing_ok=True)
            file.path.unlink()
    stems = {file.path.stem for file in kept}
    for path in directory.glob(f"*{SEAL_SUFFIX}"):
        if path.stem not in stems:
            path.unlink()
    return kept


def _replaces(newer: SegmentName, older: SegmentName) -> bool:
    """Whether a compacted segment was made from another one."""
    if newer.until is None or newer.generation <= older.generation:
        return False
    return newer.base_offset <= older.base_offset < newer.until


def _cut_behind(torn: Segment, later: Sequence[File]) -> None:
    """Remove segments behind a tear, the last first, so that another crash leaves no hole."""
    for file in reversed(later):
        logger.warning("log tail cut", file=str(file.path), kept_bytes=0, cut_bytes=file.path.stat().st_size)
        file.path.with_suffix(SEAL_SUFFIX).unlink(missing_ok=True)
        file.path.unlink()
        sync_directory(torn.path.parent)
