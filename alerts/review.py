"""The clock of the reviewers' queue (domain.md section 0.1, D.2).

Leaving a finding alone never becomes a warning: a minor or general one goes unseen in the end, a serious one stays for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from domain.findings import Finding, Review
from domain.rules import Level, Rules, Severity

SERIOUS_WITHIN = timedelta(hours=2)
WITHIN = timedelta(hours=24)
EXPIRES_AFTER = timedelta(hours=72)


class ReviewDue(StrEnum):
    """What a sweep may find due on a waiting finding."""

    ESCALATE = "escalate"
    EXPIRE = "expire"


def severity_of(finding: Finding, rules: Rules) -> Severity:
    """How grave its class is; a red finding without a camera rule (registers, a rule since removed) is serious."""
    rule = rules.camera.get(finding.rule)
    if rule is not None:
        return rule.severity
    return Severity.SERIOUS if finding.level is Level.RED else Severity.GENERAL


def clock(severity: Severity, now: datetime) -> Review:
    """The clock of a finding that is queued now."""
    if severity is Severity.SERIOUS:
        return Review(review_by=now + SERIOUS_WITHIN)
    return Review(review_by=now + WITHIN, expires_at=now + EXPIRES_AFTER)


def due(review: Review, now: datetime) -> ReviewDue | None:
    """What is due now and was not done; expiring goes before telling anybody about what is dropped anyway."""
    if review.expires_at is not None and now > review.expires_at:
        return ReviewDue.EXPIRE
    return ReviewDue.ESCALATE if now > review.review_by and not review.escalated else None
