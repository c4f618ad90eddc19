"""Deductions: entries of the ledger, higher score = better credit (domain.md section 0.3, C.4, D.9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class DeductionState(StrEnum):
    """States of a deduction (D.9)."""

    PROPOSED = "proposed"
    OBJECTED = "objected"
    FINAL = "final"
    WITHDRAWN = "withdrawn"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """One entry of the ledger.

    Attributes:
        key: idempotency: scheme|uscc|rule_code|subject_key|period (F.1); unique.
        points: what is charged, ≥ 0, after repeat factor, overdue part, waiver and cap.
        month: Shanghai month of the warning's ``raised_at``.
        ordinal: which confirmed occurrence of the code in the month this is (n in C.4).
        components: how the points came about, as strings: base, repeat, overdue, waived, capped.
        objection_until: end of the objection window; not final before it.
    """

    id: str
    key: str
    scheme: str
    uscc: str
    warning_id: str
    violation_code: str
    incident_id: str
    points: Decimal
    state: DeductionState
    month: str
    ordinal: int
    proposed_at: datetime
    objection_until: datetime
    components: Mapping[str, str] = field(default_factory=dict)
    confirmed_by: str | None = None
    decided_at: datetime | None = None
    note: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A merchant's live score in one month. ``score`` counts final deductions; ``score_if_confirmed`` also the proposed ones."""

    scheme: str
    uscc: str
    month: str
    score: Decimal
    score_if_confirmed: Decimal
    grade: str
    grade_if_confirmed: str
