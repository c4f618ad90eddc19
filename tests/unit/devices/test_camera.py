"""Sources of frames: each gives JPEGs that the gateway would take."""

import itertools
import threading

import cv2
import numpy as np
import pytest

from devices.camera import Function, Live, Pictures, Video, open_source, run_camera
from devices.payloads import read_jpeg
from domain.errors import ConfigurationError
from tests.unit.devices.things import NOW, jpeg


def size(data: bytes) -> tuple[int, int]:
    picture = read_jpeg(data, most_bytes=10**7, most_pixels=10**8)
    return picture.width, picture.height


class Kept:
    """A publisher that keeps what it is given."""

    def __init__(self):
        self.frames = []

    def frame(self, data, captured_at):
        self.frames.append((data, captured_at))


def test_a_jpeg_is_passed_on_byte_for_byte_and_over_again(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    assert list(itertools.islice(open_source(str(tmp_path / "a.jpg")).frames(), 3)) == [jpeg()] * 3


def test_a_folder_is_shown_in_order_and_once_without_repeat(tmp_path):
    for number in (2, 1):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(seed=number))
    cv2.imwrite(str(tmp_path / "3.png"), np.zeros((20, 10, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    frames = list(Pictures(tmp_path, repeat=False).frames())
    assert frames[:2] == [jpeg(seed=1), jpeg(seed=2)]
    assert [size(data) for data in frames] == [(64, 48), (64, 48), (10, 20)]


def test_a_video_gives_its_pictures_and_ends(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 500, (64, 48))
    for shade in range(0, 200, 4):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    frames = list(Video(path, repeat=False).frames())
    assert 1 <= len(frames) <= 50
    assert {size(data) for data in frames} == {(64, 48)}


def test_a_live_stream_gives_the_newest_picture_and_can_be_left(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for shade in range(100):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    frames = Live(f"file:{path}").frames()
    assert size(next(data for data in frames if data is not None)) == (64, 48)
    frames.close()


def test_a_live_stream_that_is_away_lets_its_camera_stop():
    stop, kept = threading.Event(), Kept()
    threading.Timer(0.2, stop.set).start()
    assert run_camera(Live("rtsp://127.0.0.1:9/none", timeout_ms=200), kept, per_second=5, clock=lambda: NOW, stop=stop) == 0


@pytest.mark.parametrize("made", [jpeg(), np.zeros((48, 64, 3), np.uint8)], ids=["a JPEG", "a picture"])
def test_a_function_may_make_a_jpeg_or_a_picture(made):
    assert size(next(Function(lambda _: made).frames())) == (64, 48)


@pytest.mark.parametrize("address", ["none.jpg", "none.mp4", "empty"])
def test_a_source_that_is_not_there_is_said_so(address, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError):
        next(open_source(str(tmp_path / address)).frames())


def test_a_file_that_is_no_video_is_said_so(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(ConfigurationError):
        next(open_source(str(tmp_path / "a.mp4")).frames())


def test_a_camera_takes_as_many_as_it_is_told_each_with_its_time():
    kept = Kept()
    assert run_camera(Function(lambda _: jpeg()), kept, per_second=1000, clock=lambda: NOW, stop=threading.Event(), most=5) == 5
    assert kept.frames == [(jpeg(), NOW)] * 5


def test_a_camera_that_is_stopped_ends():
    stop = threading.Event()
    stop.set()
    assert run_camera(Function(lambda _: jpeg()), Kept(), per_second=0.01, clock=lambda: NOW, stop=stop) == 1
