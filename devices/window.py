"""Messages of one connection that are not acknowledged yet.

MQTT wants acknowledgements in the order the messages came (MQTT-4.6.0-2), while their records may be written in any order:
a finished message waits here for those before it. A packet id alone does not name a message: a broker that was killed and
started again may give one id to two, so the content counts too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Held:
    """One message in hand: its packet id, what it says, and whether its records are safe."""

    mid: int
    content: tuple[str, bytes]
    finished: bool = False


class Window:
    """Unacknowledged messages in order of arrival, of one connection at a time."""

    def __init__(self) -> None:
        self._generation = 0
        self._held: dict[int, Held] = {}
        self._of_mid: dict[int, list[Held]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, generation: int, mid: int, topic: str, payload: bytes) -> Held | None:
        """A message arrived; None if it is already in hand (the broker lost patience and sent it again)."""
        if generation != self._generation:
            self._generation, self._held, self._of_mid = generation, {}, {}
        content = (topic, payload)
        same = self._of_mid.setdefault(mid, [])
        if any(held.content == content for held in same):
            return None
        held = Held(mid, content)
        self._held[id(held)] = held
        same.append(held)
        return held

    def finish(self, generation: int, held: Held) -> list[int]:
        """A message's records are safe; returns the packet ids that may be acknowledged now, in order."""
        held.finished = True
        if generation != self._generation or id(held) not in self._held:
            return []
        ready: list[Held] = []
        for waiting in self._held.values():
            if not waiting.finished:
                break
            ready.append(waiting)
        for done in ready:
            del self._held[id(done)]
            self._of_mid[done.mid].remove(done)
            if not self._of_mid[done.mid]:
                del self._of_mid[done.mid]
        return [done.mid for done in ready]
