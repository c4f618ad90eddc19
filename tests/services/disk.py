"""A file system of a few megabytes, so that a full disk is a real one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import CannotBeHad

_DETACH = 2


@contextmanager
def small_disk(where: Path, mebibytes: int) -> Iterator[Path]:
    """Mount one at an empty directory.

    Raises:
        CannotBeHad: only who may mount can have one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    where.mkdir()
    if libc.mount(b"tmpfs", os.fsencode(where), b"tmpfs", 0, b"size=%dm" % mebibytes) != 0:
        raise CannotBeHad(f"this user may not mount: {os.strerror(ctypes.get_errno())}")
    try:
        yield where
    finally:
        libc.umount2(os.fsencode(where), _DETACH)
