"""How much goes into one transaction, so that none holds the others up for long.

A batch that raises hundreds of warnings writes for seconds where one that raises none takes a tenth. Whoever waits for its turn
behind it, a deadline sweep above all, waits that long.
"""

from __future__ import annotations

from typing import Final

LEAST: Final = 200
"""Below it what a transaction costs by itself (the account of a lot is read whole) weighs more than what is in it."""
GROWS_BY: Final = 2.0


class Pace:
    """The size of the next transaction, from how long the last ones took.

    Args:
        target_s: how long one should take.
        most: never more than this.
    """

    def __init__(self, *, target_s: float, most: int) -> None:
        self._target_s, self._most = target_s, most
        self.size = most

    def took(self, count: int, seconds: float) -> None:
        """Learn from a transaction of ``count`` events: too slow shrinks at once, quick grows at most to double."""
        fits = int(min(self._most, count * self._target_s / seconds)) if seconds > 0 else self._most
        if seconds > self._target_s:
            self.size = max(LEAST, min(self.size, fits))
        elif count >= self.size:
            self.size = min(self._most, int(min(fits, self.size * GROWS_BY)))
