"""Evidence media: bytes named by their SHA-256, in a folder or an S3-compatible store.

The name is the proof: what is read is hashed again, and bytes that do not match are refused, never returned.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from domain.errors import ConfigurationError, NotFound, Unavailable
from store.ports import Media

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-f]{64}")
AT_ONCE = 8
"""Files under way at the same time when several are kept."""

_HINT = "file:///absolute/directory or s3://bucket?endpoint=https://host:port"


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def checked_name(sha256: str) -> str:
    """The name, if it can be one; nothing else ever becomes a path.

    Raises:
        NotFound: if it is no SHA-256 in lower-case hex.
    """
    if not _SHA256.fullmatch(sha256):
        raise NotFound(f"{sha256[:80]!r} names no media: 64 lower-case hex digits are needed")
    return sha256


def checked_bytes(data: bytes, sha256: str) -> bytes:
    """The bytes, if they are what their name says.

    Raises:
        NotFound: if they were altered.
    """
    if digest(data) != sha256:
        raise NotFound(f"the stored bytes of {sha256} no longer match their name; restore them from a backup")
    return data


class FolderMedia:
    """``ports.Media`` in a folder, fanned out by the first two hex digits.

    A file appears under its name whole or not at all: written beside, flushed to disk, renamed.

    Args:
        directory: created when first needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, data: bytes, media_type: str) -> str:
        """Keep bytes and return their name; keeping them twice is once. A damaged copy is replaced."""
        del media_type  # the evidence record has it
        sha256 = digest(data)
        path = self._path(sha256)
        try:
            if not self._holds(sha256):
                _write_whole(path, data)
        except OSError as error:
            raise Unavailable(f"the media folder cannot be written: {error}") from error
        return sha256

    def put_all(self, items: Iterable[tuple[bytes, str]]) -> None:
        """Keep several: each as ``put`` does, but the names are flushed once for each directory."""
        wanted = {digest(data): data for data, _ in items}
        try:
            new = [(self._path(name), data) for name, data in wanted.items() if not self._holds(name)]
            if not new:
                return
            directories = list({path.parent for path, _ in new})
            for directory in directories:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with ThreadPoolExecutor(AT_ONCE) as pool:  # the disk flushes together what comes together
                _each(pool, new, lambda item: _write_into(*item))
                _each(pool, [self._directory, *directories], _flush_directory)
        except OSError as error:
            raise Unavailable(f"the media folder cannot be written: {error}") from error

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises NotFound if there are none or they were altered."""
        try:
            return checked_bytes(self._path(checked_name(sha256)).read_bytes(), sha256)
        except FileNotFoundError:
            raise NotFound(f"there is no media {sha256}") from None
        except OSError as error:
            raise Unavailable(f"the media folder cannot be read: {error}") from error

    def has(self, sha256: str) -> bool:
        """Whether there are bytes of that name."""
        return bool(_SHA256.fullmatch(sha256)) and self._path(sha256).is_file()

    def _holds(self, sha256: str) -> bool:
        path = self._path(sha256)
        return path.is_file() and digest(path.read_bytes()) == sha256

    def _path(self, sha256: str) -> Path:
        return self._directory / sha256[:2] / sha256


def _each(pool: ThreadPoolExecutor, items: Sequence[T], effect: Callable[[T], None]) -> None:
    """Every item, each thread its share of them."""

    def share(own: Sequence[T]) -> None:
        for item in own:
            effect(item)

    list(pool.map(share, [items[number::AT_ONCE] for number in range(min(AT_ONCE, len(items)))]))


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_into(path, data)
    for directory in (path.parent, path.parent.parent):  # the names must last as well as the bytes
        _flush_directory(directory)


def _write_into(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; its directory is there."""
    beside = f"{path.parent}/.new-{secrets.token_hex(8)}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(beside, path)  # noqa: PTH105 - a thousand times a second
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_media(url: str) -> Media:
    """Open the media store; nothing is connected before the first use.

    Args:
        url: ``file:///absolute/directory``, or ``s3://bucket/prefix?endpoint=…&region=…``. Credentials are
            ``s3://key:secret@bucket`` (percent-encoded) or what boto3 finds in the environment.

    Raises:
        ConfigurationError: if the URL is neither, or the extra ``s3`` is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return FolderMedia(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.hostname:
        return _open_s3(url)
    # the URL itself is not repeated: it may carry a secret
    raise ConfigurationError("this is no media URL", key="KITCHEN_MEDIA_URL", hint=_HINT)


def _open_s3(url: str) -> Media:
    from store.s3 import S3Media  # noqa: PLC0415 - boto3 is in the extra `s3`

    parts = urlsplit(url)
    known = {"endpoint", "region"}
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := query.keys() - known:
        what = f"{', '.join(sorted(unknown))} is not known in an s3 URL"
        raise ConfigurationError(what, key="KITCHEN_MEDIA_URL", hint=" | ".join(sorted(known)))
    return S3Media(
        parts.hostname or "",
        prefix=unquote(parts.path.strip("/")),
        endpoint=query.get("endpoint"),
        region=query.get("region"),
        key=unquote(parts.username) if parts.username else None,
        secret=unquote(parts.password) if parts.password else None,
    )
