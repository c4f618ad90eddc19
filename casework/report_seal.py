"""Seals a report with Ed25519, and tells whether a sealed one is as it was (JSON, HTML or PDF).

Signed is the canonical JSON of the content; a page carries the sealed JSON inside it, and is genuine only if it also shows
exactly what that JSON says: it is drawn again and compared byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from casework.assessment_rating import canonical, digest
from domain.errors import BadInput, Code

ALGORITHM: Final = "Ed25519"
HTML_MARK: Final = re.compile(rb'<script type="application/json" id="sealed">(.*?)</script>', re.DOTALL)
PDF_MARK: Final = re.compile(rb"/Keywords \(sealed:([A-Za-z0-9_=-]+)\)")
_MOST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a check.

    Attributes:
        genuine: the content is as it was signed, and the page shows it.
        problem: what is wrong, if anything.
        key: fingerprint of the key it was signed with.
        known: whether that is this installation's key.
    """

    genuine: bool
    problem: str
    key: str
    known: bool
    content: Mapping[str, Any]


def public_bytes(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """How people tell keys apart."""
    return digest(base64.b64encode(public).decode())[:16]


def seal(content: Mapping[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """The content with its hash and signature, its keys in the order in which whoever reads it back has them."""
    return {
        "content": json.loads(canonical(content)),
        "hash": digest(content),
        "algorithm": ALGORITHM,
        "signature": base64.b64encode(key.sign(canonical(content))).decode(),
        "public_key": base64.b64encode(public_bytes(key.public_key())).decode(),
    }


def embedded(sealed: Mapping[str, Any]) -> str:
    """A sealed report as a PDF carries it."""
    return base64.urlsafe_b64encode(zlib.compress(canonical(sealed), 9)).decode()


def extract(data: bytes) -> tuple[dict[str, Any], str]:
    """The sealed report in a file, and what kind of file it is: ``json``, ``html`` or ``pdf``.

    Raises:
        BadInput: E001 if there is none.
    """
    try:
        if data[:5] == b"%PDF-":
            found = PDF_MARK.search(data)
            raw = b"" if found is None else _inflated(base64.urlsafe_b64decode(found[1]))
            return _object(raw), "pdf"
        page = HTML_MARK.search(data)
        return (_object(page[1]), "html") if page is not None else (_object(data), "json")
    except (ValueError, binascii.Error, zlib.error) as error:
        raise BadInput(Code.MALFORMED, f"there is no sealed report in it: {error}", where="FILE") from None


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _MOST_BYTES)


def _object(raw: bytes) -> dict[str, Any]:
    value = json.loads(raw.decode("utf-8"))
    if not isinstance(value, dict) or not isinstance(value.get("content"), dict):
        raise ValueError("no report")  # noqa: TRY004 - what a decoder raises
    return value


def verify(
    data: bytes, *, trusted: bytes | None = None, draw: Callable[[Mapping[str, Any], str], bytes] | None = None
) -> Verdict:
    """Whether a file is a report as it was sealed.

    Args:
        data: JSON, HTML or PDF.
        trusted: public key of this installation; without one every key is unknown, and that is said.
        draw: draws a sealed report in a kind of file again; without it only the content is checked.

    Raises:
        BadInput: E001 if there is no sealed report in it.
    """
    sealed, kind = extract(data)
    content, public, problem = sealed["content"], b"", ""
    try:
        public = base64.b64decode(str(sealed.get("public_key")), validate=True)
        signature = base64.b64decode(str(sealed.get("signature")), validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, canonical(content))
    except (InvalidSignature, ValueError, TypeError):
        problem = "the signature does not fit the content"
    if not problem and sealed.get("hash") != digest(content):
        problem = "the hash does not fit the content"
    if not problem and trusted is not None and public != trusted:
        problem = "it was signed with another key than this installation's"
    if not problem and kind != "json" and draw is not None and draw(sealed, kind) != data:
        problem = f"the content is genuine, but the {kind} does not show it as this release draws it"
    return Verdict(
        genuine=not problem,
        problem=problem,
        key=fingerprint(public),
        known=trusted is not None and public == trusted,
        content=content,
    )
