"""F.2: three frames in ten seconds, or three in a row within a minute; episodes; the second finding."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.confirmation import (
    EPISODE_GAP,
    MOST_MARKS,
    SECOND_AFTER,
    Confirmation,
    Raised,
    Sighting,
    advance,
)
from vision.rules import Positive

START = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)


def positive(*, confidence=0.9, automatic_at=0.6, class_="pest_or_pet", zone="frame", held_for=timedelta()) -> Positive:
    return Positive(
        class_=class_,
        zone=zone,
        label="cat",
        confidence=confidence,
        automatic_at=automatic_at,
        box=(1.0, 2.0, 3.0, 4.0),
        held_for=held_for,
    )


def play(frames, state: Confirmation | None = None) -> list[Sighting]:
    """Play (second, positive or None) pairs."""
    state = state or Confirmation()
    reported = []
    for second, seen in frames:
        state, sightings = advance(state, [seen] if seen else [], START + timedelta(seconds=second))
        reported += sightings
    return reported


def frames(text: str, every: float):
    """`+` is a positive frame, `.` one without; one frame each `every` seconds."""
    return [(i * every, positive() if sign == "+" else None) for i, sign in enumerate(text)]


@pytest.mark.parametrize(
    ("text", "every", "findings", "reason"),
    [
        ("++", 1, 0, "two frames are not three"),
        ("+++", 1, 1, "three in two seconds"),
        ("+.+.+", 1, 1, "three within ten seconds need not be consecutive"),
        ("+....+....+", 1, 1, "the third exactly ten seconds after the first counts"),
        ("+....+.....+", 1, 0, "the third eleven seconds after the first does not, and they are not consecutive"),
        ("+++", 30, 1, "few frames: three in a row, the third exactly sixty seconds after the first"),
        ("+++", 31, 0, "sixty-two seconds are too long"),
        ("++.+", 15, 0, "few frames: an innocent one breaks the row"),
        ("++.+++", 15, 1, "and a new row of three counts"),
        ("+.+.+.+.", 10, 0, "flapping at one frame in ten seconds never confirms"),
        ("....", 1, 0, "nothing was seen"),
    ],
)
def test_a_sighting_needs_three_frames(text, every, findings, reason):
    assert len(play(frames(text, every))) == findings, reason


@pytest.mark.parametrize(
    ("gap", "findings", "reason"),
    [
        (EPISODE_GAP - timedelta(seconds=1), 1, "less than ten minutes apart is one episode"),
        (EPISODE_GAP, 2, "ten minutes apart is a new one"),
        (EPISODE_GAP + timedelta(hours=1), 2, "an hour apart is a new one"),
    ],
)
def test_sightings_close_in_time_are_one_episode(gap, findings, reason):
    first = [(i, positive()) for i in range(3)]
    # the second sighting is confirmed by its third frame, `gap` after the first was
    second = [(2 + gap.total_seconds() - 2 + i, positive()) for i in range(3)]
    assert len(play(first + second)) == findings, reason


def test_a_long_episode_yields_one_second_finding_after_half_an_hour_and_no_third():
    every_20_s = [(i * 20, positive()) for i in range(3 * 60 * 2)]  # two hours
    reported = play(every_20_s)
    assert [s.raised for s in reported] == [Raised.FIRST, Raised.SECOND]
    assert reported[1].at - reported[0].first_seen_at == SECOND_AFTER
    assert reported[1].first_seen_at == reported[0].first_seen_at


def test_an_episode_that_grows_strong_is_reported_once_more_as_automatic():
    weak = [(i, positive(confidence=0.4)) for i in range(20)]
    strong = [(20 + i, positive(confidence=0.9)) for i in range(20)]
    reported = play(weak + strong + [(40 + i, positive(confidence=0.4)) for i in range(20)])
    assert [(s.raised, s.automatic) for s in reported] == [(Raised.FIRST, False), (Raised.STRENGTHENED, True)]


@pytest.mark.parametrize(
    ("confidences", "automatic", "reason"),
    [
        ((0.9, 0.9, 0.9), True, "all frames are sure"),
        ((0.3, 0.9, 0.7), True, "two of three are"),
        ((0.9, 0.3, 0.3), False, "one lucky frame does not act by itself"),
        ((0.6, 0.6, 0.6), True, "exactly at the threshold counts"),
    ],
)
def test_automatic_needs_most_of_the_confirming_frames(confidences, automatic, reason):
    (sighting,) = play([(i, positive(confidence=c)) for i, c in enumerate(confidences)])
    assert sighting.automatic is automatic, reason
    assert sighting.confidence == sorted(confidences)[1], "the reported confidence is the median"


def test_without_an_automatic_threshold_a_sighting_goes_to_review():
    (sighting,) = play([(i, positive(confidence=1.0, automatic_at=None)) for i in range(3)])
    assert not sighting.automatic


def test_what_must_last_is_reported_only_when_it_lasted():
    held = positive(class_="camera_obstructed", held_for=timedelta(minutes=5))
    assert play([(i * 5, held) for i in range(60)]) == []
    (sighting,) = play([(i * 5, held) for i in range(61)])
    assert sighting.at - sighting.first_seen_at == timedelta(minutes=5)


def test_a_real_break_starts_the_wait_anew_but_one_missed_frame_does_not():
    held = positive(held_for=timedelta(minutes=5))
    row = [(i * 5, held) for i in range(61)]
    assert len(play([(s, None if i == 30 else p) for i, (s, p) in enumerate(row)])) == 1
    assert play([(s, None if 28 <= i <= 31 else p) for i, (s, p) in enumerate(row)]) == []


def test_classes_and_zones_are_confirmed_apart():
    state, reported = Confirmation(), []
    for second in range(3):
        seen = [positive(zone="stove"), positive(zone="sink"), positive(class_="fire", zone="stove")]
        state, sightings = advance(state, seen, START + timedelta(seconds=second))
        reported += sightings
    assert [(s.class_, s.zone) for s in reported] == [("fire", "stove"), ("pest_or_pet", "sink"), ("pest_or_pet", "stove")]


def test_old_and_repeated_frames_change_nothing():
    state, _ = advance(Confirmation(), [positive()], START)
    for at in (START, START - timedelta(seconds=5)):
        again, sightings = advance(state, [positive()], at)
        assert again is state
        assert sightings == []


def test_what_was_not_seen_for_long_is_forgotten():
    state = Confirmation()
    for second in range(3):
        state, _ = advance(state, [positive()], START + timedelta(seconds=second))
    assert state.tracks
    state, _ = advance(state, [], START + timedelta(minutes=11))
    assert not state.tracks


steps = st.lists(
    st.tuples(st.floats(min_value=0.05, max_value=900), st.one_of(st.none(), st.floats(min_value=0.25, max_value=1.0))),
    max_size=120,
)


@given(steps)
def test_whatever_comes_findings_stay_confirmed_and_rare(played):
    state, at, seen_at, reported = Confirmation(), START, [], []
    for step, confidence in played:
        at += timedelta(seconds=step)
        seen = [positive(confidence=confidence)] if confidence is not None else []
        seen_at += [at] * len(seen)
        state, sightings = advance(state, seen, at)
        reported += sightings
        for track in state.tracks.values():
            assert len(track.marks) <= MOST_MARKS
    for sighting in reported:
        near = [t for t in seen_at if timedelta() <= sighting.at - t <= timedelta(seconds=60)]
        assert len(near) >= 3, "three positive frames within a minute stand behind every finding"
        assert sighting.frames_positive >= 3
        assert sighting.first_seen_at <= sighting.at
    per_episode = [[s.raised for s in reported if s.first_seen_at == begun] for begun in {s.first_seen_at for s in reported}]
    for raised in per_episode:
        assert raised[0] is Raised.FIRST
        assert len(raised) == len(set(raised)), "each reason at most once in an episode"


@given(steps)
def test_the_same_frames_give_the_same_findings(played):
    def run():
        state, at, reported = Confirmation(), START, []
        for step, confidence in played:
            at += timedelta(seconds=step)
            state, sightings = advance(state, [positive(confidence=confidence)] if confidence else [], at)
            reported += sightings
        return reported

    assert run() == run()
