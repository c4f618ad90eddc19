"""What was told to the product from outside and what it acknowledged: one side of the loss table.

A fact is acknowledged when the other end said so (PUBACK, 2xx), never when it was sent; only what is acknowledged can be lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Row(StrEnum):
    """The kinds of fact and effect, in the order of the table."""

    OBSERVATION = "observations"
    SALE = "sales"
    BATCH = "batch upserts"
    STOCK = "stock of lots after sales"
    RAISED = "expired lots → warnings"
    EXPIRY = "lots expiring → warnings"
    FINDING = "camera findings"
    SUBMISSION = "submissions over HTTP"
    VERIFICATION = "verifications over HTTP"
    DEADLINE = "deadline steps"
    DEDUCTION = "deductions"
    EVENT = "events to the log"
    NOTICE = "notifications"


class Client(StrEnum):
    """Who told it."""

    FOREIGN = "foreign MQTT client that resends what had no PUBACK"
    EDGE = "edge publisher"
    HTTP = "HTTP client that repeats under the same id"
    INSIDE = "the product itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing told.

    Attributes:
        id: event id of an observation; token of a submission; id of the warning that was verified.
        expires_at: of a batch that is expired or will expire during the run; None for goods that keep.
        qty_g: of a batch; ``net_g`` of a sale.
    """

    row: Row
    client: Client
    id: str
    uscc: str
    published_at: datetime
    acknowledged_at: datetime | None = None
    lot: str = ""
    expires_at: datetime | None = None
    grams: int = 0
    warning_id: str = ""


class Ledger:
    """Facts by id; threads may share it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._facts: dict[str, Fact] = {}

    def publish(self, fact: Fact) -> None:
        """Note that something was told; before it is sent."""
        with self._lock:
            self._facts[fact.id] = fact

    def acknowledge(self, fact_id: str) -> None:
        """Note that the other end took it; the first time counts."""
        with self._lock:
            fact = self._facts[fact_id]
            if fact.acknowledged_at is None:
                self._facts[fact_id] = replace(fact, acknowledged_at=self._clock())

    def facts(self) -> list[Fact]:
        """Everything told so far."""
        with self._lock:
            return list(self._facts.values())

    def counts(self) -> tuple[int, int]:
        """Published, acknowledged."""
        facts = self.facts()
        return len(facts), sum(fact.acknowledged_at is not None for fact in facts)
