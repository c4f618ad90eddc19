"""JSON views: one form of a warning, a deduction and a score for the API, the live stream and other systems.

The names of the fields are an outside contract; new ones may be added, none may go. A list item carries no server time, because
the same item is replayed to late readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from casework.words import CHARGE, Translate, chinese, fill, sentence
from domain.deductions import Deduction, Score
from domain.time import format_instant
from domain.warnings import AuditEntry, Evidence, Warning


def _instant(at: datetime | None) -> str | None:
    return None if at is None else format_instant(at)


def plain_number(value: Decimal) -> int | float:
    """A decimal as JSON number: whole ones without a point."""
    return int(value) if value == value.to_integral_value() else float(value)


def evidence_url(evidence_id: str) -> str:
    """Where a signed-in reader finds the bytes."""
    return f"/api/v1/evidence/{evidence_id}"


def evidence_item(evidence: Evidence) -> dict[str, Any]:
    """One piece of evidence, by reference."""
    return {
        "id": evidence.id,
        "url": evidence_url(evidence.id),
        "sha256": evidence.sha256,
        "kind": evidence.kind.value,
        "media_type": evidence.media_type,
        "at": format_instant(evidence.at),
        "attempt": evidence.attempt,
    }


MOST_EVIDENCE = 20
"""Pieces of evidence in a list item; the detail has them all. What fills more is one fact seen again and again."""


def warning_item(
    warning: Warning, evidence: Sequence[Evidence], *, merchant_name: str = "", translate: Translate = chinese
) -> dict[str, Any]:
    """A warning as in a list.

    Args:
        warning: the warning.
        evidence: what is attached to it.
        merchant_name: for people; the key is ``merchant``.
        translate: words of ``why``.
    """
    return {
        "id": warning.id,
        "merchant": warning.uscc,
        "merchant_name": merchant_name,
        "region": warning.region,
        "level": warning.level.value,
        "rule": warning.rule,
        "violation_code": warning.violation_code,
        "class": warning.class_,
        "subject": warning.subject,
        "camera": warning.camera,
        "zone": warning.zone,
        "state": warning.state.value,
        "disposition": None if warning.disposition is None else warning.disposition.value,
        "event_time": format_instant(warning.event_time),
        "raised_at": format_instant(warning.raised_at),
        "notified_at": _instant(warning.notified_at),
        "acknowledged_at": _instant(warning.acknowledged_at),
        "submitted_at": _instant(warning.submitted_at),
        "closed_at": _instant(warning.closed_at),
        "controlled_until": _instant(warning.controlled_until),
        "rectify_by": _instant(warning.rectify_by),
        "close_by": _instant(warning.close_by),
        "rectify_overdue": warning.rectify_overdue,
        "closure_overdue": warning.closure_overdue,
        "on_time": warning.on_time,
        "extended": warning.extended,
        "attempt": warning.attempt,
        "escalation_level": warning.escalation_level,
        "evidence": [evidence_item(item) for item in _shown(evidence)],
        "evidence_count": len(evidence),
        "why": sentence(warning.why, translate),
        "reason": warning.why.to_wire(),
        "version": warning.version,
    }


def _shown(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    """What raised the warning, and the newest."""
    return evidence if len(evidence) <= MOST_EVIDENCE else [evidence[0], *evidence[-(MOST_EVIDENCE - 1) :]]


def history_item(entry: AuditEntry) -> dict[str, Any]:
    """One step of the audit trail."""
    return {
        "seq": entry.seq,
        "from": entry.from_state,
        "to": entry.to_state,
        "at": format_instant(entry.at),
        "actor": entry.actor,
        "actor_role": entry.actor_role,
        "reason": entry.reason,
        "evidence_ids": list(entry.evidence_ids),
        "hash": entry.hash,
    }


def warning_detail(
    warning: Warning,
    evidence: Sequence[Evidence],
    history: Sequence[AuditEntry],
    now: datetime,
    *,
    merchant_name: str = "",
    deductions: Sequence[Deduction] = (),
    translate: Translate = chinese,
) -> dict[str, Any]:
    """A warning with its history; ``server_time`` lets the reader's clock be compared with ours."""
    return {
        **warning_item(warning, evidence, merchant_name=merchant_name, translate=translate),
        "evidence": [evidence_item(item) for item in evidence],
        "history": [history_item(entry) for entry in history],
        "deductions": [deduction_item(item, translate=translate) for item in deductions],
        "server_time": format_instant(now),
    }


def deduction_item(deduction: Deduction, *, translate: Translate = chinese) -> dict[str, Any]:
    """An entry of the ledger; ``why`` says how the points came about (domain.md F.20)."""
    params = {
        "violation_code": deduction.violation_code,
        "base": deduction.components.get("base", "—"),
        "ordinal": deduction.ordinal,
        "points": plain_number(deduction.points),
    }
    return {
        "id": deduction.id,
        "merchant": deduction.uscc,
        "scheme": deduction.scheme,
        "warning": deduction.warning_id,
        "violation_code": deduction.violation_code,
        "points": plain_number(deduction.points),
        "state": deduction.state.value,
        "month": deduction.month,
        "ordinal": deduction.ordinal,
        "components": dict(deduction.components),
        "proposed_at": format_instant(deduction.proposed_at),
        "objection_until": format_instant(deduction.objection_until),
        "decided_at": _instant(deduction.decided_at),
        "note": deduction.note,
        "why": fill(CHARGE, params, translate),
    }


def score_item(score: Score) -> dict[str, Any]:
    """A merchant's live score of one month."""
    return {
        "merchant": score.uscc,
        "scheme": score.scheme,
        "month": score.month,
        "score": plain_number(score.score),
        "score_if_confirmed": plain_number(score.score_if_confirmed),
        "grade": score.grade,
        "grade_if_confirmed": score.grade_if_confirmed,
    }
