"""Evidence photos from outside: what may come in, and what is kept of it.

A photo is decoded and written anew as JPEG: whatever rode along in the file (position, serial numbers, hidden bytes) stays
outside. The original is known afterwards only by its SHA-256 and the time it claims for itself, which proves nothing alone.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from PIL import Image, ImageOps, UnidentifiedImageError

from domain.errors import BadInput, Code
from domain.time import SHANGHAI

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000
LONGEST_SIDE = 2560
QUALITY = 85
MEDIA_TYPE = "image/jpeg"

_EXIF_IFD = 0x8769
_TAKEN = 0x9003  # DateTimeOriginal
_OFFSET = 0x9011  # OffsetTimeOriginal


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo as it was uploaded; ``media_type`` is the sender's claim and decides nothing."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a photo: a clean JPEG, and what the original was."""

    data: bytes
    original_sha256: str
    taken_at: datetime | None
    media_type: str = MEDIA_TYPE


def refused(what: str, hint: str = "send a JPEG, PNG or WebP photo of at most 10 MB") -> BadInput:
    """The error every bad photo ends in (E001)."""
    return BadInput(Code.MALFORMED, what, where="photos", hint=hint)


def keep(photo: Photo) -> Kept:
    """Check a photo and write it anew without its metadata.

    Args:
        photo: the bytes from outside.

    Returns:
        The JPEG to store, upright, at most 2560 pixels long, with the original's hash and claimed time.

    Raises:
        BadInput: E001 if it is too large, of another format, broken, or a decompression bomb.
    """
    if not 0 < len(photo.data) <= MAX_BYTES:
        raise refused(f"{len(photo.data)} bytes, not 1 to {MAX_BYTES}")
    try:
        with Image.open(io.BytesIO(photo.data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:  # before a single pixel is decoded
                raise refused(f"{image.width} × {image.height} pixels, more than {MAX_PIXELS}")
            taken_at = _taken_at(image)
            data = _clean_jpeg(image)
    except UnidentifiedImageError:
        raise refused("not a photo of a known format") from None
    except Image.DecompressionBombError:
        raise refused("too many pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise refused(f"the photo cannot be read ({type(error).__name__})") from None
    return Kept(data=data, original_sha256=hashlib.sha256(photo.data).hexdigest(), taken_at=taken_at)


def _clean_jpeg(image: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("RGBA", "LA", "P", "PA"):
        layered = upright.convert("RGBA")
        flat = Image.new("RGB", layered.size, "white")
        flat.paste(layered, mask=layered.getchannel("A"))
    else:
        flat = upright.convert("RGB")
    flat.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    pixels = Image.frombytes("RGB", flat.size, flat.tobytes())  # nothing but pixels goes on: no EXIF, ICC, XMP, comment
    out = io.BytesIO()
    pixels.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _taken_at(image: Image.Image) -> datetime | None:
    """The time the photo claims for itself; without an offset it is read on Shanghai's clock."""
    exif = image.getexif().get_ifd(_EXIF_IFD)
    try:
        naive = datetime.strptime(str(exif[_TAKEN]).strip("\x00 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - offset follows
        return naive.replace(tzinfo=_offset(str(exif.get(_OFFSET, ""))))
    except (KeyError, ValueError):
        return None


def _offset(text: str) -> timezone:
    try:
        parsed = datetime.strptime(text.strip("\x00 "), "%z").utcoffset()
    except ValueError:
        return SHANGHAI
    return timezone(parsed or timedelta())
