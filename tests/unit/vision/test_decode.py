"""Hostile and odd frames: a clear refusal or the right picture, never a crash."""

import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from domain.errors import BadInput, Code
from vision.decode import MAX_FRAME_BYTES, decode_jpeg, decode_picture, inspect_jpeg

GRADIENT = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)
SIDEWAYS = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
"""EXIF data that say: turn the picture by a quarter."""
JPEG = cv2.imencode(".jpg", GRADIENT)[1].tobytes()


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def resized(data: bytes, width: int, height: int) -> bytes:
    """Overwrite the size that a JPEG declares."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def test_a_frame_is_decoded_to_its_pixels():
    image = decode_jpeg(JPEG)
    assert inspect_jpeg(JPEG) == (64, 48)
    assert image.shape == (48, 64, 3)
    assert np.abs(image.astype(int) - GRADIENT).mean() < 6


@pytest.mark.parametrize(
    ("data", "what", "reason"),
    [
        (b"", "not a JPEG", "nothing at all"),
        (b"hello", "not a JPEG", "text"),
        (saved(Image.new("RGB", (8, 8)), "PNG"), "not a JPEG", "a PNG under a wrong name"),
        (b"\xff\xd8", "no frame header", "only the start marker"),
        (b"\xff\xd8\xff\xe0\x00\x01", "no frame header", "a segment shorter than its own length field"),
        (JPEG[: len(JPEG) // 2], "cut off", "half a frame"),
        (JPEG[:-2], "cut off", "the end marker is missing"),
        (resized(JPEG, 60_000, 60_000), "at most", "a decompression bomb"),
        (resized(JPEG, 0, 48), "declared size", "no width"),
        (resized(JPEG, 64, 0), "declared size", "no height"),
        (b"\xff\xd8" + b"\0" * MAX_FRAME_BYTES, "bytes, at most", "more bytes than a camera may send"),
        (JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), "12 bits", "12 bits per sample"),
    ],
)
def test_a_bad_frame_is_refused_with_its_reason(data, what, reason):
    with pytest.raises(BadInput) as refused:
        decode_jpeg(data)
    assert refused.value.code is Code.MALFORMED, reason
    assert what in str(refused.value), reason


@pytest.mark.parametrize(
    ("data", "shape", "reason"),
    [
        (saved(Image.new("CMYK", (64, 48)), "JPEG"), (48, 64, 3), "CMYK"),
        (saved(Image.new("L", (64, 48)), "JPEG"), (48, 64, 3), "grey"),
        (saved(Image.new("RGB", (64, 48)), "JPEG", progressive=True), (48, 64, 3), "progressive"),
        (saved(Image.new("RGB", (64, 48)), "JPEG", exif=SIDEWAYS), (64, 48, 3), "turned upright as EXIF says"),
        (saved(Image.new("I;16", (64, 48)), "PNG"), (48, 64, 3), "16-bit PNG"),
        (saved(Image.new("RGBA", (64, 48)), "PNG"), (48, 64, 3), "transparent PNG"),
        (saved(Image.new("RGB", (64, 48)), "WEBP"), (48, 64, 3), "WebP"),
        (JPEG + b"\0" * 100, (48, 64, 3), "bytes after the end, as some cameras send"),
        (JPEG[:2] + b"\xff" + JPEG[2:], (48, 64, 3), "fill bytes between markers"),
    ],
)
def test_odd_but_sound_pictures_are_decoded(data, shape, reason):
    assert decode_picture(data).shape == shape, reason


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, saved(Image.new("1", (9000, 9000)), "PNG")],
    ids=["empty", "GIF stub", "PNG stub", "81 megapixels"],
)
def test_a_file_that_is_no_bearable_picture_is_refused(data):
    with pytest.raises(BadInput):
        decode_picture(data)


@given(st.binary(max_size=300), st.integers(0, len(JPEG) - 1))
def test_no_bytes_crash_the_header_check(noise, at):
    for data in (noise, b"\xff\xd8" + noise, JPEG[:at] + noise):
        try:
            width, height = inspect_jpeg(data)
        except BadInput:
            continue
        assert width > 0
        assert height > 0
