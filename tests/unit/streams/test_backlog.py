"""Which waiting frames are still worth looking at."""

from hypothesis import given
from hypothesis import strategies as st

from streams.backlog import newest_of_each


def test_when_there_is_time_every_frame_is_kept():
    frames = [("a", 1), ("b", 1), ("a", 2)]
    assert newest_of_each(frames, lambda f: f[0], seconds_per_frame=0.1) == (frames, [])


def test_behind_only_the_newest_of_each_camera_is_kept_in_order():
    frames = [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)]
    kept, skipped = newest_of_each(frames, lambda f: f[0], seconds_per_frame=3.0)
    assert kept == [("b", 2), ("a", 3)]
    assert skipped == [("a", 1), ("b", 1), ("a", 2)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())), st.floats(0, 5))
def test_no_frame_is_lost_and_each_camera_keeps_its_newest(frames, seconds):
    kept, skipped = newest_of_each(frames, lambda f: f[0], seconds_per_frame=seconds)
    assert sorted(kept + skipped) == sorted(frames)
    assert {camera for camera, _ in kept} == {camera for camera, _ in frames}
    for camera in {camera for camera, _ in frames}:
        own = [frame for frame in frames if frame[0] == camera]
        chosen = [frame for frame in kept if frame[0] == camera]
        assert own[-len(chosen) :] == chosen
