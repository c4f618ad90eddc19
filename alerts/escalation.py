"""Chains of escalation: which one a warning gets when it is raised, and which of its steps are due.

A step waits from the raising for something to come; once that has come the step is not taken, whatever happens later. So
acknowledging, which changes the warning's state, ends the steps that wait for it in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.escalation import Escalation, QuietHours, Step, Until
from domain.rules import Level
from domain.warnings import State, Warning

UNDELIVERED_WITHIN = timedelta(minutes=30)
"""At the latest so long after the raising somebody is told that a red warning has reached no merchant (D.1)."""

_UNACKNOWLEDGED = frozenset({State.RAISED, State.NOTIFIED})
_UNSUBMITTED = _UNACKNOWLEDGED | {State.ACKNOWLEDGED, State.RECTIFYING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain of ``configs/escalations.yaml``. An empty filter means "no restriction".

    Attributes:
        levels, rules, region: which warnings it is for; ``region`` is a prefix.
        quiet: hours in which steps of warnings that are not red wait.
    """

    name: str
    steps: tuple[Step, ...]
    levels: frozenset[Level] = frozenset()
    rules: frozenset[str] = frozenset()
    region: str = ""
    quiet: QuietHours | None = None

    def concerns(self, *, level: Level, rule: str, region: str) -> bool:
        """Whether a warning gets this chain."""
        asked = (not self.levels or level in self.levels) and (not self.rules or rule in self.rules)
        return asked and region.startswith(self.region)

    def tells_undelivered(self) -> bool:
        """Whether somebody is told in good time that a warning has reached no merchant."""
        return any(step.until is Until.DELIVERED and step.after <= UNDELIVERED_WITHIN for step in self.steps)


def begun(warning: Warning, chains: Iterable[Chain]) -> Warning:
    """The warning with the first chain that concerns it, counted from its raising; unchanged if there is none."""
    for chain in chains:
        if chain.concerns(level=warning.level, rule=warning.rule, region=warning.region):
            running = Escalation(chain=chain.name, steps=chain.steps, started_at=warning.raised_at, quiet=chain.quiet)
            return replace(warning, escalation=running)
    return warning


def waiting(warning: Warning) -> tuple[tuple[datetime, int], ...]:
    """The steps not taken yet and not needless: when each is due, and its number."""
    running = warning.escalation
    if running is None or not warning.is_open:
        return ()
    return tuple(
        (_due_at(warning, running, step), number)
        for number, step in enumerate(running.steps)
        if number not in running.done and awaits(warning, step.until)
    )


def due_steps(warning: Warning, now: datetime) -> tuple[int, ...]:
    """Numbers of the steps due, in order of their instants."""
    return tuple(number for at, number in sorted(waiting(warning)) if at <= now)


def overdue_delivery(warning: Warning) -> int | None:
    """The next step that says that the merchant was not reached, whether due or not; None if there is none left, or no need."""
    running = warning.escalation
    steps = () if running is None else running.steps
    return next((number for _, number in sorted(waiting(warning)) if steps[number].until is Until.DELIVERED), None)


def taken(warning: Warning, numbers: Iterable[int]) -> Warning:
    """The warning with these steps taken; the version stays, for whoever saves it counts it."""
    running = warning.escalation
    if running is None:
        return warning
    return replace(warning, escalation=replace(running, done=tuple(sorted({*running.done, *numbers}))))


def _due_at(warning: Warning, running: Escalation, step: Step) -> datetime:
    at = running.started_at + step.after
    return at if warning.level is Level.RED or running.quiet is None else running.quiet.over_at(at)


def awaits(warning: Warning, until: Until) -> bool:
    """Whether something has not come yet; of an ended warning nothing is awaited."""
    if not warning.is_open:
        return False
    if until is Until.DELIVERED:
        return warning.notified_at is None
    if until is Until.ACKNOWLEDGED:
        return warning.state in _UNACKNOWLEDGED
    return until is Until.CLOSED or warning.state in _UNSUBMITTED
