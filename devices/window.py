"""Messages of one connection that are not acknowledged yet.

MQTT wants acknowledgements in the order the messages came (MQTT-4.6.0-2), while their records may be written in any order:
a finished message waits here for those before it.
"""

from __future__ import annotations


class Window:
    """Unacknowledged packet ids in order of arrival, of one connection at a time."""

    def __init__(self) -> None:
        self._generation = 0
        self._finished: dict[int, bool] = {}

    def __len__(self) -> int:
        return len(self._finished)

    def begin(self, generation: int, mid: int) -> bool:
        """A message arrived; False if it is already in hand (the broker lost patience and sent it again)."""
        if generation != self._generation:
            self._generation, self._finished = generation, {}
        if mid in self._finished:
            return False
        self._finished[mid] = False
        return True

    def finish(self, generation: int, mid: int) -> list[int]:
        """A message's records are safe; returns the packet ids that may be acknowledged now, in order."""
        if generation != self._generation or mid not in self._finished:
            return []
        self._finished[mid] = True
        ready: list[int] = []
        for held, finished in self._finished.items():
            if not finished:
                break
            ready.append(held)
        for held in ready:
            del self._finished[held]
        return ready
