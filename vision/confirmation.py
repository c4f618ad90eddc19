"""Confirm over time (domain.md F.2): from positives in single frames to sightings worth a finding.

A sighting needs 3 positive frames within 10 s or, where fewer frames are processed, 3 consecutive processed frames
within 60 s. Sightings less than 10 min apart are one episode: it yields one finding, and one more at +30 min.
A sighting is automatic when more than half of its confirming frames reach the automatic threshold (so their median
does); one that began in the review band and grows strong yields its finding once more, as automatic, because nobody may
have looked yet when the small flame has become a fire.

`advance` must be called for every processed frame, with no positives too: the frames without are what breaks a streak.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from types import MappingProxyType

from vision.rules import Positive
from vision.zones import Box

FRAMES_NEEDED = 3
DENSE_WINDOW = timedelta(seconds=10)
SPARSE_WINDOW = timedelta(seconds=60)
EPISODE_GAP = timedelta(minutes=10)
SECOND_AFTER = timedelta(minutes=30)
MOST_MARKS = 64
"""Positive frames remembered per class and zone; more cannot change the outcome."""

Key = tuple[str, str]


class Raised(StrEnum):
    """Why a sighting is reported."""

    FIRST = "first"
    STRENGTHENED = "strengthened"
    SECOND = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A confirmed positive that is worth a finding.

    Attributes:
        class_: Wire name of the class (C.9).
        zone: Name of the zone.
        raised: Why it is reported now.
        at: Time of the frame that confirmed it.
        first_seen_at: Time of the episode's first confirming frame.
        frames_positive: Number of confirming frames.
        confidence: Median confidence of the confirming frames.
        automatic: Whether it may raise a warning without a person.
        label: Model label in the confirming frame.
        box: x1 y1 x2 y2 in pixels of the confirming frame.
    """

    class_: str
    zone: str
    raised: Raised
    at: datetime
    first_seen_at: datetime
    frames_positive: int
    confidence: float
    automatic: bool
    label: str
    box: Box


@dataclass(frozen=True, slots=True)
class Mark:
    """One positive frame."""

    at: datetime
    confidence: float
    strong: bool


@dataclass(frozen=True, slots=True)
class Episode:
    """Sightings less than `EPISODE_GAP` apart."""

    began_at: datetime
    last_at: datetime
    automatic: bool
    second_raised: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one class in one zone.

    Attributes:
        marks: Recent positive frames, oldest first.
        streak: The newest of `marks` which follow each other without a negative frame between, at most 3.
        misses: Negative frames since the newest mark.
        since: First positive frame of the present run without a break.
        held_for: How long the run must last before it counts.
        episode: The present or last episode.
    """

    marks: tuple[Mark, ...] = ()
    streak: tuple[Mark, ...] = ()
    misses: int = 0
    since: datetime | None = None
    held_for: timedelta = timedelta()
    episode: Episode | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """State of one camera: a track per class and zone, and the time of the last processed frame."""

    tracks: Mapping[Key, Track] = field(default_factory=lambda: MappingProxyType({}))
    last_at: datetime | None = None


def advance(state: Confirmation, positives: Iterable[Positive], at: datetime) -> tuple[Confirmation, list[Sighting]]:
    """Take one processed frame of one camera into account.

    Args:
        state: The camera's state before the frame.
        positives: What the frame met, at most one per class and zone; none for an innocent frame.
        at: When the frame was taken. A frame not newer than the last one changes nothing.

    Returns:
        The state after it, and the sightings to report now, ordered by class and zone.
    """
    if state.last_at is not None and at <= state.last_at:
        return state, []
    seen = {(positive.class_, positive.zone): positive for positive in positives}
    tracks: dict[Key, Track] = {}
    sightings: list[Sighting] = []
    for key in sorted(seen.keys() | state.tracks.keys()):
        track, sighting = _follow(state.tracks.get(key, Track()), seen.get(key), at)
        if track is not None:
            tracks[key] = track
        if sighting is not None:
            sightings.append(sighting)
    return Confirmation(MappingProxyType(tracks), at), sightings


def _follow(track: Track, positive: Positive | None, at: datetime) -> tuple[Track | None, Sighting | None]:
    marks = tuple(mark for mark in track.marks if at - mark.at <= SPARSE_WINDOW)
    if positive is None:
        missed = replace(track, marks=marks, streak=(), misses=track.misses + 1)
        return (None if _forgotten(missed, at) else missed), None
    mark = Mark(at, positive.confidence, positive.strong)
    followed = Track(
        marks=(*marks, mark)[-MOST_MARKS:],
        streak=(*track.streak, mark)[-FRAMES_NEEDED:],
        since=at if track.since is None or _broken(track, at) else track.since,
        held_for=positive.held_for,
        episode=track.episode,
    )
    confirming = _confirming(followed, at)
    if not confirming:
        return followed, None
    return _report(followed, confirming, positive, at)


def _confirming(track: Track, at: datetime) -> tuple[Mark, ...]:
    """Find the frames that confirm a sighting at this instant; none: not confirmed."""
    if track.since is None or at - track.since < track.held_for:
        return ()
    dense = tuple(mark for mark in track.marks if at - mark.at <= DENSE_WINDOW)
    if len(dense) >= FRAMES_NEEDED:
        return dense
    if len(track.streak) == FRAMES_NEEDED and at - track.streak[0].at <= SPARSE_WINDOW:
        return track.streak
    return ()


def _report(track: Track, confirming: tuple[Mark, ...], positive: Positive, at: datetime) -> tuple[Track, Sighting | None]:
    automatic = 2 * sum(mark.strong for mark in confirming) > len(confirming)
    episode = track.episode
    if episode is None or at - episode.last_at >= EPISODE_GAP:
        began_at = track.since if track.held_for and track.since is not None else confirming[0].at
        episode, raised = Episode(began_at, at, automatic), Raised.FIRST
    elif automatic and not episode.automatic:
        episode, raised = replace(episode, last_at=at, automatic=True), Raised.STRENGTHENED
    elif not episode.second_raised and at - episode.began_at >= SECOND_AFTER:
        episode, raised = replace(episode, last_at=at, second_raised=True), Raised.SECOND
    else:
        return replace(track, episode=replace(episode, last_at=at)), None
    sighting = Sighting(
        class_=positive.class_,
        zone=positive.zone,
        raised=raised,
        at=at,
        first_seen_at=episode.began_at,
        frames_positive=len(confirming),
        confidence=median(mark.confidence for mark in confirming),
        automatic=automatic,
        label=positive.label,
        box=positive.box,
    )
    return replace(track, episode=episode), sighting


def _broken(track: Track, at: datetime) -> bool:
    """Tell whether the run of positives had ended before this frame: long unseen, or missed often and for a while."""
    if not track.marks:
        return True
    gap = at - track.marks[-1].at
    return gap > SPARSE_WINDOW or (track.misses >= FRAMES_NEEDED and gap > DENSE_WINDOW)


def _forgotten(track: Track, at: datetime) -> bool:
    over = track.episode is None or at - track.episode.last_at >= EPISODE_GAP
    return over and not track.marks
