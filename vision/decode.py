"""From bytes to a picture: headers are judged before a single pixel is decoded.

A frame is refused by its declared size, so a decompression bomb costs a few microseconds; a JPEG without its end marker
is refused too, because decoders fill the missing half with grey and a detector would judge that.
"""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from domain.errors import BadInput, Code

MAX_FRAME_BYTES = 2_000_000
"""Largest frame a camera may send (domain.md E.3)."""
MAX_PIXELS = 36_000_000
"""Largest picture that is decoded: a little over 8K."""

_open_picture = Image.open
"""Pillow's own: ultralytics, once imported, puts one in its place that tries to install a package for what it cannot read."""

_START = b"\xff\xd8"
_END = b"\xff\xd9"
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN = 0xDA


def inspect_jpeg(data: bytes, *, max_bytes: int = MAX_FRAME_BYTES, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Check that bytes are a complete JPEG of bearable size, without decoding them.

    Args:
        data: The frame.
        max_bytes: Largest number of bytes.
        max_pixels: Largest number of pixels.

    Returns:
        Width and height in pixels as stored (before any EXIF rotation).

    Raises:
        BadInput: E001, with what is wrong.
    """
    if len(data) > max_bytes:
        raise _refuse(f"{len(data)} bytes, at most {max_bytes} are accepted", "send a smaller or stronger compressed JPEG")
    if not data.startswith(_START):
        raise _refuse("not a JPEG: it does not begin with FF D8", "publish the bare JPEG bytes")
    precision, height, width, rest = _frame_header(data)
    if precision != 8:
        raise _refuse(f"{precision} bits per sample", "send an 8-bit JPEG")
    if not width or not height:
        raise _refuse(f"the declared size is {width} x {height}", "send a picture with pixels")
    if width * height > max_pixels:
        raise _refuse(f"{width} x {height} pixels, at most {max_pixels} pixels are decoded", "send a smaller picture")
    if data.rfind(_END, rest) < 0:
        raise _refuse("the JPEG is cut off: its end marker FF D9 is missing", "send the whole picture")
    return width, height


def decode_jpeg(data: bytes, *, max_bytes: int = MAX_FRAME_BYTES, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a camera's frame.

    Args:
        data: The JPEG.
        max_bytes: Largest number of bytes.
        max_pixels: Largest number of pixels.

    Returns:
        uint8 (H, W, 3), BGR, turned upright as its EXIF data say.

    Raises:
        BadInput: E001, with what is wrong.
    """
    inspect_jpeg(data, max_bytes=max_bytes, max_pixels=max_pixels)
    return _decode(data)


def decode_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture file of any common kind (JPEG, PNG, WebP, BMP, TIFF).

    Args:
        data: The file's bytes.
        max_pixels: Largest number of pixels.

    Returns:
        uint8 (H, W, 3), BGR; grey, 16-bit, CMYK and transparent pictures are converted.

    Raises:
        BadInput: E001, with what is wrong.
    """
    if data.startswith(_START):
        return decode_jpeg(data, max_bytes=len(data), max_pixels=max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is judged below
            width, height = _open_picture(io.BytesIO(data)).size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise _refuse("not a picture that can be read", "give a JPEG or PNG file") from error
    if width * height > max_pixels:
        raise _refuse(f"{width} x {height} pixels, at most {max_pixels} pixels are decoded", "give a smaller picture")
    return _decode(data)


def _decode(data: bytes) -> NDArray[np.uint8]:
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise _refuse("the picture cannot be decoded", "send an undamaged picture") from error
    if image is None or not image.size:
        raise _refuse("the picture cannot be decoded", "send an undamaged picture")
    return image.astype(np.uint8, copy=False)


def _frame_header(data: bytes) -> tuple[int, int, int, int]:
    """Walk the segments up to the frame header (ITU-T T.81, B.2.2).

    Returns:
        Precision in bits, height, width, and the offset behind the header.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if marker in _STANDALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAME_HEADERS and at + 9 <= len(data) and length >= 8:
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            return data[at + 4], height, width, at + 2 + length
        if marker == _SCAN or length < 2:
            break
        at += 2 + length
    raise _refuse("the JPEG has no frame header", "send an undamaged picture")


def _refuse(what: str, hint: str) -> BadInput:
    return BadInput(Code.MALFORMED, what, where="frame", hint=hint)
