"""Event ids accepted a moment ago: they are in the log but casework may not have stored them yet.

Bounded and in memory: it only makes the answer to a quick repetition right (E030, E031); casework decides what is stored.
"""

from __future__ import annotations

from collections import OrderedDict


class Recent:
    """The last accepted event ids with the hash of their content."""

    def __init__(self, size: int = 20_000) -> None:
        self._size = size
        self._hashes: OrderedDict[str, str] = OrderedDict()

    def known(self, event_id: str) -> str | None:
        """The content hash accepted under this id, if it was lately."""
        return self._hashes.get(event_id)

    def add(self, event_id: str, content_hash: str) -> None:
        """Remember one."""
        self._hashes[event_id] = content_hash
        if len(self._hashes) > self._size:
            self._hashes.popitem(last=False)
