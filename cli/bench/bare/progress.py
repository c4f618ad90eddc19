"""How a bare program says how far it is: READY once, then its count, one line at a time, whenever it has grown."""

from __future__ import annotations

import sys
import threading
import time

EVERY_S = 0.01


class Progress:
    """A count that a thread of its own writes to standard output."""

    def __init__(self) -> None:
        self.count = 0
        threading.Thread(target=self._tell, daemon=True).start()

    def ready(self) -> None:
        """Work may be given."""
        sys.stdout.write("READY\n")
        sys.stdout.flush()

    def _tell(self) -> None:
        told = 0
        while True:
            time.sleep(EVERY_S)
            if (count := self.count) != told:
                told = count
                sys.stdout.write(f"{count}\n")
                sys.stdout.flush()
