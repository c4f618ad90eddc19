"""Photos from outside: what is let in and what is kept of it."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from datetime import UTC, datetime

import pytest
from PIL import Image

from casework.photos import MAX_BYTES, Photo, keep
from domain.errors import BadInput, Code


def _bytes(image: Image.Image, format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def _with_exif(*, offset: str | None) -> bytes:
    image = Image.new("RGB", (60, 40), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010F] = "SpyPhone"
    details = exif.get_ifd(0x8769)
    details[0x9003] = "2026:11:20 11:02:33"
    if offset is not None:
        details[0x9011] = offset
    gps = exif.get_ifd(0x8825)
    gps[1] = "N"
    return _bytes(image, "JPEG", exif=exif, comment=b"secret")


def test_what_is_kept_has_no_metadata_and_stands_upright() -> None:
    original = _with_exif(offset="+08:00")
    kept = keep(Photo(data=original, media_type="image/jpeg"))
    clean = Image.open(io.BytesIO(kept.data))
    assert clean.size == (40, 60)
    assert not clean.getexif()
    assert not {"exif", "comment", "icc_profile", "xmp"} & set(clean.info)
    assert b"SpyPhone" not in kept.data
    assert kept.original_sha256 == hashlib.sha256(original).hexdigest()


@pytest.mark.parametrize(
    ("offset", "taken_at"),
    [
        ("+08:00", datetime(2026, 11, 20, 3, 2, 33, tzinfo=UTC)),
        ("+00:00", datetime(2026, 11, 20, 11, 2, 33, tzinfo=UTC)),
        (None, datetime(2026, 11, 20, 3, 2, 33, tzinfo=UTC)),
        ("nonsense", datetime(2026, 11, 20, 3, 2, 33, tzinfo=UTC)),
    ],
    ids=["Shanghai", "UTC", "no offset is Shanghai", "an unreadable offset is none"],
)
def test_the_time_a_photo_claims_is_kept(offset: str | None, taken_at: datetime) -> None:
    assert keep(Photo(data=_with_exif(offset=offset), media_type="image/jpeg")).taken_at == taken_at


def test_a_photo_without_a_time_claims_none() -> None:
    assert keep(Photo(data=_bytes(Image.new("L", (5, 5)), "JPEG"), media_type="")).taken_at is None


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_three_formats_become_jpeg(format_: str, mode: str) -> None:
    kept = keep(Photo(data=_bytes(Image.new(mode, (30, 20)), format_), media_type="text/html"))
    assert Image.open(io.BytesIO(kept.data)).format == "JPEG"
    assert kept.media_type == "image/jpeg"


def test_what_is_transparent_becomes_white() -> None:
    kept = keep(Photo(data=_bytes(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG"), media_type="image/png"))
    assert Image.open(io.BytesIO(kept.data)).getpixel((4, 4)) == (255, 255, 255)


def test_a_large_photo_is_made_smaller() -> None:
    kept = keep(Photo(data=_bytes(Image.new("RGB", (5000, 100)), "PNG"), media_type="image/png"))
    assert Image.open(io.BytesIO(kept.data)).size == (2560, 51)


def _bomb(side: int) -> bytes:
    """A PNG of a few bytes that claims to be a huge picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        _bytes(Image.new("RGB", (5, 5)), "GIF"),
        _bytes(Image.new("RGB", (5, 5)), "TIFF"),
        _bytes(Image.new("RGB", (64, 64)), "JPEG")[:200],
        _bomb(8_000),
        _bomb(60_000),
        b"\xff\xd8" + b"0" * MAX_BYTES,
    ],
    ids=["nothing", "text", "SVG", "GIF", "TIFF", "torn", "64 Mpixel", "3.6 Gpixel", "over 10 MB"],
)
def test_everything_else_is_refused_as_e001(data: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        keep(Photo(data=data, media_type="image/jpeg"))
    assert refused.value.code is Code.MALFORMED
