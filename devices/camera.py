"""Where frames come from: a picture, a folder, a video, an RTSP stream, a webcam, or a function; and their way to a publisher.

A live stream is read in a thread of its own that keeps only the newest picture: what a decoder has buffered is the past.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from devices.edge import EdgePublisher
from domain.errors import ConfigurationError, Unavailable

log = structlog.get_logger(__name__)

Picture = NDArray[np.uint8]
"""A picture as (height, width, 3), BGR."""

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
_QUALITY = 85
_TIMEOUT_MS = 10_000
_WAIT_S = 0.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


class Source(Protocol):
    """Gives frames as JPEG, one per call of ``next``; ends when there are no more."""

    def frames(self) -> Generator[bytes | None, None, None]:
        """The frames in order; None says that there is nothing new yet, so that a waiting caller may stop."""


def encode(picture: Picture) -> bytes:
    """A picture as JPEG."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise Unavailable("a picture could not be encoded as JPEG")
    return bytes(data.tobytes())


def read_picture(path: Path) -> bytes:
    """A picture file as JPEG; a JPEG is passed on as it is.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the picture cannot be read: {error}", file=str(path)) from None
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return data
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ConfigurationError("not a picture OpenCV can read", file=str(path))
    return encode(np.asarray(picture, np.uint8))


class Pictures:
    """Picture files, over and over."""

    def __init__(self, path: Path, *, repeat: bool = True) -> None:
        self._repeat = repeat
        if path.is_dir():
            self._paths = sorted(item for item in path.iterdir() if item.suffix.lower() in PICTURES)
        else:
            self._paths = [path]
        if not self._paths:
            raise ConfigurationError("the folder has no pictures", file=str(path), hint=f"expected {sorted(PICTURES)}")

    def frames(self) -> Generator[bytes | None, None, None]:
        """The files in order of their names."""
        paths = itertools.cycle(self._paths) if self._repeat else iter(self._paths)
        for path in paths:
            yield read_picture(path)


class Video:
    """A video file at its own speed: between two frames as much of it is skipped as time has passed."""

    def __init__(self, path: Path, *, repeat: bool = True) -> None:
        if not path.exists():
            raise ConfigurationError("no such video", file=str(path))
        self._path, self._repeat = path, repeat

    def frames(self) -> Generator[bytes | None, None, None]:
        """Frames at the time they are asked for."""
        while True:
            count = 0
            for picture in self._once():
                count += 1
                yield encode(picture)
            if count == 0:
                raise ConfigurationError("not a video OpenCV can read", file=str(self._path))
            if not self._repeat:
                return

    def _once(self) -> Generator[Picture, None, None]:
        video = cv2.VideoCapture(str(self._path))
        try:
            rate = video.get(cv2.CAP_PROP_FPS) or 25.0
            begun, shown = time.monotonic(), 0
            while True:
                wanted = int((time.monotonic() - begun) * rate)
                while shown < wanted:
                    if not video.grab():
                        return
                    shown += 1
                there, picture = video.read()
                shown += 1
                if not there:
                    return
                yield np.asarray(picture, np.uint8)
        finally:
            video.release()


class Live:
    """An RTSP (or HTTP) stream or a webcam; connects again with growing pauses when it breaks.

    Args:
        address: URL, or the number of a webcam.
        timeout_ms: for opening and for each read.
    """

    def __init__(self, address: str | int, *, timeout_ms: int = _TIMEOUT_MS) -> None:
        self._address, self._timeout_ms = address, timeout_ms
        self._newest: Picture | None = None
        self._fresh = threading.Condition()
        self._ended = threading.Event()

    def frames(self) -> Generator[bytes | None, None, None]:
        """The newest picture each time, never the same one twice; None while the camera is away."""
        self._ended.clear()
        reader = threading.Thread(target=self._read_on, name="camera", daemon=True)
        reader.start()
        try:
            while True:
                with self._fresh:
                    self._fresh.wait_for(lambda: self._newest is not None, _WAIT_S)
                    picture, self._newest = self._newest, None
                yield None if picture is None else encode(picture)
        finally:
            self._ended.set()

    def _open(self) -> cv2.VideoCapture:
        if isinstance(self._address, int):
            return cv2.VideoCapture(self._address)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self._timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, self._timeout_ms]
        return cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, limits)

    def _read_on(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._ended.is_set():
            video = self._open()
            while not self._ended.is_set():
                there, picture = video.read()
                if not there:
                    break
                pause = _FIRST_PAUSE_S
                with self._fresh:
                    self._newest = np.asarray(picture, np.uint8)
                    self._fresh.notify()
            video.release()
            if not self._ended.is_set():
                log.warning("camera.away", again_in_s=pause)
                self._ended.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)


class Function:
    """Frames made by a function of the seconds since the start: a drawn scene, another library's camera.

    Args:
        make: returns a JPEG, or a picture (height, width, 3) BGR.
    """

    def __init__(self, make: Callable[[float], bytes | Picture]) -> None:
        self._make = make

    def frames(self) -> Generator[bytes | None, None, None]:
        """One frame per call."""
        begun = time.monotonic()
        while True:
            made = self._make(time.monotonic() - begun)
            yield made if isinstance(made, bytes) else encode(made)


def open_source(address: str, *, repeat: bool = True) -> Source:
    """The source an address names: a URL, a webcam number, a folder, a picture or a video file.

    Raises:
        ConfigurationError: there is no such thing.
    """
    if address.isdigit():
        return Live(int(address))
    if "://" in address:
        return Live(address)
    path = Path(address)
    if path.is_dir() or path.suffix.lower() in PICTURES:
        return Pictures(path, repeat=repeat)
    return Video(path, repeat=repeat)


def run_camera(
    source: Source,
    publisher: EdgePublisher,
    *,
    per_second: float,
    clock: Callable[[], datetime],
    stop: threading.Event,
    most: int | None = None,
) -> int:
    """Publish frames at a steady pace until stopped, or the source ends, or ``most`` are taken; returns how many.

    A frame that is late is not made up for: the pace starts anew from it.
    """
    taken, next_at = 0, time.monotonic()
    with closing(source.frames()) as frames:
        for jpeg in frames:
            if jpeg is None:
                if stop.is_set():
                    break
                continue
            publisher.frame(jpeg, clock())
            taken += 1
            next_at = max(next_at + 1 / per_second, time.monotonic())
            if (most is not None and taken >= most) or stop.wait(max(0.0, next_at - time.monotonic())):
                break
    return taken
