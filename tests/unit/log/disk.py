"""A disk whose power can be cut: what was synced stays, of everything else any part may be lost, kept or damaged.

A process on it can also be killed: everything written is there for the next one, but no safer than it was.

The rule to know: bytes and names are two things. A file's bytes are safe after an fsync of the file, its name after an
fsync of the directory; a rename or deletion that was not synced may have happened or not, each name for itself.
"""

from __future__ import annotations

import os
import random
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Names = dict[str, int]


class Disk:
    """Everything below one directory, from now on.

    Args:
        root: the directory; what is in it now counts as synced.
        shadow: an empty directory on the same file system, where deleted files live on that may come back.
    """

    def __init__(self, root: Path, shadow: Path) -> None:
        self.root = root
        self.before_step: Callable[[], None] | None = None
        """Called before each sync, rename, deletion and opening, with everything else held."""
        self._shadow = shadow
        self._held = threading.RLock()
        self._bytes: dict[int, bytes] = {}
        self._names: dict[Path, Names] = {}
        for directory, _, files in os.walk(root):
            self._note_names(Path(directory))
            for name in files:
                path = Path(directory) / name
                self._note_bytes(path.stat().st_ino, path.read_bytes())

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Watch what this process syncs, renames and deletes."""
        patch.setattr(os, "fsync", self._synced)
        patch.setattr(os, "fdatasync", self._synced)
        for name in ("rename", "replace", "unlink", "rmdir", "open"):
            patch.setattr(os, name, self._frozen(getattr(os, name)))

    def cut(self, target: Path, dice: random.Random) -> None:
        """Write to ``target`` what a power cut at this moment may leave."""
        with self._held:
            self._leave(self.root, target, dice)

    def kill(self, target: Path, shadow: Path) -> Disk:
        """What a process that begins after a kill at this moment finds: every byte and name, and only what was synced is safe.

        Args:
            target: where it finds them; not there yet.
            shadow: as for a new disk, empty.
        """
        with self._held:
            left = Disk(target, shadow)
            moved: dict[int, int] = {}
            self._move(self.root, target, shadow, moved)
            for number, content in self._bytes.items():
                if number not in moved:  # deleted, but perhaps not for good
                    again = shadow / f"moving{number}"
                    lives = self._shadow / str(number)
                    again.write_bytes(lives.read_bytes() if lives.exists() else content)
                    moved[number] = again.stat().st_ino
                    again.rename(shadow / str(moved[number]))
                left._bytes[moved[number]] = content
            for directory, names in self._names.items():
                here = target / directory.relative_to(self.root)
                # one that is known by name only never had a byte synced
                left._names[here] = {name: moved.get(number, -number) for name, number in names.items()}
            return left

    def _move(self, directory: Path, target: Path, shadow: Path, moved: dict[int, int]) -> None:
        target.mkdir()
        for name, number in _names_in(directory).items():
            if (directory / name).is_dir():
                self._move(directory / name, target / name, shadow, moved)
                moved[number] = (target / name).stat().st_ino
            else:
                (target / name).write_bytes((directory / name).read_bytes())
                moved[number] = (target / name).stat().st_ino
                os.link(target / name, shadow / str(moved[number]))

    def _leave(self, directory: Path, target: Path, dice: random.Random) -> None:
        target.mkdir()
        safe, present = self._names.get(directory, {}), _names_in(directory)
        for name in sorted({*safe, *present}):
            numbers = [each.get(name) for each in (safe, present)]
            number = dice.choice(numbers)
            if number is None:
                continue
            path = directory / name
            if path.is_dir() or path in self._names:
                self._leave(path, target / name, dice)
            else:
                (target / name).write_bytes(self._left(number, path if present.get(name) == number else None, dice))

    def _left(self, number: int, path: Path | None, dice: random.Random) -> bytes:
        safe = self._bytes.get(number, b"")
        lives = self._shadow / str(number)
        written = path.read_bytes() if path is not None else lives.read_bytes() if lives.exists() else safe
        if not written.startswith(safe):
            return dice.choice([safe, written, written[: dice.randint(0, len(written))]])
        left = bytearray(written[: dice.randint(len(safe), len(written))])
        if len(left) > len(safe) and dice.random() < 0.5:
            start = dice.randrange(len(safe), len(left))
            match dice.randrange(3):
                case 0:
                    left[start] ^= 1 << dice.randrange(8)
                case 1:  # a block that never arrived
                    end = dice.randint(start, len(left))
                    left[start:end] = bytes(end - start)
                case _:
                    left[start:] = dice.randbytes(len(left) - start)
        return bytes(left)

    def _synced(self, descriptor: int) -> None:
        with self._held:
            self._step()
            handle, status = Path(f"/proc/self/fd/{descriptor}"), os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                self._note_names(handle.readlink())
            else:
                self._note_bytes(status.st_ino, handle.read_bytes())
                self._keep_alive(handle.readlink(), status.st_ino)

    def _note_bytes(self, number: int, content: bytes) -> None:
        self._bytes[number] = content

    def _note_names(self, directory: Path) -> None:
        self._names[directory] = _names_in(directory)
        for name, number in self._names[directory].items():
            self._keep_alive(directory / name, number)

    def _keep_alive(self, path: Path, number: int) -> None:
        """A deleted file's number must not be given to another one, and its bytes may come back."""
        lives = self._shadow / str(number)
        if path.is_file() and not lives.exists():
            os.link(path, lives)

    def _frozen(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            with self._held:
                self._step()
                return real(*args, **named)

        return call

    def _step(self) -> None:
        begin, self.before_step = self.before_step, None  # what it does itself is no step
        if begin is not None:
            begin()
            self.before_step = begin


def _names_in(directory: Path) -> Names:
    if not directory.is_dir():
        return {}
    with os.scandir(directory) as entries:
        return {entry.name: entry.inode() for entry in entries}
