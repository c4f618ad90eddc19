"""Escalation: who else is told when a warning does not move, as it was laid down when the warning was raised.

A running chain is a value of its warning: what is edited afterwards holds for warnings raised afterwards. Quiet hours put off
steps of ordinary warnings; a red warning knows none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from domain.parties import Role
from domain.time import local


class Until(StrEnum):
    """What a step waits for: once it has come, the step is not taken."""

    DELIVERED = "delivered"  # the merchant was told
    ACKNOWLEDGED = "acknowledged"
    SUBMITTED = "submitted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Hours of Shanghai's clock in which what can wait is not told; ``ends`` earlier than ``begins`` runs over midnight."""

    begins: time
    ends: time

    def over_at(self, at: datetime) -> datetime:
        """The first instant at or after ``at`` that is not quiet."""
        here = local(at)
        clock = here.time()
        overnight = self.ends <= self.begins
        if overnight and clock >= self.begins:
            return datetime.combine(here.date() + timedelta(days=1), self.ends, here.tzinfo)
        begun = overnight or clock >= self.begins
        return datetime.combine(here.date(), self.ends, here.tzinfo) if begun and clock < self.ends else at


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a chain.

    Attributes:
        after: from the raising of the warning, or its reopening.
        until: what makes it needless.
        roles: who is told, as far as they may see the merchant.
        channels: how they are told: channels that go to persons.
        routes: names of further routes whose address is told, such as a robot's.
    """

    after: timedelta
    until: Until
    roles: tuple[Role, ...] = ()
    channels: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "after_s": self.after.total_seconds(),
            "until": self.until.value,
            "roles": [role.value for role in self.roles],
            "channels": list(self.channels),
            "routes": list(self.routes),
        }

    @classmethod
    def from_wire(cls, plain: Mapping[str, Any]) -> Step:
        """From the JSON form."""
        return cls(
            after=timedelta(seconds=plain["after_s"]),
            until=Until(plain["until"]),
            roles=tuple(Role(role) for role in plain["roles"]),
            channels=tuple(plain["channels"]),
            routes=tuple(plain["routes"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """A running chain.

    Attributes:
        chain: its name in the configuration of that day.
        started_at: what its steps are counted from.
        done: numbers of the steps taken.
    """

    chain: str
    steps: tuple[Step, ...]
    started_at: datetime
    quiet: QuietHours | None = None
    done: tuple[int, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """JSON form."""
        quiet = None if self.quiet is None else [self.quiet.begins.isoformat(), self.quiet.ends.isoformat()]
        return {
            "chain": self.chain,
            "started_at": self.started_at.isoformat(),
            "quiet": quiet,
            "done": list(self.done),
            "steps": [step.to_wire() for step in self.steps],
        }

    @classmethod
    def from_wire(cls, plain: Mapping[str, Any]) -> Escalation:
        """From the JSON form."""
        quiet = plain["quiet"]
        return cls(
            chain=plain["chain"],
            steps=tuple(Step.from_wire(step) for step in plain["steps"]),
            started_at=datetime.fromisoformat(plain["started_at"]),
            quiet=None if quiet is None else QuietHours(begins=time.fromisoformat(quiet[0]), ends=time.fromisoformat(quiet[1])),
            done=tuple(plain["done"]),
        )
