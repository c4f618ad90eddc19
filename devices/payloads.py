"""What stands inside MQTT payloads: signatures of envelopes, the outside of JPEGs, and the metadata of frames.

Nothing here decodes a picture: a frame is judged by its markers alone, so that a hostile one costs the gateway nothing.
A picture's own EXIF date is never read: it is not the frame's time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from domain.errors import BadInput, Code
from domain.time import format_instant, parse_instant

SIGNATURE_PREFIX = "hmac-sha256/"
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_COM, _SOS = 0xFE, 0xDA
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_MARK = b"bright-kitchen "
_METADATA = re.compile(r"captured_at=(\S{1,40})(?: seq=(\d{1,19}))?")


def canonical(envelope: Mapping[str, Any]) -> bytes:
    """The RFC 8785 form of an envelope without its ``sig``: what a signature covers (domain.md E.2).

    Raises:
        BadInput: E021 if the envelope has none (an integer beyond 2^53, a lone surrogate).
    """
    try:
        return rfc8785.dumps({key: value for key, value in envelope.items() if key != "sig"})
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeEncodeError) as error:
        raise BadInput(Code.SIGNATURE_WRONG, f"no canonical form: {error}", where="envelope") from None


def signature(envelope: Mapping[str, Any], key: bytes) -> str:
    """The value of ``sig``: ``hmac-sha256/`` and base64."""
    return SIGNATURE_PREFIX + base64.b64encode(hmac.digest(key, canonical(envelope), hashlib.sha256)).decode()


def signed(envelope: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """A copy of the envelope with its ``sig``."""
    return {**envelope, "sig": signature(envelope, key)}


def verify(envelope: Mapping[str, Any], key: bytes) -> None:
    """Check the signature of a device that has a key; bare base64 without the prefix is accepted too.

    Raises:
        BadInput: E021 if it is missing or wrong.
    """
    said = envelope.get("sig")
    if not isinstance(said, str):
        raise BadInput(Code.SIGNATURE_WRONG, "this device must sign", where="sig", hint="send hmac-sha256/… over RFC 8785")
    try:
        given = base64.b64decode(said.removeprefix(SIGNATURE_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(Code.SIGNATURE_WRONG, "not base64", where="sig") from None
    if not hmac.compare_digest(given, hmac.digest(key, canonical(envelope), hashlib.sha256)):
        raise BadInput(Code.SIGNATURE_WRONG, "the signature does not match", where="sig", hint="check the device's key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a JPEG's markers say: size in pixels and its comments in order."""

    width: int
    height: int
    comments: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMetadata:
    """When a frame was taken by the camera's clock, and its number; None where nobody said."""

    captured_at: datetime | None = None
    seq: int | None = None


def _no_jpeg(what: str) -> BadInput:
    return BadInput(Code.MALFORMED, what, where="frame", hint="publish one whole baseline or progressive JPEG")


def read_jpeg(data: bytes, *, most_bytes: int, most_pixels: int) -> Picture:
    """Check a frame from its markers, without decoding.

    Args:
        data: the payload.
        most_bytes: largest payload taken.
        most_pixels: largest width × height taken.

    Raises:
        BadInput: E001 if it is too large, no JPEG, or cut off.
    """
    if len(data) > most_bytes:
        raise BadInput(Code.MALFORMED, f"{len(data)} bytes, more than {most_bytes}", where="frame", hint="send it smaller")
    if not data.startswith(_SOI):
        raise _no_jpeg("it does not begin as a JPEG")
    if not data[-64:].rstrip(b"\x00\r\n").endswith(_EOI):
        raise _no_jpeg("the JPEG is cut off: it has no end marker")
    picture = _read_segments(data)
    if not picture.width or not picture.height:
        raise _no_jpeg("the JPEG has no width or height")
    if picture.width * picture.height > most_pixels:
        raise BadInput(Code.MALFORMED, f"{picture.width}×{picture.height} pixels, more than {most_pixels}", where="frame")
    return picture


def _read_segments(data: bytes) -> Picture:
    at = 2
    size: tuple[int, int] | None = None
    comments: list[bytes] = []
    while True:
        if data[at : at + 1] != b"\xff":
            raise _no_jpeg("a JPEG marker is missing")
        while data[at : at + 1] == b"\xff":
            at += 1
        marker = data[at] if at < len(data) else 0xD9
        at += 1
        if marker in _ALONE:
            continue
        segment = _segment(data, at, marker)
        if marker in _SOF and size is None:
            if len(segment) < 6:
                raise _no_jpeg("the JPEG's frame header is wrong")
            size = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
        elif marker == _COM:
            comments.append(segment)
        elif marker == _SOS:
            if size is None:
                raise _no_jpeg("the JPEG has no frame header")
            return Picture(width=size[0], height=size[1], comments=tuple(comments))
        at += len(segment) + 2


def _segment(data: bytes, at: int, marker: int) -> bytes:
    length = int.from_bytes(data[at : at + 2], "big")
    if marker == 0xD9 or length < 2 or at + length > len(data):
        raise _no_jpeg("a JPEG segment is cut off")
    return data[at + 2 : at + length]


def frame_properties(captured_at: datetime, seq: int) -> dict[str, str]:
    """The MQTT 5 user properties of a frame."""
    return {"captured_at": format_instant(captured_at), "seq": str(seq)}


def mark_frame(jpeg: bytes, captured_at: datetime, seq: int) -> bytes:
    """Write the metadata into one comment segment right after SOI, for MQTT 3.1.1, which has no properties.

    Raises:
        BadInput: E001 if it is no JPEG.
    """
    if not jpeg.startswith(_SOI):
        raise _no_jpeg("it does not begin as a JPEG")
    text = _MARK + f"captured_at={format_instant(captured_at)} seq={seq}".encode("ascii")
    return _SOI + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def frame_metadata(picture: Picture, properties: Mapping[str, str]) -> FrameMetadata:
    """Read a frame's metadata: user properties first, then our own comment segment.

    Raises:
        BadInput: E003 or E043 if they are there and cannot be read.
    """
    captured_at, seq = properties.get("captured_at"), properties.get("seq")
    if captured_at is None and picture.comments and picture.comments[0].startswith(_MARK):
        match = _METADATA.fullmatch(picture.comments[0].removeprefix(_MARK).decode("ascii", "replace"))
        if match is None:
            raise BadInput(Code.FIELD, "the frame's comment cannot be read", where="frame")
        captured_at, seq = match[1], match[2]
    if seq is not None and not re.fullmatch(r"\d{1,19}", seq):
        raise BadInput(Code.FIELD, "a whole number ≥ 0 is required", where="seq")
    return FrameMetadata(
        captured_at=None if captured_at is None else parse_instant(captured_at, "captured_at"),
        seq=None if seq is None else int(seq),
    )
