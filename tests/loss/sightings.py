"""When a lot became known: the sweep can judge a lot from then on, however early its device told of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from tests.loss import records

LOOK_EVERY_S = 0.3
AROUND = timedelta(seconds=90)


class Sightings:
    """Looks into the database again and again; use as a context manager."""

    def __init__(self, url: str, clock: Callable[[], datetime]) -> None:
        self._engine, self._clock = records.connected(url), clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="sightings", daemon=True)
        self.known_at: dict[tuple[str, str], datetime] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._engine.dispose()

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            with suppress(SQLAlchemyError):
                now = self._clock()
                for key in records.lots(self._engine, now - AROUND, now + AROUND):
                    self.known_at.setdefault(key, self._clock())
