"""Turns of threads at something that one at a time may have: who asked first comes first.

``threading.Lock`` gives itself to whoever happens to run. A thread that writes batch after batch would take it again and again,
and a deadline sweep beside it could wait for seconds.
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock that is given in the order in which it was asked for."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def acquire(self, timeout_s: float) -> bool:
        """Wait for one's turn; False if it did not come in time."""
        with self._mutex:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(timeout_s):
            return True
        with self._mutex:
            if mine.is_set():  # it came in the last moment, and is ours to give back
                return True
            self._waiting.remove(mine)
            return False

    def release(self) -> None:
        """Give it to who has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
