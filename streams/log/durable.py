"""Small files that a crash leaves whole or as they were before, and names that are on disk.

The rule to know: a new or renamed file is only there after a power cut once its *directory* was synced too.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, Final

from crc32c import crc32c

PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE})
"""What ends by itself once there is room again; any other failure of a write says that the disk cannot be trusted."""
_CHECKSUM_BYTES = 4


def sync_directory(directory: Path) -> None:
    """Put the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file so that a crash leaves the old or the new one, never a mixture."""
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)  # on a full disk it would take the room of what comes next
        raise
    sync_directory(path.parent)


def write_at(descriptor: int, content: bytes | bytearray | memoryview, position: int) -> None:
    """Write all of it; a disk that takes a part only says why at the next try.

    Raises:
        OSError: nothing behind ``position`` counts.
    """
    written = 0
    with memoryview(content) as view:
        while written < len(content):
            written += os.pwrite(descriptor, view[written:], position + written)


def checked(content: bytes) -> bytes:
    """Content with its checksum behind it."""
    return content + crc32c(content).to_bytes(_CHECKSUM_BYTES, "big")


def read_checked(path: Path) -> bytes | None:
    """What ``checked`` wrote, without the checksum.

    Returns:
        None if there is no such file or if its checksum does not hold.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    body, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    return body if len(content) > _CHECKSUM_BYTES and crc32c(body) == int.from_bytes(checksum, "big") else None


def read_checked_json(path: Path) -> Any:
    """A JSON value from a checked file, or None."""
    body = read_checked(path)
    return None if body is None else json.loads(body)
