"""A month's objection window has opened: every merchant of the run is told once, with the way to its result (domain.md D.8, C.2).

Told in pieces, each in a transaction of its own that also remembers the piece: a process that is killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from casework.consequences import telling
from casework.desk import Work
from domain.parties import SYSTEM
from store.assessments import Run, RunState

AT_ONCE = 200

Do = Callable[[Callable[[Work], str]], str]
"""Carries an effect out in a transaction of its own."""


def name_of(run: Run) -> str:
    """What the sweep calls the telling of a run."""
    return f"window/{run.id}"


def is_open(run: Run, now: datetime) -> bool:
    """Whether merchants may object to a run's results now."""
    return run.state is RunState.OBJECTION_WINDOW and now < run.objection_until


def announce(do: Do, run: Run, now: datetime) -> None:
    """Tell every merchant of a run that has not been told."""
    after = ""
    while True:
        last = do(lambda work, after=after: _piece(work, run, after, now))  # type: ignore[misc]
        if not last:
            return
        after = last


def _piece(work: Work, run: Run, after: str, now: datetime) -> str:
    """Tell some merchants, unless they were told; the last of them, empty if there were none."""
    found = [result.uscc for result in work.uow.assessments.results(run.id, after=after, limit=AT_ONCE)]
    if not found:
        return ""
    if work.uow.registers.tokens.claim(SYSTEM.id, f"{name_of(run)}/{after}", found[-1], now) is None:
        work.expect(found)
        for uscc in found:
            merchant = work.tray.merchants[uscc]
            if merchant is not None:
                telling.tell_of_month(work, merchant, run, now)
    return found[-1]
